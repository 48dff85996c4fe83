// What existed before the first call, and what an engine may ask of the world outside.
public import LinuxABI

/// The state of the world at time zero, built by the replayer from what the recorder noted and what the trace proves.
public struct Environment: Sendable {
    public struct File: Sendable, Hashable {
        public enum Kind: UInt8, Sendable, Hashable, Codable {
            case regular, directory, symbolicLink, fifo, socket, characterDevice, blockDevice
        }

        /// Absolute, in the root task's mount namespace, no symbolic links in its directory part.
        public var path: String
        public var kind: Kind
        /// Permission bits with setuid, setgid, sticky; no type bits.
        public var mode: UInt32
        public var uid: UInt32 = 0
        public var gid: UInt32 = 0
        public var links: UInt64 = 1
        public var inode: UInt64 = 0
        public var device: UInt64 = 0
        /// dev_t of a device node.
        public var specialDevice: UInt64 = 0
        /// Size in bytes; may exceed the known content.
        public var size: Int64 = 0
        public var blocks: Int64 = 0
        public var blockSize: Int64 = 4096
        /// Nanoseconds since the epoch.
        public var accessTime: Int64 = 0
        public var modificationTime: Int64 = 0
        public var changeTime: Int64 = 0
        public var linkTarget: String?
        /// Known content: offset → bytes, not overlapping. What is not covered is unknown (reads of it are *given*).
        public var content: [Extent] = []
        /// For a directory: the exact set of its names is known (from a complete getdents).
        public var entriesKnown = false
        /// Entries reported by getdents in order, when `entriesKnown` (without `.` and `..`).
        public var entryOrder: [String] = []
        public var extendedAttributes: [String: [UInt8]] = [:]

        public init(path: String, kind: Kind, mode: UInt32) {
            self.path = path
            self.kind = kind
            self.mode = mode
        }
    }
    public struct Extent: Sendable, Hashable {
        public var offset: Int64
        public var bytes: [UInt8]
        public init(offset: Int64, bytes: [UInt8]) {
            self.offset = offset
            self.bytes = bytes
        }
    }
    public struct Descriptor: Sendable, Hashable {
        public enum Target: Sendable, Hashable {
            case file(path: String)
            /// A terminal; `path` is its name.
            case terminal(path: String)
            /// One end of a pipe; ends with the same `id` belong together. The far end may be outside.
            case pipe(id: UInt64, writeEnd: Bool)
            case socket(id: UInt64)
            /// `anon_inode:[eventpoll]` and the like.
            case other(String)
        }

        public var fd: Int32
        public var target: Target
        public var flags: UInt32
        public var offset: Int64 = 0

        public init(fd: Int32, target: Target, flags: UInt32) {
            self.fd = fd
            self.target = target
            self.flags = flags
        }
    }
    public struct Limit: Sendable, Hashable {
        public var soft: UInt64
        public var hard: UInt64
        public init(soft: UInt64, hard: UInt64) {
            self.soft = soft
            self.hard = hard
        }
    }
    /// The root task.
    public struct Process: Sendable, Hashable {
        public var task = TaskID(rawValue: 0)
        public var pid: Int32 = 2
        public var parent: Int32 = 1
        public var processGroup: Int32 = 2
        public var session: Int32 = 1
        /// real, effective, saved, file system
        public var uids: [UInt32] = [0, 0, 0, 0]
        public var gids: [UInt32] = [0, 0, 0, 0]
        public var groups: [UInt32] = []
        /// inheritable, permitted, effective, bounding, ambient
        public var capabilities: [UInt64] = [0, 0, 0, 0, 0]
        public var noNewPrivileges = false
        public var limits: [Int32: Limit] = [:]
        public var descriptors: [Descriptor] = []
        public var workingDirectory = "/"
        public var umask: UInt32 = 0o022
        public var executable = ""
        public var arguments: [String] = []
        public var environment: [String] = []
        public var blockedSignals: UInt64 = 0
        public var ignoredSignals: UInt64 = 0
        public var hasTerminal = false

        public init() {}
    }
    public struct Mount: Sendable, Hashable {
        public var point: String
        public var type: String
        public var source: String
        public var options: String
        /// Those of the file system itself: a control group's controllers.
        public var systemOptions: String
        public init(point: String, type: String, source: String, options: String, systemOptions: String = "") {
            self.point = point
            self.type = type
            self.source = source
            self.options = options
            self.systemOptions = systemOptions
        }
    }

