// What a log says of itself, in few lines.
import Compat
import LinuxABI
public import TraceLog

public struct TraceSummary: Sendable {
    private let trace: Trace
    private let processes: Int
    private let threads: Int
    /// Calls by name, most frequent first.
    private let names: [NamedCount]
    private let opaque: [NamedCount]

    public init(_ trace: Trace) {
        self.trace = trace
        var processes = 0
        var threads = 0
        for task in trace.tasks {
            if case .created(let tid, let tgid, _, _) = task.kind {
                if tid == tgid { processes += 1 } else { threads += 1 }
            }
        }
        self.processes = processes
        self.threads = threads
        var names: [String: Int] = [:]
        var opaque: [String: Int] = [:]
        for call in trace.calls {
            let name = ABI.name(Int(call.number), call.architecture)
            names[name, default: 0] += 1
            if ABI.call(Int(call.number), call.architecture)?.isOpaque ?? true { opaque[name, default: 0] += 1 }
        }
        self.names = NamedCount.sorted(names)
        self.opaque = NamedCount.sorted(opaque)
    }

    private var nanoseconds: UInt64 { trace.calls.map(\.exitTime).max() ?? 0 }
    private var command: String { trace.header.command.joined(separator: " ") }
    private var ending: String { trace.trailer?.reason ?? "cut" }

    public var text: String {
        var lines: [(String, String)] = [
            ("command", command),
            ("recorded by", "\(trace.header.tool), \(trace.header.tier), results from \(trace.header.results)"),
            ("host", trace.header.uname.joined(separator: " ")),
            ("payload", trace.header.payloadLimit.map { "at most \($0) bytes of each buffer" } ?? "all bytes"),
            ("calls", "\(trace.calls.count) in \(seconds(nanoseconds)) s"),
            ("tasks", "\(processes) processes, \(threads) further threads"),
            ("signals", "\(trace.signals.count)"), ("paths", "\(trace.paths.count)"),
            ("size", "\(trace.recovery.fileBytes) bytes in \(trace.recovery.blocks) blocks"),
            ("ended", ending + (trace.trailer?.status.map { ", wait status \($0)" } ?? "")),
        ]
        if let masked = trace.snapshot?.masked, !masked.isEmpty {
            lines.append(("masked", masked.joined(separator: " ")))
        }
        for way in NamedCount.sorted((trace.trailer?.ways ?? [:]).mapValues(Int.init)) {
            lines.append(("recorded", "\(way.name) × \(way.count)"))
        }
        for note in NamedCount.sorted((trace.trailer?.notes ?? [:]).mapValues(Int.init)) {
            lines.append(("note", "\(note.name) × \(note.count)"))
        }
        if !opaque.isEmpty { lines.append(("opaque", list(opaque[...]))) }
        lines.append(("most called", list(names.prefix(10))))
        if let error = trace.recovery.error { lines.append(("damage", error.description)) }
        let width = lines.map(\.0.count).max() ?? 0
        return lines.map { $0.0 + String(repeating: " ", count: width - $0.0.count) + "  " + $0.1 + "\n" }.joined()
    }

    public var json: String {
        var line = JSONLine()
        line.add("command", trace.header.command)
        line.add("tool", trace.header.tool)
        line.add("tier", trace.header.tier)
        line.add("results", trace.header.results)
        line.add("uname", trace.header.uname)
        line.add("startRealtime", trace.header.startRealtime)
        if let limit = trace.header.payloadLimit { line.add("payloadLimit", limit) }
        line.add("calls", trace.calls.count)
        line.add("nanoseconds", nanoseconds)
        line.add("processes", processes)
        line.add("threads", threads)
        line.add("signals", trace.signals.count)
        line.add("paths", trace.paths.count)
        line.add("bytes", trace.recovery.fileBytes)
        line.add("blocks", trace.recovery.blocks)
        line.add("ended", ending)
        if let status = trace.trailer?.status { line.add("status", status) }
        line.add("whole", trace.recovery.isComplete)
        line.add("ways", trace.trailer?.ways ?? [:])
        line.add("notes", trace.trailer?.notes ?? [:])
        line.add("masked", trace.snapshot?.masked ?? [])
        line.add("opaque", opaque.map(\.name))
        return line.finished
    }

    private func list(_ counts: ArraySlice<NamedCount>) -> String {
        counts.map { "\($0.name) \($0.count)" }.joined(separator: ", ")
    }

    private func seconds(_ nanoseconds: UInt64) -> String {
        let digits = String(nanoseconds % 1_000_000_000 / 1_000_000)
        return "\(nanoseconds / 1_000_000_000)." + String(repeating: "0", count: 3 - digits.count) + digits
    }
}
