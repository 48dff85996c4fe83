// The columns of an events block. docs/trace-format.md, "Events".
import LinuxABI

/// What all calls of a group share; groups keep like beside like and give every column one meaning.
struct GroupSignature: Hashable {
    var number: UInt32
    var architecture: UInt8
    var flags: UInt16
    /// Number of slots, or `listLayout`.
    var layout: UInt8
    /// Kinds of the slots, two bits each.
    var kinds: UInt16

    static let listLayout: UInt8 = 255
}

final class EventEncoder {
    let body = ByteSink(capacity: 1 << 20)
    private let columns: ColumnEncoder
    private var groups: [GroupSignature: Int] = [:]
    private var signatures: [GroupSignature] = []
    private var rows: [[Int32]] = []
    private var groupOfCall: [UInt64] = []
    private var taskIndex: [UInt32: Int] = [:]
    private var tasks: [UInt32] = []
    private var taskOfCall: [UInt64] = []
    private var column: [UInt64] = []

    init(columns: ColumnEncoder) { self.columns = columns }

    func encode(_ batch: Batch, _ store: BlockEncoder) {
        body.clear()
        let baseTime = batch.calls.first?.entryTime ?? 0
        let baseCall = batch.calls.first?.index ?? 0
        body.appendVarint(batch.calls.count)
        body.appendVarint(baseTime)
        body.appendVarint(baseCall)
        if !batch.calls.isEmpty {
            group(batch)
            encodeOrder(batch, baseTime: baseTime, baseCall: baseCall)
            for index in signatures.indices { encodeGroup(index, batch, store) }
        }
        RecordEncoder(body: body, columns: columns, store: store, baseTime: baseTime, baseCall: baseCall).encode(batch)
    }

    private func group(_ batch: Batch) {
        groups.removeAll(keepingCapacity: true)
        signatures.removeAll(keepingCapacity: true)
        groupOfCall.removeAll(keepingCapacity: true)
        taskIndex.removeAll(keepingCapacity: true)
        tasks.removeAll(keepingCapacity: true)
        taskOfCall.removeAll(keepingCapacity: true)
        for index in rows.indices { rows[index].removeAll(keepingCapacity: true) }
        for (position, call) in batch.calls.enumerated() {
            var signature = GroupSignature(
                number: call.number,
                architecture: call.architecture,
                flags: call.flags,
                layout: GroupSignature.listLayout,
                kinds: 0
            )
            if call.chunkCount <= TraceFormat.maximumSlots {
                signature.layout = UInt8(call.chunkCount)
                for slot in 0..<call.chunkCount {
                    signature.kinds |= UInt16(batch.chunks[call.firstChunk + slot].kind) << UInt16(slot * 2)
                }
            }
            let index = groups[signature] ?? addGroup(signature)
            rows[index].append(Int32(position))
            groupOfCall.append(UInt64(index))
            taskOfCall.append(UInt64(taskIndex[call.task] ?? addTask(call.task)))
        }
    }

    private func addGroup(_ signature: GroupSignature) -> Int {
        let index = signatures.count
        groups[signature] = index
        signatures.append(signature)
        if rows.count <= index { rows.append([]) }
        return index
    }

    private func addTask(_ task: UInt32) -> Int {
        taskIndex[task] = tasks.count
        tasks.append(task)
        return tasks.count - 1
    }

    /// Tasks, groups, and the columns in append order: task, group, index, times.
    private func encodeOrder(_ batch: Batch, baseTime: UInt64, baseCall: UInt64) {
        columns.taskCount = tasks.count
        body.appendVarint(tasks.count)
        for task in tasks { body.appendVarint(UInt64(task)) }
        columns.encode(taskOfCall, into: body)
        body.appendVarint(signatures.count)
        for signature in signatures {
            body.appendVarint(UInt64(signature.number))
            body.append(signature.architecture)
            body.appendVarint(UInt64(signature.flags))
            body.append(signature.layout)
            guard signature.layout != GroupSignature.listLayout else { continue }
            for slot in 0..<UInt16(signature.layout) { body.append(UInt8(signature.kinds >> (slot * 2) & 3)) }
        }
        columns.encode(groupOfCall, into: body)
        column.removeAll(keepingCapacity: true)
        var expected = baseCall
        for call in batch.calls {
            column.append(call.index &- expected)
            expected = call.index &+ 1
        }
        columns.encode(column, into: body)
        column.removeAll(keepingCapacity: true)
        var lastExit = [UInt64](repeating: baseTime, count: tasks.count)
        for (call, task) in zip(batch.calls, taskOfCall) {
            column.append(call.entryTime &- lastExit[Int(task)])
            lastExit[Int(task)] = call.exitTime
        }
        columns.encode(column, into: body)
        column.removeAll(keepingCapacity: true)
        for call in batch.calls { column.append(call.exitTime &- call.entryTime) }
        columns.encode(column, into: body)
    }

