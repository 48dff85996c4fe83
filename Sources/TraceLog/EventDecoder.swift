// Reads an events block into columns. Mirrors EventEncoder; docs/trace-format.md, "Events".
import LinuxABI

struct EventDecoder {
    private struct Group {
        var number: UInt32
        var architecture: UInt8
        var flags: UInt16
        var layout: UInt8
        var kinds: [UInt8]
    }

    var columns = ColumnDecoder()
    private let scratch = Scratch<UInt64>(0)
    private let groupColumn = Scratch<UInt64>(0)
    private var taskIds: [UInt32] = []
    private var localTasks: [UInt32] = []
    /// Positions of the calls, sorted by group.
    private(set) var positions: [UInt32] = []
    private let rowTasks = Scratch<UInt32>(0)
    private var bounds: [Int] = []
    private var bases: [UnsafeMutablePointer<UInt64>] = []

    /// Leaves out what is not calls: records of tasks, signals and paths.
    var skipsRecords = false

    /// Reads the block's events after its payload section. A newer minor version may add bytes at the end.
    mutating func decode(
        _ cursor: inout ByteCursor,
        into batch: inout EventBatch,
        payloads: PayloadStore,
        firstNew: Int,
        version: FormatVersion
    ) throws(Malformed) {
        batch.clear()
        let calls = try cursor.count(limit: TraceFormat.maximumCalls, "calls")
        let baseTime = try cursor.varint()
        let baseCall = try cursor.varint()
        var references = ReferenceDecoder(next: firstNew, end: payloads.count)
        if calls > 0 {
            batch.resize(calls: calls, chunks: 0)
            try decodeTasks(&cursor, &batch, calls)
            let groups = try decodeGroups(&cursor, &batch, calls)
            try decodeOrder(&cursor, &batch, calls, baseTime, baseCall)
            for (index, group) in groups.enumerated() {
                try decodeGroup(&cursor, group, bounds[index]..<bounds[index + 1], &batch, payloads, &references)
            }
        }
        if skipsRecords { return }
        var records = RecordDecoder(columns: columns, payloads: payloads, baseTime: baseTime, baseCall: baseCall)
        try records.decode(&cursor, into: &batch, &references)
        if version >= TraceFormat.versionWithCounts {
            try records.decodeCounts(&cursor, into: &batch)
        }
        guard references.next == payloads.count else { throw Malformed("has payloads that nothing refers to") }
        let mayExtend = version > TraceFormat.version
        guard mayExtend || cursor.remaining == 0 else { throw Malformed("has \(cursor.remaining) bytes too many") }
    }

    private mutating func decodeTasks(_ cursor: inout ByteCursor, _ batch: inout EventBatch, _ calls: Int)
        throws(Malformed)
    {
        let count = try cursor.count(limit: calls, "tasks")
        taskIds.removeAll(keepingCapacity: true)
        for _ in 0..<count { taskIds.append(UInt32(try cursor.count(limit: Int(UInt32.max), "as a task id"))) }
        columns.taskCount = count
        let column = scratch.room(calls)
        try columns.decode(&cursor, rows: calls, into: column)
        for row in 0..<calls where column[row] >= UInt64(count) { throw Malformed("a call belongs to no task") }
        if localTasks.count < calls { localTasks = Array(repeating: 0, count: calls) }
        localTasks.withUnsafeMutableBufferPointer { local in
            for row in 0..<calls { local[row] = UInt32(truncatingIfNeeded: column[row]) }
        }
        taskIds.withUnsafeBufferPointer { ids in
            batch.tasks.withUnsafeMutableBufferPointer { tasks in
                for row in 0..<calls { tasks[row] = ids[Int(truncatingIfNeeded: column[row])] }
            }
        }
    }

