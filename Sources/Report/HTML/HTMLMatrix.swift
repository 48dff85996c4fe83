// Several engines side by side as one HTML file; every figure opens the engine's own report where its evidence is.
public import Compat
import Engine

public struct HTMLMatrix: Sendable {
    /// Where the reports of the engines are, by column: a path relative to this page.
    public var reports: [String]

    public init(reports: [String]) { self.reports = reports }

    public func render(_ matrix: EngineMatrix) -> String {
        let names = matrix.engines.map(\.engine.name)
        return HTML.page(
            title: "\(names.joined(separator: ", ")) on \(matrix.corpus) – lacuna",
            generator: matrix.tool,
            links: [
                ("specific", "Gaps of one engine"), ("questions", "Side by side"), ("workloads", "Workloads"),
                ("cells", "Cells"),
            ],
            [
                .tag("h1", [:], .text("\(matrix.corpus) on \(matrix.engines.count) engines")),
                .tag(
                    "p",
                    ["class": "lead"],
                    .text("Every figure opens the report of its engine where its evidence is.")
                ),
                hero(matrix), specific(matrix), questions(matrix), workloads(matrix), cells(matrix),
                .tag(
                    "footer",
                    [:],
                    .text(
                        "\(matrix.tool), matrix schema \(matrix.schema). Scores are rounded down: 100.0 % means all. "
                            + "How every number is made: docs/scoring.md. The same matrix as data: matrix.json."
                    )
                ),
            ]
        )
    }

    /// - Parameter family: Of cells, only these are shown there.
    private func link(_ engine: Int, _ anchor: String, family: String? = nil, _ content: HTML) -> HTML {
        .tag("a", ["href": "\(reports[engine])\(family.map { "?family=\($0)" } ?? "")#\(anchor)"], content)
    }

    private func hero(_ matrix: EngineMatrix) -> HTML {
        .tag(
            "div",
            ["class": "hero engines"],
            matrix.engines.enumerated().map { index, column in
                .tag(
                    "div",
                    ["class": "card score"],
                    .tag("p", ["class": "label"], .text("Completeness of \(column.engine.name)")),
                    .tag("p", ["class": "figure"], link(index, "main", .text(column.completeness))),
                    .bar(column.completeness, tall: true),
                    .tag(
                        "p",
                        ["class": "label"],
                        .badge("status \(column.status.rawValue)", column.status.tone),
                        .text(" \(column.tally.runs) of \(column.tally.workloads) workloads run · "),
                        .tag("span", ["class": "nowrap"], .text("graded \(column.graded)"))
                    ),
                    .tag("p", ["class": "label"], .text("\(column.engine.summary) · \(column.engine.version)"))
                )
            }
        )
    }

    private func allFamilies(_ matrix: EngineMatrix) -> [String] { Set(matrix.cells.flatMap(\.families)).sorted() }

    private func heads(_ first: String, _ matrix: EngineMatrix) -> [HTML] {
        [.head(first)] + matrix.engines.map { .head($0.engine.name) }
    }

    private func specific(_ matrix: EngineMatrix) -> HTML {
        let families = Dictionary(
            matrix.cells.map { ($0.name, $0.families.joined(separator: " ")) },
            uniquingKeysWith: { first, _ in first }
        )
        let rows = matrix.specific.map { gap -> HTML in
            .tag(
                "tr",
                [
                    "class": "gap-row", "data-state": matrix.engines[gap.engine].engine.name,
                    "data-families": families[gap.cell] ?? "",
                    "data-text": "\(gap.cell) \(gap.state.rawValue) \(gap.title)",
                ],
                .tag("th", ["scope": "row"], .text(matrix.engines[gap.engine].engine.name)),
                .tag("td", ["class": "what"], .cell(gap.cell)),
                .tag("td", [:], .badge(gap.state.rawValue, gap.state.tone)),
                .tag("td", ["class": "meter"], .meter(gap.importance)),
                .tag(
                    "td",
                    ["class": "note"],
                    gap.root.map { link(gap.engine, "root-\($0)", .text(gap.title)) }
                        ?? link(gap.engine, "cells", .text(gap.title.isEmpty ? "its cells" : gap.title))
                )
            )
        }
        return .section(
            "specific",
            "Gaps of one engine alone",
            "Cells that this engine lacks and every other judged engine has; most important first.",
            rows.isEmpty
                ? .tag("p", ["class": "muted"], .text("None."))
                : .filter(
                    "gap",
                    items: "tr.gap-row",
                    anyState: "any engine",
                    states: matrix.engines.map(\.engine.name),
                    families: allFamilies(matrix)
                )
                    + .table(
                        "Gaps of one engine alone",
                        [.head("Engine"), .head("Cell"), .head("State"), .head("Importance"), .head("Root")],
                        rows
                    )
        )
    }

