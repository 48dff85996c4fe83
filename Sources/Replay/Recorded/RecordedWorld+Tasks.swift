// Tasks: creation, exec, directories, credentials, masks, namespaces and mounts.
import Engine
import LinuxABI
import TraceLog

extension RecordedWorld {
    /// Clone flags of a call that makes a task.
    static func cloneFlags(_ call: RecordedCall) -> UInt64 {
        switch call.known {
        case .clone: call.word(0)
        case .clone3: call.input.integer(call.word(0), count: 8) ?? 0
        case .vfork: Linux.cloneMemory | Linux.cloneFork
        default: 0
        }
    }

    /// The child exists from the moment its parent enters clone: it may run before the parent returns.
    func begin(_ call: RecordedCall, in parent: TaskState) {
        guard let born = birth[call.index] else { return }
        // Somebody may have asked for it before it was born: then it was made up.
        if let early = tasks[born.task], early.tid >= 0 { return }
        let flags = Self.cloneFlags(call)
        let child = TaskState(
            id: born.task,
            tid: born.tid,
            tgid: born.tgid,
            // CLONE_PARENT: a sibling.
            parent: flags & Linux.cloneParent != 0 ? parent.parent ?? parent.id : parent.id,
            files: flags & Linux.cloneFiles != 0 ? parent.files : copyTable(of: parent),
            directories: flags & Linux.cloneFileSystem != 0 ? parent.directories : parent.directories.copy(),
            mounts: flags & Linux.cloneMountNamespace != 0 ? parent.mounts.copy() : parent.mounts,
            uids: parent.uids,
            gids: parent.gids,
            signalMask: parent.signalMask,
            createdBy: call.index,
            pidNamespace: flags & Linux.clonePidNamespace != 0 ? identity() : parent.childPidNamespace,
            memory: flags & Linux.cloneMemory != 0 ? parent.memory : copiedMemory(of: parent)
        )
        child.executable = parent.executable
        child.absentMark = parent.absentMark
        child.namespaceMark = parent.namespaceMark
        child.credentialMark = parent.credentialMark
        child.signalMark = parent.signalMark
        add(child)
    }

    private func copiedMemory(of task: TaskState) -> UInt64 {
        let copy = identity()
        onCopy(.address, task.memory, copy)
        marks.copy(task.memory, to: copy)
        return copy
    }

    func applyTask(_ known: KnownCall, _ call: RecordedCall, in task: TaskState) {
        let result = call.record.result
        switch known {
        case .clone, .clone3, .fork, .vfork:
            guard result > 0, let born = birth[call.index] else { return }
            effects.append(.child(born.task, flags: Self.cloneFlags(call)))
            let namespaces = Self.cloneFlags(call) & Linux.namespaceFlags
            if namespaces != 0 { effects.append(.namespaces(namespaces)) }
        case .chdir, .fchdir:
            let path = known == .chdir ? paths(call, in: task).first?.text : description(call.fd(0), in: task)?.path
            task.directories.workingDirectory = path ?? task.directories.workingDirectory
            task.directories.workingDirectoryMark = nil
            effects.append(.workingDirectory)
        case .chroot: task.directories.root = paths(call, in: task).first?.text ?? task.directories.root
        case .pivot_root: pivot(call, in: task)
        case .umask:
            task.directories.umask = UInt32(truncatingIfNeeded: call.word(0)) & 0o777
            effects.append(.umask)
        case .mount: applyMount(call, in: task)
        case .umount2:
            guard let point = paths(call, in: task).first?.text else { return }
            if let index = task.mounts.entries.lastIndex(where: { $0.point == point }) {
                task.mounts.entries.remove(at: index)
            }
            effects.append(.unmounted(point: point))
        case .unshare:
            if call.word(0) & Linux.cloneFiles != 0 {
                separateTable(of: task)
            }
            if call.word(0) & (Linux.cloneFileSystem | Linux.cloneMountNamespace) != 0 {
                task.directories = task.directories.copy()
            }
            enterNamespaces(call.word(0), in: task)
        case .setns: enterNamespaces(call.word(1) == 0 ? Linux.namespaceFlags : call.word(1), in: task)
        case .execve, .execveat: applyExec(call, in: task)
        case .wait4, .waitid: applyWait(known, call, in: task)
        case .rt_sigprocmask: applyMask(call, in: task)
        default: applyCredentials(known, call, in: task)
        }
    }

    private func enterNamespaces(_ flags: UInt64, in task: TaskState) {
        let namespaces = flags & Linux.namespaceFlags
        guard namespaces != 0 else { return }
        if namespaces & Linux.cloneMountNamespace != 0 { task.mounts = task.mounts.copy() }
        if namespaces & Linux.clonePidNamespace != 0 { task.childPidNamespace = identity() }
        effects.append(.namespaces(namespaces))
    }

    private func pivot(_ call: RecordedCall, in task: TaskState) {
        let paths = paths(call, in: task)
        guard let new = paths.first?.text, let put = paths.second?.text else { return }
        let old = task.directories.root
        if new != put { task.mounts.entries.append(.init(point: put, meaning: .alias(of: old))) }
        // Every task of the mount namespace whose root was the old one moves (pivot_root(2)).
        for other in tasks.values where other.mounts === task.mounts && other.directories.root == old {
            other.directories.root = new
            if other.directories.workingDirectory == old { other.directories.workingDirectory = new }
        }
        effects.append(.workingDirectory)
    }

