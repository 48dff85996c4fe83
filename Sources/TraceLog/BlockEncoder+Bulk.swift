// Large contents: in payload blocks of their own, in order of capture.
import LinuxABI

extension BlockEncoder {
    /// From this many bytes on, large contents get a block of their own.
    private static let bulkBlock = 256 << 10

    /// Stores the large contents of a batch in payload blocks of their own if there are many: in order of capture, where
    /// what repeats in part stands near, and without a copy.
    func storeBulk(_ batch: Batch) {
        guard
            batch.bulkBytes >= Self.bulkBlock || batch.pieces.count > 0 || batch.ranges.count > 0
                || batch.bulkBytes > 2 * pieceSize
        else { return }
        let large = (0..<batch.contents.count).filter {
            [.bulk, .pieces, .ranges].contains(batch.contents[$0].place)
        }
        guard batch.pieces.count == 0, batch.bulkBytes <= 2 * pieceSize else { return spill(large, batch) }
        if batch.ranges.count > 0 { return storeParts(large, batch) }
        raw.clear()
        raw.appendVarint(nextPayload)
        raw.appendVarint(1)
        raw.appendVarint(large.count)
        raw.append(PayloadLayout.joined.rawValue)
        columns.encode(large.map { UInt64(batch.contents[$0].count) }, into: raw)
        for position in large { defineNext(place(position, batch)) }
        frameBulk(batch)
    }

    /// Where the id of a batch's content is.
    private func place(_ position: Int, _ batch: Batch) -> Int { position + Int(batch.firstContent - firstContent) }

    /// Writes the block whose directory is in `raw` and whose data are in `batch.bulk`.
    private func frameBulk(_ batch: Batch) {
        let data = UnsafeRawBufferPointer(rebasing: batch.bulk.bytes[Batch.bulkHeadroom...])
        guard raw.count <= Batch.bulkHeadroom else {
            raw.append(data)
            return frame(.payloads, raw.bytes)
        }
        let start = Batch.bulkHeadroom - raw.count
        UnsafeMutableRawBufferPointer(start: batch.bulk.base + start, count: raw.count).copyMemory(from: raw.bytes)
        frame(.payloads, UnsafeRawBufferPointer(rebasing: batch.bulk.bytes[start...]))
    }

    /// The same where contents share bytes. Payloads are then the parts between the ends of all contents and ranges, and a
    /// content of several parts is a payload in pieces.
    private func storeParts(_ large: [Int], _ batch: Batch) {
        let parts = BulkParts(large, batch)
        let first = nextPayload
        nextPayload += UInt64(parts.count)
        section.clear()
        for position in large {
            let pieces = parts.parts(of: batch.contents[position], batch).map { first + UInt64($0) }
            if pieces.count == 1 {
                ids[place(position, batch)] = pieces[0] + 1
            } else {
                section.addComposed(pieces)
                defineNext(place(position, batch))
            }
        }
        section.endComposed()
        raw.clear()
        raw.appendVarint(first)
        raw.appendVarint(section.count > 0 ? 2 : 1)
        raw.appendVarint(parts.count)
        raw.append(PayloadLayout.joined.rawValue)
        columns.encode(parts.lengths, into: raw)
        raw.append(section.directoryBytes)
        frameBulk(batch)
    }

    /// The large contents of more than fits into a block, and contents in pieces.
    private func spill(_ large: [Int], _ batch: Batch) {
        section.clear()
        var first = nextPayload
        // What section bytes stand in until they are written.
        var assembled: [ByteSink] = []
        func close() {
            guard section.count > 0 else { return }
            raw.clear()
            raw.appendVarint(first)
            section.encode(into: raw)
            frame(.payloads, raw.bytes)
            section.clear()
            assembled.removeAll()
            first = nextPayload
        }
        for position in large {
            let content = batch.contents[position]
            let ranges = content.place == .ranges ? batch.ranges(of: content) : []
            let size = content.place == .ranges ? ranges.reduce(0) { $0 + $1.count } : content.count
            if section.size + size > 2 * pieceSize || section.count >= TraceFormat.maximumPayloads / 4 {
                close()
            }
            switch content.place {
            case .pieces:
                let pieces = content.start..<(content.start + content.count)
                // A last piece may be short, and so not be among the large ones.
                section.addPieces(pieces.map { define(batch.pieces[$0], batch) - 1 })
                defineNext(place(position, batch))
            case .ranges:
                let sink = ByteSink(capacity: size)
                for range in ranges { sink.append(batch.bytes(range)) }
                assembled.append(sink)
                section.add(sink.bytes)
                defineNext(place(position, batch))
            default: _ = define(batch.firstContent + UInt64(position), batch)
            }
        }
        close()
    }

    /// The id plus one of a content, which is stored now if it was not yet.
    private func define(_ content: UInt64, _ batch: Batch) -> UInt64 {
        let reference = reference(content, batch)
        return reference == 0 ? nextPayload : reference
    }
}

/// A batch's large contents, cut wherever one of them, or a range that another repeats, begins or ends.
private struct BulkParts {
    /// Offsets in `Batch.bulk`, ascending.
    private var bounds: [Int]

    var count: Int { bounds.count - 1 }
    var lengths: [UInt64] { (0..<count).map { UInt64(bounds[$0 + 1] - bounds[$0]) } }

    init(_ large: [Int], _ batch: Batch) {
        bounds = [batch.bulk.count]
        for position in large {
            let content = batch.contents[position]
            if content.place == .bulk {
                bounds.append(content.start)
            } else {
                for range in batch.ranges(of: content) {
                    bounds.append(range.start)
                    bounds.append(range.start + range.count)
                }
            }
        }
        bounds.sort()
        var last = 0
        for bound in bounds where bound != bounds[last] {
            last += 1
            bounds[last] = bound
        }
        bounds.removeSubrange((last + 1)...)
    }

    /// The numbers of the parts that make up a content.
    func parts(of content: StagedContent, _ batch: Batch) -> [Int] {
        if content.place == .bulk { return Array(parts(of: BulkRange(start: content.start, count: content.count))) }
        return batch.ranges(of: content).flatMap { parts(of: $0) }
    }

    private func parts(of range: BulkRange) -> Range<Int> {
        let first = number(at: range.start)
        var end = first
        while bounds[end] < range.start + range.count { end += 1 }
        return first..<end
    }

    private func number(at offset: Int) -> Int {
        var (low, high) = (0, bounds.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if bounds[middle] < offset { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
