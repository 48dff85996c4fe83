// Groups whose calls have many memory chunks, or each its own number of them.

extension EventDecoder {
    /// A group whose calls have their own numbers of chunks.
    mutating func decodeList(
        _ cursor: inout ByteCursor,
        _ range: Range<Int>,
        _ batch: inout EventBatch,
        _ payloads: PayloadStore,
        _ references: inout ReferenceDecoder
    ) throws(Malformed) {
        let list = Scratch<UInt64>(0)
        let counts = list.room(range.count)
        try columns.decode(&cursor, rows: range.count, into: counts)
        var total = batch.chunkCount
        for row in 0..<range.count {
            guard counts[row] <= UInt64(TraceFormat.maximumChunks - total) else {
                throw Malformed("has too many memory chunks")
            }
            let call = Int(positions[range.lowerBound + row])
            batch.firstChunks[call] = UInt32(total)
            batch.chunkCounts[call] = UInt32(counts[row])
            total += Int(counts[row])
        }
        let first = batch.chunkCount
        let rows = total - first
        batch.resizeChunks(total)
        let column = list.room(rows * 3)
        try columns.decode(&cursor, rows: rows, into: column)
        var special: [Int] = []
        for row in 0..<rows {
            guard column[row] < 4 else { throw Malformed("unknown kind of memory") }
            batch.chunkKinds[first + row] = UInt8(column[row])
            if column[row] & 2 != 0 { special.append(row) }
        }
        try columns.decode(&cursor, rows: rows, into: column)
        for row in 0..<rows {
            let id = try references.resolve(column[row])
            batch.chunkPayloads[first + row] = id
            batch.chunkLengths[first + row] = payloads.length(id)
        }
        for part in 0..<3 { try columns.decode(&cursor, rows: special.count, into: column + part * special.count) }
        for (place, row) in special.enumerated() {
            batch.chunkLengths[first + row] &+= column[place]
            batch.chunkHashes[first + row] = ContentHash(
                low: column[special.count + place],
                high: column[2 * special.count + place]
            )
        }
        try columns.decode(&cursor, rows: rows, into: column)
        var expected: UInt64 = 0
        for row in 0..<rows {
            let length = batch.chunkLengths[first + row]
            guard length <= UInt64(Int.max) else { throw Malformed("memory of impossible length") }
            batch.chunkAddresses[first + row] = expected &+ column[row]
            expected = batch.chunkAddresses[first + row] &+ length
        }
    }
}
