// One call explained, as text: context, both results, evidence, root, receipt.
import Compat
import Engine
import Facts
import LinuxABI
public import Replay
public import TraceLog

public struct ExplanationReport: Sendable {
    public let explanation: Explanation
    /// What to say first: the title and the text of a story.
    public var introduction: [String] = []
    private let result: ReplayResult
    private let trace: Trace
    private let style: TerminalStyle
    private let text: TraceText

    public init(_ explanation: Explanation, _ result: ReplayResult, of trace: Trace, style: TerminalStyle) {
        self.explanation = explanation
        self.result = result
        self.trace = trace
        self.style = style
        text = TraceText(trace)
    }

    /// The same as one JSON object.
    public var json: String { JSONText.of(explanation) + "\n" }

    public func render() -> String {
        var lines: [String] = []
        if let title = introduction.first {
            lines += [style.paint(title, .strong)] + introduction.dropFirst().map { "  " + $0 } + [""]
        }
        lines += inShort()
        lines += [style.paint("Calls of this thread around it", .strong)]
        lines += explanation.before.map { line($0, " ") } + [line(explanation.call, ">")]
        lines += explanation.after.map { line($0, " ") }
        if !explanation.overlapping.isEmpty {
            lines += ["", style.paint("Calls of other threads at the same time", .strong)]
            lines += explanation.overlapping.map { line($0, " ") }
        }
        lines += ["", style.paint("Results", .strong)] + results()
        if let evidence = explanation.evidence {
            lines += ["", style.paint("Evidence", .strong), "  " + ReplayReport.sentence(evidence)]
            lines += evidence.steps.map { step in
                "  \(step.name)\(step.detail.isEmpty ? "" : " \(step.detail)") → \(step.status)"
                    + (step.errno.map { " = \($0.name), \($0.ground)" } ?? "")
            }
        }
        if let root = explanation.root { lines += self.root(root) }
        return lines.joined(separator: "\n") + "\n"
    }

    /// What happened in words, for somebody who reads such a page for the first time.
    private func inShort() -> [String] {
        guard explanation.call.verdict.isDivergence else { return [] }
        var lines = [style.paint("In short", .strong)]
        lines.append("  Linux answers \(explanation.recorded), \(result.engine.name) answers \(answer).")
        if let root = explanation.root, root.call != explanation.call.call,
            !root.occurrences.contains(explanation.call.call)
        {
            lines.append("  The reason lies earlier, at call \(root.call).")
        } else if let evidence = explanation.evidence, !evidence.note.isEmpty {
            lines.append("  Why: \(evidence.note).")
            let known = FactSource.words(evidence.source)
            if !known.isEmpty { lines.append("  How we know: \(known).") }
        }
        return lines + [""]
    }

    private func line(_ line: Explanation.Line, _ mark: String) -> String {
        let pid = text.ids(of: line.task.rawValue).tid
        return "\(mark) \(line.call) [pid \(pid)] \(line.text)  \(style.paint(line.verdict.name, .faint))"
    }

    /// The engine's.
    private var answer: String {
        switch explanation.call.verdict {
        case .engineFailed:
            "none: the engine broke" + (result.failure.map { " at call \($0.call): \($0.reason)" } ?? "")
        case .blocked: "nothing, it still waits"
        default: explanation.engine ?? "none"
        }
    }

    private func results() -> [String] {
        let verdict = explanation.call.verdict
        var lines = [
            "  Linux  \(explanation.recorded)", "  \(result.engine.name)  \(answer)",
            "  verdict: \(verdict.name)" + (explanation.culprit.map { ", by the \($0.rawValue)" } ?? ""),
        ]
        lines += explanation.differences.map { difference in
            "  \(difference.field): \(difference.recorded) on Linux, \(difference.engine) here (rule: \(difference.rule))"
        }
        if !explanation.reason.isEmpty { lines.append("  \(explanation.reason)") }
        lines += explanation.given.map { "  given by the environment: \($0.name)" }
        lines += explanation.notes.map { "  \($0)" }
        if let record = trace.call(explanation.call.call) {
            lines.append("  cells: \(CallText(record, in: trace).cells.map(\.description).joined(separator: ", "))")
        }
        return lines
    }

    private func root(_ root: Root) -> [String] {
        var lines = ["", style.paint("Root", .strong)]
        let observation = RootObservation(root, result, trace)
        let gap = root.cells.map(\.description).joined(separator: ", ") + " → \(observation.answer)"
        let call = explanation.call.call
        if root.call == call {
            lines.append("  this call is the root: \(gap)")
        } else if root.occurrences.contains(call) {
            lines.append("  this call repeats the root at call \(root.call): \(gap)")
        } else {
            lines.append(
                "  this call follows from call \(root.call)\(explanation.via.map { " via \($0)" } ?? ""): \(gap)"
            )
        }
        lines.append("  \(observation.severity.rawValue): \(observation.reason)")
        if !root.cellReason.isEmpty { lines.append("  the cell: \(root.cellReason)") }
        if !root.source.isEmpty { lines.append("  source: \(root.source)") }
        lines.append(
            "  hit \(root.occurrences.count == 1 ? "once" : "\(root.occurrences.count) times"), explains "
                + "\(root.followers.count) other divergences; what it makes is used \(root.uses) times later"
        )
        if let receipt = root.receipt {
            lines += ["", style.paint("Receipt", .strong)]
            lines.append("  \(receipt.status.words)" + (receipt.reason.isEmpty ? "" : ": \(receipt.reason)"))
            lines.append(
                "  with this one answer replaced by Linux's, \(receipt.vanished.count) of \(receipt.claimed.count) claimed "
                    + "divergences vanish, \(receipt.remaining.count) remain, \(receipt.unexplained.count) others change"
            )
        }
        return lines
    }
}
