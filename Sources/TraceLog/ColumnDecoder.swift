// Reads one column back from untrusted bytes into memory the caller owns.

struct ColumnDecoder {
    /// Last value per task, for the same-task transform; as many as the block has tasks.
    private var previousOfTask: [UInt64] = []
    private var dictionary = [UInt64](repeating: 0, count: 256)

    var taskCount = 0 {
        didSet {
            if previousOfTask.count < taskCount {
                previousOfTask.append(contentsOf: repeatElement(0, count: taskCount - previousOfTask.count))
            }
        }
    }

    /// Fills `rows` values at `out`. `bases` are the columns before this one in its group, at least `rows` long each.
    mutating func decode(
        _ cursor: inout ByteCursor,
        rows: Int,
        into out: UnsafeMutablePointer<UInt64>,
        tasks: UnsafePointer<UInt32>? = nil,
        bases: [UnsafeMutablePointer<UInt64>] = []
    ) throws(Malformed) {
        guard rows > 0 else { return }
        let tag = try ColumnTag(byte: cursor.byte())
        var base: UnsafeMutablePointer<UInt64>?
        if tag.hasBase {
            let index = Int(try cursor.byte())
            guard index < bases.count else { throw Malformed("a column leans on column \(index) of \(bases.count)") }
            base = bases[index]
        }
        try unpack(tag.packing, &cursor, rows, out)
        try undo(tag.transform, rows, out, tasks)
        if let base { for row in 0..<rows { out[row] &+= base[row] } }
    }

    private mutating func unpack(
        _ packing: ColumnTag.Packing,
        _ cursor: inout ByteCursor,
        _ rows: Int,
        _ out: UnsafeMutablePointer<UInt64>
    ) throws(Malformed) {
        switch packing {
        case .constant: out.update(repeating: try cursor.varint(), count: rows)
        case .varint:
            guard cursor.remaining >= rows else { throw Malformed("a column ends too early") }
            try cursor.varints(rows, into: out)
        case .dictionary:
            let count = Int(try cursor.byte()) + 1
            var value: UInt64 = 0
            for index in 0..<count {
                value &+= try cursor.varint()
                dictionary[index] = value
            }
            let ranks = try cursor.take(rows)
            var highest: UInt8 = 0
            for row in 0..<rows { highest = max(highest, ranks[row]) }
            guard highest < count else { throw Malformed("a column uses value \(highest) of \(count)") }
            dictionary.withUnsafeBufferPointer { values in
                for row in 0..<rows { out[row] = values[Int(ranks[row])] }
            }
        case .planes:
            let width = Int(try cursor.byte())
            guard (1...8).contains(width) else { throw Malformed("a column is \(width) bytes wide") }
            let bytes = try cursor.take(rows * width)
            guard let first = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
            for row in 0..<rows { out[row] = UInt64(first[row]) }
            for plane in 1..<max(width, 1) {
                let part = first + plane * rows
                let shift = UInt64(plane * 8)
                for row in 0..<rows { out[row] |= UInt64(part[row]) &<< shift }
            }
        }
    }

    private mutating func undo(
        _ transform: ColumnTag.Transform,
        _ rows: Int,
        _ out: UnsafeMutablePointer<UInt64>,
        _ tasks: UnsafePointer<UInt32>?
    ) throws(Malformed) {
        switch transform {
        case .none: for row in 0..<rows { out[row] = unzigzag(out[row]) }
        case .previous:
            var value: UInt64 = 0
            for row in 0..<rows {
                value &+= unzigzag(out[row])
                out[row] = value
            }
        case .sameTask:
            guard let tasks else { throw Malformed("a column counts per task where there are no tasks") }
            previousOfTask.withUnsafeMutableBufferPointer { previous in
                for task in 0..<taskCount { previous[task] = 0 }
                for row in 0..<rows {
                    let task = Int(tasks[row])
                    previous[task] &+= unzigzag(out[row])
                    out[row] = previous[task]
                }
            }
        }
    }
}
