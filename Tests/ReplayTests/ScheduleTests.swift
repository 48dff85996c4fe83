// Order, races and signals.
import Engine
import LinuxABI
import Testing
import TraceLog

@testable import Replay

@Suite("Schedule")
struct ScheduleTests {
    @Test("Completions stand before the entries they precede, and before their task's next entry")
    func order() {
        var builder = TraceBuilder()
        builder.call("getpid", result: 1, entry: 10, exit: 50)
        builder.call("getpid", task: 1, result: 1, entry: 20, exit: 30)
        builder.call("getpid", task: 1, result: 1, entry: 30, exit: 35)
        // The clock says that this one began before its own predecessor ended.
        builder.call("getpid", result: 1, entry: 49, exit: 60)
        let moments = IteratorSequence(Timeline(builder.trace, CallWindow(Recording(builder.trace))))
            .filter { if case .task = $0 { false } else { true } }
        let (none, one) = (TaskID(rawValue: 0), TaskID(rawValue: 1))
        #expect(
            moments == [
                .enter(0), .enter(1), .due(1, one), .enter(2), .due(2, one), .due(0, none), .enter(3), .due(3, none),
            ]
        )
    }

    /// Parent and child overlap; the parent asks without waiting while the child ends.
    private func race(resynchronise: Bool) -> ReplayResult {
        var builder = TraceBuilder()
        let child = builder.fork(pid: 300).child
        let start: UInt64 = 5000
        builder.call(
            "wait4",
            300,
            0x6000,
            1,
            0,
            out: [(0x6000, TraceBuilder.word(0))],
            result: 300,
            entry: start,
            exit: start + 50
        )
        builder.call("exit_group", 0, task: child, result: 0, entry: start + 10, exit: start + 10, flags: .unfinished)
        builder.trace.tasks.append(
            TaskRecord(task: TaskID(child), time: start + 20, afterCalls: 3, kind: .exited(status: 0))
        )
        var options = ReplayOptions()
        options.resynchronise = resynchronise
        return Replayer(trace: builder.trace, options: options).run(on: TinyEngine())
    }

    @Test("An answer that only shows the order of overlapping calls is no divergence, and is noted")
    func raceResolved() {
        let result = race(resynchronise: true)
        #expect(result.divergent.isEmpty, "\(result.summary)")
        #expect(result.events.map(\.kind) == [.raceResolved])
        #expect(result.report(of: 1)?.notes.first?.contains("raced") == true)
        #expect(race(resynchronise: false).divergent == [1])
    }

    @Test("Asking again cannot excuse a real divergence")
    func realDivergence() {
        var builder = TraceBuilder()
        builder.call("mkdir", 0x1000, 0o755, in: [(0x1000, TraceBuilder.text("/x"))], result: 0, entry: 10, exit: 50)
        builder.call("getpid", task: 1, result: 1, entry: 20, exit: 30)
        let engine = EchoEngine(builder.trace)
        engine.answers[0] = DispatchResult(.returned(-22))
        #expect(Replayer(trace: builder.trace).run(on: engine).divergent == [0])
    }

    /// Waits in read; only a signal ends it.
    private final class WaitingEngine: Engine {
        let identity = EngineIdentity(name: "waiting", version: "1", summary: "")
        private var pending: [Int32] = []
        let delivers: Bool
        init(delivers: Bool = true) { self.delivers = delivers }
        func boot(_ environment: Environment) {}
        func dispatch(_ call: GuestCall, on task: TaskID) throws(EngineFailure) -> DispatchResult {
            switch ABI.name(call.number, call.architecture) {
            case "read": return try retry(task)
            case "kill":
                if delivers { pending.append(Int32(truncatingIfNeeded: call.arguments[1])) }
                return take(0)
            default: return take(100)
            }
        }
        func retry(_ task: TaskID) throws(EngineFailure) -> DispatchResult {
            pending.isEmpty ? DispatchResult(.blocked) : take(-512)
        }
        private func take(_ value: Int64) -> DispatchResult {
            defer { pending = [] }
            return DispatchResult(.returned(value), signals: pending)
        }
        func cancel(_ task: TaskID) {}
        func advance(to time: UInt64) {}
        func postSignal(_ signal: Int32, to task: TaskID) { pending.append(signal) }
        func taskEnded(_ task: TaskID, status: Int32?) {}
        func graft(_ graft: Graft, on task: TaskID) -> Bool { true }
    }

    @Test("A signal from outside is posted before the wait that it ended is asked again")
    func outsideSignal() {
        var builder = TraceBuilder()
        let read = builder.call("read", 0, 0x2000, 10, result: -512)
        builder.signal(15)
        builder.call("getpid", result: 100)
        let result = Replayer(trace: builder.trace).run(on: WaitingEngine())
        #expect(result.divergent.isEmpty, "\(result.summary)")
        #expect(result.report(of: read) == nil)
        #expect(result.events.map(\.kind) == [.signalFromOutside])
    }

    @Test("A signal that a recorded call sent is the engine's own; a missing one is told and made up for")
    func insideSignal() {
        var builder = TraceBuilder()
        builder.call("kill", 100, 15, result: 0)
        builder.signal(15)
        builder.call("getpid", result: 100)
        builder.call("getpid", result: 100)
        var result = Replayer(trace: builder.trace).run(on: WaitingEngine())
        #expect(result.events.isEmpty, "\(result.events)")
        result = Replayer(trace: builder.trace).run(on: WaitingEngine(delivers: false))
        #expect(result.events.map(\.kind) == [.signalMissing], "\(result.events)")
        #expect(result.divergent.isEmpty)
    }

    @Test("A signal that the recording delivers later is held back until then")
    func heldSignal() {
        var builder = TraceBuilder()
        let child = builder.fork(pid: 300).child
        builder.exit(task: child)
        builder.call("getpid", result: 100)
        builder.call("getpid", result: 100)
        builder.signal(17)
        builder.call("getpid", result: 100)
        let ledger = SignalLedger()
        let preparation = EnvironmentBuilder.prepare(Recording(builder.trace))
        ledger.plan(builder.trace, preparation.signalPlaces)
        var held: [Int: UInt64] = [:]
        for moment in IteratorSequence(Timeline(builder.trace, CallWindow(Recording(builder.trace)))) {
            switch moment {
            case .enter(let position):
                let mask = ledger.held(position, of: builder.trace.calls[position].task)
                if mask != 0 { held[position] = mask }
            case .signal(let index): ledger.pass(builder.trace.signals[index])
            case .due, .task: break
            }
        }
        let child17: UInt64 = 1 << 16
        #expect(held == [0: child17, 2: child17], "not with the call it was delivered after, nor later")
        #expect((0..<6).map(ledger.interrupting) == [[], [], [], [0], [], []])
    }

    @Test("A wait that nothing ends on the engine is blocked, not the signal's fault")
    func interruptedWait() {
        var builder = TraceBuilder()
        let read = builder.call("read", 0, 0x2000, 10, result: -512)
        let result = Replayer(trace: builder.trace).run(on: WaitingEngine())
        #expect(result.report(of: read)?.verdict == .blocked)
    }

    @Test("A time limit ends the trace with a reason, and what was compared stays")
    func timeLimit() {
        var builder = TraceBuilder()
        builder.call("getpid", result: 100)
        var options = ReplayOptions()
        options.timeLimit = 0
        let result = Replayer(trace: builder.trace, options: options).run(on: TinyEngine())
        #expect(result.failure?.reason.contains("time limit") == true)
        #expect(result.counts.engineFailed == 1)
    }
}