    private func questions(_ matrix: EngineMatrix) -> HTML {
        let rows = matrix.questions.map { question -> HTML in
            let name = HTML.tag(
                "th",
                ["scope": "row"],
                .text(question.name),
                .tag("span", ["class": "sub"], .text(question.meaning))
            )
            return .tag(
                "tr",
                [:],
                [name]
                    + question.answers.enumerated().map { index, answer in
                        if let measured = answer.measured, let evidence = answer.evidence {
                            return .tag("td", [:], link(index, evidence, .text(measured)))
                        }
                        guard let share = answer.share else {
                            let reason = question.isMeasured ? "not measured" : "nothing judged"
                            return .tag("td", ["class": "muted"], .text(reason))
                        }
                        let anchor = question.isOfWorkloads ? "workloads" : "cells"
                        return .tag(
                            "td",
                            ["class": "meter"],
                            link(index, anchor, family: question.family, .text("\(answer.good) of \(answer.judged)")),
                            .bar(share)
                        )
                    }
            )
        }
        return .section(
            "questions",
            "Side by side",
            "By replay, and with a clock and a scale; nothing in it is claimed by anybody. A model has no boot time, memory or speed to measure.",
            .table("Side by side", heads("Question", matrix), rows)
        )
    }

    private func workloads(_ matrix: EngineMatrix) -> HTML {
        let rows = matrix.workloads.map { workload -> HTML in
            let name = HTML.tag(
                "th",
                ["scope": "row"],
                .text(workload.name),
                .tag("span", ["class": "sub"], .text(workload.summary))
            )
            return .tag(
                "tr",
                [:],
                [name]
                    + workload.entries.enumerated().map { index, entry in
                        .tag(
                            "td",
                            [:],
                            link(
                                index,
                                "workload-\(workload.name)",
                                .badge("\(entry.verdict.rawValue) \(entry.graded)", entry.verdict.tone)
                            ),
                            .tag("span", ["class": "sub"], fatal(entry, index))
                        )
                    }
            )
        }
        return .section(
            "workloads",
            "Workloads",
            "Verdict and share of judged calls that were the same; below it the first fatal root.",
            .table("Workloads", heads("Workload", matrix), rows)
        )
    }

    private func fatal(_ entry: MatrixWorkload.Entry, _ engine: Int) -> HTML {
        if let fatal = entry.firstFatal { return link(engine, "root-\(fatal.rank)", .text(fatal.title)) }
        return .text(entry.problem ?? "")
    }

    private func cells(_ matrix: EngineMatrix) -> HTML {
        let example = matrix.engines.last?.engine.name ?? "wsl1"
        let rows = matrix.cells.map { cell -> HTML in
            // "gvisor:missing" finds what gvisor lacks.
            let states = zip(matrix.engines, cell.entries).map { "\($0.engine.name):\($1.state.rawValue)" }
            let notes = (states + cell.entries.map(\.note)).joined(separator: " ")
            return .tag(
                "tr",
                [
                    "class": "cell-row", "data-state": cell.isDivided ? "engines differ" : "engines agree",
                    "data-families": cell.families.joined(separator: " "), "data-text": "\(cell.name) \(notes)",
                ],
                [
                    .tag("th", ["scope": "row"], .cell(cell.name)),
                    .tag("td", ["class": "meter"], .meter(cell.importance)),
                ]
                    + cell.entries.enumerated().map { index, entry in
                        let badge = HTML.badge(entry.state.rawValue, entry.state.tone)
                        let title =
                            "\(entry.same) of \(entry.judged) same" + (entry.note.isEmpty ? "" : ": \(entry.note)")
                        return .tag(
                            "td",
                            ["title": title],
                            entry.judged == 0
                                ? badge : link(index, entry.roots.first.map { "root-\($0)" } ?? "cells", badge)
                        )
                    }
            )
        }
        return .section(
            "cells",
            "Cells",
            "What an engineer can implement: a call with one selector. Press / to filter; \(example):missing finds what that engine lacks.",
            .filter(
                "cell",
                items: "tr.cell-row",
                anyState: "engines differ or agree",
                states: ["engines differ", "engines agree"],
                families: allFamilies(matrix)
            ),
            .table(
                "Cells",
                [.head("Cell"), .head("Importance")] + matrix.engines.map { .head($0.engine.name) },
                rows
            )
        )
    }
}
