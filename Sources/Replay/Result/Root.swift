// A gap: a divergence that no earlier one explains, with everything that repeats or follows it.
public import LinuxABI

/// A root: one gap of the engine. The same gap hit again is an occurrence of it, not another root.
public struct Root: Sendable, Hashable, Codable {
    /// The first call that hit it. Identifies the root within a result.
    public var call: UInt64
    public var task: TaskID
    /// Description name of the call.
    public var name: String
    /// `differs`, `unsupported` or `blocked`.
    public var verdict: Verdict
    /// The cells at fault: the exact offending one where the evidence or the rest of the run tells, else all of the call.
    public var cells: [Cell]
    /// How `cells` was narrowed down; empty when it was not.
    public var cellReason: String
    public var differences: [Difference]
    public var recorded: Int64?
    public var engine: Int64?
    /// Position in ``ReplayResult/evidence``.
    public var evidence: Int?
    /// `RN:14915`, `inferred`; empty if the engine gave none.
    public var source: String
    /// All calls that hit this gap, first one included.
    public var occurrences: [UInt64]
    /// Divergences explained by this root.
    public var followers: [UInt64]
    /// Later calls of the recording that use what the diverging calls made.
    public var uses: UInt64
    public var fatal: FatalJudgement
    public var receipt: Receipt?

    public init(call: UInt64, task: TaskID, name: String, verdict: Verdict, cells: [Cell]) {
        self.call = call
        self.task = task
        self.name = name
        self.verdict = verdict
        self.cells = cells
        cellReason = ""
        differences = []
        source = ""
        occurrences = [call]
        followers = []
        uses = 0
        fatal = FatalJudgement(false, "nothing that followed depended on it")
    }

    /// Calls that diverge because of this gap.
    public var weight: Int { occurrences.count + followers.count }
}

/// Whether a program is likely to fail when it gets the engine's answer. See docs/replay.md.
public struct FatalJudgement: Sendable, Hashable, Codable {
    public var isFatal: Bool
    /// One line: which rule decided.
    public var reason: String

    public init(_ isFatal: Bool, _ reason: String) {
        self.isFatal = isFatal
        self.reason = reason
    }
}

/// A proof by experiment that a root's answer, and only it, makes its followers diverge.
///
/// Two replays: one leaves the answer as it is and repairs nothing; one replaces the answer by the recorded
/// one and puts the engine into the state that goes with it. What the attribution claims must be what changes.
public struct Receipt: Sendable, Hashable, Codable {
    public enum Status: String, Sendable, Hashable, Codable {
        /// All claimed followers vanished and nothing else changed.
        case proven
        /// Nothing else changed, but some claimed followers remain: the engine cannot hold what the answer stands for.
        case partlyProven
        /// Calls changed that were not claimed.
        case refuted
        /// No experiment was possible; `reason` says why.
        case notPossible
    }

    public var root: UInt64
    public var status: Status
    public var reason: String
    /// Divergences that the attribution blames on the root when nothing is repaired.
    public var claimed: [UInt64]
    /// Of these, equivalent once the answer is replaced.
    public var vanished: [UInt64]
    /// Of these, still divergent.
    public var remaining: [UInt64]
    /// Calls whose verdict changed without being claimed.
    public var unexplained: [UInt64]

    public init(root: UInt64, status: Status, reason: String) {
        self.root = root
        self.status = status
        self.reason = reason
        claimed = []
        vanished = []
        remaining = []
        unexplained = []
    }
}
