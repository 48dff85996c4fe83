// Results as values: compact verdicts, canonical JSON, explanations.
import Engine
import Foundation
import LinuxABI
import Testing
import TraceLog

@testable import Replay

@Suite("Results")
struct ResultTests {
    @Test("Verdicts are stored as runs and come back")
    func runs() throws {
        var verdicts = VerdictString()
        for verdict in [Verdict.same, .same, .same, .differs, .engineFailed, .engineFailed] { verdicts.append(verdict) }
        let data = try JSONEncoder().encode(verdicts)
        #expect(String(decoding: data, as: UTF8.self) == "\"3s 1d 2e\"")
        #expect(try JSONDecoder().decode(VerdictString.self, from: data) == verdicts)
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(VerdictString.self, from: Data("\"3s 0d\"".utf8))
        }
        #expect(verdicts.counts.same == 3)
    }

    @Test("Canonical JSON decodes to the same result, whatever its throughput")
    func canonical() throws {
        var result = Replayer(trace: Scenario.pipeline()).run(on: HoleEngine())
        let bytes = try result.canonicalJSON()
        var decoded = try JSONDecoder().decode(ReplayResult.self, from: Data(bytes))
        decoded.throughput = result.throughput
        #expect(decoded == result)
        result.throughput.seconds += 1
        #expect(try result.canonicalJSON() == bytes)
    }

    @Test("Canonical JSON escapes text and sorts keys")
    func escaping() throws {
        let bytes = try CanonicalJSON.encode(["b": "q\"\\\n\u{1}é", "a": ""])
        #expect(String(decoding: bytes, as: UTF8.self) == "{\"a\":\"\",\"b\":\"q\\\"\\\\\\n\\u0001é\"}")
        let decoded = try JSONDecoder().decode([String: String].self, from: Data(bytes))
        #expect(decoded["b"] == "q\"\\\n\u{1}é")
    }

    @Test("Counts add up, and every call has a verdict")
    func counts() {
        let trace = Scenario.pipeline()
        for engine in [TinyEngine() as any Engine, HoleEngine(), EchoEngine(trace)] {
            let result = Replayer(trace: trace).run(on: engine)
            #expect(result.counts.total == UInt64(trace.calls.count))
            #expect(result.verdicts.count == trace.calls.count)
            #expect(result.cells.reduce(0) { $0 + $1.counts.total } >= result.counts.total)
        }
    }

    @Test("An explanation has both results, the surroundings, the evidence and the root")
    func explanation() throws {
        let trace = Scenario.pipeline()
        let result = Replayer(trace: trace).run(on: HoleEngine())
        let explanation = try #require(result.explain(call: 8, in: trace))
        #expect(explanation.recorded == "4")
        #expect(explanation.engine?.hasPrefix("-1 ENOSYS") == true)
        #expect(explanation.call.text == "write(3, \"data\", 4) = 4")
        #expect(explanation.before.map(\.call) == [4, 5, 6, 7])
        #expect(explanation.after.first?.text.hasPrefix("lseek(3") == true)
        #expect(explanation.evidence?.support == .hole)
        #expect(explanation.root?.name == "write")
        #expect(result.explain(call: 999, in: trace) == nil)
        // The child's calls overlap the parent's read.
        #expect(result.explain(call: 16, in: trace)?.overlapping.isEmpty == false)
    }

    @Test("Without evidence a result keeps roots and drops what the engine did")
    func withoutEvidence() {
        var options = ReplayOptions()
        options.evidence = false
        let result = Replayer(trace: Scenario.pipeline(), options: options).run(on: HoleEngine())
        #expect(result.evidence.isEmpty)
        #expect(!result.roots.isEmpty)
    }
}
