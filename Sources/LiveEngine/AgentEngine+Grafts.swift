// Grafts: what a task of a real kernel can be made to have.
import Engine
import LinuxABI

extension AgentEngine {
    /// Bytes; the agent's slots hold this.
    static let contentLimit = 1 << 20

    func put(_ graft: Graft, _ state: TaskState) throws(EngineFailure) -> Bool {
        let slot = state.slot
        func did(_ answer: (result: Int64, output: [UInt8])) -> Bool { answer.result >= 0 }
        // What the kernel itself serves is its own, and /proc/self/exe would be the agent's file.
        if let path = graft.changedPath, isServed(path) || isBelowServed(path) { return false }
        switch graft {
        case .closed(let fd), .duplicate(let fd, _, _), .descriptor(let fd, _, _, _): state.files[UInt64(fd)] = nil
        default: break
        }
        switch graft {
        case .closed(let fd): return did(try make("close", .number(fd), in: slot))
        case .duplicate(let fd, let source, let closeOnExec):
            let flags: UInt64 = closeOnExec ? 0o2000000 : 0
            return did(try make("dup3", .number(source), .number(fd), .value(flags), in: slot))
        case .descriptor(let fd, .file(let path), let flags, let closeOnExec):
            let close: UInt64 = closeOnExec ? 0o2000000 : 0
            let opened = try make("open", .text(path), .value(UInt64(flags) & ~0o301300 | close), .value(0), in: slot)
            guard opened.result >= 0 else { return false }
            let high = try raised(opened.result, above: fd, in: slot)
            let moved = try make("dup3", .number(high), .number(fd), .value(close), in: slot)
            try make("close", .number(high), in: slot)
            return did(moved)
        case .workingDirectory(let path): return did(try make("chdir", .text(path), in: slot))
        case .umask(let mask): return did(try make("umask", .number(mask), in: slot))
        case .credentials(let uids, let gids):
            let group = try make("setresgid", .number(gids[0]), .number(gids[1]), .number(gids[2]), in: slot)
            let user = try make("setresuid", .number(uids[0]), .number(uids[1]), .number(uids[2]), in: slot)
            return did(group) && did(user)
        case .offset(let fd, let offset):
            return did(try make("lseek", .number(fd), .number(offset), .value(0), in: slot))
        case .renamed(let source, let target):
            return did(try make("rename", .text(source), .text(target), in: slot))
        case .absent(let path):
            if did(try make("unlink", .text(path), in: slot)) { return true }
            return did(try make("rmdir", .text(path), in: slot))
        case .file(let file): return try put(file, slot)
        case .content(let path, let offset, let bytes):
            guard bytes.count <= Self.contentLimit else { return false }
            let fd = try make("open", .text(path), .value(0o2000001), in: slot).result
            guard fd >= 0 else { return false }
            let count = bytes.count
            let written = try make("pwrite64", .number(fd), .bytes(bytes), .number(count), .number(offset), in: slot)
            try make("close", .number(fd), in: slot)
            return did(written)
        case .reaped(let pid):
            return did(try make("wait4", .number(pid), .value(0), .value(1), .value(0), in: slot))
        case .mapping(let address, let length, false):
            return did(try make("munmap", .value(address), .value(length), in: slot))
        case .mapping(let address, let length, true):
            let flags = Linux.mapPrivate | Linux.mapAnonymous | Linux.mapFixed
            return did(
                try make(
                    "mmap",
                    .value(address),
                    .value(length),
                    .value(3),
                    .value(flags),
                    .number(-1),
                    .value(0),
                    in: slot
                )
            )
        case .programBreak(let address):
            state.memory.programBreak = (state.memory.programBreak?.start ?? address, address)
            return true
        case .signalMask(let mask):
            var bytes = ByteWriter()
            bytes.add(mask)
            return did(try make("rt_sigprocmask", .value(2), .bytes(bytes.bytes), .value(0), .value(8), in: slot))
        case .namespaces(let flags): return did(try make("unshare", .value(flags), in: slot))
        case .mount(let mount):
            return did(
                try make(
                    "mount",
                    .text(mount.source),
                    .text(mount.point),
                    .text(mount.type),
                    // Without a type, a path is what is shown there again: MS_BIND.
                    .value(mount.type.isEmpty && mount.source.hasPrefix("/") ? 0x1000 : 0),
                    .value(0),
                    in: slot
                )
            )
        case .unmounted(let point): return did(try make("umount2", .text(point), .value(2), in: slot))
        case .child(let task, let pid, let flags): return try putChild(task, pid, flags, state)
        case .executed(let path):
            // What leads to the program that runs is that program.
            guard let program = path.hasPrefix("/proc/") ? state.program : path else { return false }
            guard did(try make("execve", .text(program), in: slot, flags: .exec)) else { return false }
            state.execute(program)
            return true
        case .descriptor, .stream, .drained: return false
        }
    }

