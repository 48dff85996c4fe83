// Tasks, signals and paths of an events block. docs/trace-format.md, "Records".
import LinuxABI

struct RecordEncoder {
    /// The contents that `ContentStage` took in, in the same order.
    private struct Contents {
        let batch: Batch
        let store: BlockEncoder
        private var position = 0

        init(batch: Batch, store: BlockEncoder) {
            self.batch = batch
            self.store = store
        }

        mutating func next() -> UInt64 {
            defer { position += 1 }
            return batch.recordContents[position]
        }

        mutating func reference() -> UInt64 { store.reference(next(), batch) }
    }

    let body: ByteSink
    let columns: ColumnEncoder
    let store: BlockEncoder
    let baseTime: UInt64
    let baseCall: UInt64

    func encode(_ batch: Batch) {
        var contents = Contents(batch: batch, store: store)
        encodeTasks(batch.tasks, &contents)
        store.section.endRun()
        encodeSignals(batch.signals)
        encodePaths(batch.paths, &contents)
        encodeCounts(batch.tasks)
        store.section.endRun()
    }

    private func encodeTasks(_ records: [TaskRecord], _ contents: inout Contents) {
        body.appendVarint(records.count)
        var time = baseTime
        var call = baseCall
        for record in records {
            switch record.kind {
            case .created: body.append(0)
            case .executed: body.append(1)
            case .exited: body.append(2)
            }
            body.appendVarint(UInt64(record.task.rawValue))
            body.appendZigzag(record.time &- time)
            body.appendZigzag(record.afterCalls &- call)
            time = record.time
            call = record.afterCalls
            switch record.kind {
            case .created(let tid, let tgid, let parent, let byCall):
                body.appendZigzag(UInt64(bitPattern: Int64(tid)))
                body.appendZigzag(UInt64(bitPattern: Int64(tgid)))
                body.append((parent == nil ? 0 : 1) | (byCall == nil ? 0 : 2))
                if let parent { body.appendVarint(UInt64(parent.rawValue)) }
                if let byCall { body.appendVarint(byCall) }
            case .executed(_, let arguments, let environment, let auxv):
                body.appendVarint(contents.reference())
                body.appendVarint(arguments.count)
                for _ in arguments { body.appendVarint(contents.reference()) }
                body.appendVarint(environment.count)
                for _ in environment { body.appendVarint(contents.reference()) }
                body.appendVarint(auxv.count)
                for word in auxv { body.appendVarint(word) }
            case .exited(let status):
                body.append(status == nil ? 0 : 1)
                if let status { body.appendZigzag(UInt64(bitPattern: Int64(status))) }
            }
        }
    }

    private func encodeSignals(_ records: [SignalRecord]) {
        body.appendVarint(records.count)
        var time = baseTime
        var call = baseCall
        for record in records {
            body.appendVarint(UInt64(record.task.rawValue))
            body.appendZigzag(record.time &- time)
            body.appendZigzag(record.afterCalls &- call)
            body.appendZigzag(UInt64(bitPattern: Int64(record.signal)))
            body.appendZigzag(UInt64(bitPattern: Int64(record.code)))
            body.appendVarint(record.handler)
            time = record.time
            call = record.afterCalls
        }
    }

    /// The calls that the ended tasks made, plus 1; 0 if not known.
    private func encodeCounts(_ records: [TaskRecord]) {
        for record in records {
            guard case .exited = record.kind else { continue }
            body.appendVarint(record.callsMade.map { $0 &+ 1 } ?? 0)
        }
    }

    private func encodePaths(_ records: [PathRecord], _ contents: inout Contents) {
        body.appendVarint(records.count)
        guard !records.isEmpty else { return }
        columns.encode(records.map { $0.beforeCall &- baseCall }, into: body)
        var flags: [UInt64] = []
        var prefixes: [UInt64] = []
        var names: [UInt64] = []
        for record in records {
            var flag = PathFlag.none
            if record.absent != nil { flag |= PathFlag.absent }
            if record.linkTarget != nil { flag |= PathFlag.link }
            if !record.head.isEmpty { flag |= PathFlag.head }
            if record.status != FileStatus() { flag |= PathFlag.status }
            // The length of the prefix; prefix, if any; name.
            if contents.next() > 0 {
                flag |= PathFlag.prefix
                prefixes.append(contents.reference())
            }
            names.append(contents.reference())
            flags.append(flag)
        }
        // Prefixes and names take their payloads by turns, so both columns come with the flags that tell which.
        columns.encode(flags, into: body)
        columns.encode(prefixes, into: body)
        columns.encode(names, into: body)
        store.section.endRun()
        columns.encode(records.compactMap { $0.absent.map { UInt64(bitPattern: Int64($0)) } }, into: body)
        columns.encode(references(records.count { $0.linkTarget != nil }, &contents), into: body)
        store.section.endRun()
        columns.encode(references(records.count { !$0.head.isEmpty }, &contents), into: body)
        store.section.endRun()
        columns.encode(references(records.count { $0.status != FileStatus() }, &contents), into: body)
    }

    private func references(_ count: Int, _ contents: inout Contents) -> [UInt64] {
        (0..<count).map { _ in contents.reference() }
    }
}
