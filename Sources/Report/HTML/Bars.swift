// Bars as inline SVG. They show shares by geometry alone; the numbers beside them are the scorecard's.
import Compat

extension HTML {
    /// A score on a track of its full length, with its text above.
    static func meter(_ score: PerMille?, _ tone: Tone? = nil) -> HTML {
        guard let score else { return tag("span", ["class": "muted"], .text("–")) }
        return tag("span", ["class": "value"], .text(score)) + bar(score, tone)
    }

    static func bar(_ score: PerMille, _ tone: Tone? = nil, tall: Bool = false) -> HTML {
        tag(
            "svg",
            [
                "class": tall ? "bar tall" : "bar", "viewBox": "0 0 1000 1", "preserveAspectRatio": "none",
                "aria-hidden": "true",
            ],
            tag("rect", ["class": "f-\(tone?.rawValue ?? "accent")", "width": "\(score.rawValue)", "height": "1"])
        )
    }

    /// Parts of a whole beside each other.
    static func stack(_ parts: [Part], tall: Bool = false) -> HTML {
        let label = parts.filter { $0.count > 0 }.map { "\($0.name) \($0.count)" }.joined(separator: ", ")
        var position = 0
        var bars: [HTML] = [tag("title", [:], .text(label))]
        for part in parts where part.count > 0 {
            bars.append(
                tag(
                    "rect",
                    ["class": "f-\(part.tone.rawValue)", "x": "\(position)", "width": "\(part.count)", "height": "1"]
                )
            )
            position += part.count
        }
        return tag(
            "svg",
            [
                "class": tall ? "bar tall" : "bar", "viewBox": "0 0 \(max(position, 1)) 1",
                "preserveAspectRatio": "none", "role": "img", "aria-label": label,
            ],
            bars
        )
    }

    static func legend(_ parts: [Part]) -> HTML {
        tag(
            "ul",
            ["class": "legend"],
            parts.map { part in
                tag(
                    "li",
                    [:],
                    tag("span", ["class": "dot b-\(part.tone.rawValue)"]),
                    .text("\(part.name) \(part.count)")
                )
            }
        )
    }
}

/// One part of a stacked bar.
struct Part {
    var name: String
    var count: Int
    var tone: Tone
}

extension CallCounts {
    var parts: [Part] {
        named.map { counted in
            let tone: Tone =
                switch counted.name {
                case "same": .good
                case "differs", "follows": .warn
                case "unsupported", "blocked", "engine failed": .bad
                case "not modelled": .model
                default: .none
                }
            return Part(name: counted.name, count: counted.count, tone: tone)
        }
    }
}

extension CellTally {
    var parts: [Part] {
        [
            Part(name: "works", count: works, tone: .good), Part(name: "partly", count: partly, tone: .warn),
            Part(name: "missing", count: missing, tone: .bad),
            Part(name: "not modelled", count: notModelled, tone: .model),
            Part(name: "never exercised", count: neverExercised, tone: .none),
        ]
    }
}

extension VerdictTally {
    var parts: [Part] {
        [
            Part(name: "runs", count: runs, tone: .good), Part(name: "degraded", count: degraded, tone: .warn),
            Part(name: "fails", count: fails, tone: .bad), Part(name: "broken", count: broken, tone: .none),
        ]
    }
}
