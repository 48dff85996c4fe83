// Some calls of a recording as columns, with what their memory held.
import LinuxABI
import TraceLog

/// One block of a log, or calls that were in memory already.
final class CallBlock: Sendable {
    let batch: EventBatch
    /// Contents by payload id; nil: the log's reader has them.
    let contents: [[UInt8]]?
    /// What the batch has, for reading call by call.
    let columns: CallColumns

    init(_ batch: EventBatch) {
        self.batch = batch
        contents = nil
        columns = CallColumns(batch)
    }

    init(_ calls: [CallRecord]) {
        var contents: [[UInt8]] = []
        batch = EventBatch(calls, contents: &contents)
        self.contents = contents
        columns = CallColumns(batch)
    }

    /// The call in a row, with its memory.
    func recordedCall(_ row: Int, _ bytes: (Int) -> [UInt8]) -> RecordedCall {
        let call = columns.recordedCall(row, reusing: nil, bytes)
        takeHashes(of: row, call)
        return call
    }

    /// Gives a call the hashes of its output that was cut.
    func takeHashes(of row: Int, _ call: RecordedCall) {
        guard columns.hasHashes else { return }
        let first = Int(batch.firstChunks[row])
        call.cut = cut(call.output.chunks, first..<(first + Int(batch.chunkCounts[row])))
    }

    /// The records of output that was cut, with their hashes.
    private func cut(_ output: [MemoryChunks.Chunk], _ range: Range<Int>) -> [MemoryRecord] {
        var cut: [MemoryRecord] = []
        var next = 0
        for chunk in range where batch.chunkKinds[chunk] & 1 == 1 {
            let kept = output[next]
            next += 1
            guard kept.bytes.count < kept.length, let hash = batch.chunkHashes[chunk] else { continue }
            cut.append(
                MemoryRecord(.output, address: kept.address, bytes: kept.bytes, length: kept.length, hash: hash)
            )
        }
        return cut
    }
}