    /// A child like the recorded one, but for its namespaces: the engine may have none of that kind.
    private func putChild(_ task: TaskID, _ pid: Int32, _ flags: UInt64, _ state: TaskState) throws(EngineFailure)
        -> Bool
    {
        // A program is compiled as if the recorded call had made it: the graft takes its place.
        let planned = try connection.mode == .compiling ? tasks[task]?.slot : nil
        guard planned != nil || tasks[task] == nil else { return false }
        // A child of vfork gets a memory of its own: its parent must not wait for it here, as the call is over.
        let shared = flags & Linux.cloneVfork == 0 ? Linux.cloneMemory | Linux.cloneHandlers : 0
        let flags = flags & (shared | Linux.cloneOthers)
        let slot: UInt32
        if let planned { slot = planned } else { slot = try takeSlot() }
        let child = TaskState(
            slot: slot,
            memory: flags & Linux.cloneMemory != 0 ? state.memory : state.memory.copy(),
            actions: flags & Linux.cloneHandlers != 0 ? state.actions : state.actions.copy()
        )
        child.files = flags & Linux.cloneFiles != 0 ? state.files : state.files.copy()
        child.program = state.program
        child.isNested = state.childrenAreNested || state.isNested
        child.childrenAreNested = child.isNested
        if !child.isNested { try choosePid(pid) }
        let place = isLow ? nil : clearedPlaces[task]
        let made = try make(
            "clone",
            .value((flags & Linux.cloneThread == 0 ? flags | 17 : flags) | (place == nil ? 0 : Linux.cloneClear)),
            .value(0),
            .value(0),
            .value(place ?? 0),
            .value(0),
            in: state.slot,
            flags: child.isNested ? [.clone, .nested] : .clone,
            child: slot
        )
        guard planned == nil else { return true }
        tasks[task] = child
        guard made.result > 0 else {
            release(task)
            return false
        }
        notePid(made.result, recorded: Int64(pid), isNested: state.isNested)
        return true
    }

    private func put(_ file: Environment.File, _ slot: UInt32) throws(EngineFailure) -> Bool {
        let path = Argument.text(file.path)
        let made: Int64
        switch file.kind {
        case .directory: made = try make("mkdir", path, .number(file.mode & 0o7777), in: slot).result
        case .symbolicLink: made = try make("symlink", .text(file.linkTarget ?? ""), path, in: slot).result
        case .fifo: made = try make("mknod", path, .number(0o10000 | file.mode), .value(0), in: slot).result
        case .socket: made = try make("mknod", path, .number(0o140000 | file.mode), .value(0), in: slot).result
        case .regular:
            let fd = try make("open", path, .value(0o2000102), .number(file.mode & 0o7777), in: slot).result
            guard fd >= 0 else { return false }
            try make("ftruncate", .number(fd), .number(file.size), in: slot)
            for extent in file.content where extent.bytes.count <= 1 << 20 {
                let count = extent.bytes.count
                try make(
                    "pwrite64",
                    .number(fd),
                    .bytes(extent.bytes),
                    .number(count),
                    .number(extent.offset),
                    in: slot
                )
            }
            made = try make("close", .number(fd), in: slot).result
        case .characterDevice, .blockDevice: return false
        }
        guard made >= 0 || made == -Int64(Errno.EEXIST.rawValue) else { return false }
        try make("lchown", path, .number(file.uid), .number(file.gid), in: slot)
        if file.kind != .symbolicLink { try make("chmod", path, .number(file.mode & 0o7777), in: slot) }
        return true
    }
}

extension Graft {
    /// The path whose file is made, changed or removed.
    fileprivate var changedPath: String? {
        switch self {
        case .file(let file): file.path
        case .content(let path, _, _), .absent(let path), .renamed(let path, _): path
        default: nil
        }
    }
}
