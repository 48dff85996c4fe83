// Statuses of a nightly run, and what they make of the exit status.

/// KCIDB's statuses. Of several, the highest present wins: FAIL, ERROR, MISS, PASS, SKIP.
public enum RunStatus: String, Codable, Sendable, Hashable, CaseIterable, Comparable {
    case skip = "SKIP"
    case pass = "PASS"
    /// Did not run.
    case miss = "MISS"
    /// A trace or the engine broke.
    case error = "ERROR"
    /// A regression against the baseline.
    case fail = "FAIL"

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }

    /// The exit status of `lacuna score`.
    public var exitStatus: Int32 {
        switch self {
        case .skip, .pass: 0
        case .fail: 1
        case .miss, .error: 3
        }
    }
}

/// A line that must not be overlooked.
public struct Notice: Codable, Sendable, Hashable {
    public var status: RunStatus
    /// Workload, cell or `corpus`.
    public var subject: String
    public var text: String

    public init(_ status: RunStatus, _ subject: String, _ text: String) {
        self.status = status
        self.subject = subject
        self.text = text
    }
}

/// Against an earlier scorecard.
public struct Comparison: Codable, Sendable, Hashable {
    public struct Change: Codable, Sendable, Hashable {
        public var subject: String
        /// `verdict`, `graded`, `state`, `completeness`.
        public var what: String
        public var before: String
        public var after: String
    }

    /// Engine version of the baseline.
    public var baseline: String
    public var completenessBefore: PerMille
    public var gradedBefore: PerMille
    public var regressions: [Change]
    public var improvements: [Change]
}
