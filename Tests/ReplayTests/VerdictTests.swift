// Each verdict where it belongs.
import Engine
import LinuxABI
import Testing
import TraceLog

@testable import Replay

@Suite("Verdicts")
struct VerdictTests {
    @Test("Everything on an engine without calls is unsupported, with one root per call")
    func holes() {
        let trace = Scenario.pipeline()
        let result = Replayer(trace: trace).run(on: HoleEngine())
        #expect(result.counts.same == 0)
        #expect(result.counts.total == UInt64(trace.calls.count))
        let read = result.roots.first { $0.name == "read" }
        #expect(read?.occurrences.count == 6)
        #expect(result.report(of: 2)?.verdict == .unsupported)
        #expect(result.report(of: 2)?.culprit == .engine)
        #expect(result.report(of: 2)?.differences.first?.engine.contains("ENOSYS") == true)
        // The child was never made: its calls follow the fork.
        let child = trace.calls.first { $0.task == TaskID(1) }
        let fork = result.roots.first { $0.name == "fork" }
        #expect(result.report(of: child?.index ?? 0)?.verdict == .follows)
        #expect(result.report(of: child?.index ?? 0)?.root == fork?.call)
    }

    @Test("A call that the recording completed and the engine still waits in is blocked, and the replay goes on")
    func blocked() {
        var builder = TraceBuilder()
        builder.call("pipe2", 0x5000, 0, out: [(0x5000, TraceBuilder.word(3) + TraceBuilder.word(4))], result: 0)
        // Nobody wrote these bytes.
        let read = builder.read(3, "from nowhere")
        builder.call("getpid", result: 100)
        let result = Replayer(trace: builder.trace).run(on: TinyEngine())
        #expect(result.report(of: read)?.verdict == .blocked)
        #expect(result.divergent == [read], "\(result.summary)")
        #expect(result.roots.first?.fatal.isFatal == true)
    }

    @Test("A task that a handler makes lives on its stack unless a jump left it", arguments: [true, false])
    func handlersStack(returns: Bool) {
        var builder = TraceBuilder()
        builder.signal(17)
        let fork = builder.fork(pid: 101).call
        if returns { builder.call("rt_sigreturn", result: 0) }
        builder.call("getpid", result: 100)
        let engine = EchoEngine(builder.trace)
        engine.answers[fork] = DispatchResult(.returned(101))
        engine.answers[fork]?.breach = .taskStack
        let result = Replayer(trace: builder.trace).run(on: engine)
        #expect(result.divergent == (returns ? [fork] : []), "\(result.summary)")
        #expect(result.roots.first?.fatal.isFatal == (returns ? true : nil))
    }

    @Test("What the environment answered is given, not scored")
    func given() {
        var builder = TraceBuilder()
        let call = builder.call("getrandom", 0x7000, 4, 0, out: [(0x7000, [9, 8, 7, 6])], result: 4)
        let result = Replayer(trace: builder.trace).run(on: TinyEngine())
        #expect(result.report(of: call)?.verdict == .given)
        #expect(result.counts.judged == 0)
        #expect(result.report(of: call)?.given.first?.name == "random bytes")
    }

    @Test("What the recording lacks is unjudged, with the reason")
    func unjudged() {
        var builder = TraceBuilder()
        let denied = builder.call("getpid", result: -1, flags: .denied)
        let lost = builder.call("getpid", result: 0, flags: .resultLost)
        let cut = builder.read(0, "abcdef")
        builder.trace.calls[Int(cut)].chunks = [
            MemoryRecord(.output, address: 0x2000, bytes: Array("abc".utf8), length: 6)
        ]
        var engine = EchoEngine(builder.trace)
        engine.answers[cut] = DispatchResult(
            .returned(6),
            writes: [.init(address: 0x2000, bytes: Array("abcdef".utf8))]
        )
        var result = Replayer(trace: builder.trace).run(on: engine)
        for call in [denied, lost, cut] {
            #expect(result.report(of: call)?.verdict == .unjudged)
            #expect(result.report(of: call)?.culprit == .recording)
        }
        #expect(result.report(of: cut)?.reason.contains("3 of 6 bytes") == true, "\(result.summary)")
        #expect(result.unjudged.values.reduce(0, +) == 3)
        // The prefix that is there is compared.
        engine = EchoEngine(builder.trace)
        engine.answers[cut] = DispatchResult(
            .returned(6),
            writes: [.init(address: 0x2000, bytes: Array("aXcdef".utf8))]
        )
        result = Replayer(trace: builder.trace).run(on: engine)
        #expect(result.report(of: cut)?.verdict == .differs)
    }

    @Test("The hash of a cut payload settles what its bytes cannot")
    func cutPayloads() {
        var builder = TraceBuilder()
        let cut = builder.read(0, "abcdef")
        builder.trace.calls[0].chunks = [
            MemoryRecord(
                .output,
                address: 0x2000,
                bytes: Array("abc".utf8),
                length: 6,
                hash: ContentHash(of: Array("abcdef".utf8))
            )
        ]
        for (text, verdict) in [("abcdef", Verdict.same), ("abcdeX", .differs), ("aXcdef", .differs)] {
            let engine = EchoEngine(builder.trace)
            engine.answers[cut] = DispatchResult(
                .returned(6),
                writes: [.init(address: 0x2000, bytes: Array(text.utf8))]
            )
            let result = Replayer(trace: builder.trace).run(on: engine)
            #expect(result.verdicts[0] == verdict, "\(text): \(result.summary)")
        }
    }

