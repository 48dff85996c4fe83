// What stat, setattr, statfs and getdents carry between the provider and a file system.

/// A file's type: the S_IFMT bits of its mode.
enum VfsKind: UInt32, Sendable {
    case fifo = 0o010000
    case characterDevice = 0o020000
    case directory = 0o040000
    case blockDevice = 0o060000
    case regular = 0o100000
    case symbolicLink = 0o120000
    case socket = 0o140000

    /// DT_* of getdents: the type bits shifted down.
    var directoryType: UInt8 { UInt8(rawValue >> 12) }
}

/// Everything `struct stat` tells.
struct VfsAttributes: Sendable {
    var inode: UInt64 = 0
    /// st_dev.
    var device: UInt64 = 0
    /// Type and permission bits.
    var mode: UInt32
    var uid: UInt32 = 0
    var gid: UInt32 = 0
    var links: UInt64 = 1
    /// st_rdev.
    var specialDevice: UInt64 = 0
    var size: Int64 = 0
    /// 512-byte units.
    var blocks: Int64 = 0
    var blockSize: Int64 = 4096
    /// Nanoseconds since the epoch.
    var accessTime: Int64 = 0
    var modificationTime: Int64 = 0
    var changeTime: Int64 = 0

    init(mode: UInt32) { self.mode = mode }
}

/// What chmod, chown, utimens and truncate ask for; nil fields stay. The provider has checked the right to do it.
struct VfsAttributeChange: Sendable {
    /// Permission bits only.
    var permissions: UInt32?
    var uid: UInt32?
    var gid: UInt32?
    var size: Int64?
    /// Nanoseconds since the epoch.
    var accessTime: Int64?
    var modificationTime: Int64?
}

/// `struct statfs`.
struct VfsStatistics: Sendable {
    var type: UInt64 = 0
    var blockSize: UInt64 = 4096
    var blocks: UInt64 = 0
    var freeBlocks: UInt64 = 0
    var availableBlocks: UInt64 = 0
    var files: UInt64 = 0
    var freeFiles: UInt64 = 0
    var nameLength: UInt64 = 255
    /// True when the counts are the machine's: they are then asked of the environment.
    var countsAreGiven = false
    /// Only the machine knows `type`.
    var typeIsGiven = false
}

struct VfsDirectoryEntry: Sendable {
    var name: String
    var inode: UInt64
    var kind: VfsKind
}
