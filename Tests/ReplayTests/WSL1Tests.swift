// The honesty tests on the engine that matters.
import Engine
import Foundation
import LinuxABI
import PicoProvider
import Testing
import TraceLog

@testable import Replay

/// Notes every answer of the engine behind it.
private final class WatchedEngine: Engine {
    var identity: EngineIdentity { inner.identity }
    private let inner: any Engine
    private(set) var outcomes: [DispatchResult.Outcome] = []
    private(set) var writes: [[MemoryChunks.Chunk]] = []

    init(_ inner: any Engine) { self.inner = inner }

    private func note(_ result: DispatchResult) -> DispatchResult {
        outcomes.append(result.outcome)
        writes.append(result.writes)
        return result
    }
    func boot(_ environment: Environment) throws(EngineFailure) { try inner.boot(environment) }
    func dispatch(_ call: GuestCall, on task: TaskID) throws(EngineFailure) -> DispatchResult {
        note(try inner.dispatch(call, on: task))
    }
    func retry(_ task: TaskID) throws(EngineFailure) -> DispatchResult { note(try inner.retry(task)) }
    func cancel(_ task: TaskID) { inner.cancel(task) }
    func advance(to time: UInt64) { inner.advance(to: time) }
    func postSignal(_ signal: Int32, to task: TaskID) { inner.postSignal(signal, to: task) }
    func hold(_ signals: UInt64, for task: TaskID) { inner.hold(signals, for: task) }
    func taskEnded(_ task: TaskID, status: Int32?) { inner.taskEnded(task, status: status) }
    func graft(_ graft: Graft, on task: TaskID) -> Bool { inner.graft(graft, on: task) }
}

@Suite("The wsl1 engine under the honesty tests")
struct WSL1Tests {
    /// Two small recordings and the one written in code.
    static let traces: [String] =
        CorpusTests.traces.filter {
            $0.contains("sqlite3") || $0.contains("unshare-container")
        } + [""]

    private func trace(_ path: String) throws -> Trace {
        path.isEmpty ? Scenario.pipeline() : try Trace.load(path: path)
    }

    @Test("Scrambling every recorded result changes no answer of the engine", arguments: traces)
    func scramble(path: String) throws {
        let trace = try trace(path)
        var options = ReplayOptions()
        options.resynchronise = false
        let replayer = Replayer(trace: trace, options: options)
        var generator = SeededGenerator(7)
        var calls = trace.calls
        for position in calls.indices {
            calls[position].result = Int64(truncatingIfNeeded: generator.next() >> 48) - 4000
            for chunk in calls[position].chunks.indices where calls[position].chunks[chunk].direction == .output {
                let count = calls[position].chunks[chunk].bytes.count
                calls[position].chunks[chunk].bytes = (0..<count).map { _ in
                    UInt8(truncatingIfNeeded: generator.next() >> 32)
                }
            }
        }
        let (plain, scrambled) = (WatchedEngine(WSL1Engine()), WatchedEngine(WSL1Engine()))
        let before = replayer.run(on: plain)
        let after = replayer.replacing(calls: calls).run(on: scrambled)
        #expect(plain.outcomes == scrambled.outcomes)
        #expect(plain.writes == scrambled.writes)
        #expect(plain.outcomes.count > trace.calls.count / 2)
        #expect(after.counts.same < before.counts.same)
    }

    @Test("The same replay twice gives the same bytes", arguments: traces)
    func twice(path: String) throws {
        let replayer = Replayer(trace: try trace(path))
        let first = try replayer.run(on: WSL1Engine()).canonicalJSON()
        #expect(try replayer.run(on: WSL1Engine()).canonicalJSON() == first)
    }

    @Test("No engine failure, and the container's first fatal root is its namespace")
    func container() throws {
        let path = try #require(Self.traces.first { $0.contains("unshare-container") })
        let result = Replayer(trace: try trace(path)).run(on: WSL1Engine())
        #expect(result.failure == nil)
        let fatal = result.roots.filter(\.fatal.isFatal).min { $0.call < $1.call }
        #expect(fatal?.name == "unshare" || fatal?.name.hasPrefix("clone") == true, "\(String(describing: fatal))")
    }
}
