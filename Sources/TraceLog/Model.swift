// The values a trace is made of. The log knows nothing of what a call means.
public import LinuxABI

/// What every trace says of itself, first in the file.
public struct TraceHeader: Sendable, Hashable, Codable {
    /// The tool that wrote it, for example `lacuna 0.1.0`.
    public var tool = ""
    public var architecture = Architecture.x86_64
    /// `uname` of the host: sysname, nodename, release, version, machine, domainname.
    public var uname: [String] = []
    /// The recorded command.
    public var command: [String] = []
    /// Start of the recording: CLOCK_REALTIME in nanoseconds since the epoch.
    public var startRealtime: UInt64 = 0
    /// Start of the recording: CLOCK_MONOTONIC in nanoseconds. Event times count from here.
    public var startMonotonic: UInt64 = 0
    /// `lockstep` or `fast`.
    public var tier = "lockstep"
    /// Where results came from: `ebpf` or `ptrace`.
    public var results = "ebpf"
    /// Bytes kept of each buffer; nil keeps all.
    public var payloadLimit: Int?

    public init() {}
}

/// One completed (or, at the end of a recording, unfinished) system call.
public struct CallRecord: Sendable, Hashable {
    /// Order of entry over all tasks, from 0. This is the number users see.
    public var index: UInt64
    public var task: TaskID
    public var number: UInt32
    public var architecture: Architecture
    public var arguments: SyscallArguments
    /// The kernel's raw result: a value, or -errno (including -512 … -516, ERESTART*). Meaningless if `.unfinished`.
    public var result: Int64
    /// Nanoseconds since `TraceHeader.startMonotonic`.
    public var entryTime: UInt64
    /// Nanoseconds since `TraceHeader.startMonotonic`; equals `entryTime` if `.unfinished`.
    public var exitTime: UInt64
    public var flags: CallFlags
    /// Memory the call read (as it was at entry) and wrote (as it was at exit), in capture order.
    public var chunks: [MemoryRecord]

    public init(
        index: UInt64,
        task: TaskID,
        number: UInt32,
        architecture: Architecture = .x86_64,
        arguments: SyscallArguments = SyscallArguments(),
        result: Int64 = 0,
        entryTime: UInt64 = 0,
        exitTime: UInt64 = 0,
        flags: CallFlags = [],
        chunks: [MemoryRecord] = []
    ) {
        self.index = index
        self.task = task
        self.number = number
        self.architecture = architecture
        self.arguments = arguments
        self.result = result
        self.entryTime = entryTime
        self.exitTime = exitTime
        self.flags = flags
        self.chunks = chunks
    }
}

public struct CallFlags: OptionSet, Sendable, Hashable {
    public let rawValue: UInt16
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Entered but never returned: exit, exec of another thread, death, or the end of the recording.
    @inlinable public static var unfinished: CallFlags { CallFlags(rawValue: 1) }
    /// Denied by the workload's own seccomp filter; the kernel never ran it.
    @inlinable public static var denied: CallFlags { CallFlags(rawValue: 2) }
    /// Some input memory could not be read (a bad pointer, as the kernel saw too).
    @inlinable public static var inputFault: CallFlags { CallFlags(rawValue: 4) }
    /// Some output memory could not be read.
    @inlinable public static var outputFault: CallFlags { CallFlags(rawValue: 8) }
    /// The result is not known (the recorder lost it; never silent).
    @inlinable public static var resultLost: CallFlags { CallFlags(rawValue: 16) }
    /// The call has no description: arguments raw, memory not captured.
    @inlinable public static var opaque: CallFlags { CallFlags(rawValue: 32) }
    /// Left by a jump out of a signal handler; result not seen.
    @inlinable public static var interrupted: CallFlags { CallFlags(rawValue: 64) }

    /// The call did return, or was left, but with what result is not known.
    @inlinable public static var resultUnknown: CallFlags { [.resultLost, .interrupted] }
    /// The record's result means nothing.
    @inlinable public static var withoutResult: CallFlags { [.unfinished, .resultLost, .interrupted] }
}

/// A range of memory that a call read or wrote.
public struct MemoryRecord: Sendable, Hashable {
    public enum Direction: UInt8, Sendable, Hashable { case input = 0, output = 1 }

    public var direction: Direction
    public var address: UInt64
    /// The full length in bytes; `bytes` is shorter when the payload policy cut it.
    public var length: Int
    public var bytes: [UInt8]
    /// XXH3-128 of all `length` bytes when they were cut (zero if not cut, or if the full bytes were never readable).
    public var hash: ContentHash

    public var isCut: Bool { bytes.count < length }

    public init(
        _ direction: Direction,
        address: UInt64,
        bytes: [UInt8],
        length: Int? = nil,
        hash: ContentHash = .zero
    ) {
        self.direction = direction
        self.address = address
        self.bytes = bytes
        self.length = length ?? bytes.count
        self.hash = hash
    }
}

/// XXH3, 128 bits.
public struct ContentHash: Sendable, Hashable, BitwiseCopyable {
    public var low: UInt64
    public var high: UInt64
    public static let zero = ContentHash(low: 0, high: 0)
    public init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }
}

/// Something that happened to a task.
public struct TaskRecord: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// The task appeared. `parent` and `byCall` are nil for the root.
        case created(tid: Int32, tgid: Int32, parent: TaskID?, byCall: UInt64?)
        /// A successful execve completed in this task: the file, its argv, envp (masked) and auxv.
        case executed(path: String, arguments: [String], environment: [String], auxv: [UInt64])
        /// The task ended. `status` is a wait status; nil if it is not known (a thread).
        case exited(status: Int32?)
    }

    public var task: TaskID
    /// Nanoseconds since start.
    public var time: UInt64
    /// Calls entered over all tasks before this happened.
    public var afterCalls: UInt64
    public var kind: Kind
    /// Of `.exited`: the calls the task made, counted where they were made, to compare with those recorded; nil if not
    /// known (logs before 1.1).
    public var callsMade: UInt64?

    public init(task: TaskID, time: UInt64, afterCalls: UInt64, kind: Kind, callsMade: UInt64? = nil) {
        self.task = task
        self.time = time
        self.afterCalls = afterCalls
        self.kind = kind
        self.callsMade = callsMade
    }
}

