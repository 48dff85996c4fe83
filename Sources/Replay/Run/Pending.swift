// A call between its entry and its comparison.
import Engine
import LinuxABI

final class Pending {
    /// Position in the trace's calls.
    let position: Int
    let call: RecordedCall
    let plan: CallPlan?
    var variant: Variant? { plan?.variant }
    let task: TaskState
    /// What the engine was given.
    var guest: GuestCall
    /// The marks on what it uses; nil until somebody wants to know.
    var inputs: Inputs?
    let scopes: NameScopes
    /// Signals that the recording delivers to its process after it (bit n-1 is signal n).
    var held: UInt64 = 0
    /// The engine has not got it yet: it is made at its completion, because its answer raced.
    var isDeferred = false
    /// The first bytes of a transfer whose rest is asked for when it is due.
    var partial: DispatchResult?
    /// Its task was stopped in it: it completes when the task goes on.
    var isStopped = false
    var notes: [String] = []
    /// Names in input memory differ on the engine and could not be translated.
    var isPartlyTranslated = false

    init(position: Int, call: RecordedCall, plan: CallPlan?, task: TaskState, guest: GuestCall) {
        self.position = position
        self.call = call
        self.plan = plan
        self.task = task
        self.guest = guest
        scopes = NameScopes(descriptors: task.files.id, pids: task.pidNamespace, addresses: task.memory)
    }
}

/// What the comparison of one call came to.
struct Judgement {
    var verdict: Verdict
    var culprit: Culprit?
    var differences: [Difference] = []
    var reason = ""

    static let same = Judgement(verdict: .same)

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
