// A recording written as strace would print it: what Linux answered, to be replayed on a build of WSL 1.
import LinuxABI
import Replay
import Report
import Testing
import TraceLog

@testable import PicoProvider

/// Lines as in corpora/facts/wsl1/checks: `[TASK:] [NAME =] call(…) -> RESULT`.
struct Story {
    private(set) var trace = Trace()
    private var encoder = CallEncoder(base: 0x10_0000_0000)
    private var names: Literal.Names = [:]
    private var tasks: [String: UInt32] = ["": 0]
    private var time: UInt64 = 1000

    init(_ lines: String) throws {
        var snapshot = StartSnapshot()
        snapshot.pid = 100
        snapshot.workingDirectory = "/"
        snapshot.uids = [0, 0, 0, 0]
        snapshot.gids = [0, 0, 0, 0]
        snapshot.capabilities = [0, .max, .max, .max, 0]
        trace.snapshot = snapshot
        trace.tasks = [
            TaskRecord(
                task: TaskID(0),
                time: 0,
                afterCalls: 0,
                kind: .created(tid: 100, tgid: 100, parent: nil, byCall: nil)
            )
        ]
        for line in lines.split(separator: "\n") { try add(line) }
    }

    private mutating func add(_ line: Substring) throws {
        var parser = LiteralParser(line)
        var task = ""
        var word = parser.word()
        if parser.take(":") {
            task = word
            word = parser.word()
        }
        var binding: String?
        if parser.take("=") {
            binding = word
            word = parser.word()
        }
        try parser.expect("(")
        let arguments = try parser.list(until: ")").values
        try parser.expect("->")
        let result = try #require(try parser.value().number(names), "a result in \(line)")
        let call = try encoder.encode(word, arguments, names: names)
        let index = UInt64(trace.calls.count)
        trace.calls.append(
            CallRecord(
                index: index,
                task: TaskID(rawValue: tasks[task] ?? 0),
                number: UInt32(call.description.numbers.x86_64 ?? 0),
                arguments: call.words,
                result: result,
                entryTime: time,
                exitTime: time + 5,
                chunks: call.memory.chunks.map { MemoryRecord(.input, address: $0.address, bytes: $0.bytes) }
            )
        )
        if let binding { names[binding] = result }
        if call.variant.createsTask, result > 0, let binding {
            let child = UInt32(trace.tasks.count)
            tasks[binding] = child
            trace.tasks.append(
                TaskRecord(
                    task: TaskID(rawValue: child),
                    time: time + 1,
                    afterCalls: index + 1,
                    kind: .created(tid: Int32(result), tgid: Int32(result), parent: TaskID(0), byCall: index)
                )
            )
        }
        time += 10
    }

    /// Says that a file was there before the first call.
    mutating func exists(_ path: String, mode: UInt32) {
        var status = FileStatus()
        status.mode = mode
        status.inode = UInt64(trace.paths.count) + 70
        status.device = 3
        status.links = 1
        trace.paths.append(PathRecord(path: path, beforeCall: 0, absent: nil, status: status))
    }

    func replay(build: Int) -> ReplayResult {
        Replayer(trace: trace).run { WSL1Engine(build: build) }
    }

    /// What `lacuna explain` prints.
    func explanation(of call: UInt64, build: Int = 19045) throws -> String {
        let result = replay(build: build)
        let explanation = try #require(result.explain(call: call, in: trace))
        return ExplanationReport(explanation, result, of: trace, style: .plain).render()
    }
}
