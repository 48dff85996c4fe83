// The scorecard as one HTML file that needs nothing else: no network, no framework, no script to be readable.
import CReportAssets
public import Compat
import Engine

public struct HTMLReport: Sendable {
    public init() {}

    public func render(_ card: Scorecard) -> String {
        let head = HTML.tag(
            "head",
            [:],
            .void("meta", ["charset": "utf-8"]),
            .void("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"]),
            .void("meta", ["name": "generator", "content": card.tool]),
            .tag("title", [:], .text("\(card.engine.name) on \(card.corpus) – lacuna")),
            .embedded("style", Self.css)
        )
        let sections = [
            hero(card), notices(card), families(card), workloads(card), matrix(card), roots(card), plan(card),
            cells(card), counted(card),
        ]
        let body = HTML.tag(
            "body",
            [:],
            .tag("a", ["class": "skip", "href": "#main"], .text("Skip to the report")),
            top(card),
            .tag(
                "main",
                ["id": "main"],
                [
                    .tag("h1", [:], .text("What \(card.engine.name) lacks for \(card.corpus)")),
                    .tag("p", ["class": "lead"], .text("\(card.engine.summary) · \(card.engine.version)")),
                ] + sections + [footer(card)]
            ),
            .embedded("script", Self.js)
        )
        return "<!DOCTYPE html>\n" + HTML.tag("html", ["lang": "en"], head, body).markup + "\n"
    }

    private static let css = text(CReportAssets_css, CReportAssets_css_size)
    private static let js = text(CReportAssets_js, CReportAssets_js_size)

    private static func text(_ start: UnsafePointer<UInt8>?, _ count: Int) -> String {
        String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    private func top(_ card: Scorecard) -> HTML {
        var sections = [("families", "Families"), ("workloads", "Workloads"), ("roots", "Roots")]
        if !card.plan.isEmpty { sections.append(("plan", "Plan")) }
        sections += [("cells", "Cells"), ("counted", "Not scored")]
        return .tag(
            "header",
            ["class": "top"],
            .tag("strong", [:], .text("lacuna")),
            .tag("nav", ["aria-label": "Sections"], sections.map { .tag("a", ["href": "#\($0.0)"], .text($0.1)) }),
            .tag("button", ["id": "theme", "type": "button", "hidden": "hidden"], .text("Theme"))
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