/// A signal was delivered to a task (its handler is about to run, or its default action).
public struct SignalRecord: Sendable, Hashable {
    public var task: TaskID
    public var time: UInt64
    /// Calls entered over all tasks before this happened.
    public var afterCalls: UInt64
    public var signal: Int32
    /// `si_code`.
    public var code: Int32
    /// Address of the handler; 0 is SIG_DFL, 1 is SIG_IGN.
    public var handler: UInt64

    public init(task: TaskID, time: UInt64, afterCalls: UInt64, signal: Int32, code: Int32, handler: UInt64) {
        self.task = task
        self.time = time
        self.afterCalls = afterCalls
        self.signal = signal
        self.code = code
        self.handler = handler
    }
}

/// Metadata of a path when the workload first touched it, before the call ran.
public struct PathRecord: Sendable, Hashable {
    /// Absolute, as seen from the recorder's root; symbolic links not followed.
    public var path: String
    /// The call (by index) that touched it first.
    public var beforeCall: UInt64
    /// nil when the path exists; else the errno of lstat.
    public var absent: Int32?
    public var status: FileStatus
    /// Target, for a symbolic link.
    public var linkTarget: String?
    /// First bytes (at most 256) of a file that is executed: enough for the ELF header or the `#!` line.
    public var head: [UInt8]

    public init(
        path: String,
        beforeCall: UInt64,
        absent: Int32? = nil,
        status: FileStatus = FileStatus(),
        linkTarget: String? = nil,
        head: [UInt8] = []
    ) {
        self.path = path
        self.beforeCall = beforeCall
        self.absent = absent
        self.status = status
        self.linkTarget = linkTarget
        self.head = head
    }
}

/// What lstat says of a file. Times in nanoseconds since the epoch.
public struct FileStatus: Sendable, Hashable, Codable {
    public var device: UInt64 = 0
    public var inode: UInt64 = 0
    public var mode: UInt32 = 0
    public var links: UInt64 = 0
    public var uid: UInt32 = 0
    public var gid: UInt32 = 0
    public var specialDevice: UInt64 = 0
    public var size: Int64 = 0
    public var blockSize: Int64 = 0
    public var blocks: Int64 = 0
    public var accessTime: Int64 = 0
    public var modificationTime: Int64 = 0
    public var changeTime: Int64 = 0

    public init() {}
}

/// The root task's surroundings when the recording began, taken in the child just before execve.
public struct StartSnapshot: Sendable, Hashable, Codable {
    public struct Descriptor: Sendable, Hashable, Codable {
        public var fd: Int32 = 0
        /// readlink of /proc/self/fd/N: a path, `pipe:[…]`, `socket:[…]`, `anon_inode:…`.
        public var target = ""
        /// Open flags (O_*), as fdinfo gives them.
        public var flags: UInt32 = 0
        public var offset: Int64 = 0
        public var status = FileStatus()
        public var isTerminal = false

        public init() {}
    }
    public struct Limit: Sendable, Hashable, Codable {
        public var resource: Int32
        public var soft: UInt64
        public var hard: UInt64

        public init(resource: Int32, soft: UInt64, hard: UInt64) {
            self.resource = resource
            self.soft = soft
            self.hard = hard
        }
    }

    public var pid: Int32 = 0
    public var parent: Int32 = 0
    public var processGroup: Int32 = 0
    public var session: Int32 = 0
    /// real, effective, saved, file system.
    public var uids: [UInt32] = []
    public var gids: [UInt32] = []
    public var groups: [UInt32] = []
    /// inheritable, permitted, effective, bounding, ambient.
    public var capabilities: [UInt64] = []
    public var noNewPrivileges = false
    public var limits: [Limit] = []
    public var descriptors: [Descriptor] = []
    public var workingDirectory = ""
    public var root = "/"
    public var umask: UInt32 = 0o022
    /// Lines of /proc/self/mountinfo.
    public var mounts: [String] = []
    /// `mnt` → `mnt:[4026531841]` and so on.
    public var namespaces: [String: String] = [:]
    /// Lines of /proc/self/cgroup.
    public var cgroups: [String] = []
    public var arguments: [String] = []
    /// `NAME=value`; values that look like secrets are masked.
    public var environment: [String] = []
    /// Names whose values were masked.
    public var masked: [String] = []
    /// Signals blocked and ignored at start, as masks (bit n-1 is signal n).
    public var blockedSignals: UInt64 = 0
    public var ignoredSignals: UInt64 = 0
    public var cpuCount: Int = 1
    public var hasTerminal = false

    public init() {}
}

/// How a recording ended; last in the file, absent from a cut log.
public struct TraceTrailer: Sendable, Hashable, Codable {
    /// `exited`, `timeout`, `max-size`, `follow-limit`, `interrupted`, `disk-full`.
    public var reason = ""
    /// Wait status of the root, if it ended.
    public var status: Int32?
    public var calls: UInt64 = 0
    /// What the recorder could not do or lost, by plain words → count. Empty is the normal case.
    public var notes: [String: UInt64] = [:]
    /// How many calls were recorded which way: `in-process`, or why lock-step, by plain words → count. Empty in logs of
    /// the lock-step tier alone.
    public var ways: [String: UInt64] = [:]

    public init() {}
}
