// Resynchronisation: puts the engine where the recording was, and marks what was put there.
import Engine
import LinuxABI
import TraceLog

extension ReplayRun {
    /// Repairs the state after a divergence.
    ///
    /// - Parameters:
    ///   - mark: goes onto everything that the recorded call made or changed; nil marks nothing.
    ///   - withholds: only marks; the engine stays as it is.
    ///   - written: what the engine's call wrote.
    func repair(
        _ pending: Pending,
        engine value: Int64?,
        mark: Mark?,
        withholds: Bool,
        written: [MemoryChunks.Chunk] = []
    ) {
        let call = pending.call
        if mark != nil { world.hasMarks = true }
        let engineSucceeded = (value ?? -1) >= 0
        markOutput(call, mark, written)
        if call.succeeded {
            for effect in world.effects {
                apply(effect, pending, engineSucceeded: engineSucceeded, value, mark, withholds)
            }
            if !engineSucceeded, pending.variant?.callName == "ptrace" { markTracee(pending, mark) }
        } else if engineSucceeded, call.record.flags.isDisjoint(with: .resultUnknown), !withholds {
            undo(pending, value ?? 0, mark)
        }
    }

    /// Grafts one thing; notes a refusal.
    private func graft(_ graft: Graft, _ pending: Pending) -> Bool {
        let task = pending.call.record.task
        guard engineTasks.contains(task) else { return false }
        let accepted = engine.graft(graft, on: task)
        if !accepted { record.note(pending.call.index, "graft refused: \(Self.text(graft))") }
        return accepted
    }

    private static func text(_ graft: Graft) -> String {
        // The case's name says what it is; payloads may be long.
        String(String(describing: graft).prefix(80))
    }

    /// A tracee that the engine does not trace: its stops, and waits for them, follow. There is no graft for tracing.
    private func markTracee(_ pending: Pending, _ mark: Mark?) {
        let task = world.task(pending.call.record.task)
        let pid = Int32(truncatingIfNeeded: pending.call.word(1))
        guard let mark, let tracee = world.task(pid: pid, seenBy: task) else { return }
        tracee.mark = tracee.mark ?? mark
    }

    /// Output bytes that the engine did not write right: inputs that still hold them follow.
    private func markOutput(_ call: RecordedCall, _ mark: Mark?, _ written: [MemoryChunks.Chunk]) {
        guard let mark else { return }
        let memory = world.task(call.record.task).memory
        let left = EngineMemory(written, over: call.input)
        for chunk in call.output.chunks where chunk.bytes.count >= 4 {
            // What it left as it should be has no consequences.
            if left.read(chunk.address, count: chunk.bytes.count) == .bytes(chunk.bytes) { continue }
            world.marks.mark(chunk.bytes, at: chunk.address, in: memory, mark)
        }
    }

