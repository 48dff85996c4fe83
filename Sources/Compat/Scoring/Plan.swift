// The plan: in which order to implement cells so that W rises soonest.

extension PlanStep {
    /// Greedy: always the workload that brings the most weight per cell still missing, and its cells by importance.
    ///
    /// A workload runs once no root of it is worse than tolerated. Broken workloads are not planned for: nothing is known.
    static func plan(_ corpus: Corpus, workloads: [WorkloadResult], roots: [RankedRoot]) -> [PlanStep] {
        var weights: [String: Weight] = [:]
        for workload in corpus.workloads { weights[workload.name] = workload.weight }
        var running = workloads.filter { $0.verdict == .runs }.reduce(Weight.zero) { $0 + (weights[$1.name] ?? .zero) }

        var needs: [String: Set<String>] = [:]
        for root in roots {
            for name in root.hinders { needs[name, default: []].insert(root.cell) }
        }
        for workload in workloads where workload.verdict == .broken { needs[workload.name] = nil }
        let rootsOfCell = Dictionary(grouping: roots.filter { $0.severity > .tolerated }, by: \.cell)
        let rankOfCell = rootsOfCell.mapValues { $0.map(\.rank).min() ?? Int.max }

        var steps: [PlanStep] = []
        while let next = needs.min(by: { left, right in
            let gain = (
                Double(weights[left.key]?.millionths ?? 0) / Double(left.value.count),
                Double(weights[right.key]?.millionths ?? 0) / Double(right.value.count)
            )
            return gain.0 != gain.1 ? gain.0 > gain.1 : left.key < right.key
        }) {
            for cell in next.value.sorted(by: { rankOfCell[$0, default: .max] < rankOfCell[$1, default: .max] }) {
                var completed: [String] = []
                for name in needs.keys.sorted() {
                    needs[name]?.remove(cell)
                    if needs[name]?.isEmpty == true {
                        needs[name] = nil
                        completed.append(name)
                        running = running + (weights[name] ?? .zero)
                    }
                }
                steps.append(
                    PlanStep(
                        step: steps.count + 1,
                        cell: cell,
                        roots: (rootsOfCell[cell] ?? []).map(\.rank),
                        completeness: PerMille(running, of: corpus.weight) ?? .none,
                        completes: completed
                    )
                )
            }
        }
        return steps
    }
}
