// Recordings replay on the live engines that are here.
import EngineLauncher
import Foundation
import LiveEngine
import Replay
import Testing
import TraceLog

@Suite("Replays on live engines", .enabled(if: geteuid() == 0, "needs root for namespaces"), .serialized)
struct EngineReplayTests {
    @Test("A whole recording comes through; nearly all of it is the same", arguments: ["gvisor", "qemu-user", "uml"])
    func recording(name: String) throws {
        guard isInstalled(name) else { return print("skipped: \(name) is not installed") }
        let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let trace = try Trace.load(path: package.appending(path: "corpora/sqlite3/trace.lacuna").path)
        let running = try EngineLauncher(try definition(name)).start()
        defer { running.stop() }
        let agent = running.definition.lowAddresses ? "lacuna-agent-low" : "lacuna-agent"
        let source = EngineSource(running, agentPath: try ReplayAgentBinary.path(agent))
        let result = Replayer(trace: trace).run(on: source.engine(named: name))
        #expect(result.failure == nil)
        #expect(result.counts.judged * 100 >= result.counts.total * 97)
        #expect(result.counts.same * 100 >= result.counts.judged * 90)
    }
}
