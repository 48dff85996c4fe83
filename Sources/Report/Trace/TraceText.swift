// A trace as strace -f would print it, and as lines of JSON.
public import Compat
import LinuxABI
public import TraceLog

public struct TraceText: Sendable {
    private struct Identity {
        var tid: Int32
        var tgid: Int32
    }

    public let trace: Trace
    private let identities: [UInt32: Identity]
    private let indexWidth: Int

    public init(_ trace: Trace) {
        self.trace = trace
        var identities: [UInt32: Identity] = [:]
        for record in trace.tasks {
            if case .created(let tid, let tgid, _, _) = record.kind {
                identities[record.task.rawValue] = Identity(tid: tid, tgid: tgid)
            }
        }
        self.identities = identities
        indexWidth = String(trace.calls.last?.index ?? 0).count
    }

    /// Thread and process id of a task; 0 when the log lost them.
    public func ids(of task: UInt32) -> (tid: Int32, pid: Int32) {
        identities[task].map { ($0.tid, $0.tgid) } ?? (0, 0)
    }

    // MARK: - Text

    /// `1432 [pid 123] openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 3 <0.000010>`
    public func line(_ call: CallText) -> String {
        let record = call.record
        var line =
            "\(number(record.index)) [pid \(ids(of: record.task.rawValue).tid)] \(call.call) = \(call.resultText)"
        if !record.flags.contains(.unfinished) { line += " <\(seconds(record.exitTime - record.entryTime))>" }
        let flags = record.flags.subtracting([.unfinished]).names + architecture(record)
        if !flags.isEmpty { line += " (\(flags.joined(separator: ", ")))" }
        return line
    }

    public func line(_ task: TaskRecord) -> String {
        let start = "\(number(nil)) [pid \(ids(of: task.task.rawValue).tid)]"
        switch task.kind {
        case .created(_, _, let parent, let call):
            guard let parent else { return "\(start) +++ started +++" }
            let by = call.map { ", call \($0)" } ?? ""
            return "\(start) +++ created by pid \(ids(of: parent.rawValue).tid)\(by) +++"
        case .executed(let path, _, _, _): return "\(start) +++ executes \(path) +++"
        case .exited(let status): return "\(start) +++ \(ending(status)) +++"
        }
    }

    public func line(_ signal: SignalRecord) -> String {
        "\(number(nil)) [pid \(ids(of: signal.task.rawValue).tid)] --- \(signalName(signal.signal)) "
            + "{si_code=\(signal.code)} \(handler(signal)) ---"
    }

    private func number(_ index: UInt64?) -> String {
        let text = index.map { String($0) } ?? ""
        return String(repeating: " ", count: max(indexWidth - text.count, 0)) + text
    }

    private func seconds(_ nanoseconds: UInt64) -> String {
        let digits = String(nanoseconds % 1_000_000_000 / 1000)
        return "\(nanoseconds / 1_000_000_000)." + String(repeating: "0", count: 6 - digits.count) + digits
    }

    private func architecture(_ record: CallRecord) -> [String] {
        record.architecture == trace.header.architecture ? [] : ["\(record.architecture)"]
    }

    private func ending(_ status: Int32?) -> String {
        guard let status else { return "exited" }
        let signal = status & 0x7f
        guard signal != 0 else { return "exited with \((status >> 8) & 0xff)" }
        return "killed by \(signalName(signal))" + (status & 0x80 != 0 ? " (core dumped)" : "")
    }

    private func handler(_ signal: SignalRecord) -> String {
        switch signal.handler {
        case 0: "default action"
        case 1: "ignored"
        default: "handler 0x\(String(signal.handler, radix: 16))"
        }
    }

    // MARK: - JSON

    public func json(_ call: CallText) -> String {
        let record = call.record
        var line = start("call", record.task.rawValue, record.entryTime)
        line.add("index", record.index)
        line.add("duration", record.exitTime - record.entryTime)
        line.add("name", call.name)
        line.add("args", call.arguments)
        if let result = call.result { line.add("result", result) }
        if let error = call.error { line.add("errno", error.name) }
        line.add("flags", record.flags.names)
        line.add("cells", call.cells.map(\.description))
        if record.architecture != trace.header.architecture { line.add("architecture", "\(record.architecture)") }
        return line.finished
    }

    public func json(_ task: TaskRecord) -> String {
        var line = start("task", task.task.rawValue, task.time)
        line.add("after", task.afterCalls)
        switch task.kind {
        case .created(_, _, let parent, let call):
            line.add("event", "created")
            if let parent { line.add("parent", parent.rawValue) }
            if let call { line.add("call", call) }
        case .executed(let path, let arguments, _, _):
            line.add("event", "executed")
            line.add("path", path)
            line.add("args", arguments)
        case .exited(let status):
            line.add("event", "exited")
            if let status { line.add("status", status) }
        }
        return line.finished
    }

    public func json(_ signal: SignalRecord) -> String {
        var line = start("signal", signal.task.rawValue, signal.time)
        line.add("after", signal.afterCalls)
        line.add("name", signalName(signal.signal))
        line.add("signal", signal.signal)
        line.add("code", signal.code)
        line.add("handler", signal.handler)
        return line.finished
    }

    private func start(_ type: String, _ task: UInt32, _ time: UInt64) -> JSONLine {
        let ids = ids(of: task)
        var line = JSONLine()
        line.add("type", type)
        line.add("task", task)
        line.add("pid", ids.pid)
        line.add("tid", ids.tid)
        line.add("time", time)
        return line
    }
}
