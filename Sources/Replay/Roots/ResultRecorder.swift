// Gathers what a run finds, and makes the result of it.
import Engine
import LinuxABI
import Tables
import TraceLog

struct ResultRecorder {
    private struct Cost {
        var count: UInt64 = 0
        var cost = TranslationCost()

        mutating func add(_ other: TranslationCost) {
            count += 1
            cost += other
        }
    }

    private var events: [EnvironmentEvent] = []
    var ignoredFields: UInt64 = 0
    private var result: ReplayResult
    private var reports: [CallReport] = []
    private var evidence = EvidenceList()
    private let keepsEvidence: Bool
    private var candidates = RootCandidates()
    private var followers: [(call: UInt64, root: UInt64)] = []
    private let limit: Int
    private var tallies = CellTallies()
    /// By call number: the usual ones by position.
    private var costs = [Cost](repeating: Cost(), count: 512)
    private var otherCosts = IntegerTable<Cost>()
    private var notes: [UInt64: [String]] = [:]
    /// Errors that the recorded program met, by call name: it goes on after such.
    private var failing: [CallPlan] = []
    private var namelessErrors: [String: UInt64] = [:]

    init(engine: EngineIdentity, trace: Trace, calls: Int, options: ReplayOptions) {
        result = ReplayResult(engine: engine)
        result.source.command = trace.header.command
        result.source.tool = trace.header.tool
        result.source.architecture = trace.header.architecture
        result.source.release = trace.header.uname.count > 2 ? trace.header.uname[2] : ""
        result.source.calls = UInt64(calls)
        result.source.ending = trace.trailer?.reason ?? trace.recovery.description
        keepsEvidence = options.evidence
        limit = options.reports
        result.verdicts = VerdictString(repeating: .unjudged, count: calls)
        isAdded = BitSet(count: calls)
    }

    private var isAdded: BitSet
    private let started = ContinuousClock.now

    mutating func happened(_ event: EnvironmentEvent) {
        if events.count < limit { events.append(event) } else { result.eventsLeftOut += 1 }
    }

    mutating func note(_ call: UInt64, _ text: String) { notes[call, default: []].append(text) }

    /// One call's verdict.
    mutating func add(
        _ pending: Pending,
        _ judgement: Judgement,
        result answer: DispatchResult?,
        cause: MarkedInput? = nil
    ) {
        count(pending, pending.call, pending.plan, judgement.verdict, answer?.cost)
        report(pending, judgement, result: answer, cause: cause, isFirst: false)
    }

    /// The verdict of a call whose answer the engine gave by itself.
    mutating func add(
        _ pending: Pending,
        _ call: RecordedCall,
        _ plan: CallPlan?,
        _ judgement: Judgement,
        result answer: DispatchResult
    ) {
        count(pending, call, plan, judgement.verdict, answer.cost)
        guard judgement.verdict != .same || pending.hasNotes else { return }
        report(pending, judgement, result: answer, cause: nil, isFirst: false)
    }

    private mutating func count(
        _ pending: Pending,
        _ call: RecordedCall,
        _ plan: CallPlan?,
        _ verdict: Verdict,
        _ cost: TranslationCost?
    ) {
        let record = call.record
        result.verdicts[pending.position] = verdict
        isAdded[pending.position] = true
        if let cost {
            if record.number < costs.count {
                costs[Int(record.number)].add(cost)
            } else {
                otherCosts[UInt64(record.number), default: Cost()].add(cost)
            }
        }
        if let plan { tallies.add(verdict, plan, call) }
        if record.result < 0, Errno(result: record.result) != nil, !record.flags.contains(.unfinished) {
            countError(pending)
        }
    }

    /// - Parameter isFirst: the first of its root, which has a report however many there are.
    private mutating func report(
        _ pending: Pending,
        _ judgement: Judgement,
        result answer: DispatchResult?,
        cause: MarkedInput?,
        isFirst: Bool
    ) {
        let record = pending.call.record
        guard judgement.verdict != .same || pending.hasNotes else { return }
        let name = Self.name(pending)
        if judgement.verdict == .unjudged {
            // Reasons are counted without their particulars.
            let reason = judgement.reason.split(separator: " (", maxSplits: 1).first.map(String.init) ?? ""
            result.unjudged[reason, default: 0] += 1
            if pending.variant == nil || pending.variant?.isOpaque == true { result.opaque[name, default: 0] += 1 }
        }
        // Scores set apart what a model lacks.
        let isKept = isFirst || answer?.support == .notModelled && reports.count / 2 < limit
        guard reports.count < limit || isKept else {
            result.reportsLeftOut += 1
            if let cause, cause.mark.isJudged { followers.append((record.index, cause.mark.call)) }
            return
        }
        var report = CallReport(call: record.index, task: record.task, name: name, verdict: judgement.verdict)
        report.culprit = judgement.culprit
        report.differences = judgement.differences
        report.reason = judgement.reason
        report.notes = pending.notes
        if !record.flags.contains(.unfinished) { report.recorded = record.result }
        if let answer {
            if case .returned(let value) = answer.outcome { report.engine = value }
            report.given = answer.given
            if judgement.verdict != .same, judgement.verdict != .given { report.evidence = store(answer.evidence) }
        }
        if let cause, cause.mark.isJudged {
            report.root = cause.mark.call
            report.via = cause.via
        }
        reports.append(report)
    }

