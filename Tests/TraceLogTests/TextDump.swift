// A log as plain lines, the same lines that reader.py prints.
import LinuxABI

@testable import TraceLog

enum TextDump {
    static func lines(of path: String) throws -> [String] {
        let trace = try Trace.load(path: path)
        let reader = try TraceReader(path: path)
        var lines = ["header \(trace.header.tool) \(trace.header.startMonotonic)"]
        if let trailer = trace.trailer {
            lines.append("trailer \(trailer.reason) \(trailer.calls) \(reader.seekIndex()?.count ?? -1)")
        }
        lines += trace.calls.map(line)
        lines += trace.tasks.map(line)
        for signal in trace.signals {
            lines.append(
                "signal \(signal.task.rawValue) \(signal.time) \(signal.afterCalls) \(signal.signal) \(signal.code)"
                    + " \(signal.handler)"
            )
        }
        for path in trace.paths {
            let file = path.status
            let status =
                "\(file.device) \(file.inode) \(file.mode) \(file.links) \(file.uid) \(file.gid) \(file.specialDevice)"
                + " \(file.size) \(file.blockSize) \(file.blocks) \(file.accessTime) \(file.modificationTime)"
                + " \(file.changeTime)"
            lines.append(
                "path \(path.path) \(path.beforeCall) \(word(path.absent)) \(word(path.linkTarget)) \(hex(path.head)) \(status)"
            )
        }
        lines.append(trace.recovery.isComplete ? "complete" : "cut \(trace.recovery.offset)")
        return lines
    }

    private static func word(_ value: (some CustomStringConvertible)?) -> String { value?.description ?? "-" }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func line(_ call: CallRecord) -> String {
        var words = [
            "call", "\(call.index)", "\(call.task.rawValue)", "\(call.number)", "\(call.architecture.rawValue)",
            "\(call.flags.rawValue)",
        ]
        words += (0..<6).map { "\(call.arguments[$0])" }
        words += ["\(call.result)", "\(call.entryTime)", "\(call.exitTime)"]
        words += call.chunks.map { chunk in
            "\(chunk.direction.rawValue):\(chunk.address):\(chunk.length):\(hex(chunk.bytes)):\(chunk.hash.low):\(chunk.hash.high)"
        }
        return words.joined(separator: " ")
    }

    private static func line(_ record: TaskRecord) -> String {
        let start = "task \(record.task.rawValue) \(record.time) \(record.afterCalls)"
        switch record.kind {
        case .created(let tid, let tgid, let parent, let byCall):
            return "\(start) 0 \(tid) \(tgid) \(word(parent?.rawValue)) \(word(byCall))"
        case .executed(let path, let arguments, let environment, let auxv):
            let lists = [arguments, environment, auxv.map(String.init)].map { $0.joined(separator: ",") }
            return "\(start) 1 \(path) \(lists.joined(separator: " "))"
        case .exited(let status):
            return "\(start) 2 \(word(status))" + (record.callsMade.map { " made \($0)" } ?? "")
        }
    }
}
