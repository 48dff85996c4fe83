// What `info` says of a log: how much of what is in it, and what it costs.
import LinuxABI

/// Counts and sizes of a log (of its intact prefix, if it was cut).
public struct TraceStatistics: Sendable, Hashable {
    public var recovery = Recovery()
    public var fileBytes: UInt64 = 0
    public var blocks = 0
    /// Bytes of all blocks read, before compression.
    public var rawBytes: UInt64 = 0
    public var calls: UInt64 = 0
    public var unfinishedCalls: UInt64 = 0
    public var tasks = 0
    public var signals = 0
    public var paths = 0
    /// Memory chunks of all calls.
    public var chunks: UInt64 = 0
    /// Bytes that the calls' chunks hold.
    public var payloadBytes: UInt64 = 0
    /// Distinct payloads, and their bytes.
    public var uniquePayloads: UInt64 = 0
    public var uniquePayloadBytes: UInt64 = 0
    /// First entry and last exit, nanoseconds since start.
    public var firstEntry: UInt64 = 0
    public var lastExit: UInt64 = 0
    /// Calls by architecture and number.
    public var callsByNumber: [CallNumber: UInt64] = [:]

    public struct CallNumber: Sendable, Hashable {
        /// `Architecture.rawValue`.
        public var architecture: UInt8
        public var number: UInt32
    }

    public init() {}

    public var bytesPerCall: Double { calls == 0 ? 0 : Double(fileBytes) / Double(calls) }
    /// Bytes before compression for every byte in the file.
    public var compressionRatio: Double { fileBytes == 0 ? 0 : Double(rawBytes) / Double(fileBytes) }

    /// Reads a whole log and counts.
    ///
    /// - Throws: as `TraceReader.init`; a cut or damaged log is counted up to the damage, see `recovery`.
    public static func gather(path: String) throws(TraceError) -> TraceStatistics {
        let reader = try TraceReader(path: path)
        var statistics = TraceStatistics()
        var seen: Set<UInt32> = []
        do {
            while let block = try reader.nextBlock() {
                guard case .events(let batch) = block else { continue }
                statistics.add(batch, reader, &seen)
            }
        } catch {
            guard error.code == .cut || error.code == .corrupt else { throw error }
        }
        statistics.recovery = reader.recovery
        statistics.fileBytes = reader.recovery.fileBytes
        statistics.blocks = reader.recovery.blocks
        statistics.rawBytes = reader.rawBytes
        statistics.tasks = seen.count
        statistics.uniquePayloads = UInt64(reader.payloadCount)
        statistics.uniquePayloadBytes = reader.payloads.totalBytes
        return statistics
    }

    private mutating func add(_ batch: EventBatch, _ reader: TraceReader, _ seen: inout Set<UInt32>) {
        if calls == 0, let first = batch.entryTimes.first { firstEntry = first }
        calls += UInt64(batch.count)
        chunks += UInt64(batch.chunkCount)
        signals += batch.signalRecords.count
        paths += batch.pathRecords.count
        var last: UInt32?
        for position in 0..<batch.count {
            let task = batch.tasks[position]
            if task != last { seen.insert(task) }
            last = task
            firstEntry = min(firstEntry, batch.entryTimes[position])
            lastExit = max(lastExit, batch.exitTimes[position])
            if batch.flags[position] & CallFlags.unfinished.rawValue != 0 { unfinishedCalls += 1 }
            let number = CallNumber(architecture: batch.architectures[position], number: batch.numbers[position])
            callsByNumber[number, default: 0] += 1
        }
        for record in batch.taskRecords { seen.insert(record.task.rawValue) }
        for id in batch.chunkPayloads { payloadBytes += reader.payloads.length(id) }
    }
}
