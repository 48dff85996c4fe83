// The same corpus on several engines, side by side.
public import Engine

/// Several scorecards of one corpus as one value. Every entry points into the scorecard of its engine.
///
/// The JSON form is this type's `Codable` form; `docs/scoring.md` describes it.
public struct EngineMatrix: Codable, Sendable, Hashable {
    public static let currentSchema = 1

    public var schema = currentSchema
    public var tool: String
    public var corpus: String
    /// Columns, as the user named them.
    public var engines: [MatrixEngine]
    /// The rows that people compare layers by: calls, namespaces, containers …
    public var questions: [MatrixQuestion]
    /// Cells that one engine lacks and every other that was judged has; most important first.
    public var specific: [SpecificGap]
    /// In corpus order.
    public var workloads: [MatrixWorkload]
    /// Every cell that some workload uses; those on which engines differ first, then by importance and name.
    public var cells: [MatrixCell]
    /// The worst of the engines'.
    public var status: RunStatus
}

/// One column.
public struct MatrixEngine: Codable, Sendable, Hashable {
    public var engine: EngineIdentity
    public var completeness: PerMille
    public var withoutFatal: PerMille
    public var graded: PerMille
    public var tally: VerdictTally
    public var calls: CallCounts
    public var status: RunStatus
    public var notices: [Notice]
}

/// One row of figures, one per engine.
public struct MatrixQuestion: Codable, Sendable, Hashable {
    /// `namespaces`, `containers`.
    public var name: String
    /// What is counted.
    public var meaning: String
    /// The family that the counted cells belong to; nil: any.
    public var family: String?
    /// Workloads are counted, not cells.
    public var isOfWorkloads = false
    /// Figures were taken with a clock or a scale; nothing is counted.
    public var isMeasured = false
    public var answers: [MatrixAnswer]
}

/// `good` of `judged`: cells or workloads, as the question says.
public struct MatrixAnswer: Codable, Sendable, Hashable {
    public var good: Int
    public var judged: Int
    /// A figure as shown: `0.21 s`.
    public var measured: String?
    /// Where the engine's report has what a figure was taken from: an anchor.
    public var evidence: String?

    public init(measured: String, evidence: String) {
        self.init(good: 0, judged: 0)
        self.measured = measured
        self.evidence = evidence
    }

    public init(good: Int, judged: Int) {
        self.good = good
        self.judged = judged
    }

    /// nil: nothing was judged.
    public var share: PerMille? { PerMille(good, of: judged) }
}

public struct MatrixWorkload: Codable, Sendable, Hashable {
    public struct Entry: Codable, Sendable, Hashable {
        public var verdict: WorkloadVerdict
        public var graded: PerMille
        public var calls: CallCounts
        public var firstFatal: RootReference?
        public var problem: String?
    }
    public var name: String
    public var summary: String
    public var weight: Weight
    /// One per engine.
    public var entries: [Entry]
}

public struct MatrixCell: Codable, Sendable, Hashable {
    public struct Entry: Codable, Sendable, Hashable {
        public var state: CellState
        public var same: Int
        public var judged: Int
        public var note: String
        /// Ranks of roots in the engine's own scorecard.
        public var roots: [Int]
    }
    public var name: String
    public var families: [String]
    public var importance: PerMille
    /// One per engine.
    public var entries: [Entry]
    /// Whether judged engines differ.
    public var isDivided: Bool
}

/// A gap of one engine alone.
public struct SpecificGap: Codable, Sendable, Hashable {
    /// Column.
    public var engine: Int
    public var cell: String
    public var state: CellState
    public var importance: PerMille
    /// Rank of the most important root behind it in the engine's scorecard, if there is one.
    public var root: Int?
    public var title: String
}
