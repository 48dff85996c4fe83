// Compiled replays: what the agent does by itself is what it does for a replayer.
import Engine
import Foundation
import LinuxABI
import LiveEngine
import Replay
import Testing
import TraceLog

@Suite("Compiled replays", .enabled(if: mayIsolate, "needs root for namespaces"), .serialized)
struct CompiledProgramTests {
    private let folder = URL(filePath: "/tmp/lacuna-compiled.\(UUID().uuidString)")
    private let agent: String
    private let options: AgentOptions

    init() throws {
        agent = try ReplayAgentBinary.path()
        var options = AgentOptions()
        options.patience = 200
        options.rootPath = "/var/tmp/lacuna-test.\(getpid())"
        self.options = options
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private func compile(_ trace: Trace) throws -> ReplayProgram {
        let names = ["CLONE_NEWNS", "CLONE_NEWPID", "CLONE_NEWUTS", "CLONE_NEWIPC", "CLONE_NEWNET"]
        let engine = try CompilingEngine(
            trace: trace,
            options: options,
            namespaces: AgentOptions.namespaceBits(names),
            agentPath: agent
        )
        let result = Replayer(trace: trace).run(on: engine)
        #expect(result.counts.divergences == 0 && result.failure == nil)
        return engine.program
    }

    /// Runs the agent on the program, as a user does on another machine.
    private func run(_ program: ReplayProgram) throws -> [UInt8] {
        let file = folder.appending(path: "program")
        let results = folder.appending(path: "results")
        try Data(program.bytes).write(to: file)
        let process = Process()
        process.executableURL = URL(filePath: agent)
        process.arguments = ["-o", results.path(), file.path()]
        process.environment = [:]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return [UInt8](try Data(contentsOf: results))
    }

    private func collect(_ results: [UInt8], _ program: ReplayProgram, _ trace: Trace) throws -> ReplayResult {
        let engine = try CollectedEngine(results: results, of: program, name: "here", options: options)
        return Replayer(trace: trace).run(on: engine)
    }

    @Test("The report is that of a replay", arguments: ["sqlite3", "coreutils"])
    func report(name: String) throws {
        let trace = try corpus(name)
        let program = try compile(trace)
        let collected = try collect(run(program), program, trace)
        let replayed = Replayer(trace: trace).run(on: NativeEngine.make())
        #expect(collected.failure == nil)
        #expect(collected.verdicts == replayed.verdicts)
        #expect(collected.roots.map(\.call) == replayed.roots.map(\.call))
        #expect(!FileManager.default.fileExists(atPath: options.rootPath))
        try? FileManager.default.removeItem(at: folder)
    }

    @Test("Another recorded answer is found, at that call alone")
    func mutation() throws {
        var trace = try corpus("sqlite3")
        let number = try #require(ABI.call(named: "access")?.numbers.x86_64)
        let position = try #require(trace.calls.firstIndex { $0.number == UInt32(number) && $0.result == -2 })
        let program = try compile(trace)
        let before = try run(program)
        #expect(try collect(before, program, trace).counts.divergences == 0)
        trace.calls[position].result = -13
        let changed = try compile(trace)
        let result = try collect(run(changed), changed, trace)
        #expect(result.roots.map(\.call) == [trace.calls[position].index])
        try? FileManager.default.removeItem(at: folder)
    }

    enum Odd: CaseIterable { case none, sleeps, isShort, fails }

    /// Calls of one task that nothing overlaps; one of them goes another way here.
    private static func batch(_ odd: Odd) -> (trace: Trace, call: UInt64) {
        var builder = TraceBuilder(descriptors: [:])
        let memory = NativeEngineTests.memory
        let ends = TraceBuilder.word(0) + TraceBuilder.word(1)
        func read(_ bytes: String) -> UInt64 {
            let data = Array(bytes.utf8)
            return builder.call("read", 0, memory, 100, out: [(memory, data)], result: Int64(data.count))
        }
        builder.call("pipe2", memory, 0, out: [(memory, ends)], result: 0)
        for _ in 0..<40 { builder.call("getpid", result: 100) }
        builder.call("write", 1, memory, 3, in: [(memory, Array("abc".utf8))], result: 3)
        let call: UInt64
        switch odd {
        case .none: call = read("abc")
        case .sleeps: (_, call) = (read("abc"), read("more"))
        case .isShort: call = read("abcde")
        case .fails: call = builder.call("dup2", 50, 7, result: 7)
        }
        for _ in 0..<40 { builder.call("getpid", result: 100) }
        builder.call("close", 0, result: 0)
        return (builder.trace, call)
    }

    @Test("A batch ends at a call that goes another way, and the rest follows", arguments: Odd.allCases)
    func batches(odd: Odd) throws {
        let (trace, call) = Self.batch(odd)
        let program = try compile(trace)
        let result = try collect(run(program), program, trace)
        let expected: Verdict =
            switch odd {
            case .none: .same
            case .sleeps: .blocked
            case .isShort, .fails: .differs
            }
        #expect(result.failure == nil)
        for index in trace.calls.indices {
            #expect(result.verdicts[index] == (index == Int(call) ? expected : .same), "call \(index)")
        }
        #expect(result.verdicts == Replayer(trace: trace).run(on: NativeEngine.make()).verdicts)
        try? FileManager.default.removeItem(at: folder)
    }

    @Test("A System V id that the kernel chooses is a reference")
    func chosenNames() throws {
        var builder = TraceBuilder(descriptors: [:])
        let create = ABI.constant("IPC_CREAT") | 0o600
        builder.call("shmget", 77, 4096, create, result: 31)
        builder.call("shmctl", 31, ABI.constant("IPC_RMID"), 0, result: 0)
        builder.call("shmget", 77, 4096, create, result: 32)
        builder.call("shmctl", 32, ABI.constant("IPC_RMID"), 0, result: 0)
        let program = try compile(builder.trace)
        #expect(try collect(run(program), program, builder.trace).counts.same == 4)
        try? FileManager.default.removeItem(at: folder)
    }

    @Test("Results of another program are refused, and cut ones say where they end")
    func damaged() throws {
        let trace = try corpus("sqlite3")
        let program = try compile(trace)
        let results = try run(program)
        let other = try corpus("bash-jobs")
        let otherProgram = try compile(other)
        #expect(throws: EngineFailure.self) {
            _ = try CollectedEngine(results: results, of: otherProgram, name: "here", options: options)
        }
        let cut = try collect(Array(results.prefix(results.count / 2)), program, trace)
        #expect(cut.failure?.reason.contains("the results end here") == true)
        #expect(cut.counts.same > 100)
        try? FileManager.default.removeItem(at: folder)
    }
}