    @Test("An engine that was not shown all bytes of a write is not blamed for it, nor for reading it back")
    func cutInput() {
        var builder = TraceBuilder()
        builder.open("/home/f", "O_RDWR", "O_CREAT", result: 3)
        let write = builder.write(3, "abcdef")
        builder.trace.calls[Int(write)].chunks = [
            MemoryRecord(.input, address: 0x3000, bytes: Array("abc".utf8), length: 6)
        ]
        builder.call("lseek", 3, 0, 0, result: 0)
        let read = builder.read(3, "abcdef")
        let result = Replayer(trace: builder.trace).run(on: TinyEngine())
        #expect(result.divergent.isEmpty, "\(result.summary)")
        #expect(result.report(of: write)?.verdict == .unjudged)
        #expect(result.report(of: read)?.reason.contains("call \(write)") == true)
    }

    @Test("Opaque calls are unjudged and named")
    func opaque() throws {
        let name = try #require(ABI.calls.first { $0.isOpaque && $0.numbers.x86_64 != nil }?.name)
        var builder = TraceBuilder()
        builder.call(name, result: 0)
        let result = Replayer(trace: builder.trace).run(on: EchoEngine(builder.trace))
        #expect(result.counts.unjudged == 1)
        #expect(result.opaque == [name: 1])
    }

    @Test("What our model of an implementation lacks is never counted against it, nor what follows from it")
    func notModelled() {
        var builder = TraceBuilder()
        let socket = builder.call("socket", 16, 3, 0, result: 3)
        let bind = builder.call("bind", 3, 0x1000, 12, in: [(0x1000, [UInt8](repeating: 0, count: 12))], result: 0)
        let engine = EchoEngine(builder.trace)
        var evidence = Evidence()
        evidence.support = .notModelled
        evidence.note = "netlink"
        engine.answers[socket] = DispatchResult(.returned(-97), evidence: evidence)
        engine.answers[bind] = DispatchResult(.returned(-9))
        let result = Replayer(trace: builder.trace).run(on: engine)
        #expect(result.counts.unjudged == 2, "\(result.summary)")
        #expect(result.roots.isEmpty)
    }

    @Test("An engine that breaks ends this trace with a failure and loses nothing that came before")
    func failure() {
        final class Breaking: Engine {
            let identity = EngineIdentity(name: "breaking", version: "1", summary: "")
            private var calls = 0
            func boot(_ environment: Environment) {}
            func dispatch(_ call: GuestCall, on task: TaskID) throws(EngineFailure) -> DispatchResult {
                calls += 1
                if calls == 3 { throw EngineFailure("out of handles") }
                return DispatchResult(.returned(100))
            }
            func retry(_ task: TaskID) -> DispatchResult { DispatchResult(.blocked) }
            func cancel(_ task: TaskID) {}
            func advance(to time: UInt64) {}
            func postSignal(_ signal: Int32, to task: TaskID) {}
            func taskEnded(_ task: TaskID, status: Int32?) {}
            func graft(_ graft: Graft, on task: TaskID) -> Bool { true }
        }
        var builder = TraceBuilder()
        for _ in 0..<5 { builder.call("getpid", result: 100) }
        let result = Replayer(trace: builder.trace).run(on: Breaking())
        #expect(result.counts.same == 2)
        #expect(result.counts.engineFailed == 3)
        #expect(result.failure?.call == 2)
        #expect(result.failure?.reason == "out of handles")
    }

    @Test("A task killed in its last call is the same, whatever result the kernel left; killed earlier it differs")
    func killedInLastCall() {
        var builder = TraceBuilder()
        let first = builder.call("nanosleep", 0x1000, 0, in: [(0x1000, [UInt8](repeating: 0, count: 16))], result: -512)
        let engine = EchoEngine(builder.trace)
        engine.answers[first] = DispatchResult(.exited)
        #expect(Replayer(trace: builder.trace).run(on: engine).divergent == [first], "the task did not end")
        builder.trace.tasks.append(
            TaskRecord(task: TaskID(0), time: 5000, afterCalls: 1, kind: .exited(status: 9))
        )
        #expect(Replayer(trace: builder.trace).run(on: engine).divergent == [])
    }

    @Test("Replay stops before the call it is told to stop before")
    func stops() {
        var builder = TraceBuilder()
        for _ in 0..<5 { builder.call("getpid", result: 100) }
        var options = ReplayOptions()
        options.stopBefore = 2
        let result = Replayer(trace: builder.trace, options: options).run(on: TinyEngine())
        #expect(result.counts.same == 2)
        #expect(result.unjudged["not replayed"] == 3)
    }
}
