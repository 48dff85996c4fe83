// Reading C fields out of recorded memory.
import Glibc
import LinuxABI

extension MemoryChunks {
    /// A little-endian integer of `count` bytes; nil when any byte is unknown.
    func integer(_ address: UInt64, count: Int) -> UInt64? {
        guard address != 0 else { return nil }
        // The usual case: one chunk holds it all, and no later one shadows it.
        if chunks.count == 1 || chunks.last.map({ $0.address <= address }) == true, let chunk = chunks.last,
            address >= chunk.address, address - chunk.address <= UInt64(chunk.bytes.count),
            chunk.bytes.count - Int(address - chunk.address) >= count
        {
            var value: UInt64 = 0
            let start = Int(address - chunk.address)
            for offset in 0..<count { value |= UInt64(chunk.bytes[start + offset]) << UInt64(offset * 8) }
            return value
        }
        guard case .bytes(let bytes) = read(address, count: count) else { return nil }
        return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    func int32(_ address: UInt64) -> Int32? {
        integer(address, count: 4).map { Int32(truncatingIfNeeded: $0) }
    }

    func int64(_ address: UInt64) -> Int64? {
        integer(address, count: 8).map { Int64(bitPattern: $0) }
    }

    /// The bytes up to NUL; nil when there is no chunk at `address`. A missing NUL ends at the chunk.
    func pathBytes(_ address: UInt64) -> ArraySlice<UInt8>? {
        guard address != 0 else { return nil }
        for index in chunks.indices.reversed() where address >= chunks[index].address {
            let offset = address - chunks[index].address
            let bytes = chunks[index].bytes
            guard offset < UInt64(bytes.count) else { continue }
            let start = Int(offset)
            let end = bytes.withUnsafeBytes { raw -> Int in
                guard let base = raw.baseAddress, let found = memchr(base + start, 0, raw.count - start) else {
                    return raw.count
                }
                return UnsafeRawPointer(found) - base
            }
            return bytes[start..<end]
        }
        return nil
    }

    func cString(_ address: UInt64) -> [UInt8]? { pathBytes(address).map(Array.init) }

    func path(_ address: UInt64) -> String? { pathBytes(address).map { String(decoding: $0, as: UTF8.self) } }

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
