// The form that filters a list. Hidden until the script runs, since it does nothing without.

extension HTML {
    /// Filters `items`: a selector of elements with data-text, data-state and data-families.
    ///
    /// - Parameters:
    ///   - anyState: The choice that filters nothing.
    ///   - opens: The items are `details`; offers to open and close all shown.
    static func filter(
        _ id: String,
        items: String,
        anyState: String,
        states: [String],
        families: [String],
        opens: Bool = false
    ) -> HTML {
        let words: KeyValuePairs = [
            "type": "search", "name": "text", "id": "\(id)-text", "aria-label": "Filter by words",
            "placeholder": "Filter: call, flag, workload, source",
        ]
        var parts: [HTML] = [
            void("input", words), choice("state", anyState, states), choice("family", "any family", families),
            tag("button", ["type": "reset"], .text("Clear")),
        ]
        if opens {
            parts.append(tag("button", ["type": "button", "data-open": "true"], .text("Open all")))
            parts.append(tag("button", ["type": "button", "data-open": "false"], .text("Close all")))
        }
        parts.append(tag("span", ["class": "count", "role": "status"]))
        return tag("form", ["class": "tools", "data-items": items, "hidden": "hidden"], parts)
    }

    private static func choice(_ name: String, _ any: String, _ values: [String]) -> HTML {
        tag(
            "select",
            ["name": name, "aria-label": any],
            [tag("option", ["value": ""], .text(any))] + values.map { tag("option", ["value": $0], .text($0)) }
        )
    }
}
