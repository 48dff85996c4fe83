// Scores of families.
import LinuxABI

extension WorkloadObservation {
    /// Exercises of the family's cells; nil when the workload exercises none.
    func counts(in family: Family) -> CallCounts? {
        let members = cells.filter { $0.key.families.contains(family) }
        return members.isEmpty ? nil : members.values.reduce(CallCounts(), +)
    }
}

extension FamilyScore {
    init(
        _ family: Family,
        _ observations: [(workload: Workload, observation: WorkloadObservation)],
        cells: [CellResult],
        unused: [UnusedCells],
        roots gathering: RootGathering,
        translation: [CallTranslation]
    ) {
        var whole = Weight.zero
        var running = Weight.zero
        var all: [CallCounts] = []
        let roots = gathering.ranked.filter { $0.families.contains(family.rawValue) }
        let fatalIn = Set(roots.flatMap(\.fatalIn))
        for (workload, observation) in observations {
            guard let counts = observation.counts(in: family) else { continue }
            all.append(counts)
            // Nothing judged proves nothing: such a user is counted, not scored.
            guard counts.judged > 0 else { continue }
            whole = whole + workload.weight
            if !fatalIn.contains(workload.name) { running = running + workload.weight }
        }
        var tally = CellTally(cells.lazy.filter { $0.families.contains(family.rawValue) }.map(\.state))
        tally.neverExercised += unused.first { $0.family == family.rawValue }?.cells.count ?? 0
        self.init(
            family: family.rawValue,
            completeness: PerMille(running, of: whole),
            graded: .mean(all.compactMap(\.graded)),
            calls: all.reduce(CallCounts(), +),
            workloads: all.count,
            cells: tally,
            roots: roots.map(\.rank),
            translation: translation.tally(of: family.rawValue)
        )
    }
}
