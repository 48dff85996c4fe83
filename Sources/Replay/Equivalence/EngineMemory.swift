// Tracee memory after a replayed call: what the engine wrote over what was there at entry.
import Glibc
import LinuxABI

struct EngineMemory: MemoryView {
    private let writes: [MemoryChunks.Chunk]
    private let before: MemoryChunks

    /// Later writes shadow earlier ones and the memory `before`.
    init(_ writes: [MemoryChunks.Chunk], over before: MemoryChunks) {
        self.writes = writes
        self.before = before
    }

    /// Whether all bytes of a recorded chunk were kept, and stand here too.
    func holds(_ chunk: MemoryChunks.Chunk) -> Bool {
        let count = chunk.bytes.count
        guard count == chunk.length else { return false }
        guard count > 0, let last = writes.last, last.address == chunk.address, last.bytes.count >= count else {
            return read(chunk.address, count: count) == .bytes(chunk.bytes)
        }
        return last.bytes.withUnsafeBytes { one in
            chunk.bytes.withUnsafeBytes { other in
                guard let one = one.baseAddress, let other = other.baseAddress else { return false }
                return memcmp(one, other, count) == 0
            }
        }
    }

    func read(_ address: UInt64, count: Int) -> MemoryBytes {
        guard count > 0 else { return count == 0 ? .bytes([]) : .absent }
        // The usual case: the last write covers it all.
        if let last = writes.last, address >= last.address, last.bytes.count >= count,
            address - last.address <= UInt64(last.bytes.count - count)
        {
            let start = Int(address - last.address)
            return .bytes(
                start == 0 && count == last.bytes.count ? last.bytes : Array(last.bytes[start..<(start + count)])
            )
        }
        // Strings are read with a generous limit: do not allocate for what no chunk covers.
        let end = min(
            address &+ UInt64(count),
            (writes + before.chunks).map { $0.address &+ UInt64($0.length) }.max() ?? address
        )
        guard end > address else { return .absent }
        var bytes = [UInt8](repeating: 0, count: Int(end - address))
        var known = [Bool](repeating: false, count: bytes.count)
        for chunk in before.chunks + writes {
            let low = max(chunk.address, address)
            let high = min(chunk.address &+ UInt64(chunk.bytes.count), end)
            guard low < high else { continue }
            for position in low..<high {
                bytes[Int(position - address)] = chunk.bytes[Int(position - chunk.address)]
                known[Int(position - address)] = true
            }
        }
        let prefix = known.firstIndex(of: false) ?? known.count
        if prefix == count { return .bytes(bytes) }
        return prefix == 0 ? .absent : .cut(Array(bytes[..<prefix]), length: count)
    }
}
