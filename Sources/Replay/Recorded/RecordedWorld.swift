// Follows what the recorded results imply: each task's descriptors, directories, credentials and names.
import Engine
import LinuxABI
import Tables
import TraceLog

/// The world as the recording had it, call by call. Knows nothing of any engine.
///
/// The environment is built from it (first pass), and grafts, marks and translations during the replay.
final class RecordedWorld {
    let files: RecordedFiles
    var tasks = TaskTable()
    var walks = PathWalks()
    /// The last walk went by the task's own descriptors.
    var walkIsPrivate = false
    /// The resolved paths of a call, until it or another one has changed something, and of which call.
    private var resolved = PathNames()
    private var resolvedCall: (index: UInt64, links: UInt64) = (.max, 0)
    /// Effects of the call applied last.
    var effects: [Effect] = []
    /// Later calls that used what a call made, by the making call; of calls that are ``count(usesOf:)``ed only.
    private(set) var uses = CallTable<UInt32>()
    /// Bits by call, of which several share one: a clear one means that uses of the call are not counted.
    private var counted = [UInt64](repeating: 0, count: 1 << 10)
    /// The call that made an id.
    var makers: [Bijections.Scope: [UInt64: UInt64]] = [:]
    var marks = MarkTable()
    /// Any mark anywhere: until then nothing needs looking up.
    var hasMarks = false
    /// Told of every descriptor that goes, and of every descriptor table or address space that is copied.
    var onDrop: (_ table: UInt64, _ fd: Int32) -> Void = { _, _ in }
    var onCopy: (_ space: NameSpace, _ old: UInt64, _ new: UInt64) -> Void = { _, _, _ in }
    /// Told of every descriptor table and address space that nobody has any more.
    var onForget: (_ space: NameSpace, _ id: UInt64) -> Void = { _, _ in }
    /// Told of every file that a call made and that nothing refers to any more, by that call.
    var onDeparture: (_ maker: UInt64) -> Void = { _ in }
    let birth: [UInt64: (task: TaskID, tid: Int32, tgid: Int32)]
    private var nextIdentity: UInt64 = 1
    /// How many tasks live in each address space.
    var inhabitants = IntegerTable<Int>()
    /// Sockets by bound address, for pairing connect and accept.
    var boundSockets: [[UInt8]: OpenDescription] = [:]
    var backlogs: [UInt64: [OpenDescription]] = [:]
    /// Descriptors in flight, by the receiving description.
    var passed: [UInt64: [OpenDescription]] = [:]

    /// - Parameter keepsInitial: whether an environment is to be built from it.
    init(_ trace: Trace, keepsInitial: Bool = true) {
        var birth: [UInt64: (task: TaskID, tid: Int32, tgid: Int32)] = [:]
        var root = (task: TaskID(rawValue: 0), tid: Int32(2), tgid: Int32(2))
        for record in trace.tasks {
            guard case .created(let tid, let tgid, _, let call) = record.kind else { continue }
            if let call { birth[call] = (record.task, tid, tgid) } else { root = (record.task, tid, tgid) }
        }
        self.birth = birth
        files = RecordedFiles(engineServed: EngineServed.prefixes(trace.snapshot), keepsInitial: keepsInitial)
        add(rootTask(root, trace.snapshot))
    }

    func identity() -> UInt64 {
        defer { nextIdentity += 1 }
        return nextIdentity
    }

    /// The task's state; a task that no record announced is made up from the root.
    func task(_ id: TaskID) -> TaskState {
        if let task = tasks[id] { return task }
        let task = TaskState(
            id: id,
            tid: -1,
            tgid: -1,
            parent: nil,
            files: DescriptorTable(id: identity()),
            directories: DirectoryContext(workingDirectory: "/", root: "/", umask: 0o022),
            mounts: MountTable(),
            uids: [0, 0, 0, 0],
            gids: [0, 0, 0, 0],
            signalMask: 0,
            createdBy: nil,
            pidNamespace: 0,
            memory: identity()
        )
        add(task)
        return task
    }

