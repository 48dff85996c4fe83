// The inode operations that a file system implements (after lxcore's inode callback table; pico-interface.md §6).
import Engine
import LinuxABI

/// One file, directory, link or node of a mounted file system.
///
/// A file system subclasses this and overrides what it supports; what is not overridden answers as lxcore does for a
/// null callback. The provider walks paths, checks permissions, follows links and mount points: an operation is called
/// only when the caller may do it. One file is one object for as long as anything refers to it, also through hard
/// links: watches, locks and mount points are keyed by object identity.
///
/// `mode` (type and permission bits), `uid` and `gid` are read at every path walk: keep them current here.
class VfsInode {
    /// The file system it lives in; a superblock outlives its inodes.
    unowned let superblock: VfsSuperblock
    /// The superblock's, read at every path walk.
    final let cachesNames: Bool
    final var mode: UInt32
    final var uid: UInt32
    final var gid: UInt32
    /// dev_t of a device node.
    final var specialDevice: UInt64 = 0
    /// flock and record locks, and the socket or FIFO bound to the node: owned by the provider.
    final var locks: LxpLockList?
    final var boundObject: AnyObject?
    /// inotify watches on this inode: owned by the provider.
    final var watches: [LxpInotifyWatch] = []

    init(superblock: VfsSuperblock, mode: UInt32, uid: UInt32 = 0, gid: UInt32 = 0) {
        self.superblock = superblock
        cachesNames = superblock.cachesNames
        self.mode = mode
        self.uid = uid
        self.gid = gid
    }

    final var kind: VfsKind { VfsKind(rawValue: mode & 0o170000) ?? .regular }
    final var isDirectory: Bool { mode & 0o170000 == VfsKind.directory.rawValue }
    final var isSymbolicLink: Bool { mode & 0o170000 == VfsKind.symbolicLink.rawValue }

    // MARK: - Any file

    /// `struct stat`. The default carries mode and owner only.
    func attributes(_ context: VfsContext) throws(LxFailure) -> VfsAttributes {
        var attributes = VfsAttributes(mode: mode)
        attributes.uid = uid
        attributes.gid = gid
        attributes.specialDevice = specialDevice
        attributes.device = superblock.device
        return attributes
    }

    func setAttributes(_ change: VfsAttributeChange, _ context: VfsContext) throws(LxFailure) {
        throw .errno(.EPERM)
    }

