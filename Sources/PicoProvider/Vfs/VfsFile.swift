// The file operations that an open file implements (after lxcore's file callback table; pico-interface.md §6).
import Engine
import LinuxABI
import NTKernel

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
    /// The epoll interests that watch this description.
    final var interests: [LxEpollInterest] = []

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

    func allocate(mode: Int32, offset: Int64, length: Int64, _ context: VfsContext) throws(LxFailure) {
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

    private static let volumeRequests: Set<UInt32> = [abi32("FS_IOC_FIEMAP"), abi32("FITRIM"), abi32("FICLONE")]

    /// Device control; `context` reads and writes tracee memory.
    func ioctl(_ request: UInt32, _ argument: UInt64, _ context: VfsContext) throws(LxFailure) -> Int64 {
        if Self.volumeRequests.contains(request) {
            throw .unsupported(.ENOTTY, note: "no FIEMAP, FITRIM or FICLONE", source: "inferred")
        }
        throw .errno(.ENOTTY)
    }

    /// Ready events now, as EPOLL* bits. The default is a file: always readable and writable.
    func poll(_ context: VfsContext) -> PollEvents { [.readable, .writable] }

    /// False: epoll_ctl answers EPERM (regular files and directories).
    var isPollable: Bool { false }

    /// Counts arrivals of data, for edge-triggered epoll, which reports them also when the level does not change.
    var inputArrivals: UInt64 { 0 }

    /// Counts the times that room to write came up.
    var outputArrivals: UInt64 { 0 }

    /// Somebody who was not recorded feeds it: whether it is readable is the environment's to say.
    var isFedFromOutside: Bool { false }
}

struct VfsMapRequest {
    var offset: Int64
    var length: UInt64
    /// PROT_* bits.
    var protection: UInt32
    var isShared: Bool
}

/// What a mapped file gives to the memory manager: its section, of which the provider maps views.
///
/// Shared by the regions that one mmap left; its end releases the section.
class VfsMapping {
    /// A handle from NtCreateSection; null for memory that no section backs (devices of the provider).
    final let section: Handle

    /// What is mapped; it lives as long.
    final var inode: VfsInode?

    init(section: Handle) { self.section = section }

    /// The last view is gone: close the section.
    func unmapped() {}
}
