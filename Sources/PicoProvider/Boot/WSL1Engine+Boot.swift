// Bringing up the instance: registration, mounts, files, the root process and its descriptors.
public import Engine
import LinuxABI
import NTKernel

extension WSL1Engine {
    public func boot(_ environment: Environment) throws(EngineFailure) {
        guard !isBooted else { throw EngineFailure("boot was called twice") }
        self.environment = environment
        try machine.add(self)
        registerFileSystems()
        let context = VfsContext(engine: self)
        let mounts = LxMountNamespace(identifier: 4_026_531_840)
        mountNamespaces.append(LxWeak(mounts))
        let root = try mountRoot(mounts, context)
        let thread = makeRootThread(root, mounts)
        context.thread = thread
        context.credentials = LxCredentials()
        initialRoot = root
        for (index, file) in environment.files.enumerated() { knownFiles[file.path] = index }
        mountEverything(context)
        for file in environment.files { populate(file, context) }
        openDescriptors(thread)
        if let directory = place(environment.process.workingDirectory, thread) {
            thread.fs.workingDirectory = directory
        }
        thread.group.executable = environment.process.executable
        thread.group.executableLocation = place(environment.process.executable, thread, follow: true)
        ntCreate(thread, cloning: nil)
        _ = kernel.drainTrace()
        isBooted = true
    }

    private func mountRoot(
        _ namespace: LxMountNamespace,
        _ context: VfsContext
    ) throws(EngineFailure) -> VfsLocation {
        do throws(LxFailure) {
            guard let type = fileSystems[rootType] else { throw .errno(.ENODEV) }
            let superblock = try type.mount(source: "rootfs", data: "", flags: 0, context)
            guard let entry = rootEntry(of: superblock) else { throw .errno(.EIO) }
            entry.inode.mode = VfsKind.directory.rawValue | 0o755
            // `rootfs / wslfs rw,noatime` (inferred; INIT mounts the others so).
            let mount = makeMount(superblock, root: entry, flags: MountFlag.noAccessTime, namespace)
            namespace.attach(mount, at: nil)
            return VfsLocation(mount: mount, entry: entry)
        } catch {
            throw EngineFailure("the root file system could not be mounted: \(error)")
        }
    }

    private func makeRootThread(_ root: VfsLocation, _ mounts: LxMountNamespace) -> LxThread {
        let process = environment.process
        initialPidNamespace = LxPidNamespace(identifier: 4_026_531_836, parent: nil)
        initialPidNamespace.lastID = process.pid
        let session = LxSession(identifier: process.session)
        let processGroup = LxProcessGroup(identifier: process.processGroup, session: session)
        let group = LxThreadGroup(
            ids: [process.pid],
            pidNamespace: initialPidNamespace,
            parent: nil,
            exitSignal: LxSignal.child,
            processGroup: processGroup,
            handlers: LxSignalHandlers(),
            address: LxAddressSpace()
        )
        processGroup.members[ObjectIdentifier(group)] = group
        if process.pid == 1 { initialPidNamespace.initGroup = group }
        group.limits = process.limits
        group.arguments = process.arguments
        group.environment = process.environment
        let namespaces = LxNamespaces(
            mount: mounts,
            uts: LxUtsNamespace(identifier: 4_026_531_838, hostname: environment.hostname, domainname: "localdomain"),
            ipc: LxIpcNamespace(identifier: 4_026_531_839),
            pid: initialPidNamespace,
            pidForChildren: initialPidNamespace,
            net: LxNetNamespace(identifier: 4_026_531_957, compartment: Compartment.defaultID),
            user: LxUserNamespace(identifier: 4_026_531_837)
        )
        lastNamespace = 4_026_532_000
        let name = process.executable.split(separator: "/").last.map(String.init) ?? "init"
        let thread = LxThread(
            task: process.task,
            ids: [process.pid],
            group: group,
            credentials: Self.credentials(process),
            fs: LxFsContext(root: root, workingDirectory: root, umask: process.umask),
            files: LxFdTable(),
            namespaces: namespaces,
            name: LxpComm(name)
        )
        thread.signals.mask = LxSignalSet(bits: process.blockedSignals)
        for signal in 1...64 as ClosedRange<Int32>
        where process.ignoredSignals & LxSignalSet.bit(signal) != 0 {
            group.handlers[signal] = LxSignalAction(handler: 1)
        }
        group.threads = [thread]
        group.leader = thread
        register(thread, isLeader: true)
        return thread
    }

    /// A child takes over what the environment says of the first process.
    func become(_ process: Environment.Process, _ thread: LxThread) {
        let group = thread.group
        group.processGroup.members[ObjectIdentifier(group)] = nil
        let session = LxSession(identifier: process.session)
        group.processGroup = LxProcessGroup(identifier: process.processGroup, session: session)
        group.processGroup.members[ObjectIdentifier(group)] = group
        group.limits = process.limits
        group.arguments = process.arguments
        group.environment = process.environment
        thread.credentials = Self.credentials(process)
        thread.fs.umask = process.umask
        thread.signals.mask = LxSignalSet(bits: process.blockedSignals)
        for signal in 1...64 as ClosedRange<Int32>
        where process.ignoredSignals & LxSignalSet.bit(signal) != 0 {
            group.handlers[signal] = LxSignalAction(handler: 1)
        }
        for fd in thread.files.open { if let file = thread.files.take(fd) { LxpClose(quietContext(thread), file) } }
        thread.name = LxpComm(process.executable.split(separator: "/").last.map(String.init) ?? "init")
    }

