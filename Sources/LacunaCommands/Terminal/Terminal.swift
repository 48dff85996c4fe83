// What the terminal can do, and progress on it.
import Glibc
import Report

enum Terminal {
    /// Colour on a terminal unless NO_COLOR is set; the width from COLUMNS or the terminal.
    static var style: TerminalStyle {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        let colour = isTerminal && (variable("NO_COLOR") ?? "").isEmpty && variable("TERM") != "dumb"
        return TerminalStyle(colour: colour, columns: columns(isTerminal))
    }

    private static func columns(_ isTerminal: Bool) -> Int {
        if let columns = variable("COLUMNS").flatMap(Int.init), columns > 0 { return columns }
        var size = winsize()
        if isTerminal, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { return Int(size.ws_col) }
        return TerminalStyle.plain.columns
    }

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}

/// A line on standard error that comes only if the work takes over two seconds, and only on a terminal.
struct Progress {
    private let isShown = isatty(STDERR_FILENO) == 1
    private let start = ContinuousClock.now
    private var last = ContinuousClock.now
    private var isPrinted = false

    /// Says what is being done now.
    mutating func update(_ text: @autoclosure () -> String) {
        guard isShown else { return }
        let now = ContinuousClock.now
        guard now - start > .seconds(2), !isPrinted || now - last > .milliseconds(200) else { return }
        StandardError.write("\r\u{1b}[K\(text())")
        last = now
        isPrinted = true
    }

    /// Removes the line.
    mutating func finish() {
        guard isPrinted else { return }
        StandardError.write("\r\u{1b}[K")
        isPrinted = false
    }
}
