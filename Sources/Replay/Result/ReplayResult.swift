// Everything one replay of one trace through one engine came to.
public import Engine
public import LinuxABI

public struct ReplayResult: Sendable, Hashable, Codable {
    /// Where the recording came from.
    public struct Source: Sendable, Hashable, Codable {
        public var command: [String] = []
        public var tool = ""
        public var architecture = Architecture.x86_64
        /// Linux release of the host, `uname -r`.
        public var release = ""
        /// Calls in the trace.
        public var calls: UInt64 = 0
        /// How the recording ended (`exited`, `timeout`, …), or what was cut from the log.
        public var ending = ""

        public init() {}
    }
    /// How many judged calls exercised a cell.
    public struct CellTally: Sendable, Hashable, Codable {
        public var cell: Cell
        public var counts: VerdictCounts
        /// Roots that blame this cell, by ``Root/call``.
        public var roots: [UInt64]

        public init(cell: Cell, counts: VerdictCounts = VerdictCounts(), roots: [UInt64] = []) {
            self.cell = cell
            self.counts = counts
            self.roots = roots
        }
    }
    /// What the calls of one name took of the layer below the engine.
    public struct CallCost: Sendable, Hashable, Codable {
        /// `openat`.
        public var call: String
        /// How many of them the engine answered.
        public var count: UInt64
        public var cost: TranslationCost

        public init(call: String, count: UInt64 = 0, cost: TranslationCost = TranslationCost()) {
            self.call = call
            self.count = count
            self.cost = cost
        }
    }
    /// Speed of this run. Not part of the canonical form.
    public struct Throughput: Sendable, Hashable, Codable {
        public var seconds = 0.0
        public var callsPerSecond = 0.0

        public init() {}
    }
    /// Why the run ended early.
    public struct Failure: Sendable, Hashable, Codable {
        /// The call during which it happened.
        public var call: UInt64
        public var reason: String

        public init(call: UInt64, reason: String) {
            self.call = call
            self.reason = reason
        }
    }

    public var engine: EngineIdentity
    public var source = Source()
    /// One verdict per call, by call index.
    public var verdicts = VerdictString()
    public var counts = VerdictCounts()
    /// Calls that are not plainly `same`, by call index.
    public var reports: [CallReport] = []
    /// Such calls that have no report, because there are too many (``ReplayOptions/reports``). Their verdicts are kept.
    public var reportsLeftOut: UInt64 = 0
    /// Events beyond as many.
    public var eventsLeftOut: UInt64 = 0
    /// Evidence shared by reports and roots.
    public var evidence: [Evidence] = []
    /// Gravest first: fatal before not, then by weight, then by position.
    public var roots: [Root] = []
    /// Every cell that the trace exercises, sorted.
    public var cells: [CellTally] = []
    /// Reasons for `unjudged`, with their counts.
    public var unjudged: [String: UInt64] = [:]
    /// Calls that the descriptions know by name only (or not at all), with their counts.
    public var opaque: [String: UInt64] = [:]
    /// Field values that were compared by the rule `ignored`.
    public var ignoredFields: UInt64 = 0
    /// By name of the call; empty for engines that are no translation. Answers cost, whatever their verdict.
    public var costs: [CallCost] = []
    public var events: [EnvironmentEvent] = []
    public var failure: Failure?
    public var throughput = Throughput()

    public init(engine: EngineIdentity) { self.engine = engine }

    /// What is known of a call that is not plainly `same`.
    public func report(of call: UInt64) -> CallReport? {
        var low = 0
        var high = reports.count
        while low < high {
            let middle = (low + high) / 2
            if reports[middle].call < call { low = middle + 1 } else { high = middle }
        }
        return low < reports.count && reports[low].call == call ? reports[low] : nil
    }

    /// The root that a call is, repeats or follows.
    public func root(of call: UInt64) -> Root? {
        guard let root = report(of: call)?.root else { return nil }
        return roots.first { $0.call == root }
    }

    public func evidence(of report: CallReport) -> Evidence? { report.evidence.map { evidence[$0] } }
    public func evidence(of root: Root) -> Evidence? { root.evidence.map { evidence[$0] } }

    // Throughput is measured, not computed: it stays out of the canonical form, and so out of every encoding.
    private enum CodingKeys: String, CodingKey {
        case engine, source, verdicts, counts, reports, reportsLeftOut, eventsLeftOut, evidence, roots, cells, unjudged,
            opaque, ignoredFields, costs
        case events, failure
    }
}
