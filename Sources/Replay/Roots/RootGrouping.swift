// Divergences of one kind are one gap: the same cell, answered in the same wrong way, by the same handler.
import Engine
import LinuxABI
import TraceLog

/// The rule that a new descriptor gets the lowest free number.
let lowestFreeRule = "lowest free fd"
/// The rule that a handler's stack is a multiple of 16 (System V ABI, x86-64, 3.2.2).
let handlerStackRule = "handler's stack aligned"
/// The same of a task that was made in a handler.
let taskStackRule = "task's stack aligned"

extension Judgement {
    /// The answer is right, and what comes with it is not.
    init(_ breach: InterfaceBreach) {
        self.init(verdict: .differs, culprit: .engine)
        let rule = breach == .handlerStack ? handlerStackRule : taskStackRule
        differences = [Difference(field: "stack", rule: rule, recorded: "aligned to 16 bytes", engine: "8 bytes off")]
    }
}

/// Divergences that nothing earlier explains, alike in all that shows before the replay is over.
struct RootCandidates {
    struct Key: Hashable {
        var name: String
        var cells: [Cell]
        var signature: [String]
        var handler: String
        var support: Evidence.Support
        var note: String

        init(_ candidate: RootCandidate, cells: [Cell]) {
            // One allocator gives all descriptor numbers: breaking its rule is one gap, whichever call shows it. So is what
            // a signal's frame looks like.
            let differences = candidate.judgement.differences
            let rule = differences.first?.rule
            let isAllocator =
                (rule == lowestFreeRule || rule == handlerStackRule) && differences.allSatisfy { $0.rule == rule }
            name = isAllocator ? "" : candidate.name
            self.cells = isAllocator ? [] : cells
            signature = Self.signature(candidate)
            handler = candidate.evidence.handler
            support = candidate.evidence.support
            note = candidate.evidence.note
        }

        /// What is wrong, without the values that vary: fields and rules, and errors by name.
        private static func signature(_ candidate: RootCandidate) -> [String] {
            func kind(_ value: Int64?) -> String {
                guard let value else { return "none" }
                return Errno(result: value)?.name ?? "success"
            }
            var unique: [String] = []
            for difference in candidate.judgement.differences {
                // Positions in lists vary as values do.
                var field = difference.field
                if let list = field.utf8.firstIndex(of: UInt8(ascii: "[")) { field = String(field[..<list]) }
                field += ":" + difference.rule
                if !unique.contains(field) { unique.append(field) }
            }
            return unique + [candidate.judgement.verdict.name, kind(candidate.recorded), kind(candidate.engine)]
        }
    }

    /// A kind of divergence that calls of one description have shown, with the ordinals of their cells.
    struct Seen {
        fileprivate let kind: Int
        fileprivate let cells: [Int]
        /// The engine's answer told no more than that it was handled.
        fileprivate let isPlain: Bool
    }

    private(set) var kinds: [(first: RootCandidate, calls: [UInt64])] = []
    private var index: [Key: Int] = [:]

    /// Whether it is the first of its kind.
    ///
    /// - Parameters:
    ///   - known: cells of the call, if they have ordinals.
    ///   - isPlain: whether the answer was plain before the engine was asked for the rest.
    mutating func add(_ candidate: RootCandidate, _ plan: CallPlan?, _ known: KnownCells?, isPlain: Bool) -> Bool {
        let key = Key(candidate, cells: candidate.cells)
        let kind = index[key] ?? kinds.count
        if let plan, let known { plan.rootKinds.append(Seen(kind: kind, cells: known.cells, isPlain: isPlain)) }
        guard kind == kinds.count else {
            kinds[kind].calls.append(candidate.call)
            return false
        }
        index[key] = kind
        kinds.append((candidate, [candidate.call]))
        return true
    }

    /// Adds a call that is plainly like the first of a kind that calls of its description were of; false if none is.
    mutating func addKnown(
        _ call: CallHead,
        _ judgement: Judgement,
        _ answer: DispatchResult,
        _ plan: CallPlan,
        _ known: KnownCells
    ) -> Bool {
        guard let kind = kind(of: call, judgement, answer, plan, known) else { return false }
        kinds[kind].calls.append(call.index)
        return true
    }

    /// The kind that calls of its description were of and whose first the call is plainly like.
    func kind(
        of call: CallHead,
        _ judgement: Judgement,
        _ answer: DispatchResult,
        _ plan: CallPlan,
        _ known: KnownCells
    ) -> Int? {
        guard !plan.rootKinds.isEmpty else { return nil }
        let recorded = call.flags.contains(.unfinished) ? nil : call.result
        var engine: Int64?
        if case .returned(let value) = answer.outcome { engine = value }
        let isPlain = answer.isPlain
        for seen in plan.rootKinds where seen.cells == known.cells {
            guard kinds[seen.kind].first.isLike(judgement, recorded, engine) else { continue }
            // The texts of plain answers to calls of one description are the same, but for the steps.
            if isPlain ? seen.isPlain : kinds[seen.kind].first.evidence.isLike(answer.evidence) { return seen.kind }
        }
        return nil
    }
}

