// Chooses how one column of 64-bit values is written: base, transform, packing. docs/trace-format.md, "Columns".

/// Chooses and writes the cheapest encoding of a column. Keeps its scratch memory.
final class ColumnEncoder {
    private let scratch = Staging<UInt64>()
    private let lastOfTask = Staging<UInt64>()
    private let distinct = DistinctValues()
    /// Number of tasks that `tasks` may name.
    var taskCount = 0

    /// Writes a short column.
    func encode(_ values: [UInt64], into sink: ByteSink) {
        values.withUnsafeBufferPointer { values in
            guard let base = values.baseAddress else { return }
            encode(base, values.count, into: sink)
        }
    }

    /// Writes a column. `tasks` (per row) allows the same-task transform; `bases` are the columns it may lean on.
    func encode(
        _ values: UnsafePointer<UInt64>,
        _ count: Int,
        tasks: UnsafePointer<UInt32>? = nil,
        bases: [UnsafePointer<UInt64>] = [],
        into sink: ByteSink
    ) {
        guard count > 0 else { return }
        let first = values[0]
        let isConstant = Self.isConstant(values, count)
        if isConstant, bases.isEmpty || varintSize(zigzag(first)) <= 2 {
            sink.append(ColumnTag(packing: .constant, transform: .none, hasBase: false).byte)
            sink.appendZigzag(first)
            return
        }
        let residual = scratch.resize(count)
        let base = bestBase(values, count, bases, isConstant: isConstant)
        if let base {
            let other = bases[base]
            for row in 0..<count { residual[row] = values[row] &- other[row] }
        } else {
            residual.update(from: values, count: count)
        }
        let transform = bestTransform(residual, count, tasks)
        apply(transform, residual, count, tasks)
        pack(transform, residual, count, base: base, into: sink)
    }

    private static func isConstant(_ values: UnsafePointer<UInt64>, _ count: Int) -> Bool {
        let first = values[0]
        var start = 0
        while start < count {
            // Without a branch per row, so that it runs as vectors.
            let end = min(start + 256, count)
            var difference: UInt64 = 0
            for row in start..<end { difference |= values[row] ^ first }
            if difference != 0 { return false }
            start = end
        }
        return true
    }

    /// The earlier column to which this one keeps the same distance in nearly all of a sample of rows.
    private func bestBase(
        _ values: UnsafePointer<UInt64>,
        _ count: Int,
        _ bases: [UnsafePointer<UInt64>],
        isConstant: Bool
    ) -> Int? {
        var best: (index: Int, matches: Int)?
        let step = max(1, count / 48)
        for (index, base) in bases.enumerated() {
            let distance = values[0] &- base[0]
            // A far distance costs more than it saves unless the column has rows to repeat it.
            if count < 4, varintSize(zigzag(distance)) > 2 { continue }
            let middle = values[count / 2] &- base[count / 2]
            var matches = 0
            var middleMatches = 0
            var rows = 0
            for row in stride(from: 0, to: count, by: step) {
                rows += 1
                let found = values[row] &- base[row]
                if found == distance { matches += 1 }
                if found == middle { middleMatches += 1 }
            }
            matches = max(matches, middleMatches)
            if matches * 4 >= rows * 3, matches > best?.matches ?? 0 { best = (index, matches) }
        }
        if isConstant, let found = best, values[0] &- bases[found.index][0] != 0 { return nil }
        return best?.index
    }

    private func clearedTasks() -> UnsafeMutablePointer<UInt64> {
        let last = lastOfTask.resize(max(taskCount, 1))
        last.update(repeating: 0, count: taskCount)
        return last
    }

    private func bestTransform(
        _ residual: UnsafePointer<UInt64>,
        _ count: Int,
        _ tasks: UnsafePointer<UInt32>?
    ) -> ColumnTag.Transform {
        guard count > 1 else { return .none }
        var plain = 0
        var delta = 0
        var previous: UInt64 = 0
        for row in 0..<count {
            let value = residual[row]
            plain += varintSize(zigzag(value))
            delta += varintSize(zigzag(value &- previous))
            previous = value
        }
        var taskDelta = Int.max
        if let tasks, taskCount > 1 {
            taskDelta = 0
            let last = clearedTasks()
            for row in 0..<count {
                let task = Int(tasks[row])
                taskDelta += varintSize(zigzag(residual[row] &- last[task]))
                last[task] = residual[row]
            }
        }
        // Prefer plain values: repeats stay visible to zstd.
        let bestDelta = min(delta, taskDelta)
        if plain * 9 <= bestDelta * 10 { return .none }
        if distinct.collect(residual, count, limit: 256), count + distinct.encodedSize <= bestDelta { return .none }
        return taskDelta < delta ? .sameTask : .previous
    }

    private func apply(
        _ transform: ColumnTag.Transform,
        _ residual: UnsafeMutablePointer<UInt64>,
        _ count: Int,
        _ tasks: UnsafePointer<UInt32>?
    ) {
        switch transform {
        case .none: for row in 0..<count { residual[row] = zigzag(residual[row]) }
        case .previous:
            var previous: UInt64 = 0
            for row in 0..<count {
                let value = residual[row]
                residual[row] = zigzag(value &- previous)
                previous = value
            }
        case .sameTask:
            guard let tasks else { return }
            let last = clearedTasks()
            for row in 0..<count {
                let value = residual[row]
                let task = Int(tasks[row])
                residual[row] = zigzag(value &- last[task])
                last[task] = value
            }
        }
    }

    private func pack(
        _ transform: ColumnTag.Transform,
        _ residual: UnsafePointer<UInt64>,
        _ count: Int,
        base: Int?,
        into sink: ByteSink
    ) {
        let first = residual[0]
        var size = 0
        var bits: UInt64 = 0
        var difference: UInt64 = 0
        for row in 0..<count {
            size += varintSize(residual[row])
            bits |= residual[row]
            difference |= residual[row] ^ first
        }
        var packing = ColumnTag.Packing.varint
        if difference == 0 {
            packing = .constant
        } else if count >= 4, size > count, distinct.collect(residual, count, limit: 256),
            count + distinct.encodedSize < size
        {
            packing = .dictionary
        } else if count >= 32, size * 4 >= count * 5 {
            // Varints of one and two bytes mixed look like noise to zstd.
            packing = .planes
        }
        sink.append(ColumnTag(packing: packing, transform: transform, hasBase: base != nil).byte)
        if let base { sink.append(UInt8(base)) }
        switch packing {
        case .constant: sink.appendVarint(first)
        case .varint: sink.appendVarints(residual, count, size: size)
        case .dictionary:
            distinct.encode(into: sink)
            distinct.writeRanks(of: residual, count, to: sink.extend(count))
        case .planes:
            let width = (71 - (bits | 1).leadingZeroBitCount) / 8
            sink.append(UInt8(width))
            for plane in 0..<width {
                let out = sink.extend(count)
                let shift = UInt64(plane * 8)
                for row in 0..<count { out[row] = UInt8(truncatingIfNeeded: residual[row] >> shift) }
            }
        }
    }
}
