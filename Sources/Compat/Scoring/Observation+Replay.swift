import Engine
import LinuxABI
// From one replay to what scoring needs of it.
public import Replay
public import TraceLog

extension WorkloadOutcome {
    /// What a replay of `trace` came to.
    public init(_ result: ReplayResult, of trace: Trace) {
        let observation = WorkloadObservation(result, of: trace)
        if let failure = result.failure {
            self = .engineFailed("the engine broke at call \(failure.call): \(failure.reason)", observation)
        } else {
            self = .replayed(observation)
        }
    }
}

extension WorkloadObservation {
    public init(_ result: ReplayResult, of trace: Trace) {
        self.init()
        calls = CallCounts(result.counts)
        for tally in result.cells { cells[tally.cell, default: CallCounts()] = CallCounts(tally.counts) }
        opaque = result.opaque.mapValues(Int.init)
        unjudged = result.unjudged.mapValues(Int.init)
        for report in result.reports {
            for name in Set(report.given.map(\.name)) { given[name, default: 0] += 1 }
            if let evidence = result.evidence(of: report), evidence.support == .notModelled, report.verdict == .unjudged
            {
                setApart(report, evidence, trace)
            }
        }
        translation = result.translation
        roots = result.roots.map { RootObservation($0, result, trace) }
    }

    /// What our model lacks is counted apart from what the recording lacks.
    private mutating func setApart(_ report: CallReport, _ evidence: Evidence, _ trace: Trace) {
        calls.unjudged -= 1
        calls.notModelled += 1
        guard let record = trace.call(report.call) else { return }
        for cell in CallText(record, in: trace).cells {
            cells[cell, default: CallCounts()].notModelled += 1
            cells[cell]?.unjudged -= 1
            if notModelled[cell] == nil { notModelled[cell] = Reason(note: evidence.note, source: evidence.source) }
        }
    }
}

extension RootObservation {
    public init(_ root: Root, _ result: ReplayResult, _ trace: Trace) {
        let text = trace.call(root.call).map { CallText($0, in: trace) }
        let evidence = result.evidence(of: root)
        self.init(
            call: root.call,
            task: root.task.rawValue,
            verdict: root.verdict == .blocked ? .blocked : root.verdict == .unsupported ? .unsupported : .differs,
            cells: root.cells,
            text: text?.call ?? root.name,
            recorded: text?.text(ofResult: root.recorded) ?? "?",
            answered: root.verdict == .blocked ? "still blocked" : text?.text(ofResult: root.engine) ?? "?"
        )
        recordedResult = root.recorded
        answeredResult = root.engine
        answeredError = root.engine.flatMap { Errno(result: $0)?.name }
        differences = root.differences.map {
            FieldDifference(field: $0.field, recorded: $0.recorded, answered: $0.engine)
        }
        if let evidence { self.evidence = evidence }
        if self.evidence.source.isEmpty { self.evidence.source = root.source }
        hits = root.occurrences.count
        followers = root.followers.count
        isFatal = root.fatal.isFatal
        fatalReason = root.fatal.reason
        receipt = root.receipt.map { receipt in
            let counts = "\(receipt.vanished.count) of \(receipt.claimed.count) followers vanish"
            return "\(receipt.status.words): \(counts)" + (receipt.reason.isEmpty ? "" : "; \(receipt.reason)")
        }
    }
}

extension Receipt.Status {
    /// For people.
    public var words: String {
        switch self {
        case .proven: "proven"
        case .partlyProven: "partly proven"
        case .refuted: "refuted"
        case .notPossible: "not possible"
        }
    }
}

extension CallCounts {
    fileprivate init(_ counts: VerdictCounts) {
        self.init()
        same = Int(counts.same)
        differs = Int(counts.differs)
        unsupported = Int(counts.unsupported)
        blocked = Int(counts.blocked)
        follows = Int(counts.follows)
        given = Int(counts.given)
        unjudged = Int(counts.unjudged)
        engineFailed = Int(counts.engineFailed)
    }
}

extension Trace {
    /// The call with that index.
    public func call(_ index: UInt64) -> CallRecord? {
        var low = 0
        var high = calls.count
        while low < high {
            let middle = (low + high) / 2
            if calls[middle].index < index { low = middle + 1 } else { high = middle }
        }
        return low < calls.count && calls[low].index == index ? calls[low] : nil
    }
}
