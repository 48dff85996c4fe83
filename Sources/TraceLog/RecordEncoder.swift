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
            let bytes = Array(record.path.utf8) + [0]
            let start = knownSuffix(bytes)
            if start > 0 {
                flag |= PathFlag.prefix
                prefixes.append(strings.reference(bytes[..<start], store))
            }
            names.append(strings.reference(bytes[start...], store))
            flags.append(flag)
        }
        // Prefixes and names take their payloads by turns, so both columns come with the flags that tell which.
        columns.encode(flags, into: body)
        columns.encode(prefixes, into: body)
        columns.encode(names, into: body)
        store.section.endRun()
        columns.encode(records.compactMap { $0.absent.map { UInt64(bitPattern: Int64($0)) } }, into: body)
        columns.encode(
            records.compactMap { $0.linkTarget.map { strings.reference(Array($0.utf8)[...], store) } },
            into: body
        )
        store.section.endRun()
        columns.encode(
            records.filter { !$0.head.isEmpty }.map { strings.reference($0.head[...], store) },
            into: body
        )
        store.section.endRun()
        columns.encode(
            records.filter { $0.status != FileStatus() }.map { strings.reference($0.status.layout[...], store) },
            into: body
        )
    }

    /// Where the longest part of a path begins that a call already passed, after a `/`; 0 if there is none.
    private func knownSuffix(_ path: [UInt8]) -> Int {
        guard !store.isKnown(path[...]) else { return 0 }
        for position in path.indices.dropLast(2) where path[position] == UInt8(ascii: "/") {
            if store.isKnown(path[(position + 1)...]) { return position + 1 }
        }
        return 0
    }
}

/// Keeps the bytes of strings in one place until their run is laid out.
private struct StringStage {
    private var kept: [StableBytes] = []

    /// Strings are stored with a final NUL, as calls pass them, so that both share one payload.
    mutating func reference(_ string: String, _ store: BlockEncoder) -> UInt64 {
        reference((Array(string.utf8) + [0])[...], store)
    }

    mutating func reference(_ bytes: ArraySlice<UInt8>, _ store: BlockEncoder) -> UInt64 {
        let stable = bytes.withUnsafeBytes { StableBytes($0) }
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
