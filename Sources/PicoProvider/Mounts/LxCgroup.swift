// cgroup v1: one hierarchy with the one controller that lxcore has, `devices` (UT:cgroup.c).
import Engine
import LinuxABI

/// The hierarchy survives its mounts: directories are there again after the next mount.
final class LxCgroupHierarchy {
    var superblock: LxCgroupSuperblock?
    static let controller = "devices"
    /// What /proc/cgroups prints after the header: name, hierarchy, number of groups, enabled.
    var groupCount: Int { superblock?.groupCount ?? 1 }
    var isMounted: Bool { (superblock?.mountCount ?? 0) > 0 }
}

final class LxCgroupSuperblock: VfsSuperblock {
    var groupCount = 1

    override func statistics(_ context: VfsContext) throws(LxFailure) -> VfsStatistics {
        var statistics = VfsStatistics()
        statistics.type = Self.magic
        return statistics
    }

    private static let magic: UInt64 = 0x27e0eb
}

final class LxCgroupFileSystem: VfsFileSystemType {
    let name = "cgroup"

    func mount(
        source: String,
        data: String,
        flags: UInt64,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsSuperblock {
        for option in data.split(separator: ",") {
            switch option {
            case "all", Substring(LxCgroupHierarchy.controller), "rw", "ro", "clone_children", "xattr": continue
            default:
                throw .unsupported(
                    .EINVAL,
                    note: "only the devices controller exists; no named hierarchies",
                    source: "UT:cgroup.c;GH:5081;inferred errno"
                )
            }
        }
        let hierarchy = context.engine.cgroups
        if let superblock = hierarchy.superblock { return superblock }
        let superblock = LxCgroupSuperblock(
            type: "cgroup",
            device: context.engine.nextDevice(),
            source: source,
            options: LxCgroupHierarchy.controller
        )
        superblock.root = LxCgroupDirectory(superblock, path: "/", context)
        hierarchy.superblock = superblock
        return superblock
    }
}

/// A control group.
final class LxCgroupDirectory: VfsInode {
    let path: String
    private var children: [String: LxCgroupDirectory] = [:]
    private var files: [String: LxCgroupControl] = [:]
    private let number: UInt64
    private let created: Int64

    init(_ superblock: LxCgroupSuperblock, path: String, _ context: VfsContext) {
        self.path = path
        number = context.engine.anonymous.nextInode()
        created = context.now
        super.init(
            superblock: superblock,
            mode: VfsKind.directory.rawValue | 0o755,
            uid: context.credentials.fsuid,
            gid: context.credentials.fsgid
        )
        var controls: [(LxCgroupControl.Kind, UInt32)] = [
            (.processes, 0o644), (.allow, 0o200), (.deny, 0o200), (.list, 0o444),
        ]
        if path == "/" { controls.append((.saneBehavior, 0o444)) }
        for (kind, mode) in controls {
            files[kind.rawValue] = LxCgroupControl(superblock, kind, mode: mode, path: path, context)
        }
    }

    override func attributes(_ context: VfsContext) throws(LxFailure) -> VfsAttributes {
        var attributes = try super.attributes(context)
        attributes.inode = number
        attributes.links = UInt64(2 + children.count)
        attributes.accessTime = created
        attributes.modificationTime = created
        attributes.changeTime = created
        return attributes
    }

    override func setAttributes(_ change: VfsAttributeChange, _ context: VfsContext) throws(LxFailure) {
        if let permissions = change.permissions { mode = mode & 0o170000 | permissions }
        if let owner = change.uid { uid = owner }
        if let group = change.gid { gid = group }
    }

    override func lookup(_ name: String, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        if let child = children[name] { return child }
        guard let file = files[name] else { throw .errno(.ENOENT) }
        return file
    }

