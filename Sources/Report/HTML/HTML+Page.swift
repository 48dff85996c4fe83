// The frame that every page has: style, script, links to its sections, theme.
import CReportAssets

extension HTML {
    /// A whole document.
    ///
    /// - Parameter links: Sections to go to: anchor and words.
    static func page(title: String, generator: String, links: [(String, String)], _ content: [HTML]) -> String {
        let head = tag(
            "head",
            [:],
            void("meta", ["charset": "utf-8"]),
            void("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"]),
            void("meta", ["name": "generator", "content": generator]),
            tag("title", [:], text(title)),
            embedded("style", css)
        )
        let top = tag(
            "header",
            ["class": "top"],
            tag("strong", [:], text("lacuna")),
            tag("nav", ["aria-label": "Sections"], links.map { tag("a", ["href": "#\($0.0)"], text($0.1)) }),
            tag("button", ["id": "theme", "type": "button", "hidden": "hidden"], text("Theme"))
        )
        let body = tag(
            "body",
            [:],
            tag("a", ["class": "skip", "href": "#main"], text("Skip to the report")),
            top,
            tag("main", ["id": "main"], content),
            embedded("script", js)
        )
        return "<!DOCTYPE html>\n" + tag("html", ["lang": "en"], head, body).markup + "\n"
    }

    private static let css = asset(CReportAssets_css, CReportAssets_css_size)
    private static let js = asset(CReportAssets_js, CReportAssets_js_size)

    private static func asset(_ start: UnsafePointer<UInt8>?, _ count: Int) -> String {
        String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }
}
