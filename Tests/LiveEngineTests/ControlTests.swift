// The control: recordings of this kind of kernel replay on it without a divergence.
import Engine
import Foundation
import LinuxABI
import LiveEngine
import Replay
import Testing
import TraceLog

func corpus(_ name: String) throws -> Trace {
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    return try Trace.load(path: package.appending(path: "corpora/\(name)/trace.lacuna").path)
}

/// The committed recordings are of Linux 6.18: an older kernel need not answer alike.
private let isRecordedKernel: Bool = {
    let release = try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8)
    return release?.hasPrefix("6.18.") == true
}()

/// Notes every answer of the engine behind it.
private final class WatchedEngine: Engine {
    struct Answer: Equatable {
        var name: String
        var outcome: DispatchResult.Outcome
        var bytes: [MemoryChunks.Chunk]
    }
    let inner: AgentEngine
    var identity: EngineIdentity { inner.identity }
    private(set) var answers: [Answer] = []

    init() { inner = NativeEngine.make() }

    /// Calls whose bytes are what was stored: not the machine's clock, chance or state.
    private static let storing: Set<String> = ["readlink", "getcwd", "rt_sigaction", "rt_sigprocmask", "pipe2"]

    func boot(_ environment: Environment) throws(EngineFailure) { try inner.boot(environment) }
    func dispatch(_ call: GuestCall, on task: TaskID) throws(EngineFailure) -> DispatchResult {
        let result = try inner.dispatch(call, on: task)
        let name = ABI.name(call.number, call.architecture)
        let isStored = Self.storing.contains(name) || (name == "read" || name == "pread64") && result.given.isEmpty
        if result.outcome != .blocked {
            // Where the kernel puts a mapping is a name.
            var outcome = result.outcome
            if name == "mmap", case .returned(let address) = outcome, address > 0 { outcome = .returned(0) }
            answers.append(Answer(name: name, outcome: outcome, bytes: isStored ? result.writes : []))
        }
        return result
    }
    func retry(_ task: TaskID) throws(EngineFailure) -> DispatchResult { try inner.retry(task) }
    func cancel(_ task: TaskID) { inner.cancel(task) }
    func advance(to time: UInt64) { inner.advance(to: time) }
    func postSignal(_ signal: Int32, to task: TaskID) { inner.postSignal(signal, to: task) }
    func taskEnded(_ task: TaskID, status: Int32?) { inner.taskEnded(task, status: status) }
    func graft(_ graft: Graft, on task: TaskID) -> Bool { inner.graft(graft, on: task) }
}

@Suite(
    "The control on this kernel",
    .enabled(if: mayIsolate && isRecordedKernel, "needs root and the kernel of the recordings"),
    .serialized
)
struct ControlTests {
    @Test(
        "Every judged call is the same, and nearly all are judged",
        arguments: ["sqlite3", "gcc", "unshare-container"]
    )
    func control(name: String) throws {
        let result = Replayer(trace: try corpus(name)).run(on: NativeEngine.make())
        #expect(result.failure == nil)
        let roots = result.roots.map { "\($0.name) at call \($0.call)" }
        #expect(roots.isEmpty, "\(roots)")
        #expect(result.counts.judged * 100 >= result.counts.total * 97)
    }

    @Test("Scrambling every recorded result changes no answer of the kernel")
    func scramble() throws {
        let trace = try corpus("sqlite3")
        var options = ReplayOptions()
        options.resynchronise = false
        let replayer = Replayer(trace: trace, options: options)
        var generator = SystemRandomNumberGenerator()
        var calls = trace.calls
        for position in calls.indices {
            // No small number: those are names (of descriptors, of tasks), which later arguments are translated by.
            let result = Int64(truncatingIfNeeded: generator.next() >> 48) - 4000
            calls[position].result = (0..<1024).contains(result) ? result + 1024 : result
            for chunk in calls[position].chunks.indices where calls[position].chunks[chunk].direction == .output {
                let count = calls[position].chunks[chunk].bytes.count
                calls[position].chunks[chunk].bytes = (0..<count).map { _ in UInt8.random(in: 0...255) }
            }
        }
        let (plain, scrambled) = (WatchedEngine(), WatchedEngine())
        _ = replayer.run(on: plain)
        _ = replayer.replacing(calls: calls).run(on: scrambled)
        #expect(plain.answers.count > trace.calls.count / 2)
        let first = zip(plain.answers, scrambled.answers).first { $0 != $1 }
        #expect(plain.answers.count == scrambled.answers.count)
        #expect(first == nil)
    }
}
