// A record in a ring, read once and checked: what it says may be anything.
import CLinux
import LinuxABI
import RecorderAgent
import TraceLog

/// The header of a committed record, copied, and where its contents are.
struct AgentRecord {
    static let headerSize = 40
    /// The shortest record whose kind can be read.
    private static let shortestSkip = 24

    let start: UnsafeRawPointer
    let size: Int
    let sequence: UInt32
    private let word: UInt64
    let ticks: UInt64

    /// - Parameter room: bytes up to the end of the ring's data or of what is reserved; nothing beyond is read.
    /// - Returns: nil if the record makes no sense.
    @inline(__always)
    init?(_ start: UnsafeRawPointer, room: UInt64) {
        guard room >= UInt64(AgentRecord.headerSize) else { return nil }
        let first = clinux_load_once(start + 8)
        self.start = start
        size = Int(UInt32(truncatingIfNeeded: first))
        sequence = UInt32(truncatingIfNeeded: first >> 32)
        word = clinux_load_once(start + 16)
        ticks = clinux_load_once(start + 24)
        guard size & 7 == 0, UInt64(size) <= room, kind <= 2,
            size >= AgentRecord.headerSize || (kind == 0 && size >= AgentRecord.shortestSkip),
            kind != 1 || (count <= 6 && argumentsEnd <= size)
        else { return nil }
    }

    @inline(__always) var kind: UInt8 { UInt8(truncatingIfNeeded: word) }
    @inline(__always) var isEntry: Bool { kind == 1 }
    @inline(__always) var isExit: Bool { kind == 2 }
    /// Of an entry, its arguments; of an exit, its chunks.
    @inline(__always) var count: Int { Int(UInt8(truncatingIfNeeded: word >> 8)) }
    @inline(__always) var number: UInt32 { UInt32(UInt16(truncatingIfNeeded: word >> 16)) }
    /// Only what an agent can know.
    @inline(__always) var flags: CallFlags {
        CallFlags(rawValue: UInt16(truncatingIfNeeded: word >> 32)).intersection([.inputFault, .outputFault])
    }
    @inline(__always) var result: Int64 { Int64(bitPattern: clinux_load_once(start + 32)) }
    @inline(__always) private var argumentsEnd: Int { 40 + 8 * (max(count, 1) - 1) }

    @inline(__always) var arguments: SyscallArguments {
        @inline(__always) func argument(_ index: Int) -> UInt64 {
            index < count ? clinux_load_once(start + 32 + index * 8) : 0
        }
        return SyscallArguments(argument(0), argument(1), argument(2), argument(3), argument(4), argument(5))
    }

    /// The chunks of memory.
    @inline(__always) var chunks: AgentChunks {
        isEntry
            ? AgentChunks(
                next: argumentsEnd,
                left: Int(UInt16(truncatingIfNeeded: word >> 48)),
                start: start,
                size: size
            )
            : AgentChunks(next: AgentRecord.headerSize, left: count, start: start, size: size)
    }
}

/// Walks the chunks of a record.
struct AgentChunks {
    struct Chunk {
        var address: UInt64
        var length: Int
        /// 0 input, 1 output, else nothing.
        var direction: UInt64
        var bytes: UnsafeRawBufferPointer
    }

    fileprivate(set) var next: Int
    fileprivate(set) var left: Int
    fileprivate let start: UnsafeRawPointer
    fileprivate let size: Int
    /// A chunk did not fit into its record.
    private(set) var isBroken = false

    fileprivate init(next: Int, left: Int, start: UnsafeRawPointer, size: Int) {
        self.next = next
        self.left = left
        self.start = start
        self.size = size
    }

    @inline(__always) var isEmpty: Bool { left == 0 }

    mutating func take() -> Chunk? {
        guard left > 0 else { return nil }
        left -= 1
        guard next + 24 <= size else { return fail() }
        let lengths = clinux_load_once(start + next + 8)
        let length = Int(UInt32(truncatingIfNeeded: lengths))
        let kept = Int(UInt32(truncatingIfNeeded: lengths >> 32))
        guard kept <= length, next + 24 + (kept + 7) & ~7 <= size else { return fail() }
        let chunk = Chunk(
            address: clinux_load_once(start + next),
            length: length,
            direction: UInt64(UInt32(truncatingIfNeeded: clinux_load_once(start + next + 16))),
            bytes: UnsafeRawBufferPointer(start: start + next + 24, count: kept)
        )
        next += 24 + (kept + 7) & ~7
        return chunk
    }

    private mutating func fail() -> Chunk? {
        left = 0
        isBroken = true
        return nil
    }
}

/// The memory of a call whose two records are both in the ring.
struct AgentMemory: CallMemory {
    let entry: AgentRecord
    let exit: AgentRecord

    func withMemory<R>(
        _ direction: MemoryRecord.Direction,
        at address: UInt64,
        _ body: (UnsafeRawBufferPointer) -> R
    ) -> R? {
        var chunks = entry.chunks
        while let chunk = chunks.take() {
            if chunk.address == address, chunk.direction == UInt64(direction.rawValue) { return body(chunk.bytes) }
        }
        chunks = exit.chunks
        while let chunk = chunks.take() {
            if chunk.address == address, chunk.direction == UInt64(direction.rawValue) { return body(chunk.bytes) }
        }
        return nil
    }
}
