// Grafts: the state that the recording implies, put in place after a divergence.
public import Engine
public import LinuxABI
import NTKernel

extension WSL1Engine {
    public func graft(_ graft: Graft, on task: TaskID) -> Bool {
        guard let thread = thread(task), !thread.isDead else { return false }
        events += 1
        let context = LxpCall(engine: self)
        context.thread = thread
        context.credentials = LxCredentials()
        defer { _ = kernel.drainTrace() }
        switch graft {
        case .descriptor(let fd, let target, let flags, let closeOnExec):
            guard fd >= 0 else { return false }
            install(open(target, flags: flags, thread), at: fd, closeOnExec: closeOnExec, context)
        case .duplicate(let fd, let source, let closeOnExec):
            guard fd >= 0, let file = thread.files[Int(source)]?.file else { return false }
            install(file, at: fd, closeOnExec: closeOnExec, context)
        case .closed(let fd):
            guard let file = thread.files.take(Int(fd)) else { return true }
            LxpClose(context, file)
        case .file(let file): return populate(file, context)
        case .absent(let path): return remove(path, context)
        case .renamed(let source, let target):
            let (from, to) = (paths.path(source), paths.path(target))
            return (try? LxpRename(context, from, thread.fs.root, to, thread.fs.root)) != nil
        case .child(let child, let pid, let flags): return makeChild(child, pid, flags, context)
        case .mapping(let address, let length, let mapped):
            graftMapping(thread.group.address, address, length, mapped)
        case .workingDirectory(let path):
            guard let location = makePlace(path, context) else { return false }
            thread.fs.workingDirectory = location
        case .credentials(let uids, let gids): graftCredentials(thread, uids, gids)
        case .executed(let path):
            guard let location = place(path, thread, follow: true) else { return false }
            LxpReplaceImage(context, path: path, named: location, image: location, arguments: [path], environment: [])
        case .signalMask(let bits):
            thread.signals.mask = LxSignalSet(bits: bits & ~LxSignalSet.unblockable.bits)
            thread.signals.savedMask = nil
        default: return graftMore(graft, thread, context)
        }
        return true
    }

    private func graftMore(_ graft: Graft, _ thread: LxThread, _ context: LxpCall) -> Bool {
        switch graft {
        case .namespaces(let flags): return graftNamespaces(flags, thread, context)
        case .offset(let fd, let offset):
            guard let file = thread.files[Int(fd)]?.file else { return false }
            file.position = offset
            if offset == 0 { file.listing = nil }
        case .content(let path, let offset, let bytes):
            guard let location = place(path, thread), let file = try? location.inode.open(OpenFlag.readWrite, context)
            else { return false }
            defer { file.release(context) }
            return (try? file.write(VfsData(bytes), at: offset, context)) == bytes.count
        case .stream(let fd, let bytes):
            guard let file = thread.files[Int(fd)]?.file, !file.isSeekable else { return false }
            return (try? file.write(VfsData(bytes), at: 0, context)) != nil
        case .drained(let fd, let count):
            guard let file = thread.files[Int(fd)]?.file, !file.isSeekable else { return false }
            return (try? file.read(count, at: 0, context)) != nil
        case .reaped(let pid):
            guard let child = thread.group.pidNamespace.groups[pid] else { return true }
            if child.isAlive { terminate(child, status: 0, context) }
            if child.state != .dead { reap(child) }
        case .umask(let mask): thread.fs.umask = mask & 0o777
        case .mount(let mount): return mountBoot(mount, context)
        case .unmounted(let point):
            guard let location = place(point, thread), location.entry === location.mount.root,
                location.mount.point != nil
            else { return false }
            detach(location.mount, context)
        case .programBreak(let address):
            let space = thread.group.address
            if space.breakStart == 0 {
                space.breakStart = min(address, space.breakStart == 0 ? address : space.breakStart)
            }
            space.programBreak = address
        default: return false
        }
        return true
    }

    /// The kinds that exist, even when another was asked for too; false then.
    private func graftNamespaces(_ flags: UInt64, _ thread: LxThread, _ context: LxpCall) -> Bool {
        thread.fs = thread.fs.copy()
        guard (try? LxpNewNamespaces(context, flags, &thread.namespaces, thread.fs)) != nil else { return false }
        if flags & CloneFlag.newPid != 0 {
            let namespace = LxPidNamespace(identifier: nextNamespace(), parent: thread.namespaces.pid)
            thread.namespaces.pidForChildren = namespace
            // A child that was born into it is its first process.
            if thread.isFreshGraft, thread.group.leader === thread { enter(namespace, thread) }
        }
        return flags & (CloneFlag.newUser | CloneFlag.newCgroup | CloneFlag.newTime) == 0
    }

    private func enter(_ namespace: LxPidNamespace, _ thread: LxThread) {
        let group = thread.group
        thread.ids.append(allocateID(in: namespace, offered: 1))
        group.ids = thread.ids
        group.pidNamespace = namespace
        thread.namespaces.pid = namespace
        namespace.initGroup = group
        register(thread, isLeader: true)
    }

    private func install(_ file: VfsFile, at fd: Int32, closeOnExec: Bool, _ context: VfsContext) {
        if let old = context.thread.files.put(file, at: Int(fd), closeOnExec: closeOnExec) { LxpClose(context, old) }
    }

    private func remove(_ path: String, _ context: VfsContext) -> Bool {
        guard let slash = path.lastIndex(of: "/") else { return false }
        let name = String(path[path.index(after: slash)...])
        let above = slash == path.startIndex ? "/" : String(path[..<slash])
        guard let directory = place(above, context.thread) else { return true }
        directory.inode.unpopulate(name, context)
        directory.entry.remove(paths.names.name(name))
        return place(path, context.thread) == nil
    }

    private func makeChild(_ child: TaskID, _ pid: Int32, _ flags: UInt64, _ context: LxpCall) -> Bool {
        guard thread(child) == nil else { return false }
        context.childTask = child
        context.wantedID = pid
        let unknown = CloneFlag.newUser | CloneFlag.newCgroup | CloneFlag.newTime | CloneFlag.vfork
        let setters = CloneFlag.parentSetTid | CloneFlag.childSetTid | CloneFlag.pidfd | CloneFlag.io
        let signal = Int32(flags & 0xff)
        let kept = flags & ~(unknown | setters | 0xff)
        guard (try? LxpClone(context, flags: kept, exitSignal: signal == 0 ? LxSignal.child : signal)) != nil else {
            return false
        }
        thread(child)?.isFreshGraft = true
        return true
    }

    private func graftMapping(_ space: LxAddressSpace, _ address: UInt64, _ length: UInt64, _ mapped: Bool) {
        let start = address & ~4095
        let end = LxpPages(address &+ length)
        guard end > start else { return }
        ntUnmap(space, start, end - start)
        guard mapped else {
            space.remove(start, end)
            return
        }
        let region = LxRegion(start: start, end: end, protection: 7, isShared: false)
        _ = ntMap(space, region)
        space.insert(region)
    }

    private func graftCredentials(_ thread: LxThread, _ uids: [UInt32], _ gids: [UInt32]) {
        guard uids.count >= 4, gids.count >= 4 else { return }
        thread.credentials.uid = uids[0]
        thread.credentials.euid = uids[1]
        thread.credentials.suid = uids[2]
        thread.credentials.fsuid = uids[3]
        thread.credentials.gid = gids[0]
        thread.credentials.egid = gids[1]
        thread.credentials.sgid = gids[2]
        thread.credentials.fsgid = gids[3]
    }
}
