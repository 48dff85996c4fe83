// Constants that the recorded world needs, taken from the descriptions once.
import LinuxABI

/// Linux's constants.
enum Linux {
    static let openCreate = ABI.constant("O_CREAT")
    static let openExclusive = ABI.constant("O_EXCL")
    static let openCloseOnExec = ABI.constant("O_CLOEXEC")
    static let openTruncate = ABI.constant("O_TRUNC")
    static let openAppend = ABI.constant("O_APPEND")
    static let openNoFollow = ABI.constant("O_NOFOLLOW")
    static let openTemporary = ABI.constant("O_TMPFILE")
    static let openWriteOnly = ABI.constant("O_WRONLY")
    static let openReadWrite = ABI.constant("O_RDWR")
    static let openNonBlocking = ABI.constant("O_NONBLOCK")
    static let accessModeMask: UInt64 = 3

    static let atWorkingDirectory = Int32(truncatingIfNeeded: ABI.constant("AT_FDCWD"))
    static let atNoFollow = ABI.constant("AT_SYMLINK_NOFOLLOW")
    static let atFollow = ABI.constant("AT_SYMLINK_FOLLOW")
    static let atEmptyPath = ABI.constant("AT_EMPTY_PATH")
    static let atRemoveDirectory = ABI.constant("AT_REMOVEDIR")
    static let renameExchange = ABI.constant("RENAME_EXCHANGE")

    static let terminalNumber = ABI.constant("TIOCGPTN")
    static let mapShared = ABI.constant("MAP_SHARED")
    static let protectWrite = ABI.constant("PROT_WRITE")

    static let duplicate = ABI.constant("F_DUPFD")
    static let duplicateCloseOnExec = ABI.constant("F_DUPFD_CLOEXEC")
    static let setDescriptorFlags = ABI.constant("F_SETFD")
    static let setStatusFlags = ABI.constant("F_SETFL")
    static let closeRangeCloseOnExec = ABI.constant("CLOSE_RANGE_CLOEXEC")
    static let closeRangeUnshare = ABI.constant("CLOSE_RANGE_UNSHARE")

    static let cloneMemory = ABI.constant("CLONE_VM")
    static let cloneFork = ABI.constant("CLONE_VFORK")
    static let cloneFileSystem = ABI.constant("CLONE_FS")
    static let cloneFiles = ABI.constant("CLONE_FILES")
    static let cloneParent = ABI.constant("CLONE_PARENT")
    static let cloneThread = ABI.constant("CLONE_THREAD")
    static let cloneMountNamespace = ABI.constant("CLONE_NEWNS")
    static let clonePidNamespace = ABI.constant("CLONE_NEWPID")
    static let namespaceFlags: UInt64 = [
        "CLONE_NEWNS", "CLONE_NEWCGROUP", "CLONE_NEWUTS", "CLONE_NEWIPC", "CLONE_NEWUSER", "CLONE_NEWPID",
        "CLONE_NEWNET", "CLONE_NEWTIME",
    ].reduce(0) { $0 | ABI.constant($1) }

    static let mountRemount = ABI.constant("MS_REMOUNT")
    static let mountBind = ABI.constant("MS_BIND")
    static let mountMove = ABI.constant("MS_MOVE")
    static let mountPropagation: UInt64 = ["MS_SHARED", "MS_PRIVATE", "MS_SLAVE", "MS_UNBINDABLE"].reduce(0) {
        $0 | ABI.constant($1)
    }

    static let blockSignals = ABI.constant("SIG_BLOCK")
    static let unblockSignals = ABI.constant("SIG_UNBLOCK")
    static let setSignalMask = ABI.constant("SIG_SETMASK")
    static let socketLevel = ABI.constant("SOL_SOCKET")
    static let passDescriptors = ABI.constant("SCM_RIGHTS")
    static let messageCloseOnExec = ABI.constant("MSG_CMSG_CLOEXEC")
    static let messagePeek = ABI.constant("MSG_PEEK")
    static let futexWait = ABI.constant("FUTEX_WAIT")
    static let futexWaitBitset = ABI.constant("FUTEX_WAIT_BITSET")
    static let futexPrivate = ABI.constant("FUTEX_PRIVATE_FLAG")
    static let futexRealtime = ABI.constant("FUTEX_CLOCK_REALTIME")
    static let waitNoHang = ABI.constant("WNOHANG")

    // S_IFMT (inode(7)): a mask of mode words, which no call has as a flag set.
    static let typeMask: UInt32 = 0o170000
}
