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
    @inline(__always)
    func recordedCall(_ row: Int, _ bytes: (Int) -> [UInt8]) -> RecordedCall {
        let first = Int(batch.firstChunks[row])
        let end = first + Int(batch.chunkCounts[row])
        guard first < end else { return RecordedCall(batch.head(row), cut: [], input: [], output: []) }
        var outputs = 0
        for chunk in first..<end { outputs += Int(batch.chunkKinds[chunk] & 1) }
        let input = chunks(first..<end, ofKind: 0, count: end - first - outputs, bytes)
        let output = chunks(first..<end, ofKind: 1, count: outputs, bytes)
        return RecordedCall(batch.head(row), cut: cut(output, first..<end), input: input, output: output)
    }

    @inline(__always)
    private func chunks(_ range: Range<Int>, ofKind kind: UInt8, count: Int, _ bytes: (Int) -> [UInt8])
        -> [MemoryChunks.Chunk]
    {
        var made: [MemoryChunks.Chunk] = []
        for chunk in range where batch.chunkKinds[chunk] & 1 == kind {
            let kept = bytes(batch.chunkPayloads[chunk])
            let (address, length) = (batch.chunkAddresses[chunk], Int(batch.chunkLengths[chunk]))
            let own = MemoryChunks.Chunk(address: address, bytes: kept, length: length)
            if count == 1 { return [own] }
            if made.isEmpty { made.reserveCapacity(count) }
            made.append(own)
        }
        return made
    }

    /// The records of output that was cut, with their hashes.
    private func cut(_ output: [MemoryChunks.Chunk], _ range: Range<Int>) -> [MemoryRecord] {
        guard !batch.chunkHashes.isEmpty else { return [] }
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
