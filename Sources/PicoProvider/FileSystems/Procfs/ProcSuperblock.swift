// procfs: one superblock for each pid namespace.
import LinuxABI

final class ProcSuperblock: PseudoSuperblock {
    unowned let engine: WSL1Engine
    /// Whose ids are shown.
    let namespace: LxPidNamespace
    private var directories: [Int32: (group: ObjectIdentifier, directory: ProcProcessDirectory)] = [:]

    init(_ engine: WSL1Engine, _ namespace: LxPidNamespace, source: String, device: UInt64, now: Int64) {
        self.engine = engine
        self.namespace = namespace
        super.init(
            type: "proc",
            device: device,
            source: source,
            magic: ABI.constantIfKnown("PROC_SUPER_MAGIC") ?? 0x9fa0,
            now: now,
            firstInode: 4_026_531_840
        )
        root = ProcRoot(self)
    }

    /// The directory of a process, one object for its life.
    func directory(_ group: LxThreadGroup, id: Int32) -> ProcProcessDirectory {
        let identity = ObjectIdentifier(group)
        if let known = directories[id], known.group == identity { return known.directory }
        if directories.count > 64 { directories = directories.filter { namespace.groups[$0.key] != nil } }
        let made = ProcProcessDirectory(self, group)
        directories[id] = (identity, made)
        return made
    }
}

/// `mount -t proc`: shows the pid namespace of the caller (UT:namespace.c).
final class ProcFileSystem: VfsFileSystemType {
    let name = "proc"
    private var superblocks: [ObjectIdentifier: ProcSuperblock] = [:]

    func mount(
        source: String,
        data: String,
        flags: UInt64,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsSuperblock {
        for option in data.split(separator: ",") {
            guard option.hasPrefix("hidepid=") || option.hasPrefix("gid=") else { throw .errno(.EINVAL) }
        }
        return superblock(context.thread.namespaces.pid, source: source, context)
    }

    /// The one superblock of a namespace.
    func superblock(_ namespace: LxPidNamespace, source: String, _ context: VfsContext) -> ProcSuperblock {
        if let known = superblocks[ObjectIdentifier(namespace)] { return known }
        let made = ProcSuperblock(
            context.engine,
            namespace,
            source: source,
            device: context.engine.nextDevice(),
            now: context.now
        )
        superblocks[ObjectIdentifier(namespace)] = made
        return made
    }
}

/// `/proc`: processes, then the files of the machine.
final class ProcRoot: PseudoDirectory {
    private let fixed: PseudoFixedDirectory
    private unowned let proc: ProcSuperblock

    init(_ superblock: ProcSuperblock) {
        proc = superblock
        fixed = ProcMachine.directory(superblock)
        super.init(superblock)
    }

    override var links: UInt64 { UInt64(2 + proc.namespace.groups.count) + fixed.links - 2 }

    override func lookup(_ name: String, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        guard let id = ProcRoot.identifier(name) else { return try fixed.lookup(name, context) }
        if let group = proc.namespace.groups[id] { return proc.directory(group, id: id) }
        // Threads that do not lead are there by name, though not listed (proc(5)).
        guard let thread = proc.namespace.threads[id] else { throw .errno(.ENOENT) }
        return proc.directory(
            thread.group,
            id: proc.namespace.level < thread.group.ids.count ? thread.group.ids[proc.namespace.level] : id
        )
    }

    override func entries(_ context: VfsContext) throws(LxFailure) -> [(name: String, inode: PseudoInode)] {
        let processes = proc.namespace.groups.keys.sorted().compactMap { id in
            proc.namespace.groups[id].map { (String(id), proc.directory($0, id: id) as PseudoInode) }
        }
        return try fixed.entries(context) + processes
    }

    static func identifier(_ name: String) -> Int32? {
        guard let first = name.utf8.first, (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(first) else { return nil }
        return Int32(name)
    }
}
