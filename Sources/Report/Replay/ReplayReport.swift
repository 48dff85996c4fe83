// A replay as text: roots first, then counts, then divergences.
import Compat
import Engine
import LinuxABI
public import Replay
public import TraceLog

public struct ReplayReport: Sendable {
    public let result: ReplayResult
    public let trace: Trace
    public let style: TerminalStyle
    private let text: TraceText

    public init(_ result: ReplayResult, of trace: Trace, style: TerminalStyle) {
        self.result = result
        self.trace = trace
        self.style = style
        text = TraceText(trace)
    }

    /// - Parameter all: also followers, given and unjudged calls, and divergences beyond the first ones.
    public func render(all: Bool) -> String {
        var lines = [
            style.paint(
                "\(trace.header.command.joined(separator: " ")) on \(result.engine.name) \(result.engine.version)",
                .strong
            )
        ]
        if let failure = result.failure {
            lines.append(style.paint("The engine broke at call \(failure.call): \(failure.reason)", .bad))
        }
        lines += [
            "", style.paint(result.roots.isEmpty ? "No roots" : "Roots: \(result.roots.count), gravest first", .strong),
        ]
        for root in result.roots { lines += self.root(root) }
        lines += ["", style.paint("Counts", .strong)] + counts()
        let costs = CostReport(CallTranslation.all(result.translation))
        if !costs.isEmpty { lines += ["", style.paint(CostReport.title, .strong)] + costs.lines(style, limit: 8) }
        lines += divergences(all: all)
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: - Roots

    private func root(_ root: Root) -> [String] {
        let call = trace.call(root.call).map { CallText($0, in: trace) }
        let observation = RootObservation(root, result, trace)
        let severity = observation.severity
        let tone: TerminalStyle.Tone =
            switch severity {
            case .fatal: .bad
            case .degrading: .warning
            case .tolerated: .faint
            }
        let cells = root.cells.map(\.description).joined(separator: ", ")
        var lines = [
            "",
            "  \(style.paint(severity.rawValue, tone))  \(style.paint("\(cells) → \(observation.answer)", .strong))",
            "    call \(root.call) [pid \(text.ids(of: root.task.rawValue).tid)] \((call?.call ?? root.name).shortened(to: 160))",
            "    Linux: \(observation.recorded)   \(result.engine.name): \(observation.answered)",
        ]
        for difference in root.differences where difference.field != "result" {
            lines.append(
                "    \(difference.field): \(difference.recorded) on Linux, \(difference.engine) here (\(difference.rule))"
            )
        }
        if let evidence = result.evidence(of: root) { lines.append("    " + Self.sentence(evidence)) }
        lines.append(
            "    \(observation.reason); hit \(root.occurrences.count) ×, \(root.followers.count) followers"
        )
        return lines
    }

    /// `LxpSyscall_UNSHARE, hole: CLONE_NEWUSER is not implemented [GH:2981]`
    static func sentence(_ evidence: Evidence) -> String {
        let handler = evidence.handler.isEmpty ? "no handler" : evidence.handler
        let note = evidence.note.isEmpty ? "" : ": \(evidence.note)"
        let source = evidence.source.isEmpty ? "" : " [\(evidence.source)]"
        return "\(handler), \(evidence.support.rawValue)\(note)\(source)"
    }

    // MARK: - Counts

    private func counts() -> [String] {
        let observation = WorkloadObservation(result, of: trace)
        var lines = [
            "  \(observation.calls.total) calls, \(observation.calls.judged) judged, "
                + "graded \(observation.calls.graded?.description ?? "nothing")"
        ]
        lines += observation.calls.named.filter { $0.count > 0 }.map { counted in
            String(repeating: " ", count: max(0, 10 - String(counted.count).count))
                + "\(counted.count)  \(counted.name)"
        }
        for (title, counts) in [
            ("not judged", observation.unjudged), ("given", observation.given), ("opaque", observation.opaque),
        ] where !counts.isEmpty {
            let list = NamedCount.sorted(counts).map { "\($0.name) × \($0.count)" }
            lines.append("  \(title): \(list.joined(separator: "; "))")
        }
        for event in result.events { lines.append("  before call \(event.call): \(event.summary)") }
        return lines
    }

    // MARK: - Divergences

    /// How many divergences are listed unless all are asked for.
    static let shown = 40

    private static func chosen(_ result: ReplayResult, _ all: Bool) -> [CallReport] {
        result.reports.filter {
            all || $0.verdict == .engineFailed || ($0.verdict.isDivergence && $0.verdict != .follows)
        }
    }

    /// The calls whose text the report shows: what its trace must have.
    public static func calls(shownOf result: ReplayResult, all: Bool) -> Set<UInt64> {
        let chosen = chosen(result, all)
        return Set(result.roots.map(\.call)).union((all ? chosen[...] : chosen.prefix(shown)).map(\.call))
    }

    private func divergences(all: Bool) -> [String] {
        let chosen = Self.chosen(result, all)
        guard !chosen.isEmpty else { return [] }
        var lines = ["", style.paint(all ? "Calls that are not plainly the same" : "Divergences", .strong)]
        for report in all ? chosen[...] : chosen.prefix(Self.shown) { lines.append(line(report)) }
        let followers = all ? 0 : Int(result.counts.follows)
        // Those that have no report are counted by their verdicts.
        let hidden = all ? 0 : Int(result.counts.divergences) - followers - min(chosen.count, Self.shown)
        if hidden + followers > 0 {
            lines.append(style.paint("  and \(hidden) more and \(followers) followers: --all lists them", .faint))
        }
        return lines
    }

    private func line(_ report: CallReport) -> String {
        let call = trace.call(report.call).map { CallText($0, in: trace) }
        var line = "  \(report.call) [pid \(text.ids(of: report.task.rawValue).tid)] \(report.verdict.name)  "
        line += (call?.call ?? report.name).shortened(to: 160)
        line += " = \(call?.text(ofResult: report.recorded) ?? "?")"
        if report.verdict == .blocked {
            line += ", here still blocked"
        } else if report.recorded != report.engine {
            line += ", here \(call?.text(ofResult: report.engine) ?? "?")"
        }
        if let root = report.root, root != report.call {
            line += "; root \(root)" + (report.via.map { " via \($0)" } ?? "")
        }
        if !report.reason.isEmpty { line += "; \(report.reason)" }
        return line
    }
}
