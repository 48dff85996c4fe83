// The recorded workloads against themselves: what differs here is a bug of the rules or of the recorder.
import Foundation
import LinuxABI
import Testing
import TraceLog

@testable import Replay

@Suite("Corpus")
struct CorpusTests {
    /// Traces small enough for a test run; `LACUNA_TRACES` names another folder of them.
    static let traces: [String] = {
        let corpora = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("corpora").path
        if let folder = ProcessInfo.processInfo.environment["LACUNA_TRACES"] {
            return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
                .filter { $0.hasSuffix(".lacuna") }.sorted().map { "\(folder)/\($0)" }
        }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: corpora)) ?? []
        return names.sorted().map { "\(corpora)/\($0)/trace.lacuna" }.filter {
            let size = (try? FileManager.default.attributesOfItem(atPath: $0))?[.size] as? Int
            return size.map { $0 > 0 && $0 < Self.largest } ?? false
        }
    }()
    /// Bytes: what a debug build gets through in a few seconds in all.
    private static let largest = 60_000

    @Test("A recording replayed against its own answers is the same everywhere", arguments: traces)
    func echo(path: String) throws {
        let trace = try Trace.load(path: path)
        let result = Replayer(trace: trace).run(on: EchoEngine(trace))
        #expect(trace.recovery.isComplete, "\(trace.recovery)")
        #expect(result.divergent.isEmpty, "\(result.divergent.count) calls\n\(result.divergences.prefix(2000))")
        #expect(result.failure == nil)
        #expect(result.counts.total == UInt64(trace.calls.count))
    }
}

extension ReplayResult {
    fileprivate var divergences: String {
        summary.split(separator: "\n").filter { !$0.contains(" unjudged ") }.joined(separator: "\n")
    }
}
