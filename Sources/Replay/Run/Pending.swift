// A call between its entry and its comparison.
import Engine
import LinuxABI

struct Pending {
    /// Position in the trace's calls.
    var position: Int
    var call: RecordedCall
    var variant: Variant?
    /// What the engine was given.
    var guest: GuestCall
    var inputs: Inputs
    var scopes: NameScopes
    /// The engine has not got it yet: it is made at its completion, because its answer raced.
    var isDeferred = false
    /// The first bytes of a transfer whose rest is asked for when it is due.
    var partial: DispatchResult?
    /// Its task was stopped in it: it completes when the task goes on.
    var isStopped = false
    var notes: [String] = []
    /// Names in input memory differ on the engine and could not be translated.
    var isPartlyTranslated = false
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
struct Experiment: Sendable {
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