    private func apply(
        _ effect: Effect,
        _ pending: Pending,
        engineSucceeded: Bool,
        _ value: Int64?,
        _ mark: Mark?,
        _ withholds: Bool
    ) {
        let call = pending.call
        let task = world.task(call.record.task)
        // Where both succeeded, things exist on both sides; only positions and bytes may be off.
        let isMissing = !engineSucceeded
        func put(_ graft: Graft) -> Bool { withholds ? false : self.graft(graft, pending) }
        switch effect {
        case .opened(let fd, let source) where isMissing: putDescriptor(fd, source, pending, mark, withholds)
        case .closed(let fd) where isMissing: _ = put(.closed(fd: engineDescriptor(fd, pending)))
        case .madePath(let path) where isMissing:
            guard let node = world.files.node(path) else { return }
            if let mark { node.mark = node.mark ?? mark }
            _ = put(.file(node.file(at: path)))
        case .removedPath(let path) where isMissing:
            if let mark { world.marks.paths[path] = mark }
            _ = put(.absent(path: path))
        case .renamed(let source, let target) where isMissing:
            guard let node = world.files.node(target) else { return }
            if let mark {
                world.marks.paths[source] = mark
                node.mark = node.mark ?? mark
                if node.kind == .directory { world.files.mark(below: world.files.name(target), mark) }
            }
            if put(.renamed(source: source, target: target)) { return }
            _ = put(.absent(path: source))
            _ = put(.file(node.file(at: target)))
        case .changedPath(let path) where isMissing:
            guard let node = world.files.node(path) else { return }
            if let mark { node.mark = node.mark ?? mark }
            _ = put(.file(node.file(at: path)))
        case .movedOffset(let fd) where value != call.record.result:
            guard let description = world.description(fd, in: task) else { return }
            _ = put(.offset(fd: engineDescriptor(fd, pending), offset: description.offset))
        case .changedDescription(let fd) where isMissing:
            // Nothing to graft: what the description should be is the sum of such calls.
            if let mark, let description = world.description(fd, in: task) {
                description.mark = description.mark ?? mark
            }
        case .wroteFile(let path, let offset, let bytes) where value != call.record.result:
            if let mark, let node = world.files.node(path) { node.mark = node.mark ?? mark }
            _ = put(.content(path: path, offset: offset, bytes: bytes))
        case .wroteStream(let fd, let bytes) where isMissing:
            if let mark, let description = world.description(fd, in: task) {
                description.peer?.mark = description.peer?.mark ?? mark
            }
            _ = put(.stream(fd: engineDescriptor(fd, pending), bytes: bytes))
        case .readStream(let fd, let count) where isMissing:
            _ = put(.drained(fd: engineDescriptor(fd, pending), count: count))
        case .child(let child, let flags): putChild(child, flags, pending, isMissing: isMissing, mark, withholds)
        case .reaped(let pid) where isMissing:
            _ = put(.reaped(pid: Int32(truncatingIfNeeded: names.engineName(UInt64(pid), pending.scopes.scope(.pid)))))
            names[pending.scopes.scope(.pid)].unbind(UInt64(pid))
        case .mapped(let address, let length) where isMissing:
            markRange(address, length, task, mark)
            _ = put(.mapping(address: address, length: length, mapped: true))
        case .unmapped(let address, let length) where isMissing:
            markRange(address, length, task, mark)
            _ = put(.mapping(address: address, length: length, mapped: false))
        case .programBreak(let address) where value != call.record.result: _ = put(.programBreak(address))
        case .workingDirectory where isMissing:
            if let mark { task.directories.workingDirectoryMark = mark }
            _ = put(.workingDirectory(task.directories.workingDirectory))
        case .credentials where isMissing:
            if let mark { task.credentialMark = task.credentialMark ?? mark }
            _ = put(.credentials(uids: task.uids, gids: task.gids))
        case .umask: _ = put(.umask(task.directories.umask))
        case .signalMask where isMissing:
            if let mark { task.signalMark = mark }
            _ = put(.signalMask(task.signalMask))
        case .namespaces(let flags) where isMissing:
            // A child made in new namespaces is looked at with the child.
            guard !put(.namespaces(flags)), let mark, !call.makesTask else { return }
            task.namespaceMark = task.namespaceMark ?? mark
        case .mounted(let mount) where isMissing:
            if let mark { world.marks.paths[mount.point] = mark }
            _ = put(.mount(mount))
        case .unmounted(let point) where isMissing:
            if let mark { world.marks.paths[point] = mark }
            _ = put(.unmounted(point: point))
        case .executed(let path) where isMissing: _ = put(.executed(path: path))
        default: break
        }
        markIdentity(pending, mark)
    }

    /// A made id that is no descriptor (a semaphore set, a timer, a watch) cannot be put there: calls on it follow.
    private func markIdentity(_ pending: Pending, _ mark: Mark?) {
        guard let mark, let variant = pending.variant, variant.result.creates, let space = variant.result.nameSpace,
            space != .fd, space != .pid, space != .address
        else { return }
        world.marks.ids[.init(space), default: [:]][UInt64(bitPattern: pending.call.record.result)] = mark
    }

    private func markRange(_ address: UInt64, _ length: UInt64, _ task: TaskState, _ mark: Mark?) {
        guard let mark, length > 0, address <= UInt64.max - length else { return }
        world.marks.mappings[task.memory, default: []].append((address..<(address + length), mark))
    }

    private func engineDescriptor(_ fd: Int32, _ pending: Pending) -> Int32 {
        Int32(
            truncatingIfNeeded: names.engineName(UInt64(bitPattern: Int64(fd)), .init(.fd, pending.scopes.descriptors))
        )
    }

