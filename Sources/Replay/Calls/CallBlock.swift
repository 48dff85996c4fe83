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

extension EventBatch {
    /// The call in a row, with its memory.
    ///
    /// A method of the batch: a copy of it would count references to each of its columns.
    func recordedCall(_ row: Int, _ bytes: (Int) -> [UInt8]) -> RecordedCall {
        var record = head(row)
        let first = Int(firstChunks[row])
        let end = first + Int(chunkCounts[row])
        var outputs = 0
        for chunk in first..<end { outputs += Int(chunkKinds[chunk] & 1) }
        var input: [MemoryChunks.Chunk] = []
        var output: [MemoryChunks.Chunk] = []
        if outputs > 0 { output.reserveCapacity(outputs) }
        if outputs < end - first { input.reserveCapacity(end - first - outputs) }
        for chunk in first..<end {
            let (address, length) = (chunkAddresses[chunk], Int(chunkLengths[chunk]))
            let kept = bytes(chunkPayloads[chunk])
            if chunkKinds[chunk] & 1 == 0 {
                input.append(MemoryChunks.Chunk(address: address, bytes: kept, length: length))
                continue
            }
            if kept.count < length, let hash = chunkHashes[chunk] {
                record.chunks.append(MemoryRecord(.output, address: address, bytes: kept, length: length, hash: hash))
            }
            output.append(MemoryChunks.Chunk(address: address, bytes: kept, length: length))
        }
        return RecordedCall(record, input: input, output: output)
    }
}
