// Gathers the roots of all workloads into ranked ones.
import Engine
import LinuxABI

/// The roots of a whole corpus.
struct RootGathering {
    /// One workload's root, as it was ranked.
    struct Hit {
        var rank: Int
        var call: UInt64
        var severity: Severity
    }

    private(set) var ranked: [RankedRoot] = []
    /// Per workload, in call order.
    private(set) var hits: [String: [Hit]] = [:]
    /// Divergences charged to each cell: only the one to blame pays for a call.
    private(set) var charges: [Cell: CallCounts] = [:]

    private struct Key: Hashable {
        var cell: Cell
        var answer: String
    }
    private struct Gathered {
        var root: RankedRoot
        var hits: [(workload: String, call: UInt64, severity: Severity)] = []
        var weights: [Weight] = []
    }

    init(_ observations: [(workload: Workload, observation: WorkloadObservation)]) {
        let blame = Blame(observations.map(\.observation))
        var gathered: [Key: Gathered] = [:]
        for (workload, observation) in observations {
            for root in observation.roots.sorted(by: { $0.call < $1.call }) {
                guard let culprit = blame.culprit(of: root) else { continue }
                charges[culprit, default: CallCounts()].charge(root)
                let key = Key(cell: culprit, answer: root.answer)
                var entry = gathered[key] ?? Gathered(root: RankedRoot(culprit, root))
                if entry.root.workloads.last != workload.name { entry.weights.append(workload.weight) }
                entry.root.add(root, of: workload)
                entry.hits.append((workload.name, root.call, root.severity))
                gathered[key] = entry
            }
        }
        var sorted = Array(gathered.values)
        for index in sorted.indices { sorted[index].root.importance = .importance(of: sorted[index].weights) }
        sorted.sort { $0.root.isMoreImportant(than: $1.root) }
        for (index, entry) in sorted.enumerated() {
            var root = entry.root
            root.rank = index + 1
            ranked.append(root)
            for hit in entry.hits {
                hits[hit.workload, default: []].append(Hit(rank: root.rank, call: hit.call, severity: hit.severity))
            }
        }
        for name in hits.keys { hits[name]?.sort { ($0.call, $0.rank) < ($1.call, $1.rank) } }
    }
}

extension CallCounts {
    fileprivate mutating func charge(_ root: RootObservation) {
        switch root.verdict {
        case .differs: differs += root.hits
        case .unsupported: unsupported += root.hits
        case .blocked: blocked += root.hits
        }
    }

    /// The counts of a cell whose divergences are replaced by those charged to it; the rest follow other cells.
    func charged(_ charge: CallCounts) -> CallCounts {
        var counts = self
        counts.differs = charge.differs
        counts.unsupported = charge.unsupported
        counts.blocked = charge.blocked
        counts.follows += max(0, diverged - charge.diverged)
        return counts
    }
}

extension RankedRoot {
    fileprivate init(_ cell: Cell, _ root: RootObservation) {
        self.init(
            rank: 0,
            id: "\(cell.description) -> \(root.answer)",
            title: "\(cell.description) → \(root.answer)",
            cell: cell.description,
            families: cell.families.map(\.rawValue),
            answer: root.answer,
            severity: .tolerated,
            importance: .none,
            fatalWeight: .zero,
            support: root.evidence.support,
            note: root.evidence.note,
            source: root.evidence.source,
            hits: 0,
            followers: 0,
            workloads: [],
            fatalIn: [],
            hinders: [],
            occurrences: []
        )
    }

    fileprivate mutating func add(_ root: RootObservation, of workload: Workload) {
        hits += root.hits
        followers += root.followers
        severity = max(severity, root.severity)
        if note.isEmpty { note = root.evidence.note }
        if source.isEmpty { source = root.evidence.source }
        if workloads.last != workload.name { workloads.append(workload.name) }
        if root.severity == .fatal, fatalIn.last != workload.name {
            fatalIn.append(workload.name)
            fatalWeight = fatalWeight + workload.weight
        }
        if root.severity > .tolerated, hinders.last != workload.name { hinders.append(workload.name) }
        occurrences.append(
            RootOccurrence(
                workload: workload.name,
                call: root.call,
                task: root.task,
                text: root.text,
                recorded: root.recorded,
                answered: root.answered,
                verdict: root.verdict.rawValue,
                severity: root.severity,
                reason: root.reason,
                hits: root.hits,
                followers: root.followers,
                differences: root.differences,
                evidence: root.evidence,
                receipt: root.receipt
            )
        )
    }

    /// Fatal weight, then severity, then importance, then how much follows; the id makes the order total.
    fileprivate func isMoreImportant(than other: RankedRoot) -> Bool {
        if fatalWeight != other.fatalWeight { return fatalWeight > other.fatalWeight }
        if severity != other.severity { return severity > other.severity }
        if importance != other.importance { return importance > other.importance }
        if followers != other.followers { return followers > other.followers }
        return id < other.id
    }
}
