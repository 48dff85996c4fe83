// The one value that every renderer shows. All numbers of all reports are computed on the way here, never after.
public import Engine

/// How well one engine runs one corpus.
///
/// Equal inputs give equal scorecards: it holds no time and no host name. The JSON form is this type's `Codable` form;
/// `docs/scoring.md` describes every field.
public struct Scorecard: Codable, Sendable, Hashable {
    /// Version of the JSON form. Fields are only ever added within a version.
    public static let currentSchema = 1

    public var schema = currentSchema
    /// `lacuna 0.1.0`.
    public var tool: String
    public var engine: EngineIdentity
    /// The corpus as the user named it.
    public var corpus: String

    /// W: weight of the workloads that run, of the weight of all in the corpus list.
    public var completeness: PerMille
    /// Weight of the workloads without a fatal root (they run, or run degraded), of the weight of all.
    public var withoutFatal: PerMille
    /// Mean of the workloads' graded scores, over the corpus list.
    public var graded: PerMille
    public var tally: VerdictTally
    /// Calls of all replayed traces, by verdict.
    public var calls: CallCounts
    public var status: RunStatus
    /// Why the status is not `PASS`, and what else must not be overlooked; worst first.
    public var notices: [Notice]

    /// In the order of ``Family`` declarations: namespaces and cgroups first.
    public var families: [FamilyScore]
    /// In corpus order (by name).
    public var workloads: [WorkloadResult]
    /// Most important first.
    public var roots: [RankedRoot]
    /// Every cell that some workload uses; sorted by importance, then by name.
    public var cells: [CellResult]
    /// Known cells that no workload uses, by family.
    public var neverExercised: [UnusedCells]
    public var plan: [PlanStep]
    /// What the engine's answers took of the kernel below it, by call; empty for engines that are no translation.
    public var translation: [CallTranslation]?

    /// Boot time, memory, file I/O; nil: nothing was measured.
    public var measurements: [Measurement]?

    /// Calls without a description, recorded raw: name → how often.
    public var opaque: [NamedCount]
    /// What the environment answered instead of the engine: name → how often.
    public var given: [NamedCount]
    /// Why calls could not be judged: reason → how often.
    public var unjudged: [NamedCount]
    /// Against the baseline, if one was given.
    public var comparison: Comparison?
}

/// Something counted under its name; lists are sorted by count, then by name.
public struct NamedCount: Codable, Sendable, Hashable {
    public var name: String
    public var count: Int

    public init(_ name: String, _ count: Int) {
        self.name = name
        self.count = count
    }

    /// Most frequent first, then by name.
    public static func sorted(_ counts: [String: Int]) -> [NamedCount] {
        counts.map { NamedCount($0.key, $0.value) }
            .sorted { ($1.count, $0.name) < ($0.count, $1.name) }
    }
}

/// How many workloads have each verdict.
public struct VerdictTally: Codable, Sendable, Hashable {
    public var runs = 0
    public var degraded = 0
    public var fails = 0
    /// The trace or the engine broke, or there was no trace: scored 0.
    public var broken = 0
    public var workloads = 0

    public init(_ verdicts: [WorkloadVerdict]) {
        for verdict in verdicts {
            workloads += 1
            switch verdict {
            case .runs: runs += 1
            case .degraded: degraded += 1
            case .fails: fails += 1
            case .broken: broken += 1
            }
        }
    }
}

/// Calls by verdict.
public struct CallCounts: Codable, Sendable, Hashable {
    public var same = 0
    public var differs = 0
    public var unsupported = 0
    public var blocked = 0
    public var follows = 0
    /// The engine had broken.
    public var engineFailed = 0
    /// Answered by the environment, not by the engine.
    public var given = 0
    /// The recording lacks what is needed.
    public var unjudged = 0
    /// The implementation under study has this; our model of it does not.
    public var notModelled = 0

    public init() {}

    /// Calls with a verdict that counts for or against the engine.
    public var judged: Int { same + diverged + follows }
    /// Calls that diverged by themselves.
    public var diverged: Int { differs + unsupported + blocked }
    public var total: Int { judged + given + unjudged + notModelled + engineFailed }
    /// Same of judged; nil when nothing was judged.
    public var graded: PerMille? { PerMille(same, of: judged) }

    public static func + (left: Self, right: Self) -> Self {
        var sum = left
        for (path, _) in paths { sum[keyPath: path] += right[keyPath: path] }
        return sum
    }

    /// Every verdict with the name that users see, in display order.
    public var named: [NamedCount] { Self.paths.map { NamedCount($0.1, self[keyPath: $0.0]) } }

    private static var paths: [(WritableKeyPath<Self, Int>, String)] {
        [
            (\.same, "same"), (\.differs, "differs"), (\.unsupported, "unsupported"), (\.blocked, "blocked"),
            (\.follows, "follows"), (\.engineFailed, "engine failed"), (\.given, "given"), (\.unjudged, "unjudged"),
            (\.notModelled, "not modelled"),
        ]
    }

    private enum CodingKeys: String, CodingKey {
        case same, differs, unsupported, blocked, follows, engineFailed, given, unjudged, notModelled, judged, total
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        same = try container.decode(Int.self, forKey: .same)
        differs = try container.decode(Int.self, forKey: .differs)
        unsupported = try container.decode(Int.self, forKey: .unsupported)
        blocked = try container.decode(Int.self, forKey: .blocked)
        follows = try container.decode(Int.self, forKey: .follows)
        engineFailed = try container.decode(Int.self, forKey: .engineFailed)
        given = try container.decode(Int.self, forKey: .given)
        unjudged = try container.decode(Int.self, forKey: .unjudged)
        notModelled = try container.decode(Int.self, forKey: .notModelled)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(same, forKey: .same)
        try container.encode(differs, forKey: .differs)
        try container.encode(unsupported, forKey: .unsupported)
        try container.encode(blocked, forKey: .blocked)
        try container.encode(follows, forKey: .follows)
        try container.encode(engineFailed, forKey: .engineFailed)
        try container.encode(given, forKey: .given)
        try container.encode(unjudged, forKey: .unjudged)
        try container.encode(notModelled, forKey: .notModelled)
        try container.encode(judged, forKey: .judged)
        try container.encode(total, forKey: .total)
    }
}
