// The scorecard as one HTML file that needs nothing else: no network, no framework, no script to be readable.
public import Compat
import Engine

public struct HTMLReport: Sendable {
    public init() {}

    public func render(_ card: Scorecard) -> String {
        let sections = [
            hero(card), notices(card), families(card), workloads(card), matrix(card), roots(card), plan(card),
            translation(card), measured(card), cells(card), counted(card),
        ]
        var links = [("families", "Families"), ("workloads", "Workloads"), ("roots", "Roots")]
        if !card.plan.isEmpty { links.append(("plan", "Plan")) }
        if card.translation?.isEmpty == false { links.append(("translation", "Translation cost")) }
        if card.measurements?.isEmpty == false { links.append(("measured", "Measured")) }
        links += [("cells", "Cells"), ("counted", "Not scored")]
        return HTML.page(
            title: "\(card.engine.name) on \(card.corpus) – lacuna",
            generator: card.tool,
            links: links,
            [
                .tag("h1", [:], .text("What \(card.engine.name) lacks for \(card.corpus)")),
                .tag("p", ["class": "lead"], .text("\(card.engine.summary) · \(card.engine.version)")),
            ] + sections + [footer(card)]
        )
    }

    private func hero(_ card: Scorecard) -> HTML {
        .tag(
            "div",
            ["class": "hero"],
            score("Completeness: weight of the workloads that run", card.completeness),
            score("Without a fatal root: weight of those that run, or run degraded", card.withoutFatal),
            score("Mean graded score: calls same of calls judged", card.graded),
            .tag(
                "div",
                ["class": "card wide"],
                .tag("p", ["class": "label"], .text("Workloads by verdict")),
                .tag(
                    "p",
                    ["class": "figure"],
                    .text(card.tally.workloads),
                    .tag("small", [:], .text(" workloads ")),
                    .badge("status \(card.status.rawValue)", card.status.tone)
                ),
                .stack(card.tally.parts, tall: true),
                .legend(card.tally.parts)
            ),
            .tag(
                "div",
                ["class": "card full"],
                .tag(
                    "p",
                    ["class": "label"],
                    .text("\(card.calls.total) recorded calls, \(card.calls.judged) of them judged")
                ),
                .stack(card.calls.parts, tall: true),
                .legend(card.calls.parts.filter { $0.count > 0 })
            )
        )
    }

    private func score(_ label: String, _ value: PerMille) -> HTML {
        .tag(
            "div",
            ["class": "card score"],
            .tag("p", ["class": "label"], .text(label)),
            .tag("p", ["class": "figure"], .text(value)),
            .bar(value, tall: true)
        )
    }

    private func notices(_ card: Scorecard) -> HTML {
        guard !card.notices.isEmpty else { return .nothing }
        return .tag(
            "ul",
            ["class": "card notices", "aria-label": "Notices"],
            card.notices.map { notice in
                .tag(
                    "li",
                    [:],
                    .badge(notice.status.rawValue, notice.status.tone),
                    .tag("strong", [:], .text(notice.subject)),
                    .text(": \(notice.text)")
                )
            }
        )
    }

    private func footer(_ card: Scorecard) -> HTML {
        .tag(
            "footer",
            [:],
            .text(
                "\(card.tool), scorecard schema \(card.schema). Scores are rounded down: 100.0 % means all. "
                    + "How every number is made: docs/scoring.md. The same scorecard as data: scorecard.json."
            )
        )
    }
}
