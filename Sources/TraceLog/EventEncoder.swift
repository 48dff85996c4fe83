// The columns of an events block. docs/trace-format.md, "Events".
import LinuxABI

final class EventEncoder {
    let body = ByteSink(capacity: 1 << 20)
    private let columns: ColumnEncoder
    private let groups = CallGroups()
    /// Columns of the group being written, one after the other.
    private let scratch = Staging<UInt64>()
    private let special = Staging<UInt64>()
    private let listed = Staging<StagedChunk>()
    private var lastExit: [UInt64] = []
    private var bases: [UnsafePointer<UInt64>] = []

    init(columns: ColumnEncoder) { self.columns = columns }

    func encode(_ batch: Batch, _ store: BlockEncoder) {
        body.clear()
        let count = batch.calls.count
        let baseTime = count > 0 ? batch.calls[0].entryTime : 0
        let baseCall = count > 0 ? batch.calls[0].index : 0
        body.appendVarint(count)
        body.appendVarint(baseTime)
        body.appendVarint(baseCall)
        if count > 0 {
            groups.collect(batch)
            encodeTasksAndGroups(count)
            encodeOrder(batch, baseTime: baseTime, baseCall: baseCall)
            for index in groups.signatures.indices { encodeGroup(index, batch, store) }
        }
        RecordEncoder(body: body, columns: columns, store: store, baseTime: baseTime, baseCall: baseCall).encode(batch)
    }

    private func encodeTasksAndGroups(_ count: Int) {
        columns.taskCount = groups.tasks.count
        body.appendVarint(groups.tasks.count)
        for task in groups.tasks { body.appendVarint(UInt64(task)) }
        columns.encode(groups.taskOfCall.base, count, into: body)
        body.appendVarint(groups.signatures.count)
        for signature in groups.signatures {
            body.appendVarint(UInt64(signature.number))
            body.append(signature.architecture)
            body.appendVarint(UInt64(signature.flags))
            body.append(signature.layout)
            guard signature.layout != GroupSignature.listLayout else { continue }
            for slot in 0..<UInt16(signature.layout) { body.append(UInt8(signature.kinds >> (slot * 2) & 3)) }
        }
        columns.encode(groups.groupOfCall.base, count, into: body)
    }

    /// The columns in append order: index, times.
    private func encodeOrder(_ batch: Batch, baseTime: UInt64, baseCall: UInt64) {
        let count = batch.calls.count
        let calls = batch.calls.base
        let owners = groups.taskOfCall.base
        let gaps = scratch.resize(count * 3)
        let idle = gaps + count
        let durations = idle + count
        lastExit.removeAll(keepingCapacity: true)
        lastExit.append(contentsOf: repeatElement(baseTime, count: groups.tasks.count))
        lastExit.withUnsafeMutableBufferPointer { lastExit in
            var expected = baseCall
            for row in 0..<count {
                let (index, entry, exit) = (calls[row].index, calls[row].entryTime, calls[row].exitTime)
                gaps[row] = index &- expected
                expected = index &+ 1
                idle[row] = entry &- lastExit[Int(owners[row])]
                lastExit[Int(owners[row])] = exit
                durations[row] = exit &- entry
            }
        }
        columns.encode(gaps, count, into: body)
        columns.encode(idle, count, into: body)
        columns.encode(durations, count, into: body)
    }

    private func encodeGroup(_ index: Int, _ batch: Batch, _ store: BlockEncoder) {
        let first = groups.bounds[index]
        let rows = groups.bounds[index + 1] - first
        let members = groups.members.base + first
        let tasks = UnsafePointer(groups.memberTasks.base + first)
        let signature = groups.signatures[index]
        let calls = batch.calls.base
        let chunks = batch.chunks.base
        let slots = signature.layout == GroupSignature.listLayout ? 0 : Int(signature.layout)
        // Columns: a reference and a length per slot, six arguments, an address per slot, the result.
        let room = scratch.resize(rows * (3 * slots + 7))
        let words = room + rows * 2 * slots
        let results = room + rows * (3 * slots + 6)
        for row in 0..<rows {
            let call = calls + Int(members[row])
            let arguments = call.pointee.arguments
            words[row] = arguments.0
            words[rows + row] = arguments.1
            words[2 * rows + row] = arguments.2
            words[3 * rows + row] = arguments.3
            words[4 * rows + row] = arguments.4
            words[5 * rows + row] = arguments.5
            results[row] = call.pointee.result
            let chunk = chunks + Int(call.pointee.firstChunk)
            for slot in 0..<slots {
                room[(2 * slot + 1) * rows + row] = chunk[slot].length
                words[(6 + slot) * rows + row] = chunk[slot].address
            }
        }
        bases.removeAll(keepingCapacity: true)
        for slot in 0..<slots {
            let references = room + 2 * slot * rows
            for row in 0..<rows {
                references[row] = store.reference(
                    chunks[Int(calls[Int(members[row])].firstChunk) + slot].content,
                    batch
                )
            }
            store.section.endRun()
            columns.encode(references, rows, tasks: tasks, into: body)
            if signature.kinds >> UInt16(slot * 2) & 2 != 0 {
                encodeSpecial(rows) { UnsafePointer(chunks) + Int(calls[Int(members[$0])].firstChunk) + slot }
            }
            bases.append(references + rows)
        }
        if signature.layout == GroupSignature.listLayout { encodeList(members, rows, batch, store) }
        for place in 0..<(6 + slots) {
            let column = words + place * rows
            columns.encode(column, rows, tasks: tasks, bases: bases, into: body)
            bases.append(UnsafePointer(column))
        }
        columns.encode(results, rows, tasks: tasks, bases: bases, into: body)
    }

    /// Lengths and hashes that were recorded apart.
    private func encodeSpecial(_ rows: Int, _ chunk: (Int) -> UnsafePointer<StagedChunk>) {
        let lengths = special.resize(rows * 3)
        for row in 0..<rows {
            let chunk = chunk(row)
            lengths[row] = chunk.pointee.length &- UInt64(chunk.pointee.count)
            lengths[rows + row] = chunk.pointee.hash.low
            lengths[2 * rows + row] = chunk.pointee.hash.high
        }
        for place in 0..<3 { columns.encode(lengths + place * rows, rows, into: body) }
    }

    /// Chunk counts per row, then one column each over all chunks of the group.
    private func encodeList(_ members: UnsafePointer<UInt32>, _ rows: Int, _ batch: Batch, _ store: BlockEncoder) {
        let column = special.resize(rows)
        listed.clear()
        for row in 0..<rows {
            let call = batch.calls[Int(members[row])]
            column[row] = UInt64(call.chunkCount)
            for chunk in call.firstChunk..<(call.firstChunk + call.chunkCount) {
                listed.append(batch.chunks[Int(chunk)])
            }
        }
        columns.encode(column, rows, into: body)
        let count = listed.count
        let all = UnsafePointer(listed.base)
        let values = special.resize(count)
        for row in 0..<count { values[row] = UInt64(all[row].kind) }
        columns.encode(values, count, into: body)
        for row in 0..<count { values[row] = store.reference(all[row].content, batch) }
        store.section.endRun()
        columns.encode(values, count, into: body)
        let apart = (0..<count).filter { all[$0].kind & 2 != 0 }
        encodeSpecial(apart.count) { all + apart[$0] }
        let addresses = special.resize(count)
        var expected: UInt64 = 0
        for row in 0..<count {
            addresses[row] = all[row].address &- expected
            expected = all[row].address &+ all[row].length
        }
        columns.encode(addresses, count, into: body)
    }
}
