// The file operations that an open file implements (after lxcore's file callback table; pico-interface.md §6).
import Engine
import LinuxABI

/// An open file description: what descriptors share after dup and fork.
///
/// A file system, pipe, socket or device subclasses this. The provider keeps flags, position and reference count.
class VfsFile {
    final let inode: VfsInode
    /// Where it was opened; nil for pipes, sockets and anonymous inodes.
    final var location: VfsLocation?
    /// O_* status flags and access mode, as F_GETFL answers them.
    final var flags: UInt32 = 0
    final var position: Int64 = 0
    /// Descriptors (in tables and in flight in SCM_RIGHTS messages) that refer to this description.
    final var references = 0
    /// F_SETOWN, F_SETSIG.
    final var owner: Int32 = 0
    final var ownerSignal: Int32 = 0
    /// What getdents walks: taken at position 0, so that a reader sees one consistent set of names.
    final var listing: [VfsDirectoryEntry]?
    /// Edge-triggered epoll wants to know of new readiness even when the level does not change.
    final var readinessGeneration: UInt64 = 0

    init(inode: VfsInode) { self.inode = inode }

    final var isReadable: Bool { flags & 3 != 1 }
    final var isWritable: Bool { flags & 3 != 0 }

    /// `anon_inode:[eventfd]`, `pipe:[123]`, `socket:[5]`: what readlink of /proc/<pid>/fd/N says without a location.
    var linkText: String { "anon_inode:[file]" }

    /// False for pipes, sockets, terminals: lseek and pread answer ESPIPE.
    var isSeekable: Bool { true }

    // MARK: - Data

    /// Up to `count` bytes at `offset` (ignored unless seekable); empty at end of file.
    func read(_ count: Int, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> VfsData {
        throw .errno(.EINVAL)
    }

    /// Writes at `offset`; the provider resolved O_APPEND. Returns how much was taken.
    func write(_ data: VfsData, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> Int {
        throw .errno(.EINVAL)
    }

    /// All names of a directory in a stable order, without `.` and `..`.
    func readDirectory(_ context: VfsContext) throws(LxFailure) -> [VfsDirectoryEntry] { throw .errno(.ENOTDIR) }

    /// SEEK_DATA and SEEK_HOLE and file systems with odd positions; SEEK_SET, SEEK_CUR and SEEK_END by size are the
    /// provider's. nil: the provider's own answer.
    func seek(_ offset: Int64, whence: Int, _ context: VfsContext) throws(LxFailure) -> Int64? { nil }

    func allocate(mode: UInt32, offset: Int64, length: Int64, _ context: VfsContext) throws(LxFailure) {
        throw .errno(.EOPNOTSUPP)
    }

    /// fsync and fdatasync.
    func synchronize(dataOnly: Bool, _ context: VfsContext) throws(LxFailure) { throw .errno(.EINVAL) }

    /// Every close of a descriptor.
    func flush(_ context: VfsContext) {}

    /// The last reference is gone.
    func release(_ context: VfsContext) {}

    // MARK: - Mapping, control, readiness

    /// A section for mmap. ENODEV: cannot be mapped. The mapping is kept until its last page is unmapped.
    func map(_ request: VfsMapRequest, _ context: VfsContext) throws(LxFailure) -> VfsMapping { throw .errno(.ENODEV) }

    /// Device control; `context` reads and writes tracee memory.
    func ioctl(_ request: UInt32, _ argument: UInt64, _ context: VfsContext) throws(LxFailure) -> Int64 {
        throw .errno(.ENOTTY)
    }

    /// Ready events now, as EPOLL* bits. The default is a file: always readable and writable.
    func poll(_ context: VfsContext) -> PollEvents { [.readable, .writable] }

    /// False: epoll_ctl answers EPERM (regular files and directories).
    var isPollable: Bool { false }
}

struct VfsMapRequest {
    var offset: Int64
    var length: UInt64
    /// PROT_* bits.
    var protection: UInt32
    var isShared: Bool
}

/// A section that views are made of; `release` runs when the last view is gone.
class VfsMapping {
    /// Content of the page range, if known: what a reader of the mapping sees.
    func unmapped(_ context: VfsContext) {}
}
