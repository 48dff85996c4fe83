// Standard output: buffered, and a failed write is reported instead of lost.
import Glibc

/// Collects output and writes it in large pieces.
struct StandardOutput: ~Copyable {
    private var buffer: [UInt8] = []

    mutating func line(_ text: String) throws(CommandFailure) {
        buffer += text.utf8
        buffer.append(UInt8(ascii: "\n"))
        if buffer.count >= 1 << 16 { try flush() }
    }

    /// Text that ends its own lines.
    mutating func text(_ text: String) throws(CommandFailure) {
        buffer += text.utf8
        if buffer.count >= 1 << 16 { try flush() }
    }

    mutating func flush() throws(CommandFailure) {
        var start = 0
        while start < buffer.count {
            let written = buffer[start...].withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if written < 0 {
                let code = errno
                if code == EINTR { continue }
                buffer = []
                // A reader that has seen enough is no failure; the status is the one that SIGPIPE gives in a shell.
                if code == EPIPE { throw CommandFailure("", status: 128 + SIGPIPE) }
                throw CommandFailure("standard output: \(String(cString: strerror(code)))")
            }
            start += written
        }
        buffer.removeAll(keepingCapacity: true)
    }

    /// Writes all of `text` at once.
    static func print(_ text: String) throws(CommandFailure) {
        var output = StandardOutput()
        try output.text(text)
        try output.flush()
    }
}

/// Standard error: one line each, `lacuna: ` in front.
enum StandardError {
    static func line(_ text: String) { write("lacuna: \(text)\n") }

    static func write(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
            guard written > 0 else { return }
            bytes = bytes.dropFirst(written)
        }
    }
}
