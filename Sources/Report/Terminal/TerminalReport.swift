// The scorecard as a table on a terminal.
public import Compat
import Engine

/// Text for people at a terminal. Shows every number as the scorecard has it and computes none.
public struct TerminalReport: Sendable {
    public var style: TerminalStyle
    /// How many roots and cells to list; the other renderers have all.
    public var limit: Int

    public init(style: TerminalStyle, limit: Int = 12) {
        self.style = style
        self.limit = limit
    }

    public func render(_ card: Scorecard) -> String {
        var lines: [String] = []
        lines.append(style.paint("\(card.corpus) on \(card.engine.name) \(card.engine.version)", .strong))
        lines.append("")
        lines += summary(card)
        section("Workloads", &lines, workloads(card).lines(style))
        section("Families", &lines, families(card).lines(style))
        let costs = CostReport(card.translation ?? [])
        if !costs.isEmpty { section(CostReport.title, &lines, costs.lines(style, limit: limit)) }
        if !card.roots.isEmpty {
            section("Roots, most important first", &lines, roots(card).lines(style))
            if card.roots.count > limit {
                lines.append(
                    style.paint("  and \(card.roots.count - limit) more: --json, or the report of --out", .faint)
                )
            }
        }
        if !card.plan.isEmpty { section("What to implement first", &lines, plan(card).lines(style)) }
        let counted = [
            ("Opaque calls", card.opaque), ("Given by the environment", card.given), ("Not judged", card.unjudged),
        ]
        for (title, counts) in counted where !counts.isEmpty {
            section(title, &lines, counts.prefix(limit).map { "  \($0.name) × \($0.count)" })
            if counts.count > limit { lines.append(style.paint("  and \(counts.count - limit) more", .faint)) }
        }
        if let comparison = card.comparison { section("Against the baseline", &lines, changes(comparison)) }
        if !card.notices.isEmpty {
            section(
                "Notices",
                &lines,
                card.notices.map { "  \(style.paint($0.status.rawValue, tone($0.status))) \($0.subject): \($0.text)" }
            )
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func section(_ title: String, _ lines: inout [String], _ content: [String]) {
        lines += ["", style.paint(title, .strong)] + content
    }

    private func summary(_ card: Scorecard) -> [String] {
        let tally = card.tally
        let counts = card.calls.named.filter { $0.count > 0 }.map { "\($0.name) \($0.count)" }
        return [
            "  completeness (weight of workloads that run)   \(style.paint(card.completeness.description, .strong))",
            "  without a fatal root (they run, or degraded)  \(style.paint(card.withoutFatal.description, .strong))",
            "  mean graded score                             \(style.paint(card.graded.description, .strong))",
            "  workloads  \(tally.workloads): runs \(tally.runs), degraded \(tally.degraded), fails \(tally.fails), "
                + "broken \(tally.broken)",
            "  calls      \(card.calls.total)" + (counts.isEmpty ? "" : ": " + counts.joined(separator: ", ")),
            "  status     " + style.paint(card.status.rawValue, tone(card.status)),
        ]
    }

    private func workloads(_ card: Scorecard) -> TextTable {
        var table = TextTable([
            .init(title: "WORKLOAD"), .init(title: "VERDICT"), .init(title: "GRADED", right: true),
            .init(title: "WEIGHT", right: true), .init(title: "JUDGED", right: true), .init(title: "OF", right: true),
            .init(title: "FIRST FATAL ROOT", gives: true),
        ])
        for workload in card.workloads {
            let fatal = workload.firstFatal.map { "#\($0.rank) \($0.title), call \($0.call)" }
            table.rows.append([
                .init(workload.name), .init(workload.verdict.rawValue, workload.verdict.terminalTone),
                .init(workload.graded.description), .init(workload.weight.description),
                .init("\(workload.calls.judged)"), .init("\(workload.calls.total)"),
                .init(fatal ?? workload.problem ?? "", fatal == nil ? .faint : nil),
            ])
        }
        return table
    }

    private func families(_ card: Scorecard) -> TextTable {
        var table = TextTable([
            .init(title: "FAMILY"), .init(title: "W", right: true), .init(title: "GRADED", right: true),
            .init(title: "WORKLOADS", right: true), .init(title: "WORK", right: true),
            .init(title: "PARTLY", right: true), .init(title: "MISSING", right: true),
            .init(title: "NOT MODELLED", right: true), .init(title: "NEVER EXERCISED", right: true),
        ])
        for family in card.families {
            table.rows.append([
                .init(family.family), .init(family.completeness?.description ?? "–"),
                .init(family.graded?.description ?? "–"), .init("\(family.workloads)"),
                .init("\(family.cells.works)"), .init("\(family.cells.partly)"), .init("\(family.cells.missing)"),
                .init("\(family.cells.notModelled)"), .init("\(family.cells.neverExercised)"),
            ])
        }
        return table
    }

    private func roots(_ card: Scorecard) -> TextTable {
        var table = TextTable([
            .init(title: "#", right: true), .init(title: "ROOT"), .init(title: "SEVERITY"),
            .init(title: "IMPORTANCE", right: true), .init(title: "HITS", right: true),
            .init(title: "FOLLOWERS", right: true), .init(title: "SOURCE"), .init(title: "WORKLOADS", gives: true),
        ])
        for root in card.roots.prefix(limit) {
            table.rows.append([
                .init("\(root.rank)"), .init(root.title.shortened(to: 60)),
                .init(root.severity.rawValue, tone(root.severity)), .init(root.importance.description),
                .init("\(root.hits)"), .init("\(root.followers)"), .init(root.source.shortened(to: 24)),
                .init(root.workloads.joined(separator: " ")),
            ])
        }
        return table
    }

    private func plan(_ card: Scorecard) -> TextTable {
        var table = TextTable([
            .init(title: "STEP", right: true), .init(title: "CELL"), .init(title: "W AFTER", right: true),
            .init(title: "COMPLETES", gives: true),
        ])
        for step in card.plan.prefix(limit) {
            table.rows.append([
                .init("\(step.step)"), .init(step.cell.shortened(to: 60)), .init(step.completeness.description),
                .init(step.completes.joined(separator: " ")),
            ])
        }
        return table
    }

    private func changes(_ comparison: Comparison) -> [String] {
        let lists = [
            ("worse", TerminalStyle.Tone.bad, comparison.regressions), ("better", .good, comparison.improvements),
        ]
        let lines = lists.flatMap { word, tone, changes in
            changes.map { "  \(style.paint(word, tone)) \($0.subject): \($0.what) \($0.before) → \($0.after)" }
        }
        return lines.isEmpty ? ["  no change"] : lines
    }

    private func tone(_ severity: Severity) -> TerminalStyle.Tone {
        switch severity {
        case .tolerated: .faint
        case .degrading: .warning
        case .fatal: .bad
        }
    }

    private func tone(_ status: RunStatus) -> TerminalStyle.Tone {
        switch status {
        case .pass: .good
        case .skip: .faint
        case .miss: .warning
        case .error, .fail: .bad
        }
    }
}
