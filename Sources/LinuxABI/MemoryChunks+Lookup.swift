// Looks at chunks of memory that make no arrays: what engines ask for most.
import Glibc
public import Tables

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

    /// As ``word(_:size:)``, for words that follow each other: looks first into the chunk that had the last one.
    public func word(_ address: UInt64, size: Int, in place: inout Int) -> UInt64? {
        if place < chunks.count, let word = Self.word(chunks[place], address, size) { return word }
        guard let next = chunks.lastIndex(where: { Self.word($0, address, size) != nil }) else { return nil }
        place = next
        return Self.word(chunks[next], address, size)
    }

    private static func word(_ chunk: Chunk, _ address: UInt64, _ size: Int) -> UInt64? {
        guard address >= chunk.address, address - chunk.address <= UInt64(chunk.bytes.count),
            Int(address - chunk.address) + size <= chunk.bytes.count
        else { return nil }
        return chunk.bytes.withUnsafeBytes {
            var value: UInt64 = 0
            memcpy(&value, $0.baseAddress.unsafelyUnwrapped + Int(address - chunk.address), size)
            return UInt64(littleEndian: value)
        }
    }

    /// Chunks that are one string and its NUL, by address: positions in ``chunks``. One look at each, for lists of many.
    public var endedStrings: IntegerTable<Int> {
        var table = IntegerTable<Int>()
        for (index, chunk) in chunks.enumerated() {
            let isString = chunk.bytes.withUnsafeBytes { bytes in
                guard let base = bytes.baseAddress, bytes.last == 0 else { return false }
                return memchr(base, 0, bytes.count).map { UnsafeRawPointer($0) == base + (bytes.count - 1) } ?? false
            }
            if isString { table[chunk.address] = index }
        }
        return table
    }

    /// The text of the chunk at a position of ``endedStrings``.
    public func endedText(_ position: Int) -> String {
        chunks[position].bytes.withUnsafeBufferPointer { String(decoding: $0.dropLast(), as: UTF8.self) }
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
