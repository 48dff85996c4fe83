// One mount: a superblock (or a part of it) shown at a place of a mount namespace.
import LinuxABI

final class VfsMount {
    /// mountinfo's first field.
    let identifier: Int
    let superblock: VfsSuperblock
    /// What is shown at the mount point: the superblock's root, or a directory or file of it (bind).
    let root: VfsEntry
    /// Where it is mounted; nil for the root of a namespace and for a detached mount.
    var point: VfsLocation?
    /// MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOATIME, MS_NODIRATIME, MS_RELATIME.
    var flags: UInt64
    /// Mounts of one peer group see each other's mounts (mount_namespaces(7)); nil: not shared.
    var peerGroup: Int?
    /// The peer group it is a slave of.
    var master: Int?
    var isUnbindable = false
    /// nil: the namespace is gone, and an open file keeps the mount.
    private var owner: LxMountNamespace.Link
    /// A mount without a namespace stands alone: nothing is mounted below it.
    var namespace: LxMountNamespace {
        get { owner.namespace ?? LxMountNamespace(identifier: 0) }
        set { owner = newValue.link }
    }

    /// What is mounted on an entry that is seen through this mount, topmost.
    func mount(on entry: VfsEntry) -> VfsMount? {
        entry.mounts == 0 ? nil : owner.namespace?.mount(at: VfsLocation(mount: self, entry: entry))
    }

    init(
        identifier: Int,
        superblock: VfsSuperblock,
        root: VfsEntry,
        point: VfsLocation?,
        flags: UInt64,
        namespace: LxMountNamespace
    ) {
        self.identifier = identifier
        self.superblock = superblock
        self.root = root
        self.point = point
        self.flags = flags
        owner = namespace.link
        superblock.mountCount += 1
    }
}
