// The translation cost of the HTML report: which Linux calls are dear on this engine, and in what.
import Compat

extension HTMLReport {
    func translation(_ card: Scorecard) -> HTML {
        guard let calls = card.translation, !calls.isEmpty else { return .nothing }
        let head: [HTML] = [
            .head("Call"), .head("Family"), .head("Calls", class: "n"), .head("NT calls", class: "n"),
            .head("IRPs", class: "n"), .head("NT calls per call", class: "n"), .head("IRPs per call", class: "n"),
        ]
        let rows = calls.filter { $0.cost.routines > 0 }.map { call -> HTML in
            .tag(
                "tr",
                [:],
                .tag("th", ["scope": "row"], .cell(call.call)),
                .tag("td", [:], .text(call.family)),
                .number(call.cost.calls),
                .number(call.cost.routines),
                .number(call.cost.packets),
                .number(call.cost.routinesPerCall?.description ?? "–"),
                .number(call.cost.packetsPerCall?.description ?? "–")
            )
        }
        let total = calls.total
        return .section(
            "translation",
            "Translation cost",
            "\(total.calls) Linux calls were answered with \(total.routines) calls of the NT executive, which sent "
                + "\(total.packets) I/O request packets past every filter driver. Calls that the provider serves alone are "
                + "not listed.",
            .table("Translation cost by call", head, rows)
        )
    }
}
