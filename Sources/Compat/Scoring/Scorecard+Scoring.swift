// From what the replays showed to the scorecard.
public import Engine
public import LinuxABI

extension Scorecard {
    /// Scores `corpus`.
    ///
    /// - Parameters:
    ///   - outcomes: What became of each workload, by name. One without an outcome did not run.
    ///   - universe: Every cell that could be exercised; those nobody used are listed as never exercised.
    ///   - baseline: An earlier scorecard to compare with.
    public init(
        tool: String,
        engine: EngineIdentity,
        corpus: Corpus,
        outcomes: [String: WorkloadOutcome],
        universe: [Cell] = [],
        baseline: Scorecard? = nil
    ) {
        var observations: [(workload: Workload, observation: WorkloadObservation)] = []
        for workload in corpus.workloads {
            switch outcomes[workload.name] {
            case .replayed(let observation), .engineFailed(_, let observation):
                observations.append((workload, observation))
            case .noTrace, nil: break
            }
        }
        let naming = CellNaming(observations.flatMap { $0.observation.cells.keys } + universe)
        for index in observations.indices {
            observations[index].observation = observations[index].observation.named(by: naming)
        }
        let gathering = RootGathering(observations)
        var observed: [String: WorkloadObservation] = [:]
        for (workload, observation) in observations { observed[workload.name] = observation }
        let workloads = corpus.workloads.map { workload in
            WorkloadResult(
                workload,
                outcomes[workload.name] ?? .noTrace("did not run", missing: true),
                observed[workload.name] ?? WorkloadObservation(),
                roots: gathering
            )
        }
        let cells = CellResult.all(observations, roots: gathering)
        let unused = UnusedCells.all(universe.map { naming[$0] }, without: cells)
        let translation = CallTranslation.all(
            observations.reduce(into: [:]) { $0.merge($1.observation.translation, uniquingKeysWith: +) }
        )
        func share(_ verdicts: Set<WorkloadVerdict>) -> PerMille {
            let weight = workloads.filter { verdicts.contains($0.verdict) }.reduce(Weight.zero) { $0 + $1.weight }
            return PerMille(weight, of: corpus.weight) ?? .none
        }

        self.init(
            tool: tool,
            engine: engine,
            corpus: corpus.path,
            completeness: share([.runs]),
            withoutFatal: share([.runs, .degraded]),
            graded: .mean(workloads.map(\.graded)) ?? .none,
            tally: VerdictTally(workloads.map(\.verdict)),
            calls: observations.reduce(CallCounts()) { $0 + $1.observation.calls },
            status: .pass,
            notices: [],
            families: Family.allCases.map {
                FamilyScore(
                    $0,
                    observations,
                    cells: cells,
                    unused: unused,
                    roots: gathering,
                    translation: translation
                )
            },
            workloads: workloads,
            roots: gathering.ranked,
            cells: cells,
            neverExercised: unused,
            plan: PlanStep.plan(corpus, workloads: workloads, roots: gathering.ranked),
            translation: translation,
            opaque: NamedCount.sorted(observations.map(\.observation.opaque).merged()),
            given: NamedCount.sorted(observations.map(\.observation.given).merged()),
            unjudged: NamedCount.sorted(observations.map(\.observation.unjudged).merged())
        )
        settle(baseline)
    }

    /// Compares with the baseline and derives notices and status.
    private mutating func settle(_ baseline: Scorecard?) {
        if let baseline {
            let comparison = Comparison(of: self, with: baseline)
            self.comparison = comparison
            for change in comparison.regressions {
                notices.append(
                    Notice(.fail, change.subject, "\(change.what) fell from \(change.before) to \(change.after)")
                )
            }
            let regressed = Set(comparison.regressions.map(\.subject))
            for index in workloads.indices where regressed.contains(workloads[index].name) {
                workloads[index].status = .fail
            }
            let present = Set(workloads.map(\.name))
            for lost in baseline.workloads where !present.contains(lost.name) {
                notices.append(Notice(.miss, lost.name, "is in the baseline and no longer in the corpus"))
            }
        }
        for workload in workloads {
            guard let problem = workload.problem else { continue }
            notices.append(Notice(workload.status == .miss ? .miss : .error, workload.name, problem))
        }
        notices.sort { ($1.status, $0.subject, $0.text) < ($0.status, $1.subject, $1.text) }
        status = (workloads.map(\.status) + notices.map(\.status)).max() ?? .skip
    }
}

extension WorkloadResult {
    fileprivate init(
        _ workload: Workload,
        _ outcome: WorkloadOutcome,
        _ observation: WorkloadObservation,
        roots gathering: RootGathering
    ) {
        self.init(
            name: workload.name,
            summary: workload.summary,
            command: workload.commandText,
            weight: workload.weight,
            tags: workload.tags,
            source: workload.source,
            verdict: .broken,
            graded: .none,
            calls: CallCounts(),
            confidence: .none,
            status: .pass,
            roots: [],
            families: []
        )
        let hits = gathering.hits[workload.name] ?? []
        switch outcome {
        case .noTrace(let problem, let missing):
            self.problem = problem
            status = missing ? .miss : .error
            return
        case .engineFailed(let problem, _):
            self.problem = problem
            status = .error
            fill(from: observation)
            // What stops the program stands before what broke the engine.
            if hits.contains(where: { $0.severity == .fatal }) {
                verdict = .fails
                graded = observation.calls.graded ?? .none
            }
        case .replayed:
            fill(from: observation)
            graded = observation.calls.graded ?? .none
            switch hits.map(\.severity).max() {
            case .fatal: verdict = .fails
            case .degrading: verdict = .degraded
            case .tolerated, nil: verdict = .runs
            }
            if observation.calls.judged == 0 {
                verdict = .broken
                problem = "no call of its trace could be judged"
                status = .error
            }
        }
        roots = Set(hits.map(\.rank)).sorted()
        if let first = hits.first(where: { $0.severity == .fatal }) {
            firstFatal = RootReference(
                rank: first.rank,
                title: gathering.ranked[first.rank - 1].title,
                call: first.call
            )
        }
    }

    private mutating func fill(from observation: WorkloadObservation) {
        calls = observation.calls
        confidence = PerMille(calls.judged, of: calls.total) ?? .none
        families = Family.allCases.compactMap { family in
            guard let counts = observation.counts(in: family) else { return nil }
            return WorkloadFamily(
                family: family.rawValue,
                same: counts.same,
                judged: counts.judged,
                graded: counts.graded
            )
        }
    }
}

extension Sequence<[String: Int]> {
    fileprivate func merged() -> [String: Int] {
        reduce(into: [:]) { all, counts in all.merge(counts, uniquingKeysWith: +) }
    }
}
