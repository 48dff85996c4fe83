// How descriptions look at a tracee's memory: through whichever bytes are at hand.

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
        for chunk in chunks.reversed()
        where address >= chunk.address && address - chunk.address < UInt64(max(chunk.length, 1)) {
            let offset = Int(address - chunk.address)
            if offset + count <= chunk.bytes.count { return .bytes(Array(chunk.bytes[offset..<(offset + count)])) }
            let kept = offset < chunk.bytes.count ? Array(chunk.bytes[offset...]) : []
            // A range may be covered by several adjacent chunks (a string beside its structure).
            if chunk.bytes.count == chunk.length,
                case .bytes(let rest) = read(chunk.address + UInt64(chunk.length), count: count - kept.count)
            {
                return .bytes(kept + rest)
            }
            return .cut(kept, length: min(count, chunk.length - offset))
        }
        return .absent
    }
}
