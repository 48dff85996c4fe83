// Engines without a system behind them: one knows the results, one knows nothing, one has holes.
import Engine
import LinuxABI
import TraceLog

/// Answers every call as recorded. Only for tests of the differ: a real engine never sees results.
final class EchoEngine: Engine {
    let identity = EngineIdentity(name: "echo", version: "1", summary: "answers as recorded")
    private let calls: [UInt64: CallRecord]
    private var parked: [TaskID: UInt64] = [:]
    var answers: [UInt64: DispatchResult] = [:]
    private(set) var grafts: [Graft] = []
    private(set) var posted: [Int32] = []
    var acceptsGrafts = true

    init(_ trace: Trace) { calls = Dictionary(uniqueKeysWithValues: trace.calls.map { ($0.index, $0) }) }

    func boot(_ environment: Environment) {}
    func dispatch(_ call: GuestCall, on task: TaskID) throws(EngineFailure) -> DispatchResult { answer(call.index) }
    func retry(_ task: TaskID) throws(EngineFailure) -> DispatchResult { DispatchResult(.blocked) }
    func cancel(_ task: TaskID) {}
    func advance(to time: UInt64) {}
    func postSignal(_ signal: Int32, to task: TaskID) { posted.append(signal) }
    func taskEnded(_ task: TaskID, status: Int32?) {}
    func graft(_ graft: Graft, on task: TaskID) -> Bool {
        grafts.append(graft)
        return acceptsGrafts
    }

    private func answer(_ index: UInt64) -> DispatchResult {
        if let answer = answers[index] { return answer }
        guard let call = calls[index] else { return DispatchResult(.returned(-38)) }
        if call.flags.contains(.unfinished) { return DispatchResult(.exited) }
        let writes = call.chunks.filter { $0.direction == .output }.map {
            MemoryChunks.Chunk(address: $0.address, bytes: $0.bytes, length: $0.length)
        }
        return DispatchResult(.returned(call.result), writes: writes)
    }
}

/// Has no system call at all.
final class HoleEngine: Engine {
    let identity = EngineIdentity(name: "hole", version: "1", summary: "ENOSYS for everything")

    func boot(_ environment: Environment) {}
    func dispatch(_ call: GuestCall, on task: TaskID) throws(EngineFailure) -> DispatchResult {
        DispatchResult(.returned(-38), evidence: .hole("no table"))
    }
    func retry(_ task: TaskID) throws(EngineFailure) -> DispatchResult { DispatchResult(.blocked) }
    func cancel(_ task: TaskID) {}
    func advance(to time: UInt64) {}
    func postSignal(_ signal: Int32, to task: TaskID) {}
    func taskEnded(_ task: TaskID, status: Int32?) {}
    func graft(_ graft: Graft, on task: TaskID) -> Bool { false }
}

extension Evidence {
    static func hole(_ note: String) -> Evidence {
        var evidence = Evidence()
        evidence.support = .hole
        evidence.note = note
        return evidence
    }

    static func partial(_ note: String) -> Evidence {
        var evidence = Evidence()
        evidence.support = .partial
        evidence.handler = "Handler"
        evidence.note = note
        return evidence
    }
}

/// Another engine with seeded gaps: calls that exercise a chosen cell fail, the engine behind never sees them.
final class FaultyEngine: Engine {
    let identity = EngineIdentity(name: "faulty", version: "1", summary: "an engine with seeded gaps")
    private let inner: any Engine
    private let cells: Set<Cell>
    /// Seeded cells that a call ran into.
    private(set) var hit: Set<Cell> = []
    private let isSilent: Bool
    private let errno: Int64

    /// - Parameter isSilent: the evidence says nothing; attribution must do without.
    init(_ inner: any Engine, without cells: Set<Cell>, isSilent: Bool = true, errno: Int64 = 38) {
        self.inner = inner
        self.cells = cells
        self.isSilent = isSilent
        self.errno = errno
    }

    func boot(_ environment: Environment) throws(EngineFailure) { try inner.boot(environment) }
    func dispatch(_ call: GuestCall, on task: TaskID) throws(EngineFailure) -> DispatchResult {
        let own =
            ABI.call(call.number, call.architecture)?.variant(for: call.arguments)
            .cells(call.arguments, memory: call.memory) ?? []
        guard let hit = own.first(where: { cells.contains($0) }) else { return try inner.dispatch(call, on: task) }
        self.hit.insert(hit)
        return DispatchResult(.returned(-errno), evidence: isSilent ? Evidence() : .hole("\(hit) is missing"))
    }
    func retry(_ task: TaskID) throws(EngineFailure) -> DispatchResult { try inner.retry(task) }
    func cancel(_ task: TaskID) { inner.cancel(task) }
    func advance(to time: UInt64) { inner.advance(to: time) }
    func postSignal(_ signal: Int32, to task: TaskID) { inner.postSignal(signal, to: task) }
    func taskEnded(_ task: TaskID, status: Int32?) { inner.taskEnded(task, status: status) }
    func graft(_ graft: Graft, on task: TaskID) -> Bool { inner.graft(graft, on: task) }
    func hold(_ signals: UInt64, for task: TaskID) { inner.hold(signals, for: task) }
}