    override func open(_ flags: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsFile { Listing(inode: self) }

    override func makeDirectory(_ name: String, mode: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        guard let owner = superblock as? LxCgroupSuperblock else { throw .errno(.EIO) }
        let child = LxCgroupDirectory(owner, path: path == "/" ? "/" + name : path + "/" + name, context)
        child.mode = mode
        children[name] = child
        owner.groupCount += 1
        return child
    }

    override func removeDirectory(
        _ name: String,
        _ inode: VfsInode,
        _ context: VfsContext
    ) throws(LxFailure) {
        guard let child = children[name] else { throw .errno(.ENOTDIR) }
        let isPopulated = context.engine.initialPidNamespace.groups.values.contains {
            $0.cgroupPath == child.path && $0.isAlive
        }
        guard child.children.isEmpty, !isPopulated else { throw .errno(.EBUSY) }
        children[name] = nil
        (superblock as? LxCgroupSuperblock)?.groupCount -= 1
    }

    private final class Listing: VfsFile {
        override func readDirectory(_ context: VfsContext) throws(LxFailure) -> [VfsDirectoryEntry] {
            guard let directory = inode as? LxCgroupDirectory else { throw .errno(.ENOTDIR) }
            let groups = directory.children.values.map {
                VfsDirectoryEntry(name: LxCgroupDirectory.last($0.path), inode: $0.number, kind: .directory)
            }
            let files = directory.files.map { VfsDirectoryEntry(name: $0.key, inode: $0.value.number, kind: .regular) }
            return (groups + files).sorted { $0.name < $1.name }
        }
    }

    private static func last(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? "/" }
}

/// One file of a control group.
final class LxCgroupControl: VfsInode {
    enum Kind: String {
        case processes = "cgroup.procs"
        case saneBehavior = "cgroup.sane_behavior"
        case allow = "devices.allow"
        case deny = "devices.deny"
        case list = "devices.list"
    }

    let control: Kind
    let path: String
    let number: UInt64

    init(_ superblock: VfsSuperblock, _ control: Kind, mode: UInt32, path: String, _ context: VfsContext) {
        self.control = control
        self.path = path
        number = context.engine.anonymous.nextInode()
        super.init(superblock: superblock, mode: VfsKind.regular.rawValue | mode)
    }

    override func attributes(_ context: VfsContext) throws(LxFailure) -> VfsAttributes {
        var attributes = try super.attributes(context)
        attributes.inode = number
        return attributes
    }

    override func setAttributes(_ change: VfsAttributeChange, _ context: VfsContext) throws(LxFailure) {
        if let permissions = change.permissions { mode = mode & 0o170000 | permissions }
        if let owner = change.uid { uid = owner }
        if let group = change.gid { gid = group }
    }

    override func open(_ flags: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsFile { Control(inode: self) }

    private final class Control: VfsFile {
        override func read(_ count: Int, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> VfsData {
            VfsData(content(context)).slice(Int(offset), Int(offset) + count)
        }

        private func content(_ context: VfsContext) -> String {
            guard let inode = inode as? LxCgroupControl else { return "" }
            switch inode.control {
            case .processes:
                // Sorted ids as the reader sees them.
                let namespace = context.thread.group.pidNamespace
                return namespace.groups.values.filter { $0.cgroupPath == inode.path && $0.isAlive }
                    .map { $0.id(in: namespace) }.filter { $0 > 0 }.sorted().map { "\($0)\n" }.joined()
            case .saneBehavior: return "0\n"
            case .list: return "a *:* rwm\n"
            case .allow, .deny: return ""
            }
        }

        override func write(_ data: VfsData, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> Int {
            guard let inode = inode as? LxCgroupControl, let bytes = data.bytes else { throw .errno(.EINVAL) }
            let text = String(decoding: bytes.prefix { $0 != 0 && $0 != UInt8(ascii: "\n") }, as: UTF8.self)
            switch inode.control {
            case .processes:
                guard let id = Int32(text.drop { $0 == " " }), id >= 0 else { throw .errno(.EINVAL) }
                let namespace = context.thread.group.pidNamespace
                guard let group = id == 0 ? context.thread.group : namespace.groups[id] ?? namespace.threads[id]?.group
                else { throw .errno(.ESRCH) }
                group.cgroupPath = inode.path
            case .allow, .deny:
                // Rules are taken; nothing shows that they are enforced (UT:cgroup.c).
                guard let kind = text.first, "abc".contains(kind) else { throw .errno(.EINVAL) }
            case .saneBehavior, .list: throw .errno(.EINVAL)
            }
            return data.count
        }
    }
}
