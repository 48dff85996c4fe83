// Payloads that were used last, so that equal memory of neighbouring calls is one array.
import TraceLog

struct RecentContents {
    private var slots = [(id: Int, bytes: [UInt8])](repeating: (-1, []), count: 1 << 12)

    mutating func bytes(_ id: Int, _ reader: TraceReader) -> [UInt8] {
        let slot = id & (slots.count - 1)
        if slots[slot].id == id { return slots[slot].bytes }
        let bytes = reader.payload(id)
        // Long ones are seldom used twice.
        if bytes.count <= 1 << 12 { slots[slot] = (id, bytes) }
        return bytes
    }
}