    // MARK: - Descriptors

    private func putDescriptor(_ fd: Int32, _ source: Int32?, _ pending: Pending, _ mark: Mark?, _ withholds: Bool) {
        let task = world.task(pending.call.record.task)
        guard let entry = task.files.entries[fd] else { return }
        let scope = Bijections.Scope(.fd, task.files.id)
        if let mark { entry.description.mark = entry.description.mark ?? mark }
        guard !withholds else { return }
        // The recorded number if the engine has it free, else the lowest that is.
        let bijection = names[scope]
        let isFree = bijection.recorded(UInt64(fd)) == nil || bijection.engine(UInt64(fd)) == UInt64(fd)
        let number = isFree ? UInt64(fd) : lowestFree(bijection, from: 0)
        let accepted: Bool
        if let source, bijection.engine(UInt64(source)) != nil {
            accepted = graft(
                .duplicate(
                    fd: Int32(number),
                    source: engineDescriptor(source, pending),
                    closeOnExec: entry.closeOnExec
                ),
                pending
            )
        } else {
            if let node = entry.description.node, let path = entry.description.path {
                _ = graft(.file(node.file(at: path)), pending)
            }
            accepted = graft(
                .descriptor(
                    fd: Int32(number),
                    target: entry.description.target,
                    flags: UInt32(truncatingIfNeeded: entry.description.flags),
                    closeOnExec: entry.closeOnExec
                ),
                pending
            )
        }
        if accepted { names[scope].rebind(UInt64(fd), number) }
    }

    // MARK: - Children

    private func putChild(
        _ child: TaskID,
        _ flags: UInt64,
        _ pending: Pending,
        isMissing: Bool,
        _ mark: Mark?,
        _ withholds: Bool
    ) {
        guard isMissing, let state = world.tasks[child] else { return }
        let plainFlags = flags & ~Linux.namespaceFlags
        let accepted = !withholds && graft(.child(task: child, pid: state.tid, flags: plainFlags), pending)
        if accepted {
            engineTasks[child] = ()
            // A recording need not say who the child was.
            let pid = UInt64(bitPattern: Int64(state.tid))
            if state.tid > 0 { _ = names[pending.scopes.scope(.pid)].create(pid, pid) }
            if let mark { state.mark = state.mark ?? mark }
        } else if let mark {
            state.absentMark = state.absentMark ?? mark
        }
        let namespaces = flags & Linux.namespaceFlags
        if accepted, namespaces != 0, !engine.graft(.namespaces(namespaces), on: child), let mark {
            state.namespaceMark = state.namespaceMark ?? mark
        }
    }

    // MARK: - Undoing what only the engine did

    private func undo(_ pending: Pending, _ value: Int64, _ mark: Mark?) {
        let call = pending.call
        let task = world.task(call.record.task)
        if let variant = pending.variant, variant.result.creates {
            switch variant.result.nameSpace {
            case .fd: _ = graft(.closed(fd: Int32(truncatingIfNeeded: value)), pending)
            case .address:
                _ = graft(.mapping(address: UInt64(bitPattern: value), length: call.word(1), mapped: false), pending)
            case .pid where value > 0 && world.birth[call.index] == nil:
                engine.taskEnded(pending.childTask, status: nil)
                engineTasks.remove(pending.childTask)
            default: break
            }
        }
        switch call.known {
        case .chdir, .fchdir: _ = graft(.workingDirectory(task.directories.workingDirectory), pending)
        case .setuid, .setgid, .setreuid, .setregid, .setresuid, .setresgid, .setfsuid, .setfsgid:
            _ = graft(.credentials(uids: task.uids, gids: task.gids), pending)
        case .open, .openat, .openat2, .creat, .mkdir, .mkdirat, .mknod, .mknodat, .symlink, .symlinkat, .link, .linkat,
            .unlink, .unlinkat, .rmdir, .rename, .renameat, .renameat2:
            world.paths(call, in: task).visit { name in
                if let node = name.node {
                    if let mark { node.mark = node.mark ?? mark }
                    _ = graft(.file(node.file(at: name.text)), pending)
                } else if name.state != nil {
                    if let mark { world.marks.paths[name.text] = mark }
                    _ = graft(.absent(path: name.text), pending)
                }
            }
        default: break
        }
    }
}
