// Building blocks of file systems whose files are made up on the spot: procfs, sysfs.
import LinuxABI

/// A file system of made-up files; numbers and times are its own.
class PseudoSuperblock: VfsSuperblock {
    /// f_type of statfs.
    final let magic: UInt64
    /// Every file's three times: when it was mounted.
    final let mountTime: Int64
    private var lastInode: UInt64 = 0
    private let firstInode: UInt64

    init(
        type: String,
        device: UInt64,
        source: String,
        magic: UInt64,
        now: Int64,
        firstInode: UInt64 = 1,
        cachesNames: Bool = false,
        options: String = ""
    ) {
        self.magic = magic
        self.firstInode = firstInode
        mountTime = now
        super.init(type: type, device: device, source: source, options: options, cachesNames: cachesNames)
    }

    final func nextNumber() -> UInt64 {
        defer { lastInode += 1 }
        return firstInode + lastInode
    }

    override func statistics(_ context: VfsContext) throws(LxFailure) -> VfsStatistics {
        var statistics = VfsStatistics()
        statistics.type = magic
        return statistics
    }
}

/// Any made-up file.
class PseudoInode: VfsInode {
    final let number: UInt64
    /// chmod and chown are refused as procfs refuses them, unless a subclass says otherwise.
    var links: UInt64 { 1 }

    init(_ superblock: PseudoSuperblock, mode: UInt32, uid: UInt32 = 0, gid: UInt32 = 0) {
        number = superblock.nextNumber()
        super.init(superblock: superblock, mode: mode, uid: uid, gid: gid)
    }

    final var pseudo: PseudoSuperblock { unsafeDowncast(superblock, to: PseudoSuperblock.self) }

    /// Sizes are 0 but for what a subclass knows.
    func size(_ context: VfsContext) -> Int64 { 0 }

    override func attributes(_ context: VfsContext) throws(LxFailure) -> VfsAttributes {
        var attributes = try super.attributes(context)
        attributes.inode = number
        attributes.links = links
        attributes.blockSize = 1024
        attributes.size = size(context)
        attributes.accessTime = pseudo.mountTime
        attributes.modificationTime = pseudo.mountTime
        attributes.changeTime = pseudo.mountTime
        return attributes
    }
}

/// A symbolic link whose text, and perhaps target, is computed.
class PseudoLink: PseudoInode {
    private let text: (VfsContext) throws(LxFailure) -> String
    private let target: (VfsContext) throws(LxFailure) -> VfsLinkTarget?

    init(
        _ superblock: PseudoSuperblock,
        mode: UInt32 = 0o777,
        uid: UInt32 = 0,
        gid: UInt32 = 0,
        text: @escaping (VfsContext) throws(LxFailure) -> String,
        target: @escaping (VfsContext) throws(LxFailure) -> VfsLinkTarget? = { _ in nil }
    ) {
        self.text = text
        self.target = target
        super.init(superblock, mode: VfsKind.symbolicLink.rawValue | mode, uid: uid, gid: gid)
    }

    override func readLink(_ context: VfsContext) throws(LxFailure) -> String { try text(context) }
    override func followLink(_ context: VfsContext) throws(LxFailure) -> VfsLinkTarget? { try target(context) }
}

/// A directory.
class PseudoDirectory: PseudoInode {
    init(_ superblock: PseudoSuperblock, permissions: UInt32 = 0o555, uid: UInt32 = 0, gid: UInt32 = 0) {
        super.init(superblock, mode: VfsKind.directory.rawValue | permissions, uid: uid, gid: gid)
    }

    /// Names in a stable order.
    func entries(_ context: VfsContext) throws(LxFailure) -> [(name: String, inode: PseudoInode)] { [] }

    override func open(_ flags: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsFile {
        PseudoDirectoryFile(inode: self)
    }

    /// Names cannot be made.
    override func create(_ name: String, mode: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        throw .errno(.ENOENT)
    }

    override func makeDirectory(_ name: String, mode: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        throw .errno(.ENOENT)
    }
}

private final class PseudoDirectoryFile: VfsFile {
    override func readDirectory(_ context: VfsContext) throws(LxFailure) -> [VfsDirectoryEntry] {
        guard let directory = inode as? PseudoDirectory else { throw .errno(.ENOTDIR) }
        return try directory.entries(context).map {
            VfsDirectoryEntry(name: $0.name, inode: $0.inode.number, kind: $0.inode.kind)
        }
    }
}

/// A directory whose names do not change by themselves.
final class PseudoFixedDirectory: PseudoDirectory {
    private var children: [(name: String, inode: PseudoInode)] = []
    /// Names that Linux has here and of which no source says whether WSL 1 has them.
    private let unsourced: Set<String>
    /// Why names that Linux has here are missing; the superblock's reason for all others.
    var absences: [String: LxNote] = [:]

    init(_ superblock: PseudoSuperblock, permissions: UInt32 = 0o555, unsourced: Set<String> = []) {
        self.unsourced = unsourced
        super.init(superblock, permissions: permissions)
    }

    override var links: UInt64 { UInt64(2 + children.filter { $0.inode.isDirectory }.count) }

    @discardableResult
    func add<Inode: PseudoInode>(_ name: String, _ inode: Inode) -> Inode {
        children.append((name, inode))
        return inode
    }

    func directory(_ name: String, permissions: UInt32 = 0o555, unsourced: Set<String> = []) -> PseudoFixedDirectory {
        add(name, PseudoFixedDirectory(pseudo, permissions: permissions, unsourced: unsourced))
    }

    override func entries(_ context: VfsContext) throws(LxFailure) -> [(name: String, inode: PseudoInode)] { children }

    override func lookup(_ name: String, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        if let child = children.first(where: { $0.name == name }) { return child.inode }
        if unsourced.contains(name) { throw .notModelled("no source says whether WSL 1 has \(name) here") }
        throw (absences[name] ?? superblock.absence)?.refusal(.ENOENT) ?? .errno(.ENOENT)
    }
}
