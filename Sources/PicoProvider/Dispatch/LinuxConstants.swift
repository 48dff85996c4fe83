// Numbers of the Linux ABI that several families use; all from the descriptions.
import LinuxABI

func abi32(_ name: String) -> UInt32 { UInt32(truncatingIfNeeded: ABI.constant(name)) }
func abiInt(_ name: String) -> Int32 { Int32(truncatingIfNeeded: ABI.constant(name)) }

enum OpenFlag {
    static let accessMode = abi32("O_ACCMODE")
    static let writeOnly = abi32("O_WRONLY")
    static let readWrite = abi32("O_RDWR")
    static let create = abi32("O_CREAT")
    static let exclusive = abi32("O_EXCL")
    static let noTerminal = abi32("O_NOCTTY")
    static let truncate = abi32("O_TRUNC")
    static let append = abi32("O_APPEND")
    static let nonBlocking = abi32("O_NONBLOCK")
    static let async = abi32("FASYNC")
    static let direct = abi32("O_DIRECT")
    static let directory = abi32("O_DIRECTORY")
    static let noFollow = abi32("O_NOFOLLOW")
    static let noAccessTime = abi32("O_NOATIME")
    static let closeOnExec = abi32("O_CLOEXEC")
    static let path = abi32("O_PATH")
    /// The bit of O_TMPFILE without O_DIRECTORY.
    static let temporary = abi32("O_TMPFILE") & ~abi32("O_DIRECTORY")
    /// Set by the kernel on 64-bit processes; F_GETFL shows it.
    static let largeFile: UInt32 = 0o100000
    /// What F_GETFL shows of the open flags.
    static let kept = ~(create | exclusive | noTerminal | truncate | closeOnExec)
    /// What F_SETFL may change.
    static let settable = append | nonBlocking | async | direct | noAccessTime
}

enum AtFlag {
    static let workingDirectory = abiInt("AT_FDCWD")
    static let noFollow = abi32("AT_SYMLINK_NOFOLLOW")
    static let follow = abi32("AT_SYMLINK_FOLLOW")
    static let removeDirectory = abi32("AT_REMOVEDIR")
    static let emptyPath = abi32("AT_EMPTY_PATH")
    static let noAutomount = abi32("AT_NO_AUTOMOUNT")
}

enum MountFlag {
    static let readOnly = ABI.constant("MS_RDONLY")
    static let noSetuid = ABI.constant("MS_NOSUID")
    static let noDevices = ABI.constant("MS_NODEV")
    static let noExec = ABI.constant("MS_NOEXEC")
    static let synchronous = ABI.constant("MS_SYNCHRONOUS")
    static let remount = ABI.constant("MS_REMOUNT")
    static let noAccessTime = ABI.constant("MS_NOATIME")
    static let noDirectoryAccessTime = ABI.constant("MS_NODIRATIME")
    static let bind = ABI.constant("MS_BIND")
    static let move = ABI.constant("MS_MOVE")
    static let recursive = ABI.constant("MS_REC")
    static let silent = ABI.constant("MS_SILENT")
    static let unbindable = ABI.constant("MS_UNBINDABLE")
    static let isPrivate = ABI.constant("MS_PRIVATE")
    static let slave = ABI.constant("MS_SLAVE")
    static let shared = ABI.constant("MS_SHARED")
    static let relativeAccessTime = ABI.constant("MS_RELATIME")
    static let strictAccessTime = ABI.constant("MS_STRICTATIME")
    static let kept =
        readOnly | noSetuid | noDevices | noExec | noAccessTime | noDirectoryAccessTime | relativeAccessTime
}

/// RLIMIT_*.
struct LxResource: Sendable, Hashable {
    let number: Int32

    private init(_ name: String) { number = abiInt(name) }

    static let nofile = LxResource("RLIMIT_NOFILE")
    static let stack = LxResource("RLIMIT_STACK")
    static let data = LxResource("RLIMIT_DATA")
    static let nice = LxResource("RLIMIT_NICE")
    static let realtimePriority = LxResource("RLIMIT_RTPRIO")
    static let count: Int32 = 16
}

/// Signals by number.
enum LxSignal {
    static let hangUp = abiInt("SIGHUP")
    static let interrupt = abiInt("SIGINT")
    static let quit = abiInt("SIGQUIT")
    static let trap = abiInt("SIGTRAP")
    static let abort = abiInt("SIGABRT")
    static let kill = abiInt("SIGKILL")
    static let segmentation = abiInt("SIGSEGV")
    static let pipe = abiInt("SIGPIPE")
    static let alarm = abiInt("SIGALRM")
    static let terminate = abiInt("SIGTERM")
    static let child = abiInt("SIGCHLD")
    static let proceed = abiInt("SIGCONT")
    static let stop = abiInt("SIGSTOP")
    static let terminalStop = abiInt("SIGTSTP")
    static let terminalInput = abiInt("SIGTTIN")
    static let terminalOutput = abiInt("SIGTTOU")
    static let urgent = abiInt("SIGURG")
    static let virtualAlarm = abiInt("SIGVTALRM")
    static let profiling = abiInt("SIGPROF")
    static let windowChange = abiInt("SIGWINCH")
    static let io = abiInt("SIGIO")
}
