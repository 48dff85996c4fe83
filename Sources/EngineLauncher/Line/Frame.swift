// The frames of a served line: see Sources/lacuna-init/Init.h, the other end.

struct Frame {
    enum Kind: UInt8 {
        case hello = 0x48
        case run = 0x52
        case input = 0x49
        case inputEnd = 0x43
        case kill = 0x4b
        case file = 0x46
        case folder = 0x44
        case link = 0x4c
        case powerOff = 0x4f
        case output = 0x6f
        case exit = 0x58
        case taken = 0x61
        case problem = 0x45
    }
    static let magic: [UInt8] = [0x4c, 0xac]
    static let headerSize = 8
    static let limit = 65536

    var kind: Kind
    var stream: UInt8 = 0
    var body: [UInt8] = []

    var bytes: [UInt8] {
        let length = UInt32(body.count)
        return Frame.magic + [kind.rawValue, stream] + (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
            + body
    }
}

/// Cuts a stream of bytes into frames. What does not begin like one is passed over: boot messages, the rest of a cut frame.
struct FrameReader {
    private var bytes: [UInt8] = []
    private var start = 0

    mutating func append(_ more: [UInt8]) {
        if start > 0 {
            bytes.removeFirst(start)
            start = 0
        }
        bytes += more
    }

    mutating func next() -> Frame? {
        while bytes.count - start >= Frame.headerSize {
            guard bytes[start] == Frame.magic[0], bytes[start + 1] == Frame.magic[1],
                let kind = Frame.Kind(rawValue: bytes[start + 2])
            else {
                start += 1
                continue
            }
            let length = (0..<4).reduce(0) { $0 | Int(bytes[start + 4 + $1]) << (8 * $1) }
            guard length <= Frame.limit else {
                start += 1
                continue
            }
            let end = start + Frame.headerSize + length
            guard end <= bytes.count else { return nil }
            defer { start = end }
            return Frame(kind: kind, stream: bytes[start + 3], body: Array(bytes[(start + Frame.headerSize)..<end]))
        }
        return nil
    }
}
