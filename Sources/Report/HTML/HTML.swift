// A piece of HTML that is known to be escaped.

/// Markup. Text enters through ``text(_:)`` or attributes, both of which escape; there is no way to put raw text in.
struct HTML {
    let markup: String

    private init(markup: String) { self.markup = markup }

    static let nothing = HTML(markup: "")

    static func text(_ text: some CustomStringConvertible) -> HTML { HTML(markup: Markup.escape(text.description)) }

    /// The style sheet or script, which the build embeds.
    static func embedded(_ tag: StaticString, _ content: String) -> HTML {
        HTML(markup: "<\(tag)>\n\(content)</\(tag)>\n")
    }

    static func tag(
        _ name: StaticString,
        _ attributes: KeyValuePairs<String, String> = [:],
        _ content: HTML...
    ) -> HTML {
        tag(name, attributes, content)
    }

    static func tag(_ name: StaticString, _ attributes: KeyValuePairs<String, String> = [:], _ content: [HTML]) -> HTML
    {
        HTML(markup: open(name, attributes) + content.lazy.map(\.markup).joined() + "</\(name)>")
    }

    /// An element without content and end tag.
    static func void(_ name: StaticString, _ attributes: KeyValuePairs<String, String> = [:]) -> HTML {
        HTML(markup: open(name, attributes))
    }

    static func joined(_ parts: some Sequence<HTML>, by separator: String = "") -> HTML {
        HTML(markup: parts.map(\.markup).joined(separator: Markup.escape(separator)))
    }

    static func + (left: HTML, right: HTML) -> HTML { HTML(markup: left.markup + right.markup) }

    private static func open(_ name: StaticString, _ attributes: KeyValuePairs<String, String>) -> String {
        attributes.reduce("<\(name)") { $0 + " \($1.key)=\"\(Markup.escape($1.value))\"" } + ">"
    }
}

// MARK: - Shapes that several sections use

extension HTML {
    static func badge(_ text: String, _ tone: Tone) -> HTML {
        tag("span", ["class": "badge \(tone.rawValue)"], .text(text))
    }

    static func cell(_ name: String) -> HTML { tag("code", ["class": "cell"], .text(name)) }

    static func number(_ value: some CustomStringConvertible) -> HTML { tag("td", ["class": "n"], .text(value)) }

    static func link(to root: Int) -> HTML { tag("a", ["href": "#root-\(root)"], .text("#\(root)")) }

    /// A scrolling frame, reachable by keyboard, so that a wide table never widens the page.
    static func table(_ label: String, class name: String = "", _ head: [HTML], _ rows: [HTML]) -> HTML {
        tag(
            "div",
            ["class": "card scroll", "role": "region", "aria-label": label, "tabindex": "0"],
            tag(
                "table",
                name.isEmpty ? [:] : ["class": name],
                tag("thead", [:], tag("tr", [:], head)),
                tag("tbody", [:], rows)
            )
        )
    }

    static func head(_ text: String, class name: String = "") -> HTML {
        tag("th", name.isEmpty ? ["scope": "col"] : ["scope": "col", "class": name], .text(text))
    }

    static func section(_ id: String, _ title: String, _ lead: String, _ content: HTML...) -> HTML {
        tag(
            "section",
            ["id": id, "aria-labelledby": "\(id)-title"],
            [tag("h2", ["id": "\(id)-title"], .text(title)), tag("p", ["class": "lead"], .text(lead))] + content
        )
    }

    /// Names with values; empty values are left out.
    static func facts(_ facts: [(String, HTML)]) -> HTML {
        tag(
            "dl",
            ["class": "facts"],
            facts.filter { !$0.1.markup.isEmpty }.flatMap { name, value in
                [tag("dt", [:], .text(name)), tag("dd", [:], value)]
            }
        )
    }

    /// A small table of plain text.
    static func rows(_ titles: [String], _ rows: [[String]]) -> HTML {
        tag(
            "div",
            ["class": "scroll", "tabindex": "0", "role": "region", "aria-label": titles.joined(separator: ", ")],
            tag(
                "table",
                ["class": "steps"],
                tag("thead", [:], tag("tr", [:], titles.map { head($0) })),
                tag(
                    "tbody",
                    [:],
                    rows.map { row in
                        tag("tr", [:], row.map { tag("td", ["class": "mono"], .text($0)) })
                    }
                )
            )
        )
    }
}

/// Colours by meaning; the style sheet decides.
enum Tone: String {
    case good, warn, bad, none, model
}
