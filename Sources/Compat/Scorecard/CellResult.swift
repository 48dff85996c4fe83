// What is known of one cell on one engine, and the same for families.

/// The state of a cell on an engine. A cell that nobody exercised is never shown as working.
public enum CellState: String, Codable, Sendable, Hashable, CaseIterable {
    /// Every judged call was the same.
    case works
    /// Some were the same; `note` and the roots tell which were not.
    case partly
    /// None was the same.
    case missing
    /// The implementation under study has it, our model does not.
    case notModelled = "not modelled"
    /// No judged call: nobody used it, or only calls behind an earlier root did.
    case neverExercised = "never exercised"

    /// Whether it says something for or against the engine.
    public var isJudged: Bool {
        switch self {
        case .works, .partly, .missing: true
        case .notModelled, .neverExercised: false
        }
    }
}

public struct CellResult: Codable, Sendable, Hashable {
    /// `unshare(CLONE_NEWUSER)`.
    public var name: String
    public var call: String
    /// `CLONE_NEWUSER`; empty for the call itself.
    public var selector: String
    public var families: [String]
    public var state: CellState
    /// Followers are counted and not held against the cell.
    /// Exercises: a call counts once for each of its cells.
    public var calls: CallCounts
    /// 1 − Π(1 − weight) over the workloads that use it.
    public var importance: PerMille
    /// In corpus order.
    public var workloads: [String]
    /// Ranks of the roots that name it.
    public var roots: [Int]
    /// What differs, for `partly` and `missing`; why, for `not modelled` and `never exercised`.
    public var note: String
    public var source: String
}

/// Known cells of a family that no workload uses. A cell of several families is in each of them.
public struct UnusedCells: Codable, Sendable, Hashable {
    public var family: String
    /// Sorted.
    public var cells: [String]

    public init(family: String, cells: [String]) {
        self.family = family
        self.cells = cells
    }
}

public struct FamilyScore: Codable, Sendable, Hashable {
    public var family: String
    /// Weight of the workloads that use the family and have no fatal root in it, of all that use it; nil: no call was judged.
    public var completeness: PerMille?
    /// Mean of the using workloads' shares of same calls in the family; nil: no call was judged.
    public var graded: PerMille?
    public var calls: CallCounts
    /// Workloads that use it.
    public var workloads: Int
    public var cells: CellTally
    /// Ranks of the roots in this family.
    public var roots: [Int]
    /// What its calls took of the kernel below; nil: nothing was answered, or the engine is no translation.
    public var translation: TranslationTally?
}

/// How many cells have each state.
public struct CellTally: Codable, Sendable, Hashable {
    public var works = 0
    public var partly = 0
    public var missing = 0
    public var notModelled = 0
    public var neverExercised = 0

    public init(_ states: some Sequence<CellState>) {
        for state in states {
            switch state {
            case .works: works += 1
            case .partly: partly += 1
            case .missing: missing += 1
            case .notModelled: notModelled += 1
            case .neverExercised: neverExercised += 1
            }
        }
    }
}

/// One step of the plan: implement this cell next.
public struct PlanStep: Codable, Sendable, Hashable {
    /// From 1.
    public var step: Int
    public var cell: String
    /// Ranks of the roots that it removes.
    public var roots: [Int]
    /// W after this step, by prediction.
    public var completeness: PerMille
    /// Workloads that run from this step on, by prediction.
    public var completes: [String]
}
