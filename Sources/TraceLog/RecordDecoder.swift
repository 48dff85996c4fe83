// Reads tasks, signals and paths of an events block. Mirrors RecordEncoder.
import LinuxABI

struct RecordDecoder {
    var columns: ColumnDecoder
    let payloads: PayloadStore
    let baseTime: UInt64
    let baseCall: UInt64

    mutating func decode(
        _ cursor: inout ByteCursor,
        into batch: inout EventBatch,
        _ references: inout ReferenceDecoder
    ) throws(Malformed) {
        try decodeTasks(&cursor, &batch, &references)
        try decodeSignals(&cursor, &batch)
        try decodePaths(&cursor, &batch, &references)
    }

    /// The calls that the ended tasks made.
    func decodeCounts(_ cursor: inout ByteCursor, into batch: inout EventBatch) throws(Malformed) {
        for position in batch.taskRecords.indices {
            guard case .exited = batch.taskRecords[position].kind else { continue }
            let count = try cursor.varint()
            batch.taskRecords[position].callsMade = count > 0 ? count - 1 : nil
        }
    }

    private func string(_ cursor: inout ByteCursor, _ references: inout ReferenceDecoder) throws(Malformed) -> String {
        text(try references.resolve(try cursor.varint()))
    }

    /// A string stored with its final NUL.
    private func text(_ id: Int) -> String {
        payloads.withBytes(id) { bytes in
            String(
                decoding: bytes.last == 0 ? UnsafeRawBufferPointer(rebasing: bytes.dropLast()) : bytes,
                as: UTF8.self
            )
        }
    }

    private func int32(_ cursor: inout ByteCursor) throws(Malformed) -> Int32 {
        Int32(truncatingIfNeeded: try cursor.zigzag())
    }

    private func task(_ cursor: inout ByteCursor) throws(Malformed) -> TaskID {
        TaskID(rawValue: UInt32(try cursor.count(limit: Int(UInt32.max), "as a task id")))
    }

    private func strings(
        _ cursor: inout ByteCursor,
        _ references: inout ReferenceDecoder
    ) throws(Malformed) -> [String] {
        let count = try cursor.count(limit: cursor.remaining, "strings")
        var result: [String] = []
        for _ in 0..<count { result.append(try string(&cursor, &references)) }
        return result
    }

    private func decodeTasks(
        _ cursor: inout ByteCursor,
        _ batch: inout EventBatch,
        _ references: inout ReferenceDecoder
    ) throws(Malformed) {
        let count = try cursor.count(limit: cursor.remaining, "task records")
        var time = baseTime
        var call = baseCall
        for _ in 0..<count {
            let tag = try cursor.byte()
            let task = try task(&cursor)
            time &+= try cursor.zigzag()
            call &+= try cursor.zigzag()
            let kind: TaskRecord.Kind
            switch tag {
            case 0:
                let tid = try int32(&cursor)
                let tgid = try int32(&cursor)
                let present = try cursor.byte()
                let parent = present & 1 != 0 ? try self.task(&cursor) : nil
                let byCall = present & 2 != 0 ? try cursor.varint() : nil
                kind = .created(tid: tid, tgid: tgid, parent: parent, byCall: byCall)
            case 1:
                let path = try string(&cursor, &references)
                let arguments = try strings(&cursor, &references)
                let environment = try strings(&cursor, &references)
                var auxv: [UInt64] = []
                for _ in 0..<(try cursor.count(limit: cursor.remaining, "auxv words")) {
                    auxv.append(try cursor.varint())
                }
                kind = .executed(path: path, arguments: arguments, environment: environment, auxv: auxv)
            case 2: kind = .exited(status: try cursor.byte() != 0 ? try int32(&cursor) : nil)
            default: throw Malformed("unknown task record \(tag)")
            }
            batch.taskRecords.append(TaskRecord(task: task, time: time, afterCalls: call, kind: kind))
        }
    }

    private func decodeSignals(_ cursor: inout ByteCursor, _ batch: inout EventBatch) throws(Malformed) {
        let count = try cursor.count(limit: cursor.remaining, "signals")
        var time = baseTime
        var call = baseCall
        for _ in 0..<count {
            let task = try task(&cursor)
            time &+= try cursor.zigzag()
            call &+= try cursor.zigzag()
            batch.signalRecords.append(
                SignalRecord(
                    task: task,
                    time: time,
                    afterCalls: call,
                    signal: try int32(&cursor),
                    code: try int32(&cursor),
                    handler: try cursor.varint()
                )
            )
        }
    }

    private mutating func decodePaths(
        _ cursor: inout ByteCursor,
        _ batch: inout EventBatch,
        _ references: inout ReferenceDecoder
    ) throws(Malformed) {
        let count = try cursor.count(limit: TraceFormat.maximumCalls, "paths")
        guard count > 0 else { return }
        let scratch = Scratch<UInt64>(0)
        let column = scratch.room(count)
        try columns.decode(&cursor, rows: count, into: column)
        var records: [PathRecord] = []
        records.reserveCapacity(count)
        for row in 0..<count { records.append(PathRecord(path: "", beforeCall: baseCall &+ column[row])) }
        try columns.decode(&cursor, rows: count, into: column)
        let flags = (0..<count).map { column[$0] }
        try decodeNames(&cursor, flags, column, &records, &references)
        func rows(_ flag: UInt64) -> [Int] { flags.indices.filter { flags[$0] & flag != 0 } }
        let absent = rows(PathFlag.absent)
        try columns.decode(&cursor, rows: absent.count, into: column)
        for (place, row) in absent.enumerated() { records[row].absent = Int32(truncatingIfNeeded: column[place]) }
        let links = rows(PathFlag.link)
        try columns.decode(&cursor, rows: links.count, into: column)
        for (place, row) in links.enumerated() {
            let id = try references.resolve(column[place])
            records[row].linkTarget = payloads.withBytes(id) { String(decoding: $0, as: UTF8.self) }
        }
        let heads = rows(PathFlag.head)
        try columns.decode(&cursor, rows: heads.count, into: column)
        for (place, row) in heads.enumerated() {
            records[row].head = payloads.bytes(try references.resolve(column[place]))
        }
        let statuses = rows(PathFlag.status)
        try columns.decode(&cursor, rows: statuses.count, into: column)
        for (place, row) in statuses.enumerated() {
            let id = try references.resolve(column[place])
            guard let status = payloads.withBytes(id, { FileStatus(layout: $0) }) else {
                throw Malformed("has file metadata of \(payloads.length(id)) bytes")
            }
            records[row].status = status
        }
        batch.pathRecords = records
    }

    /// Paths: a prefix for those that have one, and a name; references in the order of the rows, prefix first.
    private mutating func decodeNames(
        _ cursor: inout ByteCursor,
        _ flags: [UInt64],
        _ column: UnsafeMutablePointer<UInt64>,
        _ records: inout [PathRecord],
        _ references: inout ReferenceDecoder
    ) throws(Malformed) {
        let prefixed = flags.reduce(0) { $0 + ($1 & PathFlag.prefix != 0 ? 1 : 0) }
        try columns.decode(&cursor, rows: prefixed, into: column)
        var prefixes = (0..<prefixed).map { column[$0] }[...]
        try columns.decode(&cursor, rows: flags.count, into: column)
        for row in flags.indices {
            var path = ""
            if flags[row] & PathFlag.prefix != 0, let prefix = prefixes.popFirst() {
                path = payloads.withBytes(try references.resolve(prefix)) { String(decoding: $0, as: UTF8.self) }
            }
            records[row].path = path + text(try references.resolve(column[row]))
        }
    }
}
