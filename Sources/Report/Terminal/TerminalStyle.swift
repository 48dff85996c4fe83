// Colour for terminals, and only for terminals.

/// What the output may use.
public struct TerminalStyle: Sendable, Hashable {
    public var colour: Bool
    /// Columns available; tables shorten their widest text column to fit.
    public var columns: Int

    public init(colour: Bool, columns: Int) {
        self.colour = colour
        self.columns = max(columns, 40)
    }

    /// For files and pipes.
    public static let plain = Self(colour: false, columns: 120)

    public enum Tone: String, Sendable {
        case good = "32"
        case warning = "33"
        case bad = "31"
        case faint = "2"
        case strong = "1"
    }

    public func paint(_ text: String, _ tone: Tone?) -> String {
        guard colour, let tone, !text.isEmpty else { return text }
        return "\u{1b}[\(tone.rawValue)m\(text)\u{1b}[0m"
    }
}