    private static func credentials(_ process: Environment.Process) -> LxCredentials {
        var credentials = LxCredentials()
        func at<T>(_ values: [T], _ index: Int, _ fallback: T) -> T { index < values.count ? values[index] : fallback }
        credentials.uid = at(process.uids, 0, 0)
        credentials.euid = at(process.uids, 1, 0)
        credentials.suid = at(process.uids, 2, 0)
        credentials.fsuid = at(process.uids, 3, 0)
        credentials.gid = at(process.gids, 0, 0)
        credentials.egid = at(process.gids, 1, 0)
        credentials.sgid = at(process.gids, 2, 0)
        credentials.fsgid = at(process.gids, 3, 0)
        credentials.groups = process.groups
        let all = LxCredentials.allCapabilities
        credentials.inheritable = at(process.capabilities, 0, 0) & all
        credentials.permitted = at(process.capabilities, 1, all) & all
        credentials.effective = at(process.capabilities, 2, all) & all
        credentials.bounding = at(process.capabilities, 3, all) & all
        credentials.ambient = at(process.capabilities, 4, 0) & all
        credentials.noNewPrivileges = process.noNewPrivileges
        return credentials
    }

    // MARK: - Files

    /// The place of an absolute path, without permissions; nil when it is not there.
    func place(_ path: String, _ thread: LxThread, follow: Bool = false) -> VfsLocation? {
        let context = quietContext(thread)
        context.credentials = LxCredentials()
        let path = paths.path(path)
        var walk = VfsWalk(context)
        if let found = try? walk.resolve(path, from: thread.fs.root, follow: follow) { return found }
        // Paths are those of the root task: one that chose another root looks further up.
        guard let initialRoot, !(thread.fs.root == initialRoot) else { return nil }
        var above = VfsWalk(context, root: initialRoot)
        return try? above.resolve(path, from: initialRoot, follow: follow)
    }

    /// The directory of that path, made with everything above it if it is not there.
    func makePlace(_ path: String, _ context: VfsContext) -> VfsLocation? {
        guard let thread = context.thread else { return nil }
        if let found = place(path, thread) { return found }
        guard let (directory, name) = parentPlace(path, context) else { return nil }
        var file = Environment.File(path: path, kind: .directory, mode: 0o755)
        if let known = knownFiles[path], environment.files[known].kind == .directory { file = environment.files[known] }
        placed.insert(path)
        guard let inode = directory.inode.populate(name, file, context) else { return nil }
        return VfsLocation(mount: directory.mount, entry: directory.entry.adopt(paths.names.name(name), inode))
    }

    private func parentPlace(_ path: String, _ context: VfsContext) -> (VfsLocation, String)? {
        guard let slash = path.lastIndex(of: "/") else { return nil }
        let name = String(path[path.index(after: slash)...])
        guard !name.isEmpty else { return nil }
        let above = slash == path.startIndex ? "/" : String(path[..<slash])
        return makePlace(above, context).map { ($0, name) }
    }

    /// Puts a file of the environment where it belongs, replacing what is there.
    @discardableResult
    func populate(_ file: Environment.File, _ context: VfsContext) -> Bool {
        guard let thread = context.thread else { return false }
        if !isBooted, placed.contains(file.path), place(file.path, thread)?.entry.parent != nil { return true }
        // A recording that proves no more than that a path exists has it as an empty file: what is there is better.
        let isBare = file.kind == .regular && file.size == 0 && file.content.isEmpty
        if isBooted, isBare, let existing = place(file.path, thread), existing.inode.kind != .regular { return true }
        if file.kind == .directory, let existing = place(file.path, thread), existing.inode.isDirectory {
            var change = VfsAttributeChange(permissions: file.mode, uid: file.uid, gid: file.gid)
            change.accessTime = file.accessTime
            change.modificationTime = file.modificationTime
            if existing.entry === existing.mount.root || isBooted || file.path == "/" {
                try? existing.inode.setAttributes(change, context)
                return true
            }
        }
        guard let (directory, name) = parentPlace(file.path, context) else { return false }
        if file.links > 1, file.kind != .directory, let twin = populated[FileIdentity(file)] {
            directory.inode.populateLink(name, to: twin, context)
            directory.entry.remove(paths.names.name(name))
            return true
        }
        guard let inode = directory.inode.populate(name, file, context) else { return false }
        if file.links > 1, file.kind != .directory { populated[FileIdentity(file)] = inode }
        directory.entry.remove(paths.names.name(name))
        return true
    }
}

/// Two names with one device and inode number are one file.
struct FileIdentity: Hashable {
    let device: UInt64
    let inode: UInt64

    init(_ file: Environment.File) {
        device = file.device
        inode = file.inode
    }
}
