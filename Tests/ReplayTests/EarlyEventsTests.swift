// Events of epoll sets and ends of children that an engine shows before the recording does.
import Engine
import LinuxABI
import Testing
import TraceLog

@testable import Replay

@Suite("What comes early")
struct EarlyEventsTests {
    private static func event(_ mask: Int32, _ data: Int32) -> [UInt8] {
        TraceBuilder.word(mask) + TraceBuilder.word(data) + TraceBuilder.word(0)
    }
    private let first = event(16, 12)
    private let second = event(16, 9)

    /// Three waits on one set, of which the recording has the second event in the last; the engine has it in the first.
    private func replay(gap: UInt64 = 100, last: [UInt8]?, resynchronise: Bool = true) -> ReplayResult {
        var builder = TraceBuilder()
        builder.call("epoll_create1", 0, result: 3)
        let start: UInt64 = 5000
        let events: UInt64 = 0x2000
        let early = builder.call(
            "epoll_wait",
            3,
            events,
            128,
            1000,
            out: [(events, first)],
            result: 1,
            entry: start,
            exit: start + 50
        )
        builder.call("epoll_wait", 3, events, 128, 0, result: 0, entry: start + 60, exit: start + 70)
        let late = builder.call(
            "epoll_wait",
            3,
            events,
            128,
            1000,
            out: last.map { [(events, $0)] } ?? [],
            result: last == nil ? 0 : 1,
            entry: start + 60 + gap,
            exit: start + 70 + gap
        )
        let engine = EchoEngine(builder.trace)
        engine.answers[early] = DispatchResult(
            .returned(2),
            writes: [.init(address: events, bytes: second + first)]
        )
        if last != nil { engine.answers[late] = DispatchResult(.blocked) }
        var options = ReplayOptions()
        options.resynchronise = resynchronise
        return Replayer(trace: builder.trace, options: options).run(on: engine)
    }

    @Test("An event that a wait gives early counts for the later wait that has it")
    func early() {
        let result = replay(last: second)
        #expect(result.divergent.isEmpty, "\(result.summary)")
        #expect(result.report(of: 1)?.notes.contains { $0.contains("overlapping waits") } == true)
    }

    @Test("An event that no recorded wait has, has too late, or has with another mask, is a divergence")
    func surplus() {
        #expect(replay(last: nil).divergent == [1])
        #expect(replay(gap: 3_000_000, last: second).divergent == [1, 3])
        #expect(replay(last: Self.event(1, 9)).divergent == [1, 3])
    }

    @Test("An engine on its own answers gets no such help")
    func unaided() { #expect(replay(last: second, resynchronise: false).divergent == [1, 3]) }

    /// TinyEngine, where a child's end ends the root's read.
    private final class InterruptedEngine: Engine {
        let identity = EngineIdentity(name: "interrupted", version: "1", summary: "")
        private let tiny = TinyEngine()
        private var hasEnded = false
        func boot(_ environment: Environment) { tiny.boot(environment) }
        func dispatch(_ call: GuestCall, on task: TaskID) throws(EngineFailure) -> DispatchResult {
            let result = try tiny.dispatch(call, on: task)
            if result.outcome == .exited { hasEnded = true }
            return result
        }
        func retry(_ task: TaskID) throws(EngineFailure) -> DispatchResult {
            guard hasEnded else { return DispatchResult(.blocked) }
            tiny.cancel(task)
            return DispatchResult(.returned(-512), signals: [17])
        }
        func cancel(_ task: TaskID) { tiny.cancel(task) }
        func advance(to time: UInt64) {}
        func postSignal(_ signal: Int32, to task: TaskID) {}
        func taskEnded(_ task: TaskID, status: Int32?) { tiny.taskEnded(task, status: status) }
        func graft(_ graft: Graft, on task: TaskID) -> Bool { tiny.graft(graft, on: task) }
    }

    /// A parent sleeps in a read, which a SIGCHLD ends, while two children end; then it waits, as recorded.
    private func waits(_ answers: [Int64]) -> ReplayResult {
        var builder = TraceBuilder()
        builder.call(
            "pipe2",
            0x5000,
            0,
            out: [(0x5000, TraceBuilder.word(3) + TraceBuilder.word(4))],
            result: 0
        )
        let older = builder.fork(pid: 300).child
        let newer = builder.fork(pid: 301).child
        let start: UInt64 = 50_000
        let read = builder.call("read", 3, 0x2000, 10, result: -512, entry: start, exit: start + 100_000)
        for (index, child) in [older, newer].enumerated() {
            let time = start + 1000 * UInt64(index + 1)
            builder.call("exit_group", 0, task: child, result: 0, entry: time, exit: time, flags: .unfinished)
            builder.trace.tasks.append(
                TaskRecord(
                    task: TaskID(child),
                    time: time + 500,
                    afterCalls: read + 2 + UInt64(index),
                    kind: .exited(status: 0)
                )
            )
        }
        builder.signal(17, time: start + 100_000)
        for (index, answer) in answers.enumerated() {
            let time = start + 110_000 + 10_000 * UInt64(index)
            builder.call(
                "wait4",
                UInt64(bitPattern: -1),
                0x6000,
                1,
                0,
                out: answer > 0 ? [(UInt64(0x6000), TraceBuilder.word(0))] : [],
                result: answer,
                entry: time,
                exit: time + 10
            )
        }
        return Replayer(trace: builder.trace).run(on: InterruptedEngine())
    }

    @Test(
        "A child that its parent looked for in vain ends after that",
        arguments: [[300, 0, 301], [301, 0, 300], [301, 300]]
    )
    func unseenChild(answers: [Int64]) {
        let result = waits(answers)
        #expect(result.divergent.isEmpty, "\(result.summary)")
    }

    /// Notes what it is to hold back.
    private final class HoldingEngine: Engine {
        let identity = EngineIdentity(name: "holding", version: "1", summary: "")
        private(set) var held: [String] = []
        private var mask: UInt64 = 0
        func boot(_ environment: Environment) {}
        func dispatch(_ call: GuestCall, on task: TaskID) throws(EngineFailure) -> DispatchResult {
            held.append("\(ABI.name(call.number, call.architecture)) \(mask)")
            return DispatchResult(.returned(0), signals: held.count == 3 ? [14] : [])
        }
        func retry(_ task: TaskID) throws(EngineFailure) -> DispatchResult { DispatchResult(.blocked) }
        func cancel(_ task: TaskID) {}
        func advance(to time: UInt64) {}
        func postSignal(_ signal: Int32, to task: TaskID) {}
        func hold(_ signals: UInt64, for task: TaskID) { mask = signals }
        func taskEnded(_ task: TaskID, status: Int32?) {}
        func graft(_ graft: Graft, on task: TaskID) -> Bool { true }
    }

    @Test("The end of a timer is held back, except where the recording has it")
    func timerThatRanOut() {
        var builder = TraceBuilder()
        builder.call("sched_yield", result: 0)
        builder.call("alarm", 10, result: 0)
        builder.call("sched_yield", result: 0)
        builder.signal(14)
        builder.call("sched_yield", result: 0)
        let engine = HoldingEngine()
        let result = Replayer(trace: builder.trace).run(on: engine)
        #expect(result.events.isEmpty, "\(result.events)")
        let alarms: UInt64 = 1 << 13
        let others: UInt64 = 1 << 25 | 1 << 26
        #expect(
            engine.held == [
                "sched_yield \(alarms)", "alarm \(alarms | others)", "sched_yield \(others)",
                "sched_yield \(alarms | others)",
            ]
        )
    }
}
