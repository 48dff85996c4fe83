// Families and workloads of the HTML report.
import Compat

extension HTMLReport {
    func families(_ card: Scorecard) -> HTML {
        let translates = card.translation?.isEmpty == false
        let head: [HTML] =
            [
                .head("Family"), .head("Completeness"), .head("Graded"), .head("Workloads", class: "n"),
                .head("Cells: works · partly · missing · not modelled · never exercised"), .head("Roots"),
            ] + (translates ? [.head("Translation cost: NT calls, IRPs per call", class: "n")] : [])
        let rows = card.families.map { family -> HTML in
            let lifted = family.family == "namespaces" || family.family == "cgroups"
            let cost = family.translation.map { tally in
                "\(tally.routinesPerCall?.description ?? "–"), \(tally.packetsPerCall?.description ?? "–")"
            }
            let cells: [HTML] = [
                .tag("th", ["scope": "row"], .text(family.family)),
                .tag("td", ["class": "meter"], .meter(family.completeness, family.completeness?.tone)),
                .tag("td", ["class": "meter"], .meter(family.graded, family.graded?.tone)),
                .number(family.workloads),
                .tag(
                    "td",
                    ["class": "stack"],
                    .tag(
                        "span",
                        ["class": "value"],
                        .text(family.cells.parts.map { "\($0.count)" }.joined(separator: " · "))
                    ),
                    .stack(family.cells.parts)
                ),
                .tag("td", ["class": "links"], links(family.roots)),
            ]
            return .tag("tr", lifted ? ["class": "lift"] : [:], cells + (translates ? [.number(cost ?? "–")] : []))
        }
        return .section(
            "families",
            "Families",
            "Completeness: weight of the workloads that use the family and have no fatal root in it. Graded: mean share of "
                + "exercises that were the same. A cell that nobody exercised never counts as working.",
            .table("Families", head, rows)
        )
    }

    func workloads(_ card: Scorecard) -> HTML {
        let head: [HTML] = [
            .head("Workload"), .head("Verdict"), .head("Graded"), .head("Weight", class: "n"),
            .head("Judged", class: "n"), .head("Confidence", class: "n"), .head("First fatal root"), .head("Roots"),
        ]
        let rows = card.workloads.map { workload -> HTML in
            .tag(
                "tr",
                ["id": "workload-\(workload.name)"],
                .tag(
                    "th",
                    ["scope": "row"],
                    .text(workload.name),
                    .tag("span", ["class": "sub"], .text(workload.summary))
                ),
                .tag("td", [:], .badge(workload.verdict.rawValue, workload.verdict.tone)),
                .tag("td", ["class": "meter"], .meter(workload.graded, workload.verdict.tone)),
                .number(workload.weight),
                .number("\(workload.calls.judged) of \(workload.calls.total)"),
                .number(workload.confidence),
                .tag("td", ["class": "fatal"], fatal(workload)),
                .tag("td", ["class": "links"], links(workload.roots))
            )
        }
        return .section(
            "workloads",
            "Workloads",
            "The denominator is this list: a workload without a usable trace counts as 0. Confidence is the share of calls "
                + "that could be judged.",
            .table("Workloads", head, rows)
        )
    }

    /// Links to the first roots; says how many there are when not all are shown.
    private func links(_ roots: [Int]) -> HTML {
        let shown = 5
        let links = HTML.joined(roots.prefix(shown).map { .link(to: $0) }, by: " ")
        return roots.count > shown ? links + .tag("span", ["class": "muted"], .text(" of \(roots.count)")) : links
    }

    private func fatal(_ workload: WorkloadResult) -> HTML {
        if let fatal = workload.firstFatal {
            return .tag("a", ["href": "#root-\(fatal.rank)"], .cell(fatal.title))
                + .tag("span", ["class": "sub"], .text("call \(fatal.call)"))
        }
        return .tag("span", ["class": "muted"], .text(workload.problem ?? "–"))
    }

    func matrix(_ card: Scorecard) -> HTML {
        let head: [HTML] =
            [.head("Workload")]
            + card.families.map { .tag("th", ["scope": "col", "class": "v"], .tag("span", [:], .text($0.family))) }
        let rows = card.workloads.map { workload -> HTML in
            .tag(
                "tr",
                [:],
                [.tag("th", ["scope": "row"], .text(workload.name))]
                    + card.families.map { square(workload, $0.family) }
            )
        }
        return .section(
            "matrix",
            "Workloads by family",
            "Share of exercises that were the same; empty where the workload does not use the family.",
            .table("Workloads by family", class: "matrix", head, rows)
        )
    }

    private func square(_ workload: WorkloadResult, _ family: String) -> HTML {
        guard let found = workload.families.first(where: { $0.family == family }) else {
            return .tag("td", ["class": "h none"])
        }
        guard let graded = found.graded else {
            return .tag("td", ["class": "h none", "title": "\(workload.name), \(family): nothing judged"], .text("–"))
        }
        let detail = "\(workload.name), \(family): \(found.same) of \(found.judged) same"
        return .tag("td", ["class": "h \(graded.tone.rawValue)", "title": detail], .text(graded))
    }
}