    public var process = Process()
    /// Sorted by path; parents before children.
    public var files: [File] = []
    /// Paths known not to exist (and not below another absent path).
    public var absent: Set<String> = []
    public var mounts: [Mount] = []
    /// Directories whose contents the engine serves itself (procfs, sysfs, devtmpfs, devpts, cgroup …), sorted. They
    /// are in ``files`` themselves when the workload touched them; nothing below them is.
    public var engineServed: [String] = []
    public var cpuCount = 1
    /// Nanoseconds since the epoch when the recording began.
    public var startRealtime: UInt64 = 0
    public var startMonotonic: UInt64 = 0
    public var hostname = ""
    public var names: any NameSource = NoNames()
    public var given: any GivenSource = NothingGiven()

    public init() {}
}

/// Name spaces in which only identity matters, never the value (design: equivalence up to renaming).
public enum NameKind: UInt8, Sendable, Hashable, CaseIterable {
    case task, address, programBreak, inode, device, mountID, sysvID, timerID, watch, port, keySerial, terminal,
        namespaceID
}

/// Offers names for new things.
///
/// Names carry no meaning, so the environment may choose them: an engine that decides to *succeed* in making a thing
/// may take the offered name if it is free, and another otherwise. An offer says nothing about success: callers
/// must decide first and ask after. The comparison is up to renaming whichever name is taken.
public protocol NameSource: Sendable {
    func offer(_ kind: NameKind, for call: UInt64) -> UInt64?
}

public struct NoNames: NameSource {
    public init() {}
    public func offer(_ kind: NameKind, for call: UInt64) -> UInt64? { nil }
}

/// What an engine cannot know. Every answer taken must be listed in ``DispatchResult/given``.
public enum GivenName: Sendable, Hashable {
    /// Bytes of the output buffer at this guest address: random bytes, data from a peer that was not recorded,
    /// file content that the recording never proved, declared machine facts (`/proc/cpuinfo`).
    case bytes(address: UInt64, count: Int, what: String)
    /// How many bytes or events a peer that was not recorded supplies to this call; nil: nothing, it would block.
    case available(what: String)
    /// A clock reading in nanoseconds.
    case clock(id: Int32)
    /// A number the machine decides (a load average, a cpu number, a statistic).
    case number(what: String)
}

public protocol GivenSource: Sendable {
    /// The environment's answer for this call, or nil if it has none.
    func bytes(_ name: GivenName, for call: UInt64) -> [UInt8]?
    func number(_ name: GivenName, for call: UInt64) -> Int64?
}

public struct NothingGiven: GivenSource {
    public init() {}
    public func bytes(_ name: GivenName, for call: UInt64) -> [UInt8]? { nil }
    public func number(_ name: GivenName, for call: UInt64) -> Int64? { nil }
}

/// A change that puts the engine where the recording was, after a divergence.
public enum Graft: Sendable, Hashable {
    /// `fd` is open and refers to `target` (which must exist afterwards, made if need be).
    case descriptor(fd: Int32, target: Environment.Descriptor.Target, flags: UInt32, closeOnExec: Bool)
    /// `fd` shares the open file description of `source`.
    case duplicate(fd: Int32, source: Int32, closeOnExec: Bool)
    /// `fd` is closed.
    case closed(fd: Int32)
    /// The path exists like this.
    case file(Environment.File)
    /// The path does not exist.
    case absent(path: String)
    /// What was at `source` is at `target`, the same file under another name.
    case renamed(source: String, target: String)
    /// A child of the task exists. `flags` are clone flags.
    case child(task: TaskID, pid: Int32, flags: UInt64)
    /// The address range is mapped (or not).
    case mapping(address: UInt64, length: UInt64, mapped: Bool)
    case workingDirectory(String)
    /// real, effective, saved, file system
    case credentials(uids: [UInt32], gids: [UInt32])
    /// The task now runs this file (a successful execve).
    case executed(path: String)
    /// Signal mask and dispositions cannot be told from one call; the engine runs the call's normal effect.
    case signalMask(UInt64)
    /// The task is in new namespaces (CLONE_NEW* bits).
    case namespaces(UInt64)
    /// The position of the open file description behind `fd`.
    case offset(fd: Int32, offset: Int64)
    /// Bytes that the file holds at this offset (a write that the recording made and the engine did not).
    case content(path: String, offset: Int64, bytes: [UInt8])
    /// Bytes that went into the pipe, socket or terminal behind `fd`, for its other end to read.
    case stream(fd: Int32, bytes: [UInt8])
    /// Bytes that were taken out of the pipe, socket or terminal behind `fd`.
    case drained(fd: Int32, count: Int)
    /// The child was waited for and is gone.
    case reaped(pid: Int32)
    case umask(UInt32)
    /// Something is mounted on the path.
    case mount(Environment.Mount)
    case unmounted(point: String)
    /// The program break.
    case programBreak(UInt64)
}