    /// The living task with this pid in the namespace of `viewer`.
    func task(pid: Int32, seenBy viewer: TaskState) -> TaskState? {
        tasks.numbered(pid)
    }

    // MARK: - Applying calls

    /// What happens when a call begins: descriptors go, children come.
    func enter(_ call: RecordedCall) { enter(call, in: task(call.record.task)) }

    func enter(_ call: RecordedCall, in task: TaskState) {
        switch call.known {
        case .close where !call.record.flags.contains(.denied):
            resolvedCall.index = .max
            // close gives the number up whatever it returns, except EBADF.
            if call.errno != Int64(Errno.EBADF.rawValue) { drop(call.fd(0), in: task) }
        case .clone, .clone3, .fork, .vfork:
            resolvedCall.index = .max
            begin(call, in: task)
        default: break
        }
    }

    /// The path arguments of a call, resolved; those that cannot be are left out.
    ///
    /// Asked for several times around the completion of a call, which changes what they are only as `movesPaths` tells.
    func paths(_ call: RecordedCall, in task: TaskState) -> PathNames {
        if resolvedCall.index == call.index, resolvedCall.links == files.linkGeneration { return resolved }
        guard let known = call.known else { return PathNames() }
        let arguments = known.pathArguments(call.record.arguments)
        guard arguments.first != nil else { return PathNames() }
        var names = PathNames()
        arguments.visit { names.append(path($0, call, in: task)) }
        if !known.movesPaths {
            resolved = names
            resolvedCall = (call.index, files.linkGeneration)
        }
        return names
    }

    /// What a call that has returned did, by its recorded result. ``effects`` lists it.
    func complete(_ call: RecordedCall) { complete(call, in: task(call.record.task)) }

    func complete(_ call: RecordedCall, in task: TaskState) {
        while !effects.isEmpty { effects.removeLast() }
        if resolvedCall.index != call.index { resolvedCall.index = .max }
        guard let known = call.known else {
            if call.succeeded { applyDescribed(call, in: task) }
            return
        }
        if call.succeeded {
            switch known {
            case .close: effects.append(.closed(fd: call.fd(0)))
            case .open, .openat, .openat2, .creat, .close_range, .dup, .dup2, .dup3, .fcntl, .pipe, .pipe2, .socket,
                .socketpair, .accept, .accept4, .bind, .connect, .recvmsg, .sendmsg, .listen, .getsockname:
                applyDescriptors(known, call, in: task)
            case .epoll_ctl, .setsockopt, .shutdown, .timerfd_settime, .flock:
                effects.append(.changedDescription(fd: call.fd(0)))
            case .read, .readv, .pread64, .preadv, .preadv2, .write, .writev, .pwrite64, .pwritev, .pwritev2,
                .recvfrom, .sendto, .lseek, .sendfile, .copy_file_range, .splice, .getdents, .getdents64:
                applyTransfer(known, call, in: task)
            case .mmap, .munmap, .mremap, .brk, .shmat: applyMemory(known, call, in: task)
            case .chdir, .fchdir, .chroot, .pivot_root, .umask, .mount, .umount2, .clone, .clone3, .fork, .vfork,
                .unshare, .setns, .execve, .execveat, .wait4, .waitid, .setuid, .setgid, .setreuid, .setregid,
                .setresuid, .setresgid, .setfsuid, .setfsgid, .setgroups, .capset, .rt_sigprocmask:
                applyTask(known, call, in: task)
            default:
                applyPaths(known, call, in: task)
                applyDescribed(call, in: task)
            }
        }
        observe(known, call, in: task)
        resolvedCall.index = .max
        tidy()
    }

    /// What was looked up for a call holds no longer.
    func forgetResolved() {
        resolvedCall.index = .max
        resolved = PathNames()
    }