    private static func name(_ pending: Pending) -> String {
        pending.variant?.fullName ?? ABI.name(Int(pending.call.record.number), pending.call.record.architecture)
    }

    private mutating func countError(_ pending: Pending) {
        guard let plan = pending.plan else {
            namelessErrors[Self.name(pending), default: 0] += 1
            return
        }
        if plan.errors == 0 { failing.append(plan) }
        plan.errors += 1
    }

    /// Whether the engine is to be asked for all that it can tell of a divergent answer.
    ///
    /// Not where no report is kept and the divergence, if it is a root, is known to be of a kind that was met.
    mutating func wantsEvidence(_ pending: Pending, _ judgement: Judgement, _ answer: DispatchResult) -> Bool {
        guard reports.count >= limit, answer.isPlain, let plan = pending.plan else { return true }
        if judgement.verdict == .unjudged { return false }
        let record = pending.call.record
        let cells = tallies.cells(of: plan, record.arguments, pending.call.input)
        return candidates.kind(of: record, judgement, answer, plan, cells) == nil
    }

    /// A divergence that nothing earlier explains.
    ///
    /// - Parameter isPlain: whether the answer was plain before the engine was asked for the rest.
    mutating func addRoot(
        _ pending: Pending,
        _ judgement: Judgement,
        result answer: DispatchResult,
        isPlain: Bool = false
    ) {
        count(pending, pending.call, pending.plan, judgement.verdict, answer.cost)
        let record = pending.call.record
        if let plan = pending.plan, let cells = tallies.last,
            candidates.addKnown(record, judgement, answer, plan, cells)
        {
            report(pending, judgement, result: answer, cause: nil, isFirst: false)
            return
        }
        var engine: Int64?
        if case .returned(let value) = answer.outcome { engine = value }
        let name = Self.name(pending)
        let isFirst = candidates.add(
            RootCandidate(
                call: record.index,
                task: record.task,
                name: name,
                judgement: judgement,
                cells: pending.plan == nil ? [Cell(call: name)] : tallies.lastCells,
                recorded: record.flags.contains(.unfinished) ? nil : record.result,
                engine: engine,
                evidence: answer.evidence
            ),
            pending.plan,
            pending.plan == nil ? nil : tallies.last,
            isPlain: isPlain
        )
        report(pending, judgement, result: answer, cause: nil, isFirst: isFirst)
    }

    /// The engine broke at this position: this call and all that were not compared.
    mutating func fail(at position: Int, _ reason: String, _ calls: CallWindow) {
        guard calls.has(position) else { return }
        let record = calls.record(position)
        result.failure = .init(call: record.index, reason: reason)
        for index in 0..<isAdded.count where !isAdded[index] { result.verdicts[index] = .engineFailed }
        guard !isAdded[position] else { return }
        isAdded[position] = true
        var report = CallReport(
            call: record.index,
            task: record.task,
            name: ABI.name(Int(record.number), record.architecture),
            verdict: .engineFailed
        )
        report.culprit = .engine
        report.reason = reason
        reports.append(report)
    }

    private mutating func store(_ new: Evidence) -> Int? {
        guard keepsEvidence, new != Evidence() else { return nil }
        return evidence.add(new)
    }

    // MARK: - The end

    mutating func finish(world: RecordedWorld) -> ReplayResult {
        for index in 0..<isAdded.count where !isAdded[index] && result.verdicts[index] == .unjudged {
            result.unjudged["not replayed", default: 0] += 1
        }
        reports.sort { $0.call < $1.call }
        for index in reports.indices { reports[index].notes += notes[reports[index].call] ?? [] }
        let tallies = tallies.all
        let proven = tallies.filter { $0.value.same + $0.value.given > 0 }
        var errors = namelessErrors
        for plan in failing { errors[plan.variant.fullName, default: 0] += plan.errors }
        let context = FatalContext(uses: world.uses, recordedErrors: errors)
        var grouping = RootGrouping(candidates, working: Set(proven.keys))
        grouping.attach(&reports)
        grouping.attach(followers)
        result.roots = grouping.roots(context: context, evidence: evidence.position)
        result.reports = reports
        result.evidence = evidence.all
        result.events = events.enumerated().sorted { ($0.element.call, $0.offset) < ($1.element.call, $1.offset) }
            .map(\.element)
        result.ignoredFields = ignoredFields
        var blamed: [Cell: [UInt64]] = [:]
        for root in result.roots { for cell in root.cells { blamed[cell, default: []].append(root.call) } }
        result.cells = tallies.keys.sorted().map {
            .init(cell: $0, counts: tallies[$0] ?? VerdictCounts(), roots: (blamed[$0] ?? []).sorted())
        }
        let architecture = result.source.architecture
        for (number, sum) in costs.enumerated() where sum.count > 0 {
            result.costs.append(.init(call: ABI.name(number, architecture), count: sum.count, cost: sum.cost))
        }
        for (number, sum) in otherCosts {
            result.costs.append(.init(call: ABI.name(Int(number), architecture), count: sum.count, cost: sum.cost))
        }
        result.costs.sort { $0.call < $1.call }
        result.counts = result.verdicts.counts
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        result.throughput.seconds = seconds
        result.throughput.callsPerSecond = seconds > 0 ? Double(result.source.calls) / seconds : 0
        return result
    }
}
