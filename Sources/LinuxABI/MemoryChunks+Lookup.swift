// Looks at chunks of memory that make no arrays: what engines ask for most.
import Glibc

extension MemoryChunks {
    /// The little-endian integer of `size` bytes (up to 8) there; nil unless one chunk has all of them and no later one
    /// any.
    public func word(_ address: UInt64, size: Int) -> UInt64? {
        chunks.withUnsafeBufferPointer { chunks in
            guard let index = Self.last(chunks, address, size) else { return nil }
            let offset = Int(address - chunks[index].address)
            guard offset + size <= chunks[index].bytes.count else { return nil }
            return chunks[index].bytes.withUnsafeBytes {
                var value: UInt64 = 0
                memcpy(&value, $0.baseAddress.unsafelyUnwrapped + offset, size)
                return UInt64(littleEndian: value)
            }
        }
    }

    /// The bytes up to NUL, of the one chunk that holds them all; nil if there is none, it has no NUL, or a later one
    /// has some of them.
    public func endedString(_ address: UInt64) -> ArraySlice<UInt8>? {
        chunks.withUnsafeBufferPointer { chunks in
            guard let index = Self.last(chunks, address, 1) else { return nil }
            let start = Int(address - chunks[index].address)
            guard start < chunks[index].bytes.count else { return nil }
            let found = chunks[index].bytes.withUnsafeBytes { bytes -> Int? in
                let base = bytes.baseAddress.unsafelyUnwrapped
                return memchr(base + start, 0, bytes.count - start).map { UnsafeRawPointer($0) - base }
            }
            guard let end = found, Self.last(chunks, address, end + 1 - start) == index else { return nil }
            return chunks[index].bytes[start..<end]
        }
    }

    /// The last chunk that has any of a range, if it has the first byte of it.
    @inline(__always)
    private static func last(_ chunks: UnsafeBufferPointer<Chunk>, _ address: UInt64, _ size: Int) -> Int? {
        var index = chunks.count - 1
        while index >= 0 {
            let (start, length) = (chunks[index].address, UInt64(chunks[index].length))
            if length > 0, address < start &+ length, start < address &+ UInt64(size) {
                return address >= start ? index : nil
            }
            index -= 1
        }
        return nil
    }
}
