// After a divergence: repair, marks, followers, exact cells, receipts.
import Engine
import LinuxABI
import Testing
import TraceLog

@testable import Replay

@Suite("Resynchronisation")
struct ResyncTests {
    private let creates = Cell(call: "openat", selector: "O_CREAT", families: [.fs])

    private func cell(_ name: String, in trace: Trace) -> Cell {
        for call in trace.calls {
            let cells =
                ABI.call(Int(call.number), .x86_64)?.variant(for: call.arguments)
                .cells(call.arguments, memory: trace.memory(of: call, .input)) ?? []
            if let cell = cells.first(where: { $0.description == name }) { return cell }
        }
        preconditionFailure("the trace does not exercise \(name)")
    }

    @Test("One missing answer is repaired: what follows it is the same again")
    func repaired() {
        let trace = Scenario.pipeline()
        let hole = cell("openat(O_CREAT)", in: trace)
        let result = Replayer(trace: trace).run(on: FaultyEngine(TinyEngine(), without: [hole]))
        #expect(result.divergent == [7], "\(result.summary)")
        #expect(result.roots.count == 1)
        #expect(result.roots[0].cells.contains(hole))
        #expect(result.roots[0].fatal.isFatal, "its descriptor is used")
        #expect(result.roots[0].uses >= 4)
    }

    @Test("A receipt shows that the root, and only it, makes its followers diverge")
    func receipt() {
        let trace = Scenario.pipeline()
        let hole = cell("openat(O_CREAT)", in: trace)
        var options = ReplayOptions()
        options.receipts = 3
        let result = Replayer(trace: trace, options: options).run(making: {
            FaultyEngine(TinyEngine(), without: [hole])
        })
        let receipt = result.roots[0].receipt
        #expect(receipt?.status == .proven, "\(String(describing: receipt))")
        #expect(receipt?.claimed.contains(8) == true, "the write on the descriptor that was never opened")
        #expect(receipt?.vanished == receipt?.claimed)
        #expect(receipt?.unexplained == [])
    }

    @Test("A missing fork takes its child along: receipts prove that too")
    func forkReceipt() {
        let trace = Scenario.pipeline()
        let hole = cell("fork", in: trace)
        let replayer = Replayer(trace: trace)
        let engine = { FaultyEngine(TinyEngine(), without: [hole]) }
        let result = replayer.run(on: engine())
        let receipt = replayer.receipt(for: result.roots[0], making: engine)
        #expect(receipt.status == .proven, "\(receipt)\n\(result.summary)")
        let child = trace.calls.filter { $0.task == TaskID(1) }.map(\.index)
        #expect(Set(child).isSubset(of: receipt.claimed))
    }

    @Test("An ungraftable namespace makes the divergences in it followers; a hole in it stays a root")
    func namespaces() {
        var builder = TraceBuilder()
        let user = ABI.constant("CLONE_NEWUSER")
        let mount = ABI.constant("CLONE_NEWNS")
        let unshare = builder.call("unshare", user | mount, result: 0)
        let inside = builder.call("setuid", 0, result: 0)
        let hole = builder.call("io_uring_setup", 8, 0x9000, result: 3)
        let engine = EchoEngine(builder.trace)
        engine.acceptsGrafts = false
        engine.answers[unshare] = DispatchResult(
            .returned(-22),
            evidence: .partial("CLONE_NEWUSER is not supported")
        )
        engine.answers[inside] = DispatchResult(.returned(-1))
        engine.answers[hole] = DispatchResult(.returned(-38), evidence: .hole("no io_uring"))
        let result = Replayer(trace: builder.trace).run(on: engine)
        #expect(result.report(of: inside)?.verdict == .follows, "\(result.summary)")
        #expect(result.report(of: inside)?.root == unshare)
        #expect(result.report(of: inside)?.via == "namespaces of the task")
        #expect(result.report(of: hole)?.verdict == .unsupported)
        #expect(result.roots.map(\.call).sorted() == [unshare, hole])
        let root = result.roots.first { $0.call == unshare }
        #expect(root?.cells.map(\.description) == ["unshare(CLONE_NEWUSER)"], "the cell the engine names, not both")
        #expect(root?.followers == [inside])
        #expect(root?.fatal.isFatal == true)
    }

    @Test("Without evidence, the cell that works nowhere else in the run is blamed")
    func exoneration() {
        let trace = Scenario.pipeline()
        let hole = cell("openat(O_EXCL)", in: trace)
        var builder = TraceBuilder()
        builder.trace = trace
        let result = Replayer(trace: builder.trace).run(on: FaultyEngine(TinyEngine(), without: [hole]))
        #expect(result.roots.first?.cells.contains(hole) == true)
        #expect(result.roots.first?.cells.contains { $0.description == "openat(O_RDONLY)" } == false)
    }

    @Test("Two holes on one resource are two roots when the evidence says so")
    func independentRoots() {
        let trace = Scenario.pipeline()
        let holes: Set<Cell> = [cell("openat(O_CREAT)", in: trace), cell("write", in: trace)]
        let engine = FaultyEngine(TinyEngine(), without: holes, isSilent: false)
        let result = Replayer(trace: trace).run(on: engine)
        #expect(Set(result.roots.map(\.name)) == ["openat", "write"], "\(result.summary)")
    }

    @Test("An engine that gives other descriptors out of order has one gap, and its calls are translated")
    func lowestDescriptor() {
        let engine = TinyEngine()
        engine.firstDescriptor = 20
        let result = Replayer(trace: Scenario.pipeline()).run(on: engine)
        let rules = Set(result.roots.flatMap(\.differences).map(\.rule))
        #expect(rules == ["lowest free fd"], "\(result.summary)")
        #expect(result.roots.map(\.occurrences) == [[1, 7, 11]], "one gap; pipes have no result to check")
        #expect(result.report(of: 8) == nil, "writes through a renamed descriptor are the same")
        #expect(result.counts.blocked == 0)
    }