extension RootCandidate {
    /// Whether all that makes a key of a root is the same, but for the call's description and cells and the evidence.
    fileprivate func isLike(_ other: Judgement, _ recorded: Int64?, _ engine: Int64?) -> Bool {
        guard judgement.verdict == other.verdict, judgement.differences.count == other.differences.count,
            Self.isLike(self.recorded, recorded), Self.isLike(self.engine, engine)
        else { return false }
        for (own, one) in zip(judgement.differences, other.differences)
        where own.field != one.field || own.rule != one.rule {
            return false
        }
        return true
    }

    /// Both successes, or the same.
    private static func isLike(_ left: Int64?, _ right: Int64?) -> Bool {
        if left == right { return true }
        guard let left, let right else { return false }
        return left >= 0 && right >= 0
    }
}

extension Evidence {
    fileprivate func isLike(_ other: Evidence) -> Bool {
        support == other.support && handler == other.handler && note == other.note
    }
}

extension DispatchResult {
    /// The engine has more to tell, and so far tells no more than that the call was handled.
    var isPlain: Bool {
        guard isEvidenceDeferred, support == .handled else { return false }
        let evidence = evidence
        return evidence.handler.isEmpty && evidence.note.isEmpty
    }
}

struct RootGrouping {
    private struct Group {
        var first: RootCandidate
        var cells: CellChoice
        var calls: [UInt64]
        var followers: [UInt64] = []
    }

    private var groups: [Group] = []
    private var groupOfCall = CallTable<UInt32>()

    /// Which cells are at fault is known now, so that kinds may be one gap.
    init(_ candidates: RootCandidates, working: Set<Cell>) {
        var index: [RootCandidates.Key: Int] = [:]
        for (first, calls) in candidates.kinds {
            let choice = CellChoice(first, working: working)
            let key = RootCandidates.Key(first, cells: choice.cells)
            let group = index[key] ?? groups.count
            if group == groups.count {
                index[key] = group
                groups.append(Group(first: first, cells: choice, calls: []))
            }
            if groups[group].calls.isEmpty { groups[group].calls = calls } else { groups[group].calls += calls }
            for call in calls { groupOfCall[call] = UInt32(group) }
        }
        // Calls complete in another order than they are entered: the first is the one with the lowest index.
        for index in groups.indices { Self.sort(&groups[index].calls) }
    }

    /// Most lists are in order, and shared.
    private static func sort(_ calls: inout [UInt64]) {
        if zip(calls, calls.dropFirst()).contains(where: { $0 > $1 }) { calls.sort() }
    }

    /// Followers without a report.
    mutating func attach(_ followers: [(call: UInt64, root: UInt64)]) {
        for (call, root) in followers {
            if let group = groupOfCall[root] { groups[Int(group)].followers.append(call) }
        }
        for index in groups.indices { groups[index].followers.sort() }
    }

    /// Writes root numbers into reports and collects the followers.
    mutating func attach(_ reports: inout [CallReport]) {
        for index in reports.indices {
            let call = reports[index].call
            if let group = groupOfCall[call].map(Int.init) {
                reports[index].root = groups[group].calls[0]
            } else if let root = reports[index].root, let group = groupOfCall[root].map(Int.init) {
                reports[index].root = groups[group].calls[0]
                groups[group].followers.append(call)
            }
        }
    }

    /// Gravest first.
    func roots(context: FatalContext, evidence: (Evidence) -> Int?) -> [Root] {
        let roots = groups.map { group -> Root in
            var root = Root(
                call: group.calls[0],
                task: group.first.task,
                name: group.first.name,
                verdict: group.first.judgement.verdict,
                cells: group.cells.cells
            )
            root.cellReason = group.cells.reason
            root.differences = group.first.judgement.differences
            root.recorded = group.first.recorded
            root.engine = group.first.engine
            root.evidence = evidence(group.first.evidence)
            root.source = group.first.evidence.source
            root.occurrences = group.calls
            root.followers = group.followers
            root.uses = group.calls.reduce(0) { $0 + UInt64(context.uses[$1] ?? 0) }
            root.fatal = judgeFatality(root, exercised: group.first.cells, context)
            return root
        }
        return roots.sorted {
            ($0.fatal.isFatal ? 0 : 1, -$0.weight, $0.call) < ($1.fatal.isFatal ? 0 : 1, -$1.weight, $1.call)
        }
    }
}
