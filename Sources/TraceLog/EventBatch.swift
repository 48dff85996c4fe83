// One block of events as columns: what the streaming reader hands out, reused from block to block.
import LinuxABI

/// The events of one block, struct of arrays. Position `i` of every call column is one call, in the order in which
/// the calls were appended (completion). The reader reuses the memory if the batch was let go by the next block.
public struct EventBatch: Sendable {
    /// Number of calls.
    public internal(set) var count = 0
    public internal(set) var indexes: [UInt64] = []
    public internal(set) var tasks: [UInt32] = []
    public internal(set) var numbers: [UInt32] = []
    public internal(set) var architectures: [UInt8] = []
    public internal(set) var flags: [UInt16] = []
    /// Six words per call: argument k of call i is at `6 * i + k`.
    public internal(set) var arguments: [UInt64] = []
    public internal(set) var results: [Int64] = []
    /// Nanoseconds since start.
    public internal(set) var entryTimes: [UInt64] = []
    /// Nanoseconds since start.
    public internal(set) var exitTimes: [UInt64] = []
    /// The chunks of call i are at `firstChunks[i] ..< firstChunks[i] + chunkCounts[i]` of the chunk columns.
    public internal(set) var firstChunks: [UInt32] = []
    public internal(set) var chunkCounts: [UInt32] = []

    /// Number of memory chunks.
    public internal(set) var chunkCount = 0
    /// Bit 0: the call wrote it (output). Bit 1: length and hash were recorded apart (a cut payload).
    public internal(set) var chunkKinds: [UInt8] = []
    public internal(set) var chunkAddresses: [UInt64] = []
    /// Full lengths in bytes.
    public internal(set) var chunkLengths: [UInt64] = []
    /// Payload ids, for `TraceReader.withPayload`.
    public internal(set) var chunkPayloads: [Int] = []
    /// Hashes of cut payloads by chunk position.
    public internal(set) var chunkHashes: [Int: ContentHash] = [:]

    public internal(set) var taskRecords: [TaskRecord] = []
    public internal(set) var signalRecords: [SignalRecord] = []
    public internal(set) var pathRecords: [PathRecord] = []

    init() {}

    mutating func resize(calls: Int, chunks: Int) {
        count = calls
        chunkCount = chunks
        Self.fit(&indexes, calls, 0)
        Self.fit(&tasks, calls, 0)
        Self.fit(&numbers, calls, 0)
        Self.fit(&architectures, calls, 0)
        Self.fit(&flags, calls, 0)
        Self.fit(&arguments, calls * 6, 0)
        Self.fit(&results, calls, 0)
        Self.fit(&entryTimes, calls, 0)
        Self.fit(&exitTimes, calls, 0)
        Self.fit(&firstChunks, calls, 0)
        Self.fit(&chunkCounts, calls, 0)
    }

    mutating func resizeChunks(_ chunks: Int) {
        chunkCount = chunks
        Self.fit(&chunkKinds, chunks, 0)
        Self.fit(&chunkAddresses, chunks, 0)
        Self.fit(&chunkLengths, chunks, 0)
        Self.fit(&chunkPayloads, chunks, 0)
    }

    /// Exactly `count` elements, so that `indices` means what it says; memory is kept.
    private static func fit<T>(_ column: inout [T], _ count: Int, _ empty: T) {
        if column.isEmpty, count > 0, column.capacity < count {
            column = [T](repeating: empty, count: count)
        } else if column.count > count {
            column.removeLast(column.count - count)
        } else if column.count < count {
            column.append(contentsOf: repeatElement(empty, count: count - column.count))
        }
    }

    mutating func clear() {
        resize(calls: 0, chunks: 0)
        resizeChunks(0)
        chunkHashes.removeAll(keepingCapacity: true)
        taskRecords.removeAll(keepingCapacity: true)
        signalRecords.removeAll(keepingCapacity: true)
        pathRecords.removeAll(keepingCapacity: true)
    }

    /// Argument `k` (0 to 5) of call `i`.
    @inlinable
    public func argument(_ k: Int, of i: Int) -> UInt64 { arguments[6 * i + k] }
}
