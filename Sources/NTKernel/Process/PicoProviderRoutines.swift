// The two routine tables of pico registration (pico-interface.md §2 to §4).

/// Shapes of the pico interface by Windows release.
public enum PicoABI: String, Sendable, CaseIterable, Comparable {
    /// Windows 10 first release.
    case th1
    /// Adds the open-process and open-thread masks.
    case rs1
    /// Adds the subsystem information type; threads take an extra create-info argument.
    case rs2
    /// Processes take an extra create-info argument; provider tables leave the image-name callback empty.
    case rs4

    public static func < (left: Self, right: Self) -> Bool { left.order < right.order }

    private var order: Int {
        switch self {
        case .th1: 0
        case .rs1: 1
        case .rs2: 2
        case .rs4: 3
        }
    }

    /// Bytes of the provider's table: the size word and rows 1 to 8, each eight bytes; from RS1 two four-byte masks; from
    /// RS2 an enumeration, padded to eight.
    public var providerRoutinesSize: Int { 9 * 8 + (self >= .rs1 ? 8 : 0) + (self >= .rs2 ? 8 : 0) }

    /// Bytes of the kernel's table: the size word and eleven routines. Later releases changed signatures, not the size.
    public var picoRoutinesSize: Int { 12 * 8 }
}

/// `PS_PICO_SYSTEM_CALL_INFORMATION`.
public struct PicoSystemCallInformation {
    public let thread: EThread
    public let trapFrame: TrapFrame
}

/// A user-mode exception on its way to a provider.
public struct PicoException {
    public let thread: EThread
    /// `STATUS_ACCESS_VIOLATION`, `STATUS_ILLEGAL_INSTRUCTION`, …
    public let code: NTSTATUS
    public let address: UInt64
    public let trapFrame: TrapFrame
    public let isSecondChance: Bool
}

/// `PS_PICO_PROVIDER_ROUTINES`: what the kernel calls.
public struct PicoProviderRoutines {
    /// Must equal what this kernel expects, exactly.
    public var size: Int
    public var dispatchSystemCall: ((PicoSystemCallInformation) -> Void)?
    /// Thread rundown, in the context of the dying thread.
    public var exitThread: ((EThread) -> Void)?
    /// The last thread is gone; the address space is still there.
    public var exitProcess: ((EProcess) -> Void)?
    /// True: turned into something of the provider's; false: default handling.
    public var dispatchException: ((PicoException) -> Bool)?
    /// Somebody ends the process through NT (Task Manager, a job).
    public var terminateProcess: ((EProcess, NTSTATUS) -> NTSTATUS)?
    public var walkUserStack: ((TrapFrame, Int) -> [UInt64])?
    public var protectedRanges: [Range<UInt64>] = []
    public var allocatedProcessImageName: ((EProcess) -> String?)?
    /// RS1: what other processes may ask for when they open a pico process.
    public var openProcess: AccessMask = [.synchronize, .processTerminate, .processQueryLimitedInformation]
    public var openThread: AccessMask = [.synchronize]
    /// RS2.
    public var subsystemInformationType: SubsystemInformationType = .wsl

    public init(size: Int) { self.size = size }
}

/// `SUBSYSTEM_INFORMATION_TYPE`.
public enum SubsystemInformationType: UInt32, Sendable { case win32 = 0, wsl = 1 }

/// `PS_PICO_CREATE_INFO` (RS4 for processes, RS2 for threads): what the new process shows to Windows.
public struct PicoCreateInfo {
    public var fileObject: FileObject?
    public var imageName: String
    public var commandLine: String

    public init(fileObject: FileObject? = nil, imageName: String, commandLine: String = "") {
        self.fileObject = fileObject
        self.imageName = imageName
        self.commandLine = commandLine
    }
}

/// `PS_PICO_PROCESS_ATTRIBUTES`.
public struct PicoProcessAttributes {
    public struct Flags: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// The address space is a copy-on-write clone of the parent's.
        public static let cloneParent = Flags(rawValue: 0x01)
        public static let inheritHandles = Flags(rawValue: 0x02)
        /// Does not charge the parent's full private commit at clone time.
        public static let cloneReducedCommit = Flags(rawValue: 0x04)
        public static let jobBreakaway = Flags(rawValue: 0x08)
        public static let packagedProcess = Flags(rawValue: 0x10)
    }

    /// Nil: the System process.
    public var parent: EProcess?
    /// Nil: the parent's token.
    public var token: AccessToken?
    public var context: AnyObject
    public var flags: Flags

    public init(parent: EProcess?, token: AccessToken? = nil, context: AnyObject, flags: Flags = []) {
        self.parent = parent
        self.token = token
        self.context = context
        self.flags = flags
    }
}

/// `PS_PICO_THREAD_ATTRIBUTES`: with the full register file, which is how the child of a clone resumes where its parent
/// stood.
public struct PicoThreadAttributes {
    public var process: EProcess
    public var registers: Context
    public var context: AnyObject

    public init(process: EProcess, registers: Context, context: AnyObject) {
        self.process = process
        self.registers = registers
        self.context = context
    }
}

/// `PS_PICO_ROUTINES`: what the kernel gives a registered provider. Each field is the routine of that name on
/// ``NTExecutive``.
public struct PicoRoutines {
    public var size: Int
    public internal(set) var createProcess: ((PicoProcessAttributes, PicoCreateInfo?, inout Handle) -> NTSTATUS)?
    public internal(set) var createThread: ((PicoThreadAttributes, PicoCreateInfo?, inout Handle) -> NTSTATUS)?
    public internal(set) var getProcessContext: ((EProcess) -> AnyObject?)?
    public internal(set) var getThreadContext: ((EThread) -> AnyObject?)?
    public internal(set) var getContextThread: ((EThread, inout Context) -> NTSTATUS)?
    public internal(set) var setContextThread: ((EThread, Context) -> NTSTATUS)?
    public internal(set) var terminateThread: ((EThread, NTSTATUS, Bool) -> NTSTATUS)?
    public internal(set) var resumeThread: ((EThread, inout UInt32) -> NTSTATUS)?
    public internal(set) var setThreadDescriptorBase: ((SegmentRegister, UInt64) -> NTSTATUS)?
    public internal(set) var suspendThread: ((EThread, inout UInt32) -> NTSTATUS)?
    public internal(set) var terminateProcess: ((EProcess, NTSTATUS) -> NTSTATUS)?

    public init(size: Int) { self.size = size }
}

public enum SegmentRegister: Sendable { case fs, gs }
