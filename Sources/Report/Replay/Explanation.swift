// One call explained: context, both results, evidence, root, receipt.
import Compat
import Engine
import LinuxABI
public import Replay
public import TraceLog

public struct Explanation: Sendable {
    public let result: ReplayResult
    public let trace: Trace
    public let record: CallRecord
    public let style: TerminalStyle
    /// Calls of the same task shown before and after.
    public var context = 4
    private let text: TraceText

    public init(of record: CallRecord, in trace: Trace, _ result: ReplayResult, style: TerminalStyle) {
        self.record = record
        self.trace = trace
        self.result = result
        self.style = style
        text = TraceText(trace)
    }

    private var verdict: Verdict { result.verdicts[call: record.index] ?? .unjudged }
    private var report: CallReport? { result.report(of: record.index) }
    private var root: Root? { result.root(of: record.index) }

    public func render() -> String {
        let call = CallText(record, in: trace, printer: Printer(stringLimit: 256, listLimit: 256))
        var lines = around()
        lines += ["", style.paint("Results", .strong), "  Linux  \(call.resultText)"]
        let name = result.engine.name
        lines.append("  \(name)  \(answer(call))")
        lines.append("  verdict: \(verdict.name)" + (report?.culprit.map { ", by the \($0.rawValue)" } ?? ""))
        for difference in report?.differences ?? [] {
            lines.append(
                "  \(difference.field): \(difference.recorded) on Linux, \(difference.engine) here (rule: \(difference.rule))"
            )
        }
        if let reason = report?.reason, !reason.isEmpty { lines.append("  \(reason)") }
        for given in report?.given ?? [] { lines.append("  given by the environment: \(given.name)") }
        for note in report?.notes ?? [] { lines.append("  \(note)") }
        lines.append("  cells: \(call.cells.map(\.description).joined(separator: ", "))")
        if let evidence = report.flatMap(result.evidence(of:)) ?? root.flatMap(result.evidence(of:)) {
            lines += ["", style.paint("Evidence", .strong), "  " + ReplayReport.sentence(evidence)]
            lines += evidence.steps.map { "  \($0.name) \($0.detail) → \($0.status)" }
        }
        lines += rootLines()
        return lines.joined(separator: "\n") + "\n"
    }

    private func answer(_ call: CallText) -> String {
        switch verdict {
        case .engineFailed:
            return "none: the engine broke" + (result.failure.map { " at call \($0.call): \($0.reason)" } ?? "")
        case .blocked: return "still blocked"
        default: return report.map { call.text(ofResult: $0.engine) } ?? call.resultText
        }
    }

    /// The calls of the same task around this one.
    private func around() -> [String] {
        let own = trace.calls.filter { $0.task == record.task }
        guard let position = own.firstIndex(where: { $0.index == record.index }) else { return [] }
        let range = max(0, position - context)...min(own.count - 1, position + context)
        var lines = [style.paint("Calls of this thread around it", .strong)]
        for index in range {
            let line = text.line(CallText(own[index], in: trace))
            let verdict = result.verdicts[call: own[index].index]?.name ?? "not replayed"
            let mark = index == position ? style.paint(">", .strong) : " "
            lines.append("\(mark) \(line)  \(style.paint(verdict, .faint))")
        }
        return lines
    }

    private func rootLines() -> [String] {
        guard let root else { return [] }
        var lines = ["", style.paint("Root", .strong)]
        let observation = RootObservation(root, result, trace)
        let cells = root.cells.map(\.description).joined(separator: ", ")
        if root.call == record.index {
            lines.append("  This call is a root: \(cells) → \(observation.answer)")
        } else if root.occurrences.contains(record.index) {
            lines.append("  This call repeats the root at call \(root.call): \(cells) → \(observation.answer)")
        } else {
            let via = report?.via.map { " via \($0)" } ?? ""
            lines.append("  This call follows from call \(root.call)\(via): \(cells) → \(observation.answer)")
        }
        lines.append("  \(observation.severity.rawValue): \(observation.reason)")
        if !root.cellReason.isEmpty { lines.append("  \(root.cellReason)") }
        if !root.source.isEmpty { lines.append("  source: \(root.source)") }
        lines.append(
            "  hit by \(root.occurrences.count) calls, explains \(root.followers.count) more, \(root.uses) later calls use it"
        )
        if let receipt = root.receipt {
            lines += ["", style.paint("Receipt", .strong), "  \(receipt.status.words): \(receipt.reason)"]
            lines.append(
                "  with this one answer replaced, \(receipt.vanished.count) of \(receipt.claimed.count) claimed divergences "
                    + "vanish, \(receipt.remaining.count) remain, \(receipt.unexplained.count) others change"
            )
        }
        return lines
    }

    /// The same as data.
    private struct Document: Encodable {
        var call: UInt64
        var text: String
        var recorded: String
        var verdict: Verdict
        var cells: [String]
        var report: CallReport?
        var evidence: Evidence?
        var root: Root?
        var rootEvidence: Evidence?
    }

    private var document: Document {
        let call = CallText(record, in: trace, printer: Printer(stringLimit: 4096, listLimit: 4096))
        return Document(
            call: record.index,
            text: call.call,
            recorded: call.resultText,
            verdict: verdict,
            cells: call.cells.map(\.description),
            report: report,
            evidence: report.flatMap(result.evidence(of:)),
            root: root,
            rootEvidence: root.flatMap(result.evidence(of:))
        )
    }

    public var json: String { JSONText.of(document) + "\n" }
}
