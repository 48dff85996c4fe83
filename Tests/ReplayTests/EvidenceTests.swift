// What engines are asked to tell of divergences, and when.
import Engine
import LinuxABI
import Testing
import TraceLog

@testable import Replay

/// Refuses every call, and names its handler when it is asked.
private final class ReticentEngine: Engine {
    let identity = EngineIdentity(name: "reticent", version: "1", summary: "EPERM for everything")
    var defersEvidence = false
    private(set) var asked = 0

    func boot(_ environment: Environment) {}
    func dispatch(_ call: GuestCall, on task: TaskID) throws(EngineFailure) -> DispatchResult {
        var result = DispatchResult(.returned(-1))
        result.isEvidenceDeferred = defersEvidence
        return result
    }
    func completeEvidence(of result: inout DispatchResult) {
        guard result.isEvidenceDeferred else { return }
        asked += 1
        result.isEvidenceDeferred = false
        result.evidence.handler = "Refuse"
    }
    func retry(_ task: TaskID) throws(EngineFailure) -> DispatchResult { DispatchResult(.blocked) }
    func cancel(_ task: TaskID) {}
    func advance(to time: UInt64) {}
    func postSignal(_ signal: Int32, to task: TaskID) {}
    func taskEnded(_ task: TaskID, status: Int32?) {}
    func graft(_ graft: Graft, on task: TaskID) -> Bool { true }
}

@Suite("Evidence")
struct EvidenceTests {
    @Test("Beyond the kept reports an engine is asked only about divergences of a new kind, and roots are the same")
    func asking() {
        var builder = TraceBuilder()
        for _ in 0..<30 { builder.call("getpid", result: 100) }
        for _ in 0..<20 { builder.call("getppid", result: 1) }
        let (all, few) = (ReticentEngine(), ReticentEngine())
        let whole = Replayer(trace: builder.trace).run(on: all)
        var options = ReplayOptions()
        options.reports = 5
        let short = Replayer(trace: builder.trace, options: options).run(on: few)
        #expect(all.asked == 50)
        #expect(few.asked == 6, "five with a report, and the first getppid")
        #expect(short.roots.map(\.occurrences.count).sorted() == [20, 30])
        #expect(short.roots.map(\.occurrences) == whole.roots.map(\.occurrences))
        #expect(short.roots.allSatisfy { $0.evidence.map { short.evidence[$0].handler } == "Refuse" })
    }
}
