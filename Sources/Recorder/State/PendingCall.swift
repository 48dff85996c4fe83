// A call under way: what was captured at entry, and so far at exit. Reused by each task for all its calls.
import LinuxABI
import TraceLog

final class PendingCall {
    struct Chunk {
        var direction: MemoryRecord.Direction
        var address: UInt64
        /// The full length; more than `count` if cut.
        var length: Int
        var offset: Int
        var count: Int
        var hash: ContentHash
        /// Output pieces with the same owner, next to each other, are one buffer.
        var owner: UInt32
    }

    var isActive = false
    var sequence: UInt64 = 0
    var index: UInt64 = 0
    var number: UInt32 = 0
    var architecture = Architecture.x86_64
    var arguments = SyscallArguments()
    var entryTime: UInt64 = 0
    var flags = CallFlags()
    private(set) var chunks: [Chunk] = []
    private(set) var bytes: [UInt8] = []

    func clear() {
        isActive = false
        flags = []
        chunks.removeAll(keepingCapacity: true)
        // One huge buffer must not be held by every task for ever.
        bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 20)
    }

    /// The same call once more.
    func repeats(_ other: PendingCall) {
        sequence = other.sequence
        number = other.number
        architecture = other.architecture
        arguments = other.arguments
        flags = other.flags
        chunks = other.chunks
        bytes = other.bytes
    }

    /// Of a call that the kernel ends before it did anything, nothing was written.
    func dropOutput() { chunks.removeAll { $0.direction == .output } }

    /// Adds memory; a piece that continues the buffer of the last one is joined to it.
    func add(
        _ direction: MemoryRecord.Direction,
        address: UInt64,
        length: Int,
        bytes new: UnsafeRawBufferPointer,
        hash: ContentHash = .zero,
        owner: UInt32 = 0
    ) {
        if let last = chunks.indices.last, owner != 0, chunks[last].owner == owner,
            chunks[last].direction == direction, chunks[last].address &+ UInt64(chunks[last].length) == address
        {
            // Once cut, what follows only counts.
            if chunks[last].count == chunks[last].length {
                bytes.append(contentsOf: new)
                chunks[last].count += new.count
            }
            chunks[last].length += length
            if hash != .zero { chunks[last].hash = hash }
            return
        }
        chunks.append(
            Chunk(
                direction: direction,
                address: address,
                length: length,
                offset: bytes.count,
                count: new.count,
                hash: hash,
                owner: owner
            )
        )
        bytes.append(contentsOf: new)
    }

    func withBytes<R>(of chunk: Chunk, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        bytes.withUnsafeBytes {
            body(UnsafeRawBufferPointer(rebasing: $0[chunk.offset..<(chunk.offset + chunk.count)]))
        }
    }

    /// Overwrites the value of an environment variable; its NUL stays.
    func mask(_ chunk: Chunk, from start: Int) {
        for position in start..<max(start, chunk.count) where bytes[chunk.offset + position] != 0 {
            bytes[chunk.offset + position] = SecretMask.filler
        }
    }

    /// The captured input at `address`, up to a NUL if `isString`.
    func inputChunk(at address: UInt64) -> Chunk? {
        chunks.first { $0.direction == .input && $0.address == address }
    }

    func string(at address: UInt64) -> String? {
        guard let chunk = inputChunk(at: address) else { return nil }
        return withBytes(of: chunk) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// The pointers of a NULL-ended array, as far as captured.
    func pointers(at address: UInt64) -> [UInt64] {
        var result: [UInt64] = []
        var position = address
        // The array is captured in pieces that follow each other.
        while let chunk = inputChunk(at: position) {
            let count = chunk.count / 8
            for index in 0..<count {
                let pointer = withBytes(of: chunk) { $0.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self) }
                if pointer == 0 { return result }
                result.append(pointer)
            }
            guard count > 0 else { break }
            position += UInt64(count * 8)
        }
        return result
    }
}
