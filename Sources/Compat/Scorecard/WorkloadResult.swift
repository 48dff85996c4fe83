// What one workload got on one engine.

public enum WorkloadVerdict: String, Codable, Sendable, Hashable, CaseIterable {
    /// No root that the program would have noticed.
    case runs
    /// Roots, but none that is fatal by the evidence.
    case degraded
    /// At least one fatal root.
    case fails
    /// The trace could not be replayed, or the engine broke on it.
    case broken

    /// Higher is better.
    public var rank: Int {
        switch self {
        case .runs: 3
        case .degraded: 2
        case .fails: 1
        case .broken: 0
        }
    }
}

public struct WorkloadResult: Codable, Sendable, Hashable {
    public var name: String
    public var summary: String
    /// As a person would type it.
    public var command: String
    public var weight: Weight
    public var tags: [String]
    public var source: String

    public var verdict: WorkloadVerdict
    /// Calls same of calls judged; 0 when it could not be replayed.
    public var graded: PerMille
    public var calls: CallCounts
    /// How much of the trace stands behind the verdict: calls judged of all calls.
    public var confidence: PerMille
    public var status: RunStatus
    /// Why there is no replay, for `broken`.
    public var problem: String?

    /// The first fatal root by call index, for `fails`.
    public var firstFatal: RootReference?
    /// Ranks of all its roots, most important first.
    public var roots: [Int]
    /// Per family that it exercises.
    public var families: [WorkloadFamily]
}

/// One workload in one family: exercises of the family's cells.
public struct WorkloadFamily: Codable, Sendable, Hashable {
    public var family: String
    public var same: Int
    public var judged: Int
    /// nil: none of its calls was judged.
    public var graded: PerMille?
}

/// Points into ``Scorecard/roots``.
public struct RootReference: Codable, Sendable, Hashable {
    public var rank: Int
    /// ``RankedRoot/title``.
    public var title: String
    /// Index of the call in the trace.
    public var call: UInt64
}
