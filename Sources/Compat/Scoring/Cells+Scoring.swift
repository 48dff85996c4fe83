// States of cells.
import LinuxABI

extension CellResult {
    static func all(
        _ observations: [(workload: Workload, observation: WorkloadObservation)],
        roots gathering: RootGathering,
        universe: [Cell]
    ) -> [CellResult] {
        var counts: [Cell: CallCounts] = [:]
        var users: [Cell: [Workload]] = [:]
        var notes: [Cell: WorkloadObservation.Reason] = [:]
        for (workload, observation) in observations {
            for (cell, cellCounts) in observation.cells {
                counts[cell] = (counts[cell] ?? CallCounts()) + cellCounts
                users[cell, default: []].append(workload)
            }
            notes.merge(observation.notModelled) { first, _ in first }
        }
        for (cell, raw) in counts { counts[cell] = raw.charged(gathering.charges[cell] ?? CallCounts()) }
        let used = Set(counts.keys.map(\.description))
        for cell in universe where !used.contains(cell.description) { counts[cell] = CallCounts() }

        let roots = Dictionary(grouping: gathering.ranked, by: \.cell)
        return counts.map { cell, counts in
            CellResult(
                cell,
                counts,
                users: users[cell] ?? [],
                roots: roots[cell.description] ?? [],
                reason: notes[cell]
            )
        }.sorted { ($1.importance, $0.name) < ($0.importance, $1.name) }
    }

    private init(
        _ cell: Cell,
        _ counts: CallCounts,
        users: [Workload],
        roots: [RankedRoot],
        reason: WorkloadObservation.Reason?
    ) {
        self.init(
            name: cell.description,
            call: cell.call,
            selector: cell.selector,
            families: cell.families.map(\.rawValue),
            state: CellState(counts),
            calls: counts,
            importance: .importance(of: users.map(\.weight)),
            workloads: users.map(\.name),
            roots: roots.map(\.rank),
            note: "",
            source: ""
        )
        switch state {
        case .works: break
        case .partly, .missing:
            note = roots.map { root in
                let hits = "\(root.answer) on \(root.hits) \(root.hits == 1 ? "call" : "calls")"
                return root.note.isEmpty ? hits : "\(hits): \(root.note)"
            }.joined(separator: "; ")
            source = roots.map(\.source).first { !$0.isEmpty } ?? ""
        case .notModelled:
            note = reason?.note ?? ""
            source = reason?.source ?? ""
        case .neverExercised:
            if counts.follows > 0 {
                note = "only calls behind an earlier root"
            } else if counts.total > 0 {
                note = "no call could be judged"
            }
        }
    }
}

extension CellState {
    /// Followers say nothing about a cell: their root does.
    init(_ counts: CallCounts) {
        switch (counts.same, counts.diverged) {
        case (0, 0): self = counts.notModelled > 0 ? .notModelled : .neverExercised
        case (_, 0): self = .works
        case (0, _): self = .missing
        default: self = .partly
        }
    }
}
