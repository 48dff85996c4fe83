// A call between its entry and its comparison.
import Engine
import LinuxABI
import TraceLog

final class Pending {
    /// Position in the trace's calls.
    private(set) var position: Int
    private(set) var call: RecordedCall
    /// The replay keeps its plans for as long as it has calls.
    private(set) unowned(unsafe) var plan: CallPlan?
    var variant: Variant? { plan?.variant }
    private(set) var task: TaskState
    /// The number that a task gets if the call makes one.
    private(set) var childTask: TaskID
    private(set) var scopes: NameScopes
    /// Signals that the recording delivers to its process after it (bit n-1 is signal n).
    var held: UInt64 = 0
    /// The engine has not got it yet: it is made at its completion, because its answer raced.
    var isDeferred = false
    /// Its task was stopped in it: it completes when the task goes on.
    var isStopped = false
    /// Names in input memory differ on the engine and could not be translated.
    var isPartlyTranslated = false
    /// Somebody has asked for the marks on what it uses; most calls have none.
    private var hasInputs = false
    private var extras: Extras?

    /// What most calls have none of.
    private final class Extras {
        var guest: GuestCall?
        var inputs: Inputs?
        var partial: DispatchResult?
        var notes: [String] = []
    }

    init(position: Int, call: RecordedCall, plan: CallPlan?, task: TaskState, childTask: TaskID) {
        self.position = position
        self.call = call
        self.plan = plan
        self.task = task
        self.childTask = childTask
        scopes = NameScopes(descriptors: task.files.id, pids: task.pidNamespace, addresses: task.memory)
    }

    /// Becomes another call: what nobody has any more is used again.
    func begin(position: Int, call: RecordedCall, plan: CallPlan?, task: TaskState, childTask: TaskID) {
        self.position = position
        self.call = call
        self.plan = plan
        self.task = task
        self.childTask = childTask
        scopes = NameScopes(descriptors: task.files.id, pids: task.pidNamespace, addresses: task.memory)
        held = 0
        (isDeferred, isStopped, isPartlyTranslated, hasInputs) = (false, false, false, false)
        if extras != nil { extras = nil }
    }

    /// What the engine is given: as recorded, unless names in it were translated.
    var guest: GuestCall {
        get {
            extras?.guest
                ?? GuestCall(
                    index: call.index,
                    number: Int(call.record.number),
                    architecture: call.record.architecture,
                    arguments: call.record.arguments,
                    memory: call.input,
                    childTask: childTask
                )
        }
        set { more().guest = newValue }
    }

    /// The marks on what it uses; nil until somebody wants to know.
    var inputs: Inputs? {
        get { hasInputs ? extras?.inputs ?? Inputs() : nil }
        set {
            hasInputs = newValue != nil
            if let newValue, extras != nil || !newValue.marked.isEmpty { more().inputs = newValue }
        }
    }

    /// The first bytes of a transfer whose rest is asked for when it is due.
    var partial: DispatchResult? {
        get { extras?.partial }
        set { more().partial = newValue }
    }

    var hasNotes: Bool { extras?.notes.isEmpty == false }
    var notes: [String] {
        get { extras?.notes ?? [] }
        set { more().notes = newValue }
    }

    private func more() -> Extras {
        if let extras { return extras }
        let made = Extras()
        extras = made
        return made
    }
}

/// What the comparison of one call came to.
struct Judgement {
    var verdict: Verdict
    var culprit: Culprit?
    var differences: [Difference] = []
    var reason = ""

    static var same: Judgement { Judgement(verdict: .same) }

    static func unjudged(_ culprit: Culprit, _ reason: String) -> Judgement {
        Judgement(verdict: .unjudged, culprit: culprit, reason: reason)
    }
}

/// What a replay does otherwise than a plain one; for receipts.
struct Experiment: Sendable, Equatable {
    /// Answers replaced by the recorded ones, with the state that goes with them and no marks.
    var overridden: Set<UInt64> = []
    /// Divergences that are left unrepaired, with all that follow from them.
    var unrepaired: Set<UInt64> = []
}

/// A divergence that nothing earlier explains, before grouping.
struct RootCandidate {
    var call: UInt64
    var task: TaskID
    var name: String
    var judgement: Judgement
    var cells: [Cell]
    var recorded: Int64?
    var engine: Int64?
    var evidence: Evidence
}
