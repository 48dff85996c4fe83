// How one column of 64-bit values is written: transform, then packing. docs/trace-format.md, "Columns".

/// First byte of a column. Bits 0-1 packing, bits 2-3 transform, bit 4: a base column follows.
struct ColumnTag {
    enum Packing: UInt8 {
        /// One varint that every row repeats.
        case constant = 0
        /// A varint per row.
        case varint = 1
        /// Sorted distinct values, then an index byte per row.
        case dictionary = 2
        /// Width w, then w planes: byte 0 of every row, byte 1 of every row …
        case planes = 3
    }
    enum Transform: UInt8 {
        case none = 0
        /// Difference to the row before.
        case previous = 1
        /// Difference to the row before of the same task.
        case sameTask = 2
    }

    var packing: Packing
    var transform: Transform
    var hasBase: Bool

    var byte: UInt8 { packing.rawValue | transform.rawValue << 2 | (hasBase ? 16 : 0) }

    init(packing: Packing, transform: Transform, hasBase: Bool) {
        self.packing = packing
        self.transform = transform
        self.hasBase = hasBase
    }

    init(byte: UInt8) throws(Malformed) {
        guard byte < 32, let packing = Packing(rawValue: byte & 3), let transform = Transform(rawValue: byte >> 2 & 3)
        else { throw Malformed("unknown column encoding \(byte)") }
        self.init(packing: packing, transform: transform, hasBase: byte & 16 != 0)
    }
}

/// Chooses and writes the cheapest encoding of a column. Keeps its scratch memory.
final class ColumnEncoder {
    private var scratch: [UInt64] = []
    private var distinct = DistinctValues()
    /// Number of tasks that `tasks` may name.
    var taskCount = 0

    /// Writes a column. `tasks` (per row) allows the same-task transform; `bases` are the columns it may lean on.
    func encode(
        _ values: [UInt64],
        tasks: [UInt32]? = nil,
        bases: [[UInt64]] = [],
        into sink: ByteSink
    ) {
        guard let first = values.first else { return }
        let isConstant = values.allSatisfy { $0 == first }
        if isConstant, varintSize(zigzag(first)) <= 2 || bases.isEmpty {
            sink.append(ColumnTag(packing: .constant, transform: .none, hasBase: false).byte)
            sink.appendZigzag(first)
            return
        }
        // A local array: every access to a class's own is checked at run time.
        var residual = scratch
        scratch = []
        defer { scratch = residual }
        residual.removeAll(keepingCapacity: true)
        residual.append(contentsOf: values)
        let base = bestBase(values, bases, isConstant: isConstant)
        if let base {
            bases[base].withUnsafeBufferPointer { other in
                for row in residual.indices { residual[row] &-= other[row] }
            }
        }
        let transform = bestTransform(residual, tasks)
        apply(transform, &residual, tasks)
        pack(transform, residual, base: base, into: sink)
    }

    /// The earlier column to which this one keeps the same distance in nearly all of a sample of rows.
    private func bestBase(_ values: [UInt64], _ bases: [[UInt64]], isConstant: Bool) -> Int? {
        var best: (index: Int, matches: Int)?
        let step = max(1, values.count / 48)
        for (index, base) in bases.enumerated() {
            let distance = values[0] &- base[0]
            // A far distance costs more than it saves unless the column has rows to repeat it.
            if values.count < 4, varintSize(zigzag(distance)) > 2 { continue }
            var matches = 0
            var rows = 0
            for row in stride(from: 0, to: values.count, by: step) {
                rows += 1
                if values[row] &- base[row] == distance { matches += 1 }
            }
            if matches * 4 >= rows * 3, matches > best?.matches ?? 0 { best = (index, matches) }
        }
        if isConstant, let found = best, values[0] &- bases[found.index][0] != 0 { return nil }
        return best?.index
    }

    private func bestTransform(_ residual: [UInt64], _ tasks: [UInt32]?) -> ColumnTag.Transform {
        guard residual.count > 1 else { return .none }
        var plain = 0
        var delta = 0
        var previous: UInt64 = 0
        for value in residual {
            plain += varintSize(zigzag(value))
            delta += varintSize(zigzag(value &- previous))
            previous = value
        }
        var taskDelta = Int.max
        if let tasks, taskCount > 1 {
            taskDelta = 0
            var last = [UInt64](repeating: 0, count: taskCount)
            for (row, value) in residual.enumerated() {
                let task = Int(tasks[row])
                taskDelta += varintSize(zigzag(value &- last[task]))
                last[task] = value
            }
        }
        // Prefer plain values: repeats stay visible to zstd.
        let bestDelta = min(delta, taskDelta)
        if plain * 9 <= bestDelta * 10 { return .none }
        if distinct.collect(residual, limit: 256), residual.count + distinct.encodedSize <= bestDelta { return .none }
        return taskDelta < delta ? .sameTask : .previous
    }

    private func apply(_ transform: ColumnTag.Transform, _ residual: inout [UInt64], _ tasks: [UInt32]?) {
        switch transform {
        case .none: for row in residual.indices { residual[row] = zigzag(residual[row]) }
        case .previous:
            var previous: UInt64 = 0
            for row in residual.indices {
                let value = residual[row]
                residual[row] = zigzag(value &- previous)
                previous = value
            }
        case .sameTask:
            guard let tasks else { return }
            var last = [UInt64](repeating: 0, count: taskCount)
            for row in residual.indices {
                let value = residual[row]
                let task = Int(tasks[row])
                residual[row] = zigzag(value &- last[task])
                last[task] = value
            }
        }
    }

    private func pack(_ transform: ColumnTag.Transform, _ residual: [UInt64], base: Int?, into sink: ByteSink) {
        let first = residual[0]
        var size = 0
        var largest: UInt64 = 0
        var isConstant = true
        for value in residual {
            size += varintSize(value)
            largest = max(largest, value)
            isConstant = isConstant && value == first
        }
        var packing = ColumnTag.Packing.varint
        if isConstant {
            packing = .constant
        } else if residual.count >= 4, size > residual.count, distinct.collect(residual, limit: 256),
            residual.count + distinct.encodedSize < size
        {
            packing = .dictionary
        } else if residual.count >= 32, size * 2 >= residual.count * 3 {
            packing = .planes
        }
        sink.append(ColumnTag(packing: packing, transform: transform, hasBase: base != nil).byte)
        if let base { sink.append(UInt8(base)) }
        switch packing {
        case .constant: sink.appendVarint(first)
        case .varint: for value in residual { sink.appendVarint(value) }
        case .dictionary:
            distinct.encode(into: sink)
            let out = sink.extend(residual.count)
            for (row, value) in residual.enumerated() { out[row] = distinct.rank(value) }
        case .planes:
            let width = (71 - (largest | 1).leadingZeroBitCount) / 8
            sink.append(UInt8(width))
            for plane in 0..<width {
                let out = sink.extend(residual.count)
                let shift = UInt64(plane * 8)
                for row in residual.indices { out[row] = UInt8(truncatingIfNeeded: residual[row] >> shift) }
            }
        }
    }
}
