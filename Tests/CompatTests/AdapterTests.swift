// From a replay to scores: nothing is lost or counted twice on the way.
import Compat
import Engine
import LinuxABI
import Replay
import Testing
import TraceLog

@Suite struct AdapterTests {
    /// Five calls: same, a root (unshare), its follower, one not modelled, one given.
    static let trace: Trace = {
        let names = ["getpid", "unshare", "getuid", "memfd_create", "getrandom"]
        let calls = names.enumerated().map { index, name in
            CallRecord(
                index: UInt64(index),
                task: TaskID(0),
                number: UInt32(ABI.call(named: name)?.numbers.x86_64 ?? 0),
                arguments: SyscallArguments(name == "unshare" ? 0x1000_0000 : 0)
            )
        }
        return Trace(calls: calls)
    }()

    static let result: ReplayResult = {
        var result = ReplayResult(engine: Fixture.engine)
        let verdicts: [Verdict] = [.same, .unsupported, .follows, .unjudged, .given]
        for verdict in verdicts { result.verdicts.append(verdict) }
        result.counts = result.verdicts.counts
        var hole = Evidence()
        hole.support = .hole
        hole.note = "CLONE_NEWUSER"
        hole.source = "GH:2981"
        var missing = Evidence()
        missing.support = .notModelled
        missing.note = "no memfd in the model"
        result.evidence = [hole, missing]
        for (index, verdict) in verdicts.enumerated() where verdict != .same {
            var report = CallReport(call: UInt64(index), task: TaskID(0), name: "x", verdict: verdict)
            report.evidence = verdict == .unsupported ? 0 : verdict == .unjudged ? 1 : nil
            if verdict == .given { report.given = [GivenUse(name: "random bytes", part: .result)] }
            result.reports.append(report)
        }
        for record in trace.calls {
            for cell in CallText(record, in: trace).cells {
                var tally = ReplayResult.CellTally(cell: cell)
                tally.counts[verdicts[Int(record.index)]] += 1
                result.cells.append(tally)
            }
        }
        var root = Root(
            call: 1,
            task: TaskID(0),
            name: "unshare",
            verdict: .unsupported,
            cells: CallText(trace.calls[1], in: trace).cells
        )
        root.recorded = 0
        root.engine = -22
        root.evidence = 0
        root.followers = [2]
        root.fatal = FatalJudgement(true, "what it makes is used")
        var receipt = Receipt(root: 1, status: .proven, reason: "")
        receipt.claimed = [2]
        receipt.vanished = [2]
        root.receipt = receipt
        result.roots = [root]
        return result
    }()

    let observation = WorkloadObservation(result, of: trace)

    @Test func whatTheModelLacksIsCountedApart() {
        #expect(observation.calls.notModelled == 1)
        #expect(observation.calls.unjudged == 0)
        #expect(observation.calls.total == 5)
        #expect(observation.calls.judged == 3)
        let cells = CallText(Self.trace.calls[3], in: Self.trace).cells
        for cell in cells { #expect(observation.notModelled[cell]?.note == "no memfd in the model") }
        #expect(cells.allSatisfy { observation.cells[$0]?.notModelled == 1 && observation.cells[$0]?.unjudged == 0 })
    }

    @Test func aRootKeepsItsEvidenceAndItsReceipt() throws {
        let root = try #require(observation.roots.first)
        #expect(root.text == "unshare(CLONE_NEWUSER)")
        #expect(root.recorded == "0")
        #expect(root.answered == "-1 EINVAL (Invalid argument)")
        #expect(root.answer == "EINVAL")
        #expect(root.severity == .fatal)
        #expect(root.evidence.source == "GH:2981")
        #expect(root.receipt == "proven: 1 of 1 followers vanish")
        #expect(observation.given == ["random bytes": 1])
    }

    @Test func anEngineThatBrokeIsNoScore() {
        var broken = Self.result
        broken.failure = ReplayResult.Failure(call: 3, reason: "trap")
        guard case .engineFailed(let reason, _) = WorkloadOutcome(broken, of: Self.trace) else {
            Issue.record("a failure is not a replay")
            return
        }
        #expect(reason == "the engine broke at call 3: trap")
    }

    @Test func theNamesOfCellsAreUnique() {
        let names = Cell.known.map(\.description)
        #expect(Set(names).count == names.count)
        #expect(names.contains("unshare(CLONE_NEWUSER)"))
        #expect(Cell.known.allSatisfy { !$0.families.isEmpty })
    }
}
