// What became better or worse since an earlier scorecard.
import Engine

extension Comparison {
    /// A regression: a workload with a worse verdict or a lower graded score, or a cell that no longer works.
    init(of card: Scorecard, with baseline: Scorecard) {
        self.init(
            baseline: "\(baseline.engine.name) \(baseline.engine.version)",
            completenessBefore: baseline.completeness,
            gradedBefore: baseline.graded,
            regressions: [],
            improvements: []
        )
        let before = Dictionary(baseline.workloads.map { ($0.name, $0) }) { first, _ in first }
        for workload in card.workloads {
            guard let old = before[workload.name] else { continue }
            if workload.verdict != old.verdict {
                note(
                    Change(
                        subject: workload.name,
                        what: "verdict",
                        before: old.verdict.rawValue,
                        after: workload.verdict.rawValue
                    ),
                    worse: workload.verdict.rank < old.verdict.rank
                )
            } else if workload.graded != old.graded {
                note(
                    Change(
                        subject: workload.name,
                        what: "graded",
                        before: old.graded.description,
                        after: workload.graded.description
                    ),
                    worse: workload.graded < old.graded
                )
            }
        }
        let cells = Dictionary(baseline.cells.map { ($0.name, $0.state) }) { first, _ in first }
        for cell in card.cells {
            guard let old = cells[cell.name], old != cell.state, let rank = cell.state.rank, let oldRank = old.rank
            else { continue }
            note(
                Change(subject: cell.name, what: "state", before: old.rawValue, after: cell.state.rawValue),
                worse: rank < oldRank
            )
        }
    }

    private mutating func note(_ change: Change, worse: Bool) {
        if worse { regressions.append(change) } else { improvements.append(change) }
    }
}

extension CellState {
    /// Higher is better; nil for states that say nothing about the engine.
    fileprivate var rank: Int? {
        switch self {
        case .works: 2
        case .partly: 1
        case .missing: 0
        case .notModelled, .neverExercised: nil
        }
    }
}
