// What the capture loop has appended and the encoder has not yet taken: plain buffers that are filled and recycled.
import LinuxABI

struct StagedCall: BitwiseCopyable {
    var index: UInt64
    var entryTime: UInt64
    var exitTime: UInt64
    var arguments: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
    var result: UInt64
    var task: UInt32
    var number: UInt32
    var firstChunk: UInt32
    var chunkCount: UInt32
    var flags: UInt16
    /// Kinds of the first slots, two bits each.
    var kinds: UInt16
    var architecture: UInt8
}

struct StagedChunk: BitwiseCopyable {
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
    let calls = Staging<StagedCall>(capacity: 1 << 10)
    let chunks = Staging<StagedChunk>(capacity: 1 << 10)
    let arena = ByteSink(capacity: 64 << 10)
    var tasks: [TaskRecord] = []
    var signals: [SignalRecord] = []
    var paths: [PathRecord] = []
    /// Rough size of the records that are not calls, in bytes.
    var recordBytes = 0
    /// How far behind whoever feeds the writer is, 0 to 1.
    var pressure = 0.0

    var isEmpty: Bool { calls.count == 0 && tasks.isEmpty && signals.isEmpty && paths.isEmpty }
    /// Rough size of the block that this will be, in bytes before compression.
    @inline(__always)
    var size: Int { arena.count + calls.count * 32 + chunks.count * 8 + recordBytes }
    /// Memory that is in use, in bytes.
    var footprint: Int {
        arena.count + calls.count * MemoryLayout<StagedCall>.stride + chunks.count * MemoryLayout<StagedChunk>.stride
            + recordBytes * 4
    }

    func clear() {
        calls.clear()
        chunks.clear()
        arena.clear()
        tasks.removeAll(keepingCapacity: true)
        signals.removeAll(keepingCapacity: true)
        paths.removeAll(keepingCapacity: true)
        recordBytes = 0
        pressure = 0
    }
}
