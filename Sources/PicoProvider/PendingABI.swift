// Stand-ins until the descriptions land.
enum ABI {
    static func constant(_ name: String) -> UInt64 { preconditionFailure(name) }
}
struct Errno: Hashable, Sendable {
    var rawValue: Int32
    static let EPERM = Errno(rawValue: 1), ENOENT = Errno(rawValue: 2), EIO = Errno(rawValue: 5)
    static let EBADF = Errno(rawValue: 9), EAGAIN = Errno(rawValue: 11), EACCES = Errno(rawValue: 13), EFAULT = Errno(rawValue: 14)
    static let EEXIST = Errno(rawValue: 17), ENODEV = Errno(rawValue: 19), ENOTDIR = Errno(rawValue: 20), EISDIR = Errno(rawValue: 21)
    static let EINVAL = Errno(rawValue: 22), EMFILE = Errno(rawValue: 24), ENOTTY = Errno(rawValue: 25), ENOSPC = Errno(rawValue: 28)
    static let ESPIPE = Errno(rawValue: 29), ENAMETOOLONG = Errno(rawValue: 36), ENOSYS = Errno(rawValue: 38), ENOTEMPTY = Errno(rawValue: 39)
    static let ELOOP = Errno(rawValue: 40), ENODATA = Errno(rawValue: 61), EOPNOTSUPP = Errno(rawValue: 95), EBUSY = Errno(rawValue: 16)
    static let EXDEV = Errno(rawValue: 18), EROFS = Errno(rawValue: 30), ENXIO = Errno(rawValue: 6), ESRCH = Errno(rawValue: 3)
}
final class LxpLockList {}
final class LxpInotifyWatch {}
final class LxTerminal {}
final class LxUnixSocket {}
final class LxSharedSegment {}
final class LxSemaphoreSet {}
final class LxAddressSpace {}
struct LxProcessTimers {}
struct LxParkedCall {}