    private func encodeGroup(_ index: Int, _ batch: Batch, _ store: BlockEncoder) {
        let members = rows[index]
        let signature = signatures[index]
        let localTasks = taskOfCall
        let rowTasks = members.map { UInt32(truncatingIfNeeded: localTasks[Int($0)]) }
        let calls = batch.calls
        let chunks = batch.chunks
        var bases: [[UInt64]] = []
        func emit(isBase: Bool = true, _ value: (borrowing StagedCall) -> UInt64) {
            let values = members.map { value(calls[Int($0)]) }
            columns.encode(values, tasks: rowTasks, bases: bases, into: body)
            if isBase { bases.append(values) }
        }
        let slots = signature.layout == GroupSignature.listLayout ? 0 : Int(signature.layout)
        for slot in 0..<slots {
            let isSpecial = signature.kinds >> UInt16(slot * 2) & 2 != 0
            let inSlot = members.map { chunks[calls[Int($0)].firstChunk + slot] }
            bases.append(encodeContents(inSlot, batch, store, tasks: rowTasks, isSpecial: isSpecial))
        }
        if signature.layout == GroupSignature.listLayout { encodeList(members, batch, store) }
        emit { $0.arguments.0 }
        emit { $0.arguments.1 }
        emit { $0.arguments.2 }
        emit { $0.arguments.3 }
        emit { $0.arguments.4 }
        emit { $0.arguments.5 }
        for slot in 0..<slots { emit { chunks[$0.firstChunk + slot].address } }
        emit(isBase: false) { $0.result }
    }

    /// References, and for special chunks length and hash. Returns the full lengths.
    private func encodeContents(
        _ chunks: [StagedChunk],
        _ batch: Batch,
        _ store: BlockEncoder,
        tasks: [UInt32]?,
        isSpecial: Bool
    ) -> [UInt64] {
        let arena = batch.arena.bytes
        let references = chunks.map {
            store.reference(UnsafeRawBufferPointer(rebasing: arena[$0.offset..<($0.offset + $0.count)]))
        }
        store.section.endRun()
        columns.encode(references, tasks: tasks, into: body)
        if isSpecial {
            columns.encode(chunks.map { $0.length &- UInt64($0.count) }, into: body)
            columns.encode(chunks.map(\.hash.low), into: body)
            columns.encode(chunks.map(\.hash.high), into: body)
        }
        return chunks.map(\.length)
    }

    /// Chunk counts per row, then one column each over all chunks of the group.
    private func encodeList(_ members: [Int32], _ batch: Batch, _ store: BlockEncoder) {
        columns.encode(members.map { UInt64(batch.calls[Int($0)].chunkCount) }, into: body)
        var chunks: [StagedChunk] = []
        for member in members {
            let call = batch.calls[Int(member)]
            chunks.append(contentsOf: batch.chunks[call.firstChunk..<(call.firstChunk + call.chunkCount)])
        }
        columns.encode(chunks.map { UInt64($0.kind) }, into: body)
        let special = chunks.filter { $0.kind & 2 != 0 }
        _ = encodeContents(chunks, batch, store, tasks: nil, isSpecial: false)
        columns.encode(special.map { $0.length &- UInt64($0.count) }, into: body)
        columns.encode(special.map(\.hash.low), into: body)
        columns.encode(special.map(\.hash.high), into: body)
        var expected: UInt64 = 0
        let addresses = chunks.map { chunk in
            defer { expected = chunk.address &+ chunk.length }
            return chunk.address &- expected
        }
        columns.encode(addresses, into: body)
    }
}
