// What replaying one trace showed, as far as scores need it: the input of every number.
public import Engine
public import LinuxABI

/// Everything scoring needs of one replay. Its size grows with cells and roots, not with calls.
public struct WorkloadObservation: Sendable {
    public var calls = CallCounts()
    /// Every cell exercised: a call counts once for each of its cells.
    public var cells: [Cell: CallCounts] = [:]
    /// Why calls of a cell were not modelled: the first note and source met.
    public var notModelled: [Cell: Reason] = [:]
    public var roots: [RootObservation] = []
    /// Calls known by name only → how often.
    public var opaque: [String: Int] = [:]
    /// What the environment answered → how often.
    public var given: [String: Int] = [:]
    /// Why calls could not be judged → how often.
    public var unjudged: [String: Int] = [:]

    /// What answers took of the kernel below the engine, by call name.
    public var translation: [String: TranslationTally] = [:]

    public init() {}

    public struct Reason: Sendable, Hashable {
        public var note: String
        public var source: String
        public init(note: String, source: String) {
            self.note = note
            self.source = source
        }
    }
}

/// One gap that one replay showed: a divergence that nothing earlier explains, and its repetitions.
public struct RootObservation: Sendable, Hashable {
    public enum Verdict: String, Sendable, Hashable { case differs, unsupported, blocked }

    /// The first call that hit it.
    public var call: UInt64
    public var task: UInt32
    public var verdict: Verdict
    /// The cells at fault as far as one replay can tell; the whole corpus decides between them.
    public var cells: [Cell]
    /// strace-like text of the call, without its result.
    public var text: String
    /// Results as text, and raw (value or -errno; nil: none).
    public var recorded: String
    public var answered: String
    public var recordedResult: Int64?
    public var answeredResult: Int64?
    /// Name of the errno answered, `EINVAL`; nil if the engine answered no error.
    public var answeredError: String?
    public var differences: [FieldDifference] = []
    public var evidence = Evidence()
    /// How many calls hit it, and how many later divergences it explains.
    public var hits = 1
    public var followers = 0
    /// Whether the program is likely to fail for it, and the rule that decided.
    public var isFatal = false
    public var fatalReason = ""
    /// Outcome of the experiment that proves the followers, when one was made.
    public var receipt: String?

    public init(
        call: UInt64,
        task: UInt32,
        verdict: Verdict,
        cells: [Cell],
        text: String,
        recorded: String,
        answered: String
    ) {
        self.call = call
        self.task = task
        self.verdict = verdict
        self.cells = cells
        self.text = text
        self.recorded = recorded
        self.answered = answered
    }
}

/// What became of one workload of the corpus list.
public enum WorkloadOutcome: Sendable {
    case replayed(WorkloadObservation)
    /// No trace, or one that cannot be read (MISS or ERROR); why.
    case noTrace(String, missing: Bool)
    /// The engine trapped, hung or broke its contract; why, and what was seen until then.
    case engineFailed(String, WorkloadObservation)
}

/// Whether a raw result is an error.
func isError(_ result: Int64) -> Bool { (-4095)...(-1) ~= result }
