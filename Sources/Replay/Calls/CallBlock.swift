// Some calls of a recording as columns, with what their memory held.
import LinuxABI
import TraceLog

/// One block of a log, or calls that were in memory already.
final class CallBlock: Sendable {
    let batch: EventBatch
    /// Contents by payload id; nil: the log's reader has them.
    let contents: [[UInt8]]?

    init(_ batch: EventBatch) {
        self.batch = batch
        contents = nil
    }

    init(_ calls: [CallRecord]) {
        var contents: [[UInt8]] = []
        batch = EventBatch(calls, contents: &contents)
        self.contents = contents
    }
}

extension RecordedCall {
    /// The call in a row of a block, with its memory.
    convenience init(_ block: CallBlock, _ row: Int, _ bytes: (Int) -> [UInt8]) {
        let batch = block.batch
        var record = CallRecord(
            index: batch.indexes[row],
            task: TaskID(rawValue: batch.tasks[row]),
            number: batch.numbers[row],
            architecture: Architecture(rawValue: batch.architectures[row]) ?? .x86_64,
            arguments: SyscallArguments(
                batch.arguments[6 * row],
                batch.arguments[6 * row + 1],
                batch.arguments[6 * row + 2],
                batch.arguments[6 * row + 3],
                batch.arguments[6 * row + 4],
                batch.arguments[6 * row + 5]
            ),
            result: batch.results[row],
            entryTime: batch.entryTimes[row],
            exitTime: batch.exitTimes[row],
            flags: CallFlags(rawValue: batch.flags[row])
        )
        let first = Int(batch.firstChunks[row])
        let end = first + Int(batch.chunkCounts[row])
        var outputs = 0
        for chunk in first..<end { outputs += Int(batch.chunkKinds[chunk] & 1) }
        var input: [MemoryChunks.Chunk] = []
        var output: [MemoryChunks.Chunk] = []
        if outputs > 0 { output.reserveCapacity(outputs) }
        if outputs < end - first { input.reserveCapacity(end - first - outputs) }
        for chunk in first..<end {
            let (address, length) = (batch.chunkAddresses[chunk], Int(batch.chunkLengths[chunk]))
            let kept = bytes(batch.chunkPayloads[chunk])
            let own = MemoryChunks.Chunk(address: address, bytes: kept, length: length)
            guard batch.chunkKinds[chunk] & 1 == 1 else {
                input.append(own)
                continue
            }
            output.append(own)
            if kept.count < length, let hash = batch.chunkHashes[chunk] {
                record.chunks.append(MemoryRecord(.output, address: address, bytes: kept, length: length, hash: hash))
            }
        }
        self.init(record, input: input, output: output)
    }
}
