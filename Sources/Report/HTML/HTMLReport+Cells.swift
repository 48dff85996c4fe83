// Cells and what was not scored, in the HTML report.
import Compat

extension HTMLReport {
    func cells(_ card: Scorecard) -> HTML {
        let head: [HTML] = [
            .head("Cell"), .head("State"), .head("Importance"), .head("Same", class: "n"), .head("Judged", class: "n"),
            .head("Families"), .head("What differs"), .head("Source"), .head("Roots"),
        ]
        let rows = card.cells.map { cell -> HTML in
            .tag(
                "tr",
                [
                    "class": "cell-row", "data-state": cell.state.rawValue,
                    "data-families": cell.families.joined(separator: " "),
                    "data-text": "\(cell.name) \(cell.note) \(cell.source) \(cell.workloads.joined(separator: " "))",
                ],
                .tag("th", ["scope": "row"], .cell(cell.name)),
                .tag("td", [:], .badge(cell.state.rawValue, cell.state.tone)),
                .tag("td", ["class": "meter"], .meter(cell.importance)),
                .number(cell.calls.same),
                .number(cell.calls.judged),
                .tag("td", [:], .text(cell.families.joined(separator: ", "))),
                .tag("td", ["class": "note"], .text(cell.note)),
                .tag("td", ["class": "source"], .text(cell.source)),
                .tag("td", ["class": "links"], .joined(cell.roots.map { .link(to: $0) }, by: " "))
            )
        }
        return .section(
            "cells",
            "Cells",
            "What an engineer can implement: a call with one selector. Press / to filter.",
            .filter(
                "cell",
                items: "tr.cell-row",
                anyState: "any state",
                states: CellState.allCases.map(\.rawValue),
                families: card.families.map(\.family)
            ),
            .table("Cells", head, rows),
            .joined(card.neverExercised.map(unused))
        )
    }

    /// Closed at first: nothing is known of these.
    private func unused(_ unused: UnusedCells) -> HTML {
        .tag(
            "details",
            ["class": "unused"],
            .tag("summary", [:], .text("Never exercised in \(unused.family): \(unused.cells.count)")),
            .tag("p", [:], .joined(unused.cells.map { .tag("code", [:], .text($0)) }, by: " "))
        )
    }

    func counted(_ card: Scorecard) -> HTML {
        let lists = [
            ("Opaque calls: recorded raw, not described", card.opaque),
            ("Given: answered by the environment", card.given), ("Not judged, and why", card.unjudged),
        ]
        return .section(
            "counted",
            "Not scored",
            "Counted, named, and held neither for nor against the engine.",
            .tag("div", ["class": "lists"], lists.map { list($0.0, $0.1) })
        )
    }

    private func list(_ title: String, _ counts: [NamedCount]) -> HTML {
        let rows = counts.map { HTML.tag("tr", [:], .tag("td", [:], .text($0.name)), .number($0.count)) }
        return .tag(
            "div",
            ["class": "card"],
            .tag("h3", [:], .text(title)),
            counts.isEmpty
                ? .tag("p", ["class": "muted"], .text("none")) : .tag("table", [:], .tag("tbody", [:], rows))
        )
    }
}
