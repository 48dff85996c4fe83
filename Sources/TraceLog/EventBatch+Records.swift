// Calls in memory as columns, as a reader would hand them out.
import LinuxABI

extension EventBatch {
    /// `contents` gets the bytes of every chunk: payload ids are positions in it.
    package init(_ calls: [CallRecord], contents: inout [[UInt8]]) {
        self.init()
        let chunks = calls.reduce(0) { $0 + $1.chunks.count }
        resize(calls: calls.count, chunks: chunks)
        resizeChunks(chunks)
        contents.reserveCapacity(contents.count + chunks)
        var next = 0
        for (row, call) in calls.enumerated() {
            indexes[row] = call.index
            tasks[row] = call.task.rawValue
            numbers[row] = call.number
            architectures[row] = call.architecture.rawValue
            flags[row] = call.flags.rawValue
            for position in 0..<6 { arguments[6 * row + position] = call.arguments[position] }
            results[row] = call.result
            entryTimes[row] = call.entryTime
            exitTimes[row] = call.exitTime
            firstChunks[row] = UInt32(next)
            chunkCounts[row] = UInt32(call.chunks.count)
            for chunk in call.chunks {
                chunkKinds[next] = chunk.direction.rawValue | (chunk.isCut ? 2 : 0)
                chunkAddresses[next] = chunk.address
                chunkLengths[next] = UInt64(chunk.length)
                chunkPayloads[next] = contents.count
                if chunk.hash != .zero { chunkHashes[next] = chunk.hash }
                contents.append(chunk.bytes)
                next += 1
            }
        }
    }
}
