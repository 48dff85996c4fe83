// States of cells.
import LinuxABI

extension CellResult {
    static func all(
        _ observations: [(workload: Workload, observation: WorkloadObservation)],
        roots gathering: RootGathering
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

extension UnusedCells {
    /// What of `universe` none of `cells` is.
    static func all(_ universe: [Cell], without cells: [CellResult]) -> [UnusedCells] {
        let used = Set(cells.map(\.name))
        let unused = universe.filter { !used.contains($0.description) }
        return Family.allCases.compactMap { family in
            let names = unused.filter { $0.families.contains(family) }.map(\.description).sorted()
            return names.isEmpty ? nil : UnusedCells(family: family.rawValue, cells: names)
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
