// A root: a divergence that no earlier one explains, gathered over the workloads that hit it.
public import Engine

/// What a root did to the program, by the evidence in the trace.
public enum Severity: String, Codable, Sendable, Hashable, CaseIterable, Comparable {
    /// The program had met failure of this very call in the recording too, and went on.
    case tolerated
    /// A wrong answer whose effect on the program the trace does not show.
    case degrading
    /// Linux did it, the engine refused it, and the program went on to depend on it.
    case fatal

    private var rank: Int {
        switch self {
        case .tolerated: 0
        case .degrading: 1
        case .fatal: 2
        }
    }

    public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
}

/// One gap: a cell and the wrong answer it gives, over all workloads.
public struct RankedRoot: Codable, Sendable, Hashable {
    /// 1 is the most important.
    public var rank: Int
    /// Stable between runs: the cell and the answer, `unshare(CLONE_NEWUSER) -> EINVAL`.
    public var id: String
    /// For people: `unshare(CLONE_NEWUSER) → EINVAL`.
    public var title: String
    /// `unshare(CLONE_NEWUSER)`.
    public var cell: String
    public var families: [String]
    /// The engine's answer: `EINVAL`, `blocked`, `st_size differs`.
    public var answer: String
    /// The worst of its occurrences.
    public var severity: Severity
    /// 1 − Π(1 − weight) over the workloads that hit it.
    public var importance: PerMille
    /// Weight of the workloads in which it is fatal.
    public var fatalWeight: Weight
    public var support: Evidence.Support
    /// The engine's own words, with the offending flags.
    public var note: String
    /// Where the fact comes from.
    public var source: String
    /// How often it was hit, and how many calls followed from it, over all workloads.
    public var hits: Int
    public var followers: Int
    /// Workloads that hit it, and those in which it is fatal; in corpus order, as all lists of workloads.
    public var workloads: [String]
    public var fatalIn: [String]
    /// Workloads that it keeps from running: it is worse than tolerated there.
    public var hinders: [String]
    /// In each workload, the first call that hit it.
    public var occurrences: [RootOccurrence]
}

/// One call at which a root shows.
public struct RootOccurrence: Codable, Sendable, Hashable {
    public var workload: String
    /// Index of the call in the trace.
    public var call: UInt64
    public var task: UInt32
    /// strace-like text of the call, without its result.
    public var text: String
    /// Result on Linux and on the engine: `0`, `-1 EINVAL (Invalid argument)`.
    public var recorded: String
    public var answered: String
    /// `differs`, `unsupported`, `blocked`.
    public var verdict: String
    public var severity: Severity
    /// Why this severity, in one line.
    public var reason: String
    /// How many calls of this workload hit the gap, and how many divergences it explains.
    public var hits: Int
    public var followers: Int
    /// Which values differ.
    public var differences: [FieldDifference]
    public var evidence: Evidence
    /// What the proving experiment came to, if one was made: `proven: …`.
    public var receipt: String?
}

public struct FieldDifference: Codable, Sendable, Hashable {
    /// `result`, `statbuf.st_size`.
    public var field: String
    public var recorded: String
    public var answered: String

    public init(field: String, recorded: String, answered: String) {
        self.field = field
        self.recorded = recorded
        self.answered = answered
    }
}
