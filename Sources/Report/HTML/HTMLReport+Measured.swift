// What was measured of an engine, with the samples behind each figure.
import Compat

extension HTMLReport {
    func measured(_ card: Scorecard) -> HTML {
        guard let measurements = card.measurements, !measurements.isEmpty else { return .nothing }
        let rows = measurements.map { figure -> HTML in
            .tag(
                "tr",
                [:],
                .tag(
                    "th",
                    ["scope": "row"],
                    .text(figure.kind.rawValue),
                    .tag("span", ["class": "sub"], .text(figure.method))
                ),
                .number(figure.value),
                .tag(
                    "td",
                    ["class": "note"],
                    .text(figure.samples.map { "\($0.name) \($0.value)" }.joined(separator: ", "))
                )
            )
        }
        return .section(
            "measured",
            "Measured",
            "Taken with a clock and a scale on the machine that made this report, beside whatever else ran there.",
            .table("Measured", [.head("Figure"), .head("Value", class: "n"), .head("Taken from")], rows)
        )
    }
}
