// What the capture loop has appended and the encoder has not yet taken: plain arrays that are filled and recycled.
import LinuxABI

struct StagedCall {
    var index: UInt64
    var task: UInt32
    var number: UInt32
    var architecture: UInt8
    var flags: UInt16
    var arguments: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
    var result: UInt64
    var entryTime: UInt64
    var exitTime: UInt64
    var firstChunk: Int
    var chunkCount: Int
}

struct StagedChunk {
    /// Bit 0: written by the call. Bit 1: `length` and `hash` differ from what the payload says.
    var kind: UInt8
    var address: UInt64
    var length: UInt64
    /// Where in the arena, and how much.
    var offset: Int
    var count: Int
    var hash: ContentHash
}

/// One block's worth of events before encoding.
final class Batch {
    var calls: ContiguousArray<StagedCall> = []
    var chunks: ContiguousArray<StagedChunk> = []
    let arena = ByteSink(capacity: 64 << 10)
    var tasks: [TaskRecord] = []
    var signals: [SignalRecord] = []
    var paths: [PathRecord] = []
    /// Rough size of the records that are not calls, in bytes.
    var recordBytes = 0

    var isEmpty: Bool { calls.isEmpty && tasks.isEmpty && signals.isEmpty && paths.isEmpty }
    /// Rough size of what is staged, in bytes.
    @inline(__always)
    var size: Int { arena.count + calls.count * 32 + chunks.count * 8 + recordBytes }

    func clear() {
        calls.removeAll(keepingCapacity: true)
        chunks.removeAll(keepingCapacity: true)
        arena.clear()
        tasks.removeAll(keepingCapacity: true)
        signals.removeAll(keepingCapacity: true)
        paths.removeAll(keepingCapacity: true)
        recordBytes = 0
    }
}
