// Bringing up the instance: registration, mounts, files, the root process and its descriptors.
public import Engine
import LinuxABI
import NTKernel

extension WSL1Engine {
    public func boot(_ environment: Environment) throws(EngineFailure) {
        guard !isBooted else { throw EngineFailure("boot was called twice") }
        self.environment = environment
        pico.kernel = NTExecutive(LxpPico.configuration)
        pico.kernel.KeInitializeClock(
            systemTime: NTExecutive.epoch1970 + environment.startRealtime / 100,
            interruptTime: environment.startMonotonic / 100
        )
        try registerProvider()
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
        ntCreate(thread, cloning: nil, shares: false)
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

    // MARK: - Mounts

    /// The mounts of the recording, of types that WSL 1 has, at the same places.
    private func mountEverything(_ context: VfsContext) {
        for mount in environment.mounts where mount.point != "/" { _ = mountBoot(mount, context) }
        let points = Set(environment.mounts.map(\.point))
        for (point, type) in [("/proc", "proc"), ("/sys", "sysfs"), ("/dev", "tmpfs")] where !points.contains(point) {
            guard environment.engineServed.contains(point) else { continue }
            _ = mountBoot(Environment.Mount(point: point, type: type, source: type, options: "rw"), context)
        }
        if points.contains("/sys") || environment.engineServed.contains("/sys") { mountCgroups(context) }
        if points.contains("/run/shm"), !points.contains("/dev/shm") { bindSharedMemory(context) }
    }

    /// /dev/shm shows /run/shm (INIT, pico-interface.md §7).
    private func bindSharedMemory(_ context: VfsContext) {
        guard let source = makePlace("/run/shm", context), let target = makePlace("/dev/shm", context) else { return }
        let made = makeMount(
            source.mount.superblock,
            root: source.mount.root,
            flags: source.mount.flags,
            target.mount.namespace
        )
        target.mount.namespace.attach(made, at: target)
    }

    /// /init mounts a tmpfs and below it each enabled controller: `devices` (INIT, pico-interface.md §7).
    private func mountCgroups(_ context: VfsContext) {
        let point = "/sys/fs/cgroup"
        if !environment.mounts.contains(where: { $0.point == point && $0.type == "tmpfs" }) {
            let options = "rw,nosuid,nodev,noexec,mode=755"
            _ = mountBoot(Environment.Mount(point: point, type: "tmpfs", source: "tmpfs", options: options), context)
        }
        let devices = Environment.Mount(
            point: point + "/devices",
            type: "cgroup",
            source: "cgroup",
            options: "rw,nosuid,nodev,noexec"
        )
        mountAs("cgroup", devices, context)
    }

    /// Mounts as the environment says; a type that WSL 1 lacks becomes a file system of its own of the root's type.
    func mountBoot(_ mount: Environment.Mount, _ context: VfsContext) -> Bool {
        // Only the devices hierarchy exists, and init mounts it.
        if mount.type == "cgroup" || mount.type == "cgroup2", !isBooted { return true }
        if let known = knownFiles[mount.point], environment.files[known].kind != .directory { return false }
        return mountAs(Self.replacements[mount.type] ?? mount.type, mount, context)
    }

    @discardableResult
    private func mountAs(_ type: String, _ mount: Environment.Mount, _ context: VfsContext) -> Bool {
        guard let target = makePlace(mount.point, context) else { return false }
        let data = mount.options.split(separator: ",").filter { $0.hasPrefix("mode=") || $0.hasPrefix("gid=") }
            .joined(separator: ",")
        let mounted =
            (try? fileSystems[type]?.mount(source: mount.source, data: data, flags: 0, context))
            ?? (try? fileSystems["tmpfs"]?.mount(source: mount.source, data: "", flags: 0, context))
        guard let superblock = mounted, let entry = rootEntry(of: superblock) else { return false }
        let made = makeMount(superblock, root: entry, flags: Self.flags(mount.options), target.mount.namespace)
        target.mount.namespace.attach(made, at: target)
        if mount.type == "devtmpfs" || mount.point == "/dev" { makeDevices(entry.inode, context) }
        return true
    }

    private static let replacements = ["devtmpfs": "tmpfs", "ramfs": "tmpfs"]

    private static func flags(_ options: String) -> UInt64 {
        var flags: UInt64 = 0
        for option in options.split(separator: ",") {
            switch option {
            case "ro": flags |= MountFlag.readOnly
            case "nosuid": flags |= MountFlag.noSetuid
            case "nodev": flags |= MountFlag.noDevices
            case "noexec": flags |= MountFlag.noExec
            case "noatime": flags |= MountFlag.noAccessTime
            case "nodiratime": flags |= MountFlag.noDirectoryAccessTime
            case "relatime": flags |= MountFlag.relativeAccessTime
            default: break
            }
        }
        return flags
    }

    /// What /init makes in /dev (pico-interface.md §7).
    private func makeDevices(_ directory: VfsInode, _ context: VfsContext) {
        let devices: [(String, UInt64, UInt64, UInt32)] = [
            ("null", 1, 3, 0o666), ("zero", 1, 5, 0o666), ("random", 1, 8, 0o666), ("urandom", 1, 9, 0o666),
            ("kmsg", 1, 11, 0o644), ("tty", 5, 0, 0o666), ("ptmx", 5, 2, 0o666), ("tty0", 4, 0, 0o620),
            ("lxss", 10, 55, 0o666),
        ]
        for (name, major, minor, mode) in devices {
            var file = Environment.File(path: "/dev/" + name, kind: .characterDevice, mode: mode)
            file.specialDevice = LxDeviceNumber.make(major, minor)
            _ = directory.populate(name, file, context)
        }
        let links = [
            ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"),
        ]
        for (name, target) in links {
            var file = Environment.File(path: "/dev/" + name, kind: .symbolicLink, mode: 0o777)
            file.linkTarget = target
            file.size = Int64(target.utf8.count)
            _ = directory.populate(name, file, context)
        }
    }

    // MARK: - Files

    /// The place of an absolute path, without permissions; nil when it is not there.
    func place(_ path: String, _ thread: LxThread, follow: Bool = false) -> VfsLocation? {
        let context = quietContext(thread)
        context.credentials = LxCredentials()
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
        return VfsLocation(mount: directory.mount, entry: directory.entry.adopt(name, inode))
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
            directory.entry.remove(name)
            return true
        }
        guard let inode = directory.inode.populate(name, file, context) else { return false }
        if file.links > 1, file.kind != .directory { populated[FileIdentity(file)] = inode }
        directory.entry.remove(name)
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
