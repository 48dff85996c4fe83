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

    /// The call in a row, with its memory.
    ///
    /// A method here and not of the batch: passing that counts references to each of its columns.
    func recordedCall(_ row: Int, _ bytes: (Int) -> [UInt8]) -> RecordedCall {
        var cut: [MemoryRecord] = []
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
            if batch.chunkKinds[chunk] & 1 == 0 {
                input.append(MemoryChunks.Chunk(address: address, bytes: kept, length: length))
                continue
            }
            if kept.count < length, let hash = batch.chunkHashes[chunk] {
                cut.append(MemoryRecord(.output, address: address, bytes: kept, length: length, hash: hash))
            }
            output.append(MemoryChunks.Chunk(address: address, bytes: kept, length: length))
        }
        return RecordedCall(batch.head(row), cut: cut, input: input, output: output)
    }
}