    private func applyMount(_ call: RecordedCall, in task: TaskState) {
        guard let point = paths(call, in: task).first?.text else { return }
        let flags = call.word(3)
        let source = call.input.path(call.word(0)) ?? ""
        let type = call.input.path(call.word(2)) ?? ""
        let options = call.input.path(call.word(4)) ?? ""
        if flags & (Linux.mountRemount | Linux.mountPropagation) == 0 {
            if flags & (Linux.mountBind | Linux.mountMove) != 0 {
                let resolved = resolve(Array(source.utf8)[...], at: Linux.atWorkingDirectory, in: task, follow: true)
                let origin = resolved?.text ?? source
                if origin != point { task.mounts.entries.append(.init(point: point, meaning: .alias(of: origin))) }
            } else {
                task.mounts.entries.append(.init(point: point, meaning: .fresh))
            }
        }
        effects.append(.mounted(.init(point: point, type: type, source: source, options: options)))
    }

    private func applyExec(_ call: RecordedCall, in task: TaskState) {
        let name = paths(call, in: task).first
        separateTable(of: task)
        for fd in task.files.entries.keys where task.files.entries[fd]?.closeOnExec == true { drop(fd, in: task) }
        renewMemory(of: task)
        task.directories = task.directories.copy()
        task.executable = name?.text ?? ""
        task.tid = task.tgid
        tasks.renumber(task)
        if let name { use(of: files.proveExists(name, kind: .regular, call: call.index).createdBy, by: call) }
        effects.append(.executed(path: name?.text ?? ""))
    }

    private func applyWait(_ known: KnownCall, _ call: RecordedCall, in task: TaskState) {
        let pid: Int32
        if known == .wait4 {
            guard call.record.result > 0 else { return }
            pid = Int32(truncatingIfNeeded: call.record.result)
            // Stopped (0x7f in the low byte) and continued (0xffff) children stay: wait(2).
            if let status = call.output.integer(call.word(1), count: 4), status & 0xff == 0x7f || status == 0xffff {
                return
            }
        } else {
            // siginfo: si_code at 8, si_pid at 16; CLD_EXITED, CLD_KILLED and CLD_DUMPED are 1 to 3.
            guard let code = call.output.int32(call.word(2) + 8), let child = call.output.int32(call.word(2) + 16),
                (1...3).contains(code), child > 0, call.word(3) & ABI.constant("WNOWAIT") == 0
            else { return }
            pid = child
        }
        if let child = self.task(pid: pid, seenBy: task) {
            use(of: child.createdBy, by: call)
            child.isReaped = true
        }
        effects.append(.reaped(pid: pid))
    }

    private func applyMask(_ call: RecordedCall, in task: TaskState) {
        guard let set = call.input.integer(call.word(1), count: 8) else { return }
        switch call.word(0) {
        case Linux.blockSignals: task.signalMask |= set
        case Linux.unblockSignals: task.signalMask &= ~set
        case Linux.setSignalMask: task.signalMask = set
        default: return
        }
        task.signalMark = nil
        effects.append(.signalMask)
    }

    /// credentials(7): what each call sets. An id of -1 leaves the old one.
    private func applyCredentials(_ known: KnownCall, _ call: RecordedCall, in task: TaskState) {
        func id(_ index: Int) -> UInt32 { UInt32(truncatingIfNeeded: call.word(index)) }
        func set(_ ids: inout [UInt32], _ positions: [Int], _ value: UInt32) {
            guard value != .max else { return }
            for position in positions { ids[position] = value }
        }
        let isPrivileged = task.uids[1] == 0
        switch known {
        case .setuid: set(&task.uids, isPrivileged ? [0, 1, 2, 3] : [1, 3], id(0))
        case .setgid: set(&task.gids, isPrivileged ? [0, 1, 2, 3] : [1, 3], id(0))
        case .setreuid:
            set(&task.uids, [0], id(0))
            set(&task.uids, [1, 2, 3], id(1))
        case .setregid:
            set(&task.gids, [0], id(0))
            set(&task.gids, [1, 2, 3], id(1))
        case .setresuid:
            set(&task.uids, [0], id(0))
            set(&task.uids, [1, 3], id(1))
            set(&task.uids, [2], id(2))
        case .setresgid:
            set(&task.gids, [0], id(0))
            set(&task.gids, [1, 3], id(1))
            set(&task.gids, [2], id(2))
        case .setfsuid: set(&task.uids, [3], id(0))
        case .setfsgid: set(&task.gids, [3], id(0))
        default: break
        }
        effects.append(.credentials)
    }

    // MARK: - Memory

    func applyMemory(_ known: KnownCall, _ call: RecordedCall, in task: TaskState) {
        let result = UInt64(bitPattern: call.record.result)
        switch known {
        case .mmap:
            effects.append(.mapped(address: result, length: call.word(1)))
            let file = Int32(truncatingIfNeeded: call.word(4))
            // Shared and writable: later content may come from memory, which no call shows.
            let isSharedWritable =
                call.word(3) & Linux.mapShared != 0 && call.word(2) & Linux.protectWrite != 0
            if let description = description(file, in: task) {
                use(of: description.createdBy, by: call)
                if isSharedWritable { description.node?.overwrite(0..<Int64.max) }
            }
        case .munmap: effects.append(.unmapped(address: call.word(0), length: call.word(1)))
        case .mremap:
            effects.append(.unmapped(address: call.word(0), length: call.word(1)))
            effects.append(.mapped(address: result, length: call.word(2)))
        case .brk: effects.append(.programBreak(result))
        case .shmat: effects.append(.mapped(address: result, length: 1))
        default: break
        }
    }
}
