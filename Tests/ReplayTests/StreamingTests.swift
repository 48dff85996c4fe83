// A log replayed as it is read against the same log in memory.
import Foundation
import LinuxABI
import PicoProvider
import Testing
import TraceLog

@testable import Replay

@Suite("Streaming")
struct StreamingTests {
    private static let corpora = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "corpora")

    @Test(
        "Calls read from the log in order of entry give the result of the trace in memory, to the last byte",
        arguments: ["bash-jobs", "coreutils", "node-http", "sqlite3"],
        [16, 1 << 15]
    )
    func equal(_ name: String, spread: UInt64) throws {
        let path = Self.corpora.appending(path: "\(name)/trace.lacuna").path
        let trace = try Trace.load(path: path)
        let recording = try Recording.open(path: path, spread: spread)
        #expect(recording.count == trace.calls.count)
        guard case .log(_, _, let late, _) = recording.source else {
            Issue.record("a whole log is not read as it is needed")
            return
        }
        #expect(spread > 16 || late.batch.count > 0, "no call is behind its place")
        let streamed = Replayer(recording).run(on: WSL1Engine())
        let whole = Replayer(trace: trace).run(on: WSL1Engine())
        #expect(try streamed.canonicalJSON() == whole.canonicalJSON())
    }

    @Test("An excerpt has the calls asked for, as they are in the trace")
    func excerpt() throws {
        let path = Self.corpora.appending(path: "bash-jobs/trace.lacuna").path
        let trace = try Trace.load(path: path)
        let part = try Recording.open(path: path, spread: 16).excerpt([0, 7, 700])
        #expect(part.calls.map(\.index) == [0, 7, 700])
        for call in part.calls {
            let other = trace.calls[Int(call.index)]
            #expect(part.memory(of: call, .input).chunks == trace.memory(of: other, .input).chunks)
            #expect(part.memory(of: call, .output).chunks == trace.memory(of: other, .output).chunks)
            #expect(call.arguments == other.arguments && call.result == other.result && call.flags == other.flags)
        }
    }

    @Test("A window lets go of what lies behind, and goes on")
    func window() throws {
        let path = Self.corpora.appending(path: "git/trace.lacuna").path
        let trace = try Trace.load(path: path)
        let calls = CallWindow(try Recording.open(path: path, spread: 512))
        for position in trace.calls.indices {
            try #require(calls.has(position))
            #expect(calls.call(position).record.arguments == trace.calls[position].arguments)
            calls.pass(position)
        }
        #expect(!calls.has(trace.calls.count) && !calls.has(0) && calls.failure == nil)
        #expect(calls.floor > 0 && calls.has(trace.calls.count - CallWindow.history))
    }

    @Test("A damaged log is taken as far as it is whole")
    func damaged() throws {
        let path = Self.corpora.appending(path: "postgresql/trace.lacuna")
        let bytes = try Data(contentsOf: path)
        let cut = FileManager.default.temporaryDirectory.appending(path: "lacuna-cut-\(UUID().uuidString).lacuna")
        defer { try? FileManager.default.removeItem(at: cut) }
        try bytes.prefix(bytes.count * 2 / 3).write(to: cut)
        let recording = try Recording.open(path: cut.path)
        #expect(recording.frame.recovery.error != nil)
        let whole = try Trace.load(path: cut.path)
        #expect(recording.count > 0 && recording.count == whole.calls.count)
    }

    @Test("Reports beyond a number are counted; roots, followers and verdicts stay")
    func fewReports() {
        let trace = Scenario.pipeline()
        let all = Replayer(trace: trace).run(on: HoleEngine())
        var options = ReplayOptions()
        options.reports = 1
        let few = Replayer(trace: trace, options: options).run(on: HoleEngine())
        #expect(few.reports.count < all.reports.count && all.reportsLeftOut == 0)
        #expect(few.reportsLeftOut == UInt64(all.reports.count - few.reports.count))
        #expect(few.verdicts == all.verdicts && few.counts == all.counts)
        #expect(few.roots.map(\.occurrences) == all.roots.map(\.occurrences))
        #expect(few.roots.map(\.followers) == all.roots.map(\.followers))
        for root in few.roots { #expect(few.report(of: root.call) != nil, "a root has a report") }
        #expect(few.evidence.count <= few.reports.count)
    }
}
