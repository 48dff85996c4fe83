// Ranked roots of the HTML report, each opening its evidence, and the plan.
import Compat
import Engine

extension HTMLReport {
    func roots(_ card: Scorecard) -> HTML {
        guard !card.roots.isEmpty else { return .section("roots", "Roots", "No call diverged.") }
        return .section(
            "roots",
            "Roots",
            "A root is a wrong answer that no earlier one explains; what follows from it is counted, not listed. "
                + "Ranked by the weight of the workloads in which it is fatal, then by importance. Open one for its evidence.",
            .filter(
                "root",
                items: "details.root",
                anyState: "any severity",
                states: Severity.allCases.reversed().map(\.rawValue),
                families: card.families.map(\.family),
                opens: true
            ),
            .joined(card.roots.map { root($0, card) })
        )
    }

    private func root(_ root: RankedRoot, _ card: Scorecard) -> HTML {
        .tag(
            "details",
            [
                "class": "card root", "id": "root-\(root.rank)", "data-state": root.severity.rawValue,
                "data-families": root.families.joined(separator: " "),
                "data-text": "\(root.title) \(root.note) \(root.source) \(root.workloads.joined(separator: " "))",
            ],
            summary(root),
            .tag(
                "div",
                ["class": "body"],
                [
                    .facts([
                        ("cell", .cell(root.cell)),
                        ("families", .text(root.families.joined(separator: ", "))),
                        ("support", .text(root.support.rawValue)),
                        ("source", .text(root.source)),
                        ("workloads", .text(root.workloads.joined(separator: ", "))),
                        ("fatal in", .text(root.fatalIn.joined(separator: ", "))),
                        ("fatal weight", .text(root.fatalWeight)),
                    ])
                ] + root.occurrences.map { occurrence($0, card) }
            )
        )
    }

    private func summary(_ root: RankedRoot) -> HTML {
        let figures = [
            number(of: root.workloads.count, "workload"), number(of: root.hits, "hit"),
            number(of: root.followers, "follower"),
        ]
        return .tag(
            "summary",
            [:],
            .tag("span", ["class": "rank"], .text("#\(root.rank)")),
            .tag(
                "span",
                ["class": "title"],
                .tag("code", [:], .text(root.title)),
                .tag("span", ["class": "sub"], .text(root.note))
            ),
            .badge(root.severity.rawValue, root.severity.tone),
            .tag(
                "span",
                ["class": "meter", "title": "1 − Π(1 − weight) over the workloads that hit it"],
                .tag("span", ["class": "value"], .text("importance \(root.importance)")),
                .bar(root.importance, root.severity.tone)
            ),
            .tag("span", ["class": "figures"], .text(figures.joined(separator: " · ")))
        )
    }

    private func number(of count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

    private func occurrence(_ occurrence: RootOccurrence, _ card: Scorecard) -> HTML {
        let evidence = occurrence.evidence
        let command =
            "lacuna explain \(card.corpus)/\(occurrence.workload)/trace.lacuna \(occurrence.call) --engine \(card.engine.name)"
        var parts: [HTML] = [
            .tag(
                "h4",
                [:],
                .text("\(occurrence.workload), call \(occurrence.call) "),
                .badge(occurrence.severity.rawValue, occurrence.severity.tone)
            ),
            .tag("pre", [:], .text(occurrence.text)),
            .facts([
                ("Linux", .tag("code", [:], .text(occurrence.recorded))),
                (card.engine.name, .tag("code", [:], .text(occurrence.answered))),
                (occurrence.severity.rawValue, .text(occurrence.reason)),
                (
                    "weighs",
                    .text("\(number(of: occurrence.hits, "hit")), \(number(of: occurrence.followers, "follower"))")
                ),
                ("handler", evidence.handler.isEmpty ? .nothing : .tag("code", [:], .text(evidence.handler))),
                ("note", .text(evidence.note)), ("source", .text(evidence.source)),
                ("receipt", .text(occurrence.receipt ?? "")),
                ("more", .tag("code", [:], .text(command))),
            ]),
        ]
        // The result stands above already.
        let fields = occurrence.differences.filter { $0.field != "result" }
        if !fields.isEmpty {
            let rows = fields.map { [$0.field, $0.recorded, $0.answered] }
            parts.append(.rows(["Field", "Linux", card.engine.name], rows))
        }
        if !evidence.steps.isEmpty {
            parts.append(
                .rows(["NT call", "Detail", "Status"], evidence.steps.map { [$0.name, $0.detail, $0.status] })
            )
        }
        return .tag("div", ["class": "occurrence"], parts)
    }

    func plan(_ card: Scorecard) -> HTML {
        guard !card.plan.isEmpty else { return .nothing }
        let head: [HTML] = [
            .head("Step", class: "n"), .head("Implement"), .head("Completeness then"), .head("Workloads that then run"),
            .head("Roots"),
        ]
        let rows = card.plan.map { step -> HTML in
            .tag(
                "tr",
                [:],
                .number(step.step),
                .tag("td", [:], .cell(step.cell)),
                .tag("td", ["class": "meter"], .meter(step.completeness)),
                .tag("td", [:], .text(step.completes.joined(separator: ", "))),
                .tag("td", ["class": "links"], .joined(step.roots.map { .link(to: $0) }, by: " "))
            )
        }
        return .section(
            "plan",
            "Plan",
            "The order in which implementing cells raises completeness soonest, predicted from these traces.",
            .table("Plan", head, rows)
        )
    }
}