    /// Opens the file. `flags` are the O_* bits after the provider handled O_CREAT, O_EXCL, O_NOFOLLOW and O_TRUNC
    /// (it truncates by ``setAttributes(_:_:)``). Devices, FIFOs and sockets are opened by the provider, not here.
    func open(_ flags: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsFile { VfsFile(inode: self) }

    /// Whether the credentials of `context` may access the file; `mask` is 4 read, 2 write, 1 execute.
    ///
    /// The mode check with CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH.
    final func permission(_ mask: UInt32, _ context: VfsContext) throws(LxFailure) {
        // The owner's own bits, without a look at the rest of the credentials.
        if context.credentials.fsuid == uid, mode >> 6 & mask == mask { return }
        try VfsPermission.check(self, mask, context.credentials)
    }

    /// Whether a walk may go through without a look at groups and capabilities.
    @inline(__always)
    final func isPassable(_ context: VfsContext) -> Bool {
        context.credentials.fsuid == uid ? mode & 0o100 != 0 : mode & 0o011 == 0o011
    }

    // MARK: - Directories

    /// The inode of `name` (never `.` or `..`), or ENOENT.
    func lookup(_ name: String, _ context: VfsContext) throws(LxFailure) -> VfsInode { throw .errno(.ENOTDIR) }

    /// The same for a name as walks have it.
    func lookup(_ name: VfsName, _ context: VfsContext) throws(LxFailure) -> VfsInode { try lookup(name.text, context) }

    /// Makes a regular file; `mode` has type and permission bits after the umask. The owner is the context's
    /// file system uid and gid, or the directory's gid when it is set-group-id (see ``VfsContext/owner(in:)``).
    func create(_ name: String, mode: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        throw .errno(.EPERM)
    }

    func makeDirectory(_ name: String, mode: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        throw .errno(.EPERM)
    }

    /// A FIFO, socket or device node.
    func makeNode(
        _ name: String,
        mode: UInt32,
        device: UInt64,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsInode { throw .errno(.EPERM) }

    func makeSymbolicLink(
        _ name: String,
        target: String,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsInode { throw .errno(.EPERM) }

    /// Adds the name `name` for `inode`, which is of the same superblock.
    func link(_ name: String, to inode: VfsInode, _ context: VfsContext) throws(LxFailure) { throw .errno(.EPERM) }

    /// Removes a name of a file that is not a directory.
    func unlink(_ name: String, _ inode: VfsInode, _ context: VfsContext) throws(LxFailure) { throw .errno(.EPERM) }

    /// Removes a directory, or ENOTEMPTY.
    func removeDirectory(_ name: String, _ inode: VfsInode, _ context: VfsContext) throws(LxFailure) {
        throw .errno(.EPERM)
    }

    /// Moves `inode` from `name` here to `newName` in `newDirectory`, replacing `replaced` if there is one. The
    /// provider has checked kinds (ENOTDIR, EISDIR), loops (EINVAL), sticky bits and that both are of one superblock.
    func rename(
        _ name: String,
        _ inode: VfsInode,
        to newDirectory: VfsInode,
        _ newName: String,
        replacing replaced: VfsInode?,
        _ context: VfsContext
    ) throws(LxFailure) { throw .errno(.EPERM) }

    // MARK: - Links

    /// The text of a symbolic link.
    func readLink(_ context: VfsContext) throws(LxFailure) -> String { throw .errno(.EINVAL) }

    /// For links that lead to an object rather than a path (`/proc/<pid>/fd/3`, `ns/mnt`, `exe`, `cwd`): where to.
    /// nil: an ordinary link, its text is walked.
    func followLink(_ context: VfsContext) throws(LxFailure) -> VfsLinkTarget? { nil }

    // MARK: - Extended attributes

    func extendedAttribute(_ name: String, _ context: VfsContext) throws(LxFailure) -> [UInt8] {
        throw .errno(.EOPNOTSUPP)
    }

    /// `flags` are XATTR_CREATE and XATTR_REPLACE.
    func setExtendedAttribute(
        _ name: String,
        _ value: [UInt8],
        flags: UInt32,
        _ context: VfsContext
    ) throws(LxFailure) { throw .errno(.EOPNOTSUPP) }

    func extendedAttributeNames(_ context: VfsContext) throws(LxFailure) -> [String] { throw .errno(.EOPNOTSUPP) }

    func removeExtendedAttribute(_ name: String, _ context: VfsContext) throws(LxFailure) {
        throw .errno(.EOPNOTSUPP)
    }

    // MARK: - What the environment and grafts put here

    /// Makes `name` in this directory exactly as `file` says, replacing what is there, without any check and without
    /// evidence: the world at time zero, and grafts. Returns nil when the file system decides its own content (procfs).
    func populate(_ name: String, _ file: Environment.File, _ context: VfsContext) -> VfsInode? { nil }

    /// Another name for a populated inode (a hard link that existed at time zero).
    func populateLink(_ name: String, to inode: VfsInode, _ context: VfsContext) {}

    /// Removes `name` and all below it, unconditionally.
    func unpopulate(_ name: String, _ context: VfsContext) {}
}

/// Where a magic link leads.
enum VfsLinkTarget {
    /// A place in the mount tree (cwd, root, exe, an open file).
    case location(VfsLocation)
    /// An object without a place: a pipe, a socket, a namespace. `open` gives a file for it.
    case inode(VfsInode)
}
