// The facts of an engine for people: per family what passed, then what failed and what the checks never reached.
public import Facts

public struct FactReport: Sendable {
    private let survey: FactSurvey
    private let style: TerminalStyle

    public init(_ survey: FactSurvey, style: TerminalStyle) {
        self.survey = survey
        self.style = style
    }

    /// - Parameter all: also the rows that passed, and every entry that was not reached.
    public func render(all: Bool) -> String {
        var lines: [String] = []
        for table in FactRow.Table.allCases {
            lines += [style.paint(table.rawValue, .strong)] + families(table) + [""]
        }
        lines += [style.paint("by ground", .strong)] + grounds() + [""]
        lines += rows([.failed], "failed")
        lines += rows([.notModelled], "not modelled: unjudged")
        lines += rows([.unchecked], "unchecked")
        if all {
            lines += rows([.untestable], "not testable")
            lines += rows([.passed], "passed")
        }
        if !survey.brokenChecks.isEmpty {
            lines += [style.paint("checks of no row that failed: \(survey.brokenChecks.count)", .strong)]
            lines += survey.brokenChecks.map { "  " + $0 } + [""]
        }
        lines += entries(survey.statuses, "ntstatus-errno.tsv")
        lines += entries(survey.mappings, "nt-mapping.tsv")
        let counts = FactSurvey.State.allCases.map { state in
            "\(survey.rows.count { $0.state == state }) \(state.rawValue)"
        }
        lines.append("\(survey.rows.count) rows, \(survey.ran) checks ran: \(counts.joined(separator: ", "))")
        return lines.joined(separator: "\n") + "\n"
    }

    private static func columns(_ title: String) -> [TextTable.Column] {
        [TextTable.Column(title: title, gives: true), TextTable.Column(title: "rows", right: true)]
            + FactSurvey.State.allCases.map { TextTable.Column(title: $0.rawValue, right: true) }
    }

    private func line(_ title: String, _ results: [FactSurvey.Result]) -> [TextTable.Cell] {
        [TextTable.Cell(title), TextTable.Cell("\(results.count)")]
            + FactSurvey.State.allCases.map { state in
                let count = results.count { $0.state == state }
                return TextTable.Cell(count == 0 ? "·" : "\(count)", state == .failed && count > 0 ? .bad : nil)
            }
    }

    private func families(_ table: FactRow.Table) -> [String] {
        let own = survey.rows.filter { $0.row.table == table }
        var order: [String] = []
        for result in own where !order.contains(result.row.family) { order.append(result.row.family) }
        if table != .behaviours { order.sort() }
        var text = TextTable(Self.columns(table == .behaviours ? "section" : "family"))
        for family in order { text.rows.append(line(family, own.filter { $0.row.family == family })) }
        text.rows.append(line("all", own))
        return text.lines(style)
    }

    private func grounds() -> [String] {
        var text = TextTable(Self.columns("ground"))
        for basis in FactRow.Basis.allCases {
            text.rows.append(line(basis.rawValue, survey.rows.filter { $0.row.basis == basis }))
        }
        return text.lines(style)
    }

    private func rows(_ states: [FactSurvey.State], _ title: String) -> [String] {
        let found = survey.rows.filter { states.contains($0.state) }
        guard !found.isEmpty else { return [] }
        let lines = found.map { result in
            let reason = result.reason.isEmpty ? "" : ": \(result.reason)"
            return "  \(result.row.table.rawValue) `\(result.row.name)` (\(result.row.basis.rawValue))\(reason)"
        }
        return [style.paint("\(title): \(found.count)", .strong)] + lines + [""]
    }

    private func entries(_ entries: [FactSurvey.Entry], _ title: String) -> [String] {
        let missed = entries.filter { !$0.isReached }
        let heading = "\(title): \(entries.count - missed.count) of \(entries.count) entries reached by a check"
        var lines = [style.paint(heading, .strong)]
        // Entries with one reason are told together.
        var order: [String] = []
        var names: [String: [String]] = [:]
        for entry in missed {
            if names[entry.note] == nil { order.append(entry.note) }
            names[entry.note, default: []].append(entry.name)
        }
        for reason in order {
            let list = names[reason, default: []].joined(separator: " ")
            lines.append("  not reached: \(list)\(reason.isEmpty ? "" : ": \(reason)")")
        }
        return lines + [""]
    }
}

/// The same for programs: one object per line.
public struct FactJSON: Sendable {
    public init() {}

    public func lines(_ survey: FactSurvey) -> [String] {
        var lines = survey.rows.map { result in
            var line = JSONLine()
            line.add("type", "row")
            line.add("table", result.row.table.rawValue)
            line.add("name", result.row.name)
            line.add("family", result.row.family)
            line.add("status", result.row.status)
            line.add("ground", result.row.basis.rawValue)
            line.add("source", result.row.source)
            line.add("state", result.state.rawValue)
            line.add("checks", result.checks)
            line.add("reason", result.reason)
            return line.finished
        }
        for (file, entries) in [("ntstatus-errno.tsv", survey.statuses), ("nt-mapping.tsv", survey.mappings)] {
            for entry in entries {
                var line = JSONLine()
                line.add("type", "entry")
                line.add("file", file)
                line.add("name", entry.name)
                line.add("reached", entry.isReached)
                if !entry.isReached { line.add("reason", entry.note) }
                lines.append(line.finished)
            }
        }
        return lines
    }
}
