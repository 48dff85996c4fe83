// Aligned columns of text.

/// A table that fits the terminal: one column gives way, the others keep their text.
public struct TextTable {
    public struct Column {
        var title: String
        var right: Bool
        var gives: Bool

        /// - Parameter gives: shortened with `…` when the table is too wide.
        public init(title: String, right: Bool = false, gives: Bool = false) {
            self.title = title
            self.right = right
            self.gives = gives
        }
    }
    public struct Cell {
        var text: String
        var tone: TerminalStyle.Tone?

        public init(_ text: String, _ tone: TerminalStyle.Tone? = nil) {
            self.text = text
            self.tone = tone
        }
    }

    var columns: [Column]
    public var rows: [[Cell]] = []

    public init(_ columns: [Column]) { self.columns = columns }

    public func lines(_ style: TerminalStyle, indent: Int = 2) -> [String] {
        var widths = columns.indices.map { index in
            max(columns[index].title.count, rows.map { $0[index].text.count }.max() ?? 0)
        }
        let excess = indent + widths.reduce(0, +) + 2 * (columns.count - 1) - style.columns
        if excess > 0, let giving = columns.firstIndex(where: \.gives) {
            widths[giving] = max(widths[giving] - excess, 12)
        }
        let title = line(columns.map { Cell($0.title, .faint) }, widths, style, indent)
        return [title] + rows.map { line($0, widths, style, indent) }
    }

    private func line(_ cells: [Cell], _ widths: [Int], _ style: TerminalStyle, _ indent: Int) -> String {
        var text = String(repeating: " ", count: indent)
        for (index, cell) in cells.enumerated() {
            let shown = cell.text.shortened(to: widths[index])
            let padding = String(repeating: " ", count: widths[index] - shown.count)
            let painted = style.paint(shown, cell.tone)
            let last = index == cells.count - 1
            text += columns[index].right ? padding + painted : painted + (last ? "" : padding)
            if !last { text += "  " }
        }
        while text.hasSuffix(" ") { text.removeLast() }
        return text
    }
}

extension String {
    /// At most `width` characters, the last of them `…` if any were lost.
    func shortened(to width: Int) -> String {
        count <= width ? self : String(prefix(max(width - 1, 0))) + "…"
    }
}