    /// Reads the signatures and sorts the calls' positions by group.
    private mutating func decodeGroups(
        _ cursor: inout ByteCursor,
        _ batch: inout EventBatch,
        _ calls: Int
    ) throws(Malformed) -> [Group] {
        let count = try cursor.count(limit: calls, "groups")
        var groups: [Group] = []
        for _ in 0..<count {
            var group = Group(
                number: UInt32(try cursor.count(limit: Int(UInt32.max), "as a call number")),
                architecture: try cursor.byte(),
                flags: UInt16(try cursor.count(limit: 0xFFFF, "as flags")),
                layout: try cursor.byte(),
                kinds: []
            )
            guard Architecture(rawValue: group.architecture) != nil else { throw Malformed("unknown architecture") }
            if group.layout != GroupSignature.listLayout {
                guard Int(group.layout) <= TraceFormat.maximumSlots else { throw Malformed("unknown layout") }
                for _ in 0..<group.layout { group.kinds.append(try cursor.byte()) }
                guard group.kinds.allSatisfy({ $0 < 4 }) else { throw Malformed("unknown kind of memory") }
            }
            groups.append(group)
        }
        let column = groupColumn.room(calls)
        try columns.decode(&cursor, rows: calls, into: column)
        bounds.removeAll(keepingCapacity: true)
        bounds.append(contentsOf: repeatElement(0, count: count + 1))
        for row in 0..<calls where column[row] >= UInt64(count) { throw Malformed("a call belongs to no group") }
        bounds.withUnsafeMutableBufferPointer { bounds in
            for row in 0..<calls { bounds[Int(truncatingIfNeeded: column[row]) &+ 1] &+= 1 }
            for index in 0..<count { bounds[index + 1] += bounds[index] }
        }
        var fill = bounds
        if positions.count < calls { positions = Array(repeating: 0, count: calls) }
        let rowTasks = rowTasks.room(calls)
        fill.withUnsafeMutableBufferPointer { fill in
            positions.withUnsafeMutableBufferPointer { positions in
                localTasks.withUnsafeBufferPointer { tasks in
                    for row in 0..<calls {
                        let index = Int(truncatingIfNeeded: column[row])
                        let place = fill[index]
                        fill[index] = place &+ 1
                        positions[place] = UInt32(truncatingIfNeeded: row)
                        rowTasks[place] = tasks[row]
                    }
                }
            }
        }
        return groups
    }

    private mutating func decodeOrder(
        _ cursor: inout ByteCursor,
        _ batch: inout EventBatch,
        _ calls: Int,
        _ baseTime: UInt64,
        _ baseCall: UInt64
    ) throws(Malformed) {
        let column = scratch.room(calls * 3)
        let gaps = column + calls
        let durations = gaps + calls
        try columns.decode(&cursor, rows: calls, into: column)
        try columns.decode(&cursor, rows: calls, into: gaps)
        try columns.decode(&cursor, rows: calls, into: durations)
        var expected = baseCall
        var lastExit = [UInt64](repeating: baseTime, count: taskIds.count)
        for row in 0..<calls {
            let index = expected &+ column[row]
            expected = index &+ 1
            let task = Int(localTasks[row])
            let entry = lastExit[task] &+ gaps[row]
            let exit = entry &+ durations[row]
            lastExit[task] = exit
            batch.indexes[row] = index
            batch.entryTimes[row] = entry
            batch.exitTimes[row] = exit
        }
    }

    private mutating func decodeGroup(
        _ cursor: inout ByteCursor,
        _ group: Group,
        _ range: Range<Int>,
        _ batch: inout EventBatch,
        _ payloads: PayloadStore,
        _ references: inout ReferenceDecoder
    ) throws(Malformed) {
        let rows = range.count
        guard rows > 0 else { throw Malformed("has a group without calls") }
        let isList = group.layout == GroupSignature.listLayout
        let slots = isList ? 0 : Int(group.layout)
        let first = batch.chunkCount
        guard first + slots * rows <= TraceFormat.maximumChunks else { throw Malformed("has too many memory chunks") }
        batch.resizeChunks(first + slots * rows)
        let room = scratch.room(rows * (2 * slots + 8))
        bases.removeAll(keepingCapacity: true)
        for slot in 0..<slots {
            let out = room + bases.count * rows
            try decodeSlot(&cursor, group.kinds[slot], first + slot, slots, range, out, &batch, payloads, &references)
            bases.append(out)
        }
        if isList { try decodeList(&cursor, range, &batch, payloads, &references) }
        for _ in 0..<(6 + slots) {
            let out = room + bases.count * rows
            try decodeColumn(&cursor, range, out)
            bases.append(out)
        }
        let results = room + bases.count * rows
        try decodeColumn(&cursor, range, results)
        let words = room + slots * rows
        let (number, architecture, flags) = (group.number, group.architecture, group.flags)
        scatter(range, &batch.numbers) { _ in number }
        scatter(range, &batch.architectures) { _ in architecture }
        scatter(range, &batch.flags) { _ in flags }
        scatter(range, &batch.results) { Int64(bitPattern: results[$0]) }
        scatterArguments(range, &batch.arguments, words)
        if !isList {
            scatter(range, &batch.firstChunks) { UInt32(truncatingIfNeeded: first + $0 * slots) }
            scatter(range, &batch.chunkCounts) { _ in UInt32(truncatingIfNeeded: slots) }
        }
        for slot in 0..<slots {
            let addresses = words + (6 + slot) * rows
            batch.chunkAddresses.withUnsafeMutableBufferPointer { column in
                for row in 0..<rows { column[first + row * slots + slot] = addresses[row] }
            }
        }
    }

