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
    ///
    /// - Parameter used: a call that nobody else has, to make it of.
    @inline(__always)
    func recordedCall(_ row: Int, reusing used: RecordedCall? = nil, _ bytes: (Int) -> [UInt8]) -> RecordedCall {
        let call: RecordedCall
        if let used {
            call = used
            call.begin(batch.head(row))
        } else {
            call = RecordedCall(batch.head(row))
        }
        let first = Int(batch.firstChunks[row])
        let end = first + Int(batch.chunkCounts[row])
        for chunk in first..<end {
            let own = MemoryChunks.Chunk(
                address: batch.chunkAddresses[chunk],
                bytes: bytes(batch.chunkPayloads[chunk]),
                length: Int(batch.chunkLengths[chunk])
            )
            if batch.chunkKinds[chunk] & 1 == 0 {
                call.input.chunks.append(own)
            } else {
                call.output.chunks.append(own)
            }
        }
        if !batch.chunkHashes.isEmpty { call.cut = cut(call.output.chunks, first..<end) }
        return call
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