    @Test("Short reads are a prefix, and the rest follows")
    func shortReads() {
        let engine = TinyEngine()
        engine.largestRead = 3
        let result = Replayer(trace: Scenario.pipeline()).run(on: engine)
        #expect(result.divergent.isEmpty, "\(result.summary)")
        #expect(result.report(of: 2)?.notes.first?.contains("2 calls for 5 of 5 bytes") == true)
    }

    @Test("Bytes that a stream gave earlier than recorded count for the next calls")
    func earlyBytes() {
        var builder = TraceBuilder()
        builder.call("pipe2", 0x5000, 0, out: [(0x5000, TraceBuilder.word(3) + TraceBuilder.word(4))], result: 0)
        builder.write(4, "onetwo")
        builder.read(3, "one")
        builder.read(3, "two")
        var result = Replayer(trace: builder.trace).run(on: TinyEngine())
        #expect(result.divergent.isEmpty, "\(result.summary)")
        builder.trace.calls[3].chunks[0].bytes = Array("TWO".utf8)
        result = Replayer(trace: builder.trace).run(on: TinyEngine())
        #expect(result.divergent == [3])
    }

    @Test("The same gap hit again is an occurrence, not another root")
    func occurrences() {
        let trace = Scenario.pipeline()
        let result = Replayer(trace: trace).run(on: FaultyEngine(TinyEngine(), without: [cell("close", in: trace)]))
        #expect(result.roots.count == 1, "\(result.summary)")
        #expect(result.roots[0].occurrences.count == 6)
        #expect(result.roots[0].weight == 6)
    }

    @Test("A divergent write marks the other end of its pipe when it cannot be repaired")
    func streams() {
        var builder = TraceBuilder()
        builder.call("pipe2", 0x5000, 0, out: [(0x5000, TraceBuilder.word(3) + TraceBuilder.word(4))], result: 0)
        let write = builder.write(4, "one")
        let read = builder.read(3, "one")
        let engine = EchoEngine(builder.trace)
        engine.acceptsGrafts = false
        engine.answers[write] = DispatchResult(.returned(-5))
        engine.answers[read] = DispatchResult(.blocked)
        let result = Replayer(trace: builder.trace).run(on: engine)
        #expect(result.report(of: read)?.verdict == .follows, "\(result.summary)")
        #expect(result.roots.map(\.followers) == [[read]])
        #expect(result.report(of: write)?.notes.contains { $0.hasPrefix("graft refused: stream") } == true)
    }

    @Test("A descriptor whose state a call failed to change explains a later wait on it")
    func descriptorState() {
        var builder = TraceBuilder()
        builder.call("epoll_create1", 0, result: 3)
        let control = builder.call(
            "epoll_ctl",
            3,
            1,
            0,
            0x1000,
            in: [(0x1000, [1, 0, 0, 0] + [UInt8](repeating: 0, count: 8))],
            result: 0
        )
        let wait = builder.call(
            "epoll_wait",
            3,
            0x2000,
            1,
            UInt64(UInt32.max),
            out: [(0x2000, [UInt8](repeating: 1, count: 12))],
            result: 1
        )
        let engine = EchoEngine(builder.trace)
        engine.answers[control] = DispatchResult(.returned(-22))
        engine.answers[wait] = DispatchResult(.blocked)
        let result = Replayer(trace: builder.trace).run(on: engine)
        #expect(result.report(of: wait)?.root == control, "\(result.summary)")
    }

    @Test("Memory that a divergent call should have written explains a later call that passes it on")
    func memoryMarks() {
        var builder = TraceBuilder()
        let bytes = Array("unique contents".utf8)
        let read = builder.call("read", 0, 0x2000, 100, out: [(0x2000, bytes)], result: Int64(bytes.count))
        let passed = builder.call(
            "write",
            1,
            0x2000,
            UInt64(bytes.count),
            in: [(0x2000, bytes)],
            result: Int64(bytes.count)
        )
        let other = builder.call("write", 1, 0x2000, 8, in: [(0x2000, Array("reused!!".utf8))], result: 8)
        let engine = EchoEngine(builder.trace)
        engine.answers[read] = DispatchResult(.returned(-5))
        engine.answers[passed] = DispatchResult(.returned(-22))
        engine.answers[other] = DispatchResult(.returned(-22))
        let result = Replayer(trace: builder.trace).run(on: engine)
        #expect(result.report(of: passed)?.verdict == .follows)
        #expect(result.report(of: other)?.verdict == .differs, "the same address alone proves nothing")
    }

    @Test("Probing that the program goes on from is not fatal; an exec is")
    func fatality() {
        var builder = TraceBuilder()
        builder.call("mkdir", 0x1000, 0o755, in: [(0x1000, TraceBuilder.text("/a"))], result: -17)
        let made = builder.call("mkdir", 0x1000, 0o755, in: [(0x1000, TraceBuilder.text("/b"))], result: 0)
        let exec = builder.call(
            "execve",
            0x1000,
            0,
            0,
            in: [(0x1000, TraceBuilder.text("/bin/true"))],
            result: 0
        )
        let engine = EchoEngine(builder.trace)
        engine.answers[made] = DispatchResult(.returned(-22))
        engine.answers[exec] = DispatchResult(.returned(-8))
        let result = Replayer(trace: builder.trace).run(on: engine)
        #expect(result.roots.map(\.call) == [exec, made], "fatal first")
        #expect(result.roots.map(\.fatal.isFatal) == [true, false])
        #expect(result.roots[1].fatal.reason.contains("met 1 errors"))
    }
}
