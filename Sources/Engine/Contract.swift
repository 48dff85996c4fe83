// The contract that every engine fulfils. An engine never sees what was recorded as a result.
public import LinuxABI

/// One implementation of Linux: a model (`wsl1`) or a real kernel.
///
/// Single-threaded: the replayer calls one method at a time. Engines trap nothing: a failure of the engine itself is
/// thrown as ``EngineFailure`` and ends the trace.
public protocol Engine: AnyObject {
    var identity: EngineIdentity { get }

    /// Brings up the initial state. Called once, first.
    func boot(_ environment: Environment) throws(EngineFailure)

    /// Starts a call. A call that cannot finish yet answers `.blocked` and is parked on its task.
    func dispatch(_ call: GuestCall, on task: TaskID) throws(EngineFailure) -> DispatchResult

    /// Asks whether the parked call of `task` can finish now. `.blocked` again if not.
    func retry(_ task: TaskID) throws(EngineFailure) -> DispatchResult

    /// Abandons the parked call of `task`, as if it had never been made.
    func cancel(_ task: TaskID)

    /// Moves the engine's clock; nanoseconds since the start of the recording, never backwards.
    func advance(to time: UInt64)

    /// A signal from outside the recorded tasks (a terminal, a timer of the host, another program) reaches `task`.
    func postSignal(_ signal: Int32, to task: TaskID)

    /// Signals of this mask (bit n-1 is signal n) may become pending for `task`, but are not delivered to it and interrupt
    /// nothing, until a later call leaves them out: they end that call if it waits, and come after it if it does not.
    ///
    /// When a signal that another task causes arrives is a matter of scheduling: so a replay has the engine deliver it where
    /// the recording did. Engines that cannot (real kernels) do nothing.
    func hold(_ signals: UInt64, for task: TaskID)

    /// The task ended without a call of its own (killed from outside, or by an exec of a sibling).
    ///
    /// Told of every recorded end that no call of the task itself announced, also when the engine has already ended the
    /// task by a signal or an `exit_group` of its own: then there is nothing left to do.
    func taskEnded(_ task: TaskID, status: Int32?)

    /// The task has ended, and its last call is made: it will not be named again. What was kept of it may go.
    func forget(_ task: TaskID)

    /// Puts the engine into the state that the recording implies after a divergence.
    ///
    /// - Returns: false when the engine has no notion of such a thing (a namespace, say).
    func graft(_ graft: Graft, on task: TaskID) -> Bool

    /// Whether answers may leave out what is costly to tell of them; ``completeEvidence(of:)`` fills it in.
    var defersEvidence: Bool { get set }

    /// Fills in what the answer given last left out. To be asked before the engine is asked for anything else.
    ///
    /// What is left out tells of this call; it says nothing new of its kind. Where the answer was plain
    /// before (it says that the call was handled, and names neither handler nor note), the evidence of calls of one description
    /// differs in its steps only: a replay that has asked for that of one may take all but the steps for that of the others.
    func completeEvidence(of result: inout DispatchResult)

    /// Broken invariants of the engine's own state, one line each; empty when sound. Run by tests.
    func checkInvariants() -> [String]
}

extension Engine {
    public func checkInvariants() -> [String] { [] }
    public func hold(_ signals: UInt64, for task: TaskID) {}
    public func forget(_ task: TaskID) {}
    public var defersEvidence: Bool {
        get { false }
        set {}
    }
    public func completeEvidence(of result: inout DispatchResult) {}
}

public struct EngineIdentity: Sendable, Hashable, Codable {
    /// What users type: `wsl1`.
    public var name: String
    /// `4.4.0-19041-Microsoft`, say.
    public var version: String
    /// One line for people.
    public var summary: String
    /// Where it runs, if it is a real kernel: capabilities, limits, cgroups, by name.
    public var environment: [String: String]?

    public init(name: String, version: String, summary: String, environment: [String: String]? = nil) {
        self.name = name
        self.version = version
        self.summary = summary
        self.environment = environment
    }
}

/// The engine itself broke: not a gap of what it implements.
public struct EngineFailure: Error, Sendable, Hashable, CustomStringConvertible {
    public var description: String
    public init(_ description: String) { self.description = description }
}

/// A call as the tracee made it: what was known on entry and nothing else.
public struct GuestCall: Sendable {
    /// Position in the recording; for messages and for ``NameSource`` and ``GivenSource`` only.
    public var index: UInt64
    public var number: Int
    public var architecture: Architecture
    public var arguments: SyscallArguments
    /// Input memory as it was at entry. A pointer that is not in here is a bad pointer.
    public var memory: MemoryChunks
    /// Task id to use if this call creates a task. Always present, whether or not the recording created one.
    public var childTask: TaskID

    public init(
        index: UInt64,
        number: Int,
        architecture: Architecture,
        arguments: SyscallArguments,
        memory: MemoryChunks,
        childTask: TaskID
    ) {
        self.index = index
        self.number = number
        self.architecture = architecture
        self.arguments = arguments
        self.memory = memory
        self.childTask = childTask
    }
}

public struct DispatchResult: Sendable {
    public enum Outcome: Sendable, Hashable {
        /// The raw result: a value, or -errno (-512 … -516 for calls that a signal interrupted, as the kernel has them).
        case returned(Int64)
        /// Waits for something; ask again with ``Engine/retry(_:)``.
        case blocked
        /// The task is gone (exit, exit_group, a fatal signal); there is no result.
        case exited
    }