    /// Counts from now on who uses what this call made: it is a root.
    func count(usesOf call: UInt64) {
        counted[Int(call >> 6) & (counted.count - 1)] |= 1 << (call & 63)
        if uses[call] == nil { uses[call] = 0 }
    }

    /// Whether any call's uses are counted.
    var countsUses: Bool { !uses.isEmpty }

    /// Notes a use of what `creator` made.
    @inline(__always)
    func use(of creator: UInt64?, by call: RecordedCall) {
        guard let creator, counted[Int(creator >> 6) & (counted.count - 1)] >> (creator & 63) & 1 != 0,
            creator != call.index
        else { return }
        uses.update(creator) { $0 = $0 == .max ? .max : $0 + 1 }
    }

    private func rootTask(
        _ root: (task: TaskID, tid: Int32, tgid: Int32),
        _ snapshot: StartSnapshot?
    ) -> TaskState {
        let snapshot = snapshot ?? StartSnapshot()
        let table = DescriptorTable(id: identity())
        let task = TaskState(
            id: root.task,
            tid: root.tid,
            tgid: root.tgid,
            parent: nil,
            files: table,
            directories: DirectoryContext(
                workingDirectory: snapshot.workingDirectory.isEmpty ? "/" : snapshot.workingDirectory,
                root: snapshot.root.isEmpty ? "/" : snapshot.root,
                umask: snapshot.umask
            ),
            mounts: MountTable(),
            uids: padded(snapshot.uids),
            gids: padded(snapshot.gids),
            signalMask: snapshot.blockedSignals,
            createdBy: nil,
            pidNamespace: 0,
            memory: identity()
        )
        for directory in [task.directories.root, task.directories.workingDirectory] {
            _ = files.proveExists(files.name(directory), kind: .directory, call: 0)
        }
        var shared: [String: OpenDescription] = [:]
        for descriptor in snapshot.descriptors {
            // Equal target, flags and offset of a stream or a terminal: most likely one description behind 0, 1 and 2.
            let key = "\(descriptor.target) \(descriptor.flags) \(descriptor.offset)"
            let description = shared[key] ?? startDescription(descriptor)
            shared[key] = description
            table.entries[descriptor.fd] = .init(
                description: description,
                closeOnExec: UInt64(descriptor.flags) & Linux.openCloseOnExec != 0
            )
        }
        return task
    }

    private func startDescription(_ descriptor: StartSnapshot.Descriptor) -> OpenDescription {
        let kind: OpenDescription.Kind
        switch StartDescriptor.target(descriptor) {
        case .file(let path):
            let name = files.name(path)
            let node = files.proveExists(
                name,
                kind: FileNode.kind(mode: descriptor.status.mode),
                status: descriptor.status,
                call: 0
            )
            kind = .file(node, name)
        case .terminal(let path): kind = .terminal(path: path)
        case .pipe(let id, let writeEnd): kind = .pipe(id: id, writeEnd: writeEnd)
        case .socket(let id): kind = .socket(id: id)
        case .other(let name): kind = .other(name)
        }
        let description = OpenDescription(
            id: identity(),
            kind: kind,
            flags: UInt64(descriptor.flags),
            createdBy: nil
        )
        description.offset = descriptor.offset
        return description
    }

    private func padded(_ ids: [UInt32]) -> [UInt32] {
        ids.count == 4 ? ids : [UInt32](repeating: ids.first ?? 0, count: 4)
    }
}

extension Variant {
    /// Whether a flags argument has one of the `*_CLOEXEC` bits; all but MFD_CLOEXEC and a few newer ones are O_CLOEXEC.
    func setsCloseOnExec(_ words: SyscallArguments) -> Bool {
        for (index, argument) in arguments.enumerated() {
            guard case .scalar(let scalar) = argument.type, case .flags(let set) = scalar.format else { continue }
            for entry in set.entries where entry.name.hasSuffix("CLOEXEC") && words[index] & entry.value != 0 {
                return true
            }
        }
        return false
    }
}
