// From the scorecards of several engines to the matrix.

extension EngineMatrix {
    /// - Parameter cards: Scorecards of the same corpus, one per engine, at least one.
    public init(_ cards: [Scorecard]) {
        tool = cards.first?.tool ?? ""
        corpus = cards.first?.corpus ?? ""
        engines = cards.map { card in
            MatrixEngine(
                engine: card.engine,
                completeness: card.completeness,
                withoutFatal: card.withoutFatal,
                graded: card.graded,
                tally: card.tally,
                calls: card.calls,
                status: card.status,
                notices: card.notices
            )
        }
        status = cards.map(\.status).max() ?? .skip
        workloads = (cards.first?.workloads ?? []).map { first in
            MatrixWorkload(
                name: first.name,
                summary: first.summary,
                weight: first.weight,
                entries: cards.map { card in EngineMatrix.entry(card.workloads.first { $0.name == first.name }) }
            )
        }
        cells = EngineMatrix.cells(cards)
        specific = EngineMatrix.specific(cells, cards)
        questions = EngineMatrix.questions(cards)
    }

    private static func entry(_ result: WorkloadResult?) -> MatrixWorkload.Entry {
        MatrixWorkload.Entry(
            verdict: result?.verdict ?? .broken,
            graded: result?.graded ?? .none,
            calls: result?.calls ?? CallCounts(),
            firstFatal: result?.firstFatal,
            problem: result == nil ? "not in this engine's scorecard" : result?.problem
        )
    }

    private static func cells(_ cards: [Scorecard]) -> [MatrixCell] {
        let byName = cards.map { card in
            Dictionary(card.cells.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        }
        var names: Set<String> = []
        var all: [MatrixCell] = []
        for card in cards {
            for cell in card.cells where names.insert(cell.name).inserted {
                let entries = byName.map { entry($0[cell.name]) }
                let judged = Set(entries.map(\.state).filter(\.isJudged))
                all.append(
                    MatrixCell(
                        name: cell.name,
                        families: cell.families,
                        importance: byName.compactMap { $0[cell.name]?.importance }.max() ?? cell.importance,
                        entries: entries,
                        isDivided: judged.count > 1
                    )
                )
            }
        }
        return all.sorted {
            ($0.isDivided ? 0 : 1, $1.importance, $0.name) < ($1.isDivided ? 0 : 1, $0.importance, $1.name)
        }
    }

    private static func entry(_ cell: CellResult?) -> MatrixCell.Entry {
        MatrixCell.Entry(
            state: cell?.state ?? .neverExercised,
            same: cell?.calls.same ?? 0,
            judged: cell?.calls.judged ?? 0,
            note: cell?.note ?? "",
            roots: cell?.roots ?? []
        )
    }

    private static func specific(_ cells: [MatrixCell], _ cards: [Scorecard]) -> [SpecificGap] {
        cells.flatMap { cell -> [SpecificGap] in
            let judged = cell.entries.indices.filter { cell.entries[$0].state.isJudged }
            let lacking = judged.filter { cell.entries[$0].state != .works }
            guard judged.count > 1, lacking.count == 1, let engine = lacking.first else { return [] }
            let entry = cell.entries[engine]
            let root = cards[engine].roots.first { entry.roots.contains($0.rank) }
            return [
                SpecificGap(
                    engine: engine,
                    cell: cell.name,
                    state: entry.state,
                    importance: cell.importance,
                    root: root?.rank,
                    title: root?.title ?? entry.note
                )
            ]
        }
        .sorted { ($1.importance, $0.engine, $0.cell) < ($0.importance, $1.engine, $1.cell) }
    }

    // MARK: - Questions

    private static func questions(_ cards: [Scorecard]) -> [MatrixQuestion] {
        func cells(_ name: String, _ meaning: String, _ belongs: (CellResult) -> Bool) -> MatrixQuestion {
            MatrixQuestion(
                name: name,
                meaning: meaning,
                answers: cards.map { card in
                    let judged = card.cells.filter { belongs($0) && $0.state.isJudged }
                    return MatrixAnswer(good: judged.count { $0.state == .works }, judged: judged.count)
                }
            )
        }
        func family(_ name: String, _ family: String) -> MatrixQuestion {
            var question = cells(name, "cells of family \(family) that work, of those judged") {
                $0.families.contains(family)
            }
            question.family = family
            return question
        }
        var questions = [
            MatrixQuestion(
                name: "system calls",
                meaning: "calls of which every judged cell works, of calls judged",
                answers: cards.map(callsThatWork)
            ),
            cells("features", "cells (a call with a flag or sub-command) that work, of those judged") { _ in true },
            family("namespaces", "namespaces"), family("cgroups", "cgroups"), family("mounts", "mount"),
            family("file semantics", "fs"), family("signals", "signals"), family("networking", "net"),
        ]
        let containers = cards.map { card in card.workloads.filter { $0.tags.contains("container") } }
        questions.append(
            MatrixQuestion(
                name: "Docker and other containers",
                meaning:
                    "workloads that start a container (runc is Docker's) and run, perhaps degraded, of those there are",
                isOfWorkloads: true,
                answers: containers.map { list in
                    MatrixAnswer(
                        good: list.count { $0.verdict == .runs || $0.verdict == .degraded },
                        judged: list.count
                    )
                }
            )
        )
        return questions.filter { $0.answers.contains { $0.judged > 0 } } + MatrixQuestion.measured(cards)
    }

    private static func callsThatWork(_ card: Scorecard) -> MatrixAnswer {
        var works: [String: Bool] = [:]
        for cell in card.cells where cell.state.isJudged {
            works[cell.call] = works[cell.call, default: true] && cell.state == .works
        }
        return MatrixAnswer(good: works.values.count { $0 }, judged: works.count)
    }
}
