// One mount: a superblock (or a part of it) shown at a place of a mount namespace.
import LinuxABI

final class VfsMount {
    /// How mounts and unmounts below it reach other mounts (mount_namespaces(7)).
    enum Propagation: Hashable {
        case isPrivate
        case shared(group: Int)
        case slave(of: Int)
        case unbindable
    }

    /// mountinfo's first field.
    let identifier: Int
    let superblock: VfsSuperblock
    /// What is shown at the mount point: the superblock's root, or a directory or file of it (bind).
    let root: VfsEntry
    /// Where it is mounted; nil for the root of a namespace and for a detached mount.
    var point: VfsLocation?
    /// MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOATIME, MS_NODIRATIME, MS_RELATIME.
    var flags: UInt64
    var propagation = Propagation.isPrivate
    /// A slave may itself be a peer in another group.
    var master: Int?
    unowned var namespace: LxMountNamespace

    init(
        identifier: Int, superblock: VfsSuperblock, root: VfsEntry, point: VfsLocation?, flags: UInt64,
        namespace: LxMountNamespace
    ) {
        self.identifier = identifier
        self.superblock = superblock
        self.root = root
        self.point = point
        self.flags = flags
        self.namespace = namespace
        superblock.mountCount += 1
    }
}
