// A recording that uses files, pipes, processes and waits, as Linux would have answered it.
import LinuxABI
import TraceLog

@testable import Replay

enum Scenario {
    /// Cells in it that TinyEngine implements.
    static func pipeline() -> Trace {
        var builder = TraceBuilder()
        builder.path("/home/in")
        builder.trace.paths[0].status.size = 11
        builder.path("/home/out", before: 7, absent: true)
        builder.call("getpid", result: 100)
        builder.open("/home/in", result: 3)
        builder.read(3, "hello", count: 5)
        builder.read(3, " world")
        builder.read(3, "")
        builder.call("close", 3, result: 0)
        builder.call("mkdir", 0x1000, 0o755, in: [(0x1000, TraceBuilder.text("/home/dir"))], result: 0)
        builder.open("/home/out", "O_CREAT", "O_EXCL", "O_RDWR", result: 3)
        builder.write(3, "data")
        builder.call("lseek", 3, 0, 0, result: 0)
        builder.read(3, "data")
        builder.call("dup", 3, result: 4)
        builder.call("close", 4, result: 0)
        builder.call(
            "pipe2",
            0x5000,
            0,
            out: [(0x5000, TraceBuilder.word(4) + TraceBuilder.word(5))],
            result: 0
        )
        let child = builder.fork(pid: 200).child
        builder.call("close", 5, result: 0)
        // The parent waits in read while the child writes.
        let start = builder.trace.calls.last.map { $0.exitTime + 5 } ?? 0
        builder.call(
            "read",
            4,
            0x2000,
            100,
            out: [(0x2000, Array("from child".utf8))],
            result: 10,
            entry: start,
            exit: start + 60
        )
        builder.call("close", 4, task: child, result: 0, entry: start + 10, exit: start + 15)
        builder.call(
            "write",
            5,
            0x3000,
            10,
            task: child,
            in: [(0x3000, Array("from child".utf8))],
            result: 10,
            entry: start + 20,
            exit: start + 25
        )
        builder.exit(task: child)
        builder.read(4, "")
        builder.call(
            "wait4",
            200,
            0x6000,
            0,
            0,
            out: [(0x6000, TraceBuilder.word(0))],
            result: 200
        )
        builder.call("getrandom", 0x7000, 8, 0, out: [(0x7000, [1, 2, 3, 4, 5, 6, 7, 8])], result: 8)
        builder.call("close", 4, result: 0)
        builder.call("close", 3, result: 0)
        builder.call("unlink", 0x1000, in: [(0x1000, TraceBuilder.text("/home/out"))], result: 0)
        builder.exit()
        return builder.trace
    }
}

/// A small repeatable generator (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

extension ReplayResult {
    /// Calls that are not same, given or unjudged.
    var divergent: [UInt64] { reports.filter { $0.verdict.isDivergence }.map(\.call) }

    /// One line per report, for messages.
    var summary: String {
        reports.map { report in
            let what = report.differences.map { "\($0.field) \($0.rule): \($0.recorded) / \($0.engine)" }
            return "\(report.call) \(report.name) \(report.verdict.name) \(report.root.map { "root \($0)" } ?? "") "
                + "\(report.reason) \(what.joined(separator: "; ")) \(report.notes.joined(separator: "; "))"
        }.joined(separator: "\n")
    }
}