    /// Puts a group's values where its calls are: their positions are below the number of calls.
    @inline(__always)
    private func scatter<Element>(
        _ range: Range<Int>,
        _ column: inout [Element],
        _ value: (Int) -> Element
    ) {
        positions.withUnsafeBufferPointer { positions in
            let rows = UnsafeBufferPointer(rebasing: positions[range])
            column.withUnsafeMutableBufferPointer { column in
                for row in 0..<rows.count { column[Int(rows[row])] = value(row) }
            }
        }
    }

    /// The same for arguments: six columns, six words of a call.
    private func scatterArguments(
        _ range: Range<Int>,
        _ arguments: inout [UInt64],
        _ words: UnsafeMutablePointer<UInt64>
    ) {
        let (one, two, three) = (words, words + range.count, words + 2 * range.count)
        let (four, five, six) = (words + 3 * range.count, words + 4 * range.count, words + 5 * range.count)
        positions.withUnsafeBufferPointer { positions in
            let rows = UnsafeBufferPointer(rebasing: positions[range])
            arguments.withUnsafeMutableBufferPointer { column in
                for row in 0..<rows.count {
                    let place = Int(rows[row]) &* 6
                    column[place] = one[row]
                    column[place &+ 1] = two[row]
                    column[place &+ 2] = three[row]
                    column[place &+ 3] = four[row]
                    column[place &+ 4] = five[row]
                    column[place &+ 5] = six[row]
                }
            }
        }
    }

    private mutating func decodeColumn(
        _ cursor: inout ByteCursor,
        _ range: Range<Int>,
        _ out: UnsafeMutablePointer<UInt64>
    ) throws(Malformed) {
        let tasks = rowTasks.room(range.upperBound) + range.lowerBound
        try columns.decode(&cursor, rows: range.count, into: out, tasks: tasks, bases: bases)
    }

    /// One slot of a group: references, then lengths and hashes if they were recorded apart. Full lengths go to `out`.
    private mutating func decodeSlot(
        _ cursor: inout ByteCursor,
        _ kind: UInt8,
        _ first: Int,
        _ stride: Int,
        _ range: Range<Int>,
        _ out: UnsafeMutablePointer<UInt64>,
        _ batch: inout EventBatch,
        _ payloads: PayloadStore,
        _ references: inout ReferenceDecoder
    ) throws(Malformed) {
        let rows = range.count
        let kept = bases
        bases.removeAll(keepingCapacity: true)
        try decodeColumn(&cursor, range, out)
        bases = kept
        for row in 0..<rows {
            let id = try references.resolve(out[row])
            let chunk = first + row * stride
            batch.chunkKinds[chunk] = kind
            batch.chunkPayloads[chunk] = id
            out[row] = payloads.length(id)
        }
        if kind & 2 != 0 {
            let special = Scratch<UInt64>(0)
            let extra = special.room(rows * 3)
            for column in 0..<3 { try columns.decode(&cursor, rows: rows, into: extra + column * rows) }
            for row in 0..<rows {
                out[row] &+= extra[row]
                batch.chunkHashes[first + row * stride] = ContentHash(
                    low: extra[rows + row],
                    high: extra[2 * rows + row]
                )
            }
        }
        for row in 0..<rows {
            guard out[row] <= UInt64(Int.max) else { throw Malformed("memory of impossible length") }
            batch.chunkLengths[first + row * stride] = out[row]
        }
    }
}

/// Turns references into payload ids: 0 takes the block's next new payload, anything else is an id plus one.
struct ReferenceDecoder {
    var next: Int
    let end: Int

    mutating func resolve(_ reference: UInt64) throws(Malformed) -> Int {
        if reference == 0 {
            guard next < end else { throw Malformed("refers to a payload it does not have") }
            defer { next += 1 }
            return next
        }
        guard reference - 1 < UInt64(next) else { throw Malformed("refers to a payload that is not there yet") }
        return Int(reference - 1)
    }
}
