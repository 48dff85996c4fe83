// Reading C fields out of recorded memory.
import LinuxABI

extension MemoryChunks {
    /// A little-endian integer of `count` bytes; nil when any byte is unknown.
    func integer(_ address: UInt64, count: Int) -> UInt64? {
        guard address != 0, case .bytes(let bytes) = read(address, count: count) else { return nil }
        return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    func int32(_ address: UInt64) -> Int32? {
        integer(address, count: 4).map { Int32(truncatingIfNeeded: $0) }
    }

    func int64(_ address: UInt64) -> Int64? {
        integer(address, count: 8).map { Int64(bitPattern: $0) }
    }

    /// The bytes up to NUL; nil when there is no chunk at `address`. A missing NUL ends at the chunk.
    func cString(_ address: UInt64) -> [UInt8]? {
        guard address != 0 else { return nil }
        for chunk in chunks.reversed() where address >= chunk.address {
            let offset = address - chunk.address
            guard offset < UInt64(chunk.bytes.count) else { continue }
            return Array(chunk.bytes[Int(offset)...].prefix { $0 != 0 })
        }
        return nil
    }

    func path(_ address: UInt64) -> String? { cString(address).map { String(decoding: $0, as: UTF8.self) } }

    /// What is known of `count` bytes at `address`: possibly only a prefix.
    func prefix(_ address: UInt64, count: Int) -> [UInt8] {
        switch read(address, count: count) {
        case .bytes(let bytes), .cut(let bytes, _): bytes
        case .absent: []
        }
    }

    /// `{base, len}` pairs of an iovec array.
    func vectors(_ address: UInt64, count: UInt64) -> [(base: UInt64, length: UInt64)] {
        (0..<min(count, 1024)).compactMap { index in
            guard let base = integer(address + index * 16, count: 8),
                let length = integer(address + index * 16 + 8, count: 8)
            else { return nil }
            return (base, length)
        }
    }
}
