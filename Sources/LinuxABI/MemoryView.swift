// How descriptions look at a tracee's memory: through whichever bytes are at hand.
import Glibc

/// What is known of a range of tracee memory.
public enum MemoryBytes: Sendable, Hashable {
    /// All bytes asked for.
    case bytes([UInt8])
    /// Only a prefix was kept by the payload policy; `length` is the full length that the call used.
    case cut([UInt8], length: Int)
    /// Nothing there: a bad pointer (EFAULT), or not captured.
    case absent
}

/// A source of tracee memory: the live process while recording, recorded chunks afterwards, an engine's writes.
public protocol MemoryView {
    /// The bytes at `address`; a range that runs past what is known is `.cut`.
    func read(_ address: UInt64, count: Int) -> MemoryBytes

    /// The bytes of a NUL-ended string without its NUL; `.cut` if no NUL is known within `limit` bytes.
    func readString(_ address: UInt64, limit: Int) -> MemoryBytes
}

extension MemoryView {
    /// Reads a little at a time: most strings are short, and what lies behind one is not asked for.
    public func readString(_ address: UInt64, limit: Int) -> MemoryBytes {
        var kept: [UInt8] = []
        while kept.count < limit {
            let count = min(max(64, kept.count), limit - kept.count)
            switch read(address &+ UInt64(kept.count), count: count) {
            case .bytes(let bytes):
                if let zero = bytes.firstIndex(of: 0) { return .bytes(kept + bytes[..<zero]) }
                kept += bytes
            case .cut(let bytes, let length):
                if let zero = bytes.firstIndex(of: 0) { return .bytes(kept + bytes[..<zero]) }
                return .cut(kept + bytes, length: kept.count + length)
            case .absent: return kept.isEmpty ? .absent : .cut(kept, length: kept.count)
            }
        }
        return .cut(kept, length: kept.count)
    }
}

/// Non-overlapping or overlapping chunks of memory, looked up by address.
///
/// Later chunks shadow earlier ones. Used for recorded input, recorded output and engine writes alike.
public struct MemoryChunks: MemoryView, Sendable {
    public struct Chunk: Sendable, Hashable {
        public var address: UInt64
        /// The bytes that were kept; fewer than `length` when the payload policy cut them.
        public var bytes: [UInt8]
        /// The full length in bytes that the call read or wrote here.
        public var length: Int

        @inlinable
        public init(address: UInt64, bytes: [UInt8], length: Int? = nil) {
            self.address = address
            self.bytes = bytes
            self.length = length ?? bytes.count
        }
    }

    public var chunks: [Chunk]

    public init(_ chunks: [Chunk] = []) { self.chunks = chunks }

    public func read(_ address: UInt64, count: Int) -> MemoryBytes {
        guard count > 0 else { return count == 0 ? .bytes([]) : .absent }
        if let whole = whole(address, count) { return .bytes(whole) }
        var kept: [UInt8] = []
        var position = address
        // A range may be covered by several adjacent chunks (a string beside its structure).
        while kept.count < count {
            guard let (index, offset, end) = covering(position) else {
                return kept.isEmpty ? .absent : .cut(kept, length: kept.count)
            }
            let wanted = min(count - kept.count, end - offset)
            let there = chunks[index].bytes.count
            if offset < there { kept += chunks[index].bytes[offset..<min(offset + wanted, there)] }
            // Past what the payload policy kept: the call used the bytes, nobody has them.
            if offset + wanted > there {
                return .cut(kept, length: kept.count + offset + wanted - max(offset, there))
            }
            position &+= UInt64(wanted)
        }
        return .bytes(kept)
    }

    public func readString(_ address: UInt64, limit: Int) -> MemoryBytes {
        var kept: [UInt8] = []
        var position = address
        while kept.count < limit, let (index, offset, end) = covering(position) {
            let stop = min(end, chunks[index].bytes.count, offset + limit - kept.count)
            guard offset < stop else { return .cut(kept, length: kept.count + end - offset) }
            if let zero = Self.zero(chunks[index].bytes, offset, stop) {
                kept += chunks[index].bytes[offset..<zero]
                return .bytes(kept)
            }
            kept += chunks[index].bytes[offset..<stop]
            position &+= UInt64(stop - offset)
        }
        return kept.isEmpty ? .absent : .cut(kept, length: kept.count)
    }

    /// The first NUL in a range of bytes.
    private static func zero(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Int? {
        bytes.withUnsafeBytes { bytes in
            guard start < end, let base = bytes.baseAddress, let found = memchr(base + start, 0, end - start) else {
                return nil
            }
            return UnsafeRawPointer(found) - base
        }
    }

    /// The usual case: one chunk has all of the range, and no later one any of it.
    private func whole(_ address: UInt64, _ count: Int) -> [UInt8]? {
        var index = chunks.count - 1
        while index >= 0 {
            let (start, length) = (chunks[index].address, UInt64(chunks[index].length))
            if address >= start &+ length || address &+ UInt64(count) <= start || length == 0 {
                index -= 1
                continue
            }
            guard address >= start, Int(address - start) + count <= chunks[index].bytes.count else { return nil }
            if address == start, count == chunks[index].bytes.count { return chunks[index].bytes }
            return Array(chunks[index].bytes[Int(address - start)..<(Int(address - start) + count)])
        }
        return nil
    }

    /// The last chunk that covers `address`, by position, the offset in it, and the offset at which it ends or a later
    /// chunk shadows it. A chunk of no bytes (a bad pointer) covers nothing.
    private func covering(_ address: UInt64) -> (index: Int, offset: Int, end: Int)? {
        var shadow = UInt64.max
        var index = chunks.count - 1
        while index >= 0 {
            let (start, length) = (chunks[index].address, UInt64(chunks[index].length))
            if address < start {
                if length > 0 { shadow = min(shadow, start - address) }
            } else if address - start < length {
                let offset = Int(address - start)
                return (index, offset, Int(min(length, UInt64(offset) &+ min(shadow, 1 << 62))))
            }
            index -= 1
        }
        return nil
    }
}
