// Tasks, signals and paths of an events block. docs/trace-format.md, "Records".
import LinuxABI

struct RecordEncoder {
    let body: ByteSink
    let columns: ColumnEncoder
    let store: BlockEncoder
    let baseTime: UInt64
    let baseCall: UInt64

    func encode(_ batch: Batch) {
        var strings = StringStage()
        encodeTasks(batch.tasks, &strings)
        store.section.endRun()
        encodeSignals(batch.signals)
        encodePaths(batch.paths, &strings)
        // The section points at the strings' bytes until the run is laid out.
        withExtendedLifetime(strings) { store.section.endRun() }
    }

    private func encodeTasks(_ records: [TaskRecord], _ strings: inout StringStage) {
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
            case .executed(let path, let arguments, let environment, let auxv):
                append(path, &strings)
                body.appendVarint(arguments.count)
                for argument in arguments { append(argument, &strings) }
                body.appendVarint(environment.count)
                for variable in environment { append(variable, &strings) }
                body.appendVarint(auxv.count)
                for word in auxv { body.appendVarint(word) }
            case .exited(let status):
                body.append(status == nil ? 0 : 1)
                if let status { body.appendZigzag(UInt64(bitPattern: Int64(status))) }
            }
        }
    }

    private func append(_ string: String, _ strings: inout StringStage) {
        body.appendVarint(strings.reference(string, store))
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

    private func encodePaths(_ records: [PathRecord], _ strings: inout StringStage) {
        body.appendVarint(records.count)
        guard !records.isEmpty else { return }
        columns.encode(
            records.map { record in
                (record.absent == nil ? 0 : 1) | (record.linkTarget == nil ? 0 : 2) | (record.head.isEmpty ? 0 : 4)
            },
            into: body
        )
        columns.encode(records.map { strings.reference($0.path, store) }, into: body)
        store.section.endRun()
        columns.encode(records.map { $0.beforeCall &- baseCall }, into: body)
        columns.encode(records.compactMap { $0.absent.map { UInt64(bitPattern: Int64($0)) } }, into: body)
        columns.encode(records.compactMap { $0.linkTarget.map { strings.reference($0, store) } }, into: body)
        store.section.endRun()
        columns.encode(
            records.filter { !$0.head.isEmpty }.map { record in
                record.head.withUnsafeBytes { strings.reference($0, store) }
            },
            into: body
        )
        for word in 0..<FileStatus.wordCount { columns.encode(records.map { $0.status[word: word] }, into: body) }
    }
}

/// Keeps the bytes of strings in one place until their run is laid out.
private struct StringStage {
    private var kept: [StableBytes] = []

    mutating func reference(_ string: String, _ store: BlockEncoder) -> UInt64 {
        var copy = string
        return copy.withUTF8 { reference(UnsafeRawBufferPointer($0), store) }
    }

    mutating func reference(_ bytes: UnsafeRawBufferPointer, _ store: BlockEncoder) -> UInt64 {
        let stable = StableBytes(bytes)
        kept.append(stable)
        return store.reference(stable.bytes)
    }
}

private final class StableBytes {
    let bytes: UnsafeRawBufferPointer

    init(_ source: UnsafeRawBufferPointer) {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: max(source.count, 1), alignment: 1)
        room.copyMemory(from: source)
        bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[0..<source.count])
    }

    deinit { bytes.deallocate() }
}

extension FileStatus {
    static let wordCount = 13

    /// The fields in order, as 64-bit words.
    subscript(word word: Int) -> UInt64 {
        get {
            switch word {
            case 0: device
            case 1: inode
            case 2: UInt64(mode)
            case 3: links
            case 4: UInt64(uid)
            case 5: UInt64(gid)
            case 6: specialDevice
            case 7: UInt64(bitPattern: size)
            case 8: UInt64(bitPattern: blockSize)
            case 9: UInt64(bitPattern: blocks)
            case 10: UInt64(bitPattern: accessTime)
            case 11: UInt64(bitPattern: modificationTime)
            default: UInt64(bitPattern: changeTime)
            }
        }
        set {
            switch word {
            case 0: device = newValue
            case 1: inode = newValue
            case 2: mode = UInt32(truncatingIfNeeded: newValue)
            case 3: links = newValue
            case 4: uid = UInt32(truncatingIfNeeded: newValue)
            case 5: gid = UInt32(truncatingIfNeeded: newValue)
            case 6: specialDevice = newValue
            case 7: size = Int64(bitPattern: newValue)
            case 8: blockSize = Int64(bitPattern: newValue)
            case 9: blocks = Int64(bitPattern: newValue)
            case 10: accessTime = Int64(bitPattern: newValue)
            case 11: modificationTime = Int64(bitPattern: newValue)
            default: changeTime = Int64(bitPattern: newValue)
            }
        }
    }
}