    public var outcome: Outcome
    /// Tracee memory the call wrote, in order.
    public var writes: [MemoryChunks.Chunk]
    /// What the environment answered instead of the engine; not scored.
    public var given: [GivenUse]
    /// Signals delivered to this task on its way back to user mode, in order.
    public var signals: [Int32]
    /// What serving it took of the layer below, with all retries; nil for engines that have no such layer.
    public var cost: TranslationCost?
    /// The engine has more to tell: ``Engine/completeEvidence(of:)``.
    public var isEvidenceDeferred = false
    /// What it broke beside the answer.
    public var breach: InterfaceBreach?
    /// Texts apart from the state: answers are copied about, and most tell no more than that they were handled.
    private var texts: EvidenceTexts?
    private var state = Evidence.Support.handled

    /// The state that ``evidence`` tells.
    public var support: Evidence.Support {
        get { texts?.evidence.support ?? state }
        set {
            if texts != nil { evidence.support = newValue } else { state = newValue }
        }
    }

    public var evidence: Evidence {
        get {
            if let texts { return texts.evidence }
            var plain = Evidence()
            plain.support = state
            return plain
        }
        set { texts = EvidenceTexts(newValue) }
    }

    public init(
        _ outcome: Outcome,
        writes: [MemoryChunks.Chunk] = [],
        evidence: Evidence? = nil,
        given: [GivenUse] = [],
        signals: [Int32] = []
    ) {
        self.outcome = outcome
        self.writes = writes
        self.given = given
        self.signals = signals
        if let evidence { self.evidence = evidence }
    }
}

private final class EvidenceTexts: Sendable {
    let evidence: Evidence
    init(_ evidence: Evidence) { self.evidence = evidence }
}

/// A rule of the processor's binary interface that an engine broke, whatever the call's result.
public enum InterfaceBreach: Sendable {
    /// A handler began on a stack that is not aligned to 16 bytes, as compilers take it to be.
    case handlerStack
    /// The call was made in such a handler, and the task that it made goes on upon this stack.
    case taskStack
}

/// What a call costs when it is translated into calls of another kernel.
public struct TranslationCost: Sendable, Hashable, Codable {
    /// Routines of the layer below that were called: `NtCreateFile`, `PspCreatePicoThread`.
    public var routines: UInt64
    /// I/O request packets that those sent down a driver stack, past every filter on it.
    public var packets: UInt64

    public init(routines: UInt64 = 0, packets: UInt64 = 0) {
        self.routines = routines
        self.packets = packets
    }

    public static func + (left: Self, right: Self) -> Self {
        Self(routines: left.routines + right.routines, packets: left.packets + right.packets)
    }

    public static func += (left: inout Self, right: Self) { left = left + right }

    public static func - (left: Self, right: Self) -> Self {
        Self(routines: left.routines - right.routines, packets: left.packets - right.packets)
    }
}

/// What the engine did to answer.
public struct Evidence: Sendable, Hashable, Codable {
    public enum Support: String, Sendable, Hashable, Codable {
        /// A handler that is meant to be complete.
        case handled
        /// A handler with a documented gap that this call fell into.
        case partial
        /// Answers without doing: the implementation under study does the same.
        case stub
        /// No handler in the implementation under study: its default answer.
        case hole
        /// The implementation under study does this; our model of it does not. Never counted against it.
        case notModelled
    }
    /// One call into the layer below and its status: `NtCreateFile` → `STATUS_OBJECT_NAME_NOT_FOUND`.
    public struct Step: Sendable, Hashable, Codable {
        public var name: String
        public var detail: String
        public var status: String
        /// What the status becomes for the program, and on what ground that is said; nil for a success.
        public var errno: Translation?

        public init(_ name: String, _ detail: String = "", status: String, errno: Translation? = nil) {
            self.name = name
            self.detail = detail
            self.status = status
            self.errno = errno
        }
    }
    /// `ENOENT`, `consensus`: the errno of a status, and how firm the ground is (ntstatus-errno.tsv).
    public struct Translation: Sendable, Hashable, Codable {
        public var name: String
        /// `documented`, `observed`, `consensus` of other translators, `inferred`.
        public var ground: String

        public init(name: String, ground: String) {
            self.name = name
            self.ground = ground
        }
    }

    /// `LxpSyscall_OPENAT`; empty when the call never reached a handler.
    public var handler = ""
    public var support = Support.handled
    /// Why, in one line, for `partial`, `stub`, `hole` and `notModelled`; names the offending flags.
    public var note = ""
    /// Where the fact comes from: `RN:14915`, `UT:namespace.c`, `GH:2981`, `inferred`.
    public var source = ""
    public var steps: [Step] = []

    public init() {}
}

/// Something the environment answered.
public struct GivenUse: Sendable, Hashable, Codable {
    public enum Part: Sendable, Hashable, Codable {
        case result
        /// Bytes written to tracee memory at this address.
        case memory(address: UInt64, count: Int)
    }

    /// `random bytes`, `clock reading`, `bytes from a peer that was not recorded`, `contents of /proc/meminfo`.
    public var name: String
    public var part: Part
    /// The engine answered by itself, with the state of its machine at the moment: numbers in it may be others.
    ///
    /// The environment's answer stands in only where the two have not the same shape.
    public var isMomentary: Bool

    public init(name: String, part: Part, isMomentary: Bool = false) {
        self.name = name
        self.part = part
        self.isMomentary = isMomentary
    }
}
