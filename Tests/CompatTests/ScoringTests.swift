// Scores, against sums done by hand.
import Compat
import Engine
import LinuxABI
import Testing

@Suite struct ScoringTests {
    let card = Fixture.card()

    func workload(_ name: String) throws -> WorkloadResult { try #require(card.workloads.first { $0.name == name }) }
    func cell(_ name: String) throws -> CellResult { try #require(card.cells.first { $0.name == name }) }

    @Test func perMilleIsRoundedDownSoThatOnlyAllIsAThousand() {
        #expect(PerMille(999_999, of: 1_000_000) == PerMille(999))
        #expect(PerMille(7, of: 7) == .all)
        #expect(PerMille(0, of: 0) == nil)
        #expect(PerMille(873).description == "87.3 %")
    }

    @Test func completenessIsTheWeightOfWorkloadsThatRun() {
        #expect(card.completeness == PerMille(250))  // 0.5 of 2.0
    }

    @Test func degradedWorkloadsHaveNoFatalRoot() {
        #expect(card.withoutFatal == PerMille(450))  // 0.5 + 0.4 of 2.0
    }

    @Test func aDocumentedFallbackMakesARefusalTolerated() {
        var root = Fixture.container.roots[0]
        root.cells = [Cell(call: "clone3", selector: "CLONE_VM", families: [.process])]
        root.answeredError = "ENOSYS"
        #expect(root.severity == .tolerated)
        #expect(root.reason.contains("glibc falls back to clone"))
        root.answeredError = "EINVAL"
        #expect(root.severity == .fatal)
    }

    @Test func aDifferenceThatTakesNothingAwayIsToleratedUntilSomethingDependsOnIt() {
        var root = Fixture.container.roots[0]
        root.isFatal = false
        (root.recordedResult, root.answeredResult, root.answeredError, root.followers) = (0, 0, nil, 0)
        #expect(root.severity == .tolerated)
        root.followers = 1
        #expect(root.severity == .degrading)
        (root.answeredResult, root.answeredError, root.followers) = (-22, "EINVAL", 0)
        #expect(root.severity == .degrading)
    }

    @Test func meanGradedCountsALostTraceAsZero() {
        #expect(card.graded == PerMille(722))  // (1000 + 900 + 990 + 0) / 4 = 722.5
    }

    @Test func verdictsFollowTheWorstRoot() throws {
        #expect(try workload("plain").verdict == .runs)
        #expect(try workload("container").verdict == .fails)
        #expect(try workload("tool").verdict == .degraded)
        #expect(try workload("lost").verdict == .broken)
    }

    @Test func aFailingWorkloadNamesItsFirstFatalRootByExactCell() throws {
        let fatal = try #require(try workload("container").firstFatal)
        #expect(fatal.title == "unshare(CLONE_NEWUSER) → EINVAL")
        #expect(fatal.call == 41)
        #expect(card.roots[fatal.rank - 1].title == fatal.title)
    }

    @Test func followersAreNotRoots() {
        #expect(card.roots.count == 3)
        #expect(card.roots[0].followers == 9)
        #expect(card.roots[0].hits == 1)
    }

    @Test func theCellThatTheNoteNamesIsToBlameAndTheOtherIsNot() throws {
        #expect(try cell("unshare(CLONE_NEWUSER)").state == .missing)
        #expect(try cell("unshare(CLONE_NEWNS)").state == .works)
        #expect(try cell("unshare(CLONE_NEWNS)").calls.follows == 6)
    }

    @Test func withoutANoteTheCellThatNeverWorkedIsToBlame() throws {
        var observation = Fixture.container
        observation.roots[0].evidence.note = ""
        let card = Scorecard(
            tool: "t",
            engine: Fixture.engine,
            corpus: Fixture.corpus,
            outcomes: ["container": .replayed(observation)]
        )
        #expect(card.roots[0].cell == "unshare(CLONE_NEWUSER)")
    }

    @Test func aCellThatHasWorkedIsNotToBlameHoweverOftenItFailsBesideOthers() throws {
        var observation = Fixture.container
        observation.roots[0].evidence.note = ""
        let both = observation.roots[0].cells
        let worked = try #require(both.first { $0.selector == "CLONE_NEWNS" })
        observation.cells[worked]?.same = 2
        // Calls that fail with it and a third cell each.
        for number in 0..<8 {
            var root = observation.roots[0]
            root.call += UInt64(100 + number)
            root.cells = [worked, Cell(call: worked.call, selector: "X\(number)", families: worked.families)]
            observation.roots.append(root)
        }
        let card = Scorecard(
            tool: "t",
            engine: Fixture.engine,
            corpus: Fixture.corpus,
            outcomes: ["container": .replayed(observation)]
        )
        #expect(!card.roots.contains { $0.cell == "unshare(CLONE_NEWNS)" })
    }

    @Test func aCellNobodyExercisedNeverWorks() throws {
        #expect(!card.cells.contains { $0.name.hasPrefix("keyctl") })
        #expect(
            card.neverExercised == [
                UnusedCells(family: "security", cells: ["keyctl(KEYCTL_JOIN_SESSION_KEYRING)"])
            ]
        )
        #expect(card.families.first { $0.family == "security" }?.cells.neverExercised == 1)
        #expect(try cell("memfd_create").state == .notModelled)
        #expect(try cell("memfd_create").source == "RN:17040")
        #expect(try cell("newfstatat").state == .partly)
        #expect(try !cell("newfstatat").note.isEmpty)
    }

    @Test func importanceIsTheChanceThatSomeWorkloadUsesTheCell() throws {
        // read: plain 0.5, container 0.8, tool 0.4: 1 - 0.5 * 0.2 * 0.6 = 0.94
        #expect(try cell("read").importance == PerMille(940))
        #expect(card.roots[0].importance == PerMille(800))
    }

    @Test func aRootThatLinuxHadTooIsTolerated() throws {
        let root = try #require(card.roots.first { $0.cell == "read" })
        #expect(root.severity == .tolerated)
        #expect(root.hinders.isEmpty)
    }

    @Test func familiesAreScoredOverTheWorkloadsThatUseThem() throws {
        let namespaces = try #require(card.families.first)
        #expect(namespaces.family == "namespaces")
        #expect(namespaces.completeness == PerMille.none)  // its only user fails in it
        // Exercises: CLONE_NEWNS 1 same, 1 unsupported, 5 follow; CLONE_NEWUSER 1 unsupported: 1 of 8.
        #expect(namespaces.graded == PerMille(125))
        let cgroups = card.families[1]
        #expect(cgroups.family == "cgroups")
        #expect(cgroups.completeness == nil)
        #expect(cgroups.graded == nil)
        let memory = try #require(card.families.first { $0.family == "memory" })
        #expect(memory.workloads == 1)
        #expect(memory.completeness == nil)  // its only call was not judged
    }

    @Test func confidenceIsTheShareOfJudgedCalls() throws {
        #expect(try workload("plain").confidence == PerMille(909))  // 100 of 110
        #expect(try workload("container").confidence == PerMille(980))  // 100 of 102
    }

    @Test func thePlanTakesMostWeightPerCellFirstAndPredictsCompleteness() {
        #expect(card.plan.map(\.cell) == ["unshare(CLONE_NEWUSER)", "newfstatat"])
        #expect(card.plan[0].completeness == PerMille(650))  // 0.5 + 0.8 of 2.0
        #expect(card.plan[0].completes == ["container"])
        #expect(card.plan[1].completeness == PerMille(850))  // the lost trace stays unknown
    }

    @Test func aLostTraceIsNamedAndMakesTheRunMiss() {
        #expect(card.status == .miss)
        #expect(card.status.exitStatus == 3)
        #expect(card.notices.contains { $0.subject == "lost" && $0.status == .miss })
    }

    @Test func aNameIsOneCellWhateverFamiliesItCameWith() throws {
        var observation = Fixture.container
        let other = Cell(call: "unshare", selector: "CLONE_NEWUSER", families: [.security])
        observation.cells[other] = Fixture.counts(same: 2)
        let card = Scorecard(
            tool: "t",
            engine: Fixture.engine,
            corpus: Fixture.corpus,
            outcomes: ["container": .replayed(observation)]
        )
        let cells = card.cells.filter { $0.name == "unshare(CLONE_NEWUSER)" }
        #expect(cells.count == 1)
        #expect(cells.first?.families == ["namespaces", "security"])
        #expect(cells.first?.calls.same == 2)
        #expect(cells.first?.state == .partly)
    }

    @Test func equalInputsGiveEqualScorecards() { #expect(card == Fixture.card()) }

    @Test func anEngineFailureScoresZeroAndIsAnError() throws {
        var outcomes = Fixture.outcomes
        outcomes["plain"] = .engineFailed("trapped at call 3", Fixture.plain)
        let card = Scorecard(tool: "t", engine: Fixture.engine, corpus: Fixture.corpus, outcomes: outcomes)
        let plain = try #require(card.workloads.first { $0.name == "plain" })
        #expect(plain.verdict == .broken)
        #expect(plain.graded == .none)
        #expect(card.status == .error)
    }
}

@Suite struct BaselineTests {
    @Test func nothingChangedIsNoRegression() throws {
        let comparison = try #require(Fixture.card(baseline: Fixture.card()).comparison)
        #expect(comparison.regressions.isEmpty)
        #expect(comparison.improvements.isEmpty)
    }

    @Test func aLowerScoreAndACellThatStoppedWorkingAreRegressions() throws {
        var outcomes = Fixture.outcomes
        var plain = Fixture.plain
        plain.calls.same = 1000
        plain.cells[Fixture.stat] = Fixture.counts(same: 3)
        outcomes["plain"] = .replayed(plain)
        outcomes["tool"] = nil
        let before = Scorecard(tool: "t", engine: Fixture.engine, corpus: Fixture.corpus, outcomes: outcomes)
        let after = Fixture.card(baseline: before)
        let comparison = try #require(after.comparison)
        #expect(comparison.regressions.map(\.subject).contains("newfstatat"))
        #expect(comparison.improvements.map(\.subject).contains("tool"))
        #expect(after.status == .fail)
        #expect(after.status.exitStatus == 1)
    }

    @Test func statusesAreOrderedAsInKCIDB() {
        #expect(RunStatus.allCases.sorted().map(\.rawValue) == ["SKIP", "PASS", "MISS", "ERROR", "FAIL"])
        #expect(RunStatus.allCases.map(\.exitStatus) == [0, 0, 3, 3, 1])
    }
}
