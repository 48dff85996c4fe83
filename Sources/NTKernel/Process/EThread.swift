// Thread objects and their register file.

/// `ETHREAD`.
public final class EThread: DispatcherObject {
    public enum State: Sendable {
        /// Made, never resumed.
        case initialized
        case ready
        case waiting
        case terminated
    }

    public let uniqueThreadID: UInt64
    public unowned let process: EProcess
    /// The provider's thread.
    public internal(set) var picoContext: AnyObject?
    public internal(set) var state = State.initialized
    /// Pico threads are created suspended (`SuspendCount` 1).
    public internal(set) var suspendCount: UInt32
    public internal(set) var registers: Context
    public internal(set) var exitStatus: NTSTATUS?

    // Wait state
    var waitBlock: WaitBlock?
    /// `Alerted[KernelMode]`: the next alertable wait ends at once.
    public internal(set) var isAlerted = false
    /// A user APC is queued.
    public internal(set) var userAPCPending = false

    init(id: UInt64, process: EProcess, registers: Context, suspended: Bool) {
        uniqueThreadID = id
        self.process = process
        self.registers = registers
        suspendCount = suspended ? 1 : 0
        super.init(type: .thread)
        state = suspended ? .initialized : .ready
    }
}

/// The x64 register file as a pico provider gives it to `PspCreatePicoThread` and reads it back.
public struct Context: Hashable, Sendable {
    public var rax: UInt64 = 0
    public var rbx: UInt64 = 0
    public var rcx: UInt64 = 0
    public var rdx: UInt64 = 0
    public var rsi: UInt64 = 0
    public var rdi: UInt64 = 0
    public var rbp: UInt64 = 0
    public var rsp: UInt64 = 0
    public var r8: UInt64 = 0
    public var r9: UInt64 = 0
    public var r10: UInt64 = 0
    public var r11: UInt64 = 0
    public var r12: UInt64 = 0
    public var r13: UInt64 = 0
    public var r14: UInt64 = 0
    public var r15: UInt64 = 0
    public var rip: UInt64 = 0
    public var eFlags: UInt32 = 0
    public var fsBase: UInt64 = 0
    public var gsBase: UInt64 = 0

    public init() {}
}

/// `KTRAP_FRAME`: the user registers as the system call entry saved them. Lives for one dispatch.
public final class TrapFrame {
    public var registers: Context

    public init(_ registers: Context = Context()) { self.registers = registers }
}
