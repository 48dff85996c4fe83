// Reads values that people wrote.

/// A line of text, read from left to right.
public struct LiteralParser: ~Copyable {
    private let bytes: [UInt8]
    private var position = 0

    public init(_ text: some StringProtocol) { bytes = Array(text.utf8) }

    public var isAtEnd: Bool { position >= bytes.count }

    /// What has not been read.
    public var rest: String { String(decoding: bytes[position...], as: UTF8.self) }

    public mutating func skipSpace() { while position < bytes.count, bytes[position] == 0x20 { position += 1 } }

    /// Takes `text` if it comes next.
    public mutating func take(_ text: String) -> Bool {
        skipSpace()
        guard bytes[position...].starts(with: text.utf8) else { return false }
        position += text.utf8.count
        return true
    }

    public mutating func expect(_ text: String) throws(LiteralError) {
        guard take(text) else { throw LiteralError("`\(text)` is missing before `\(rest)`") }
    }

    /// A word of letters, digits, `_`, `$`; empty if none comes next.
    public mutating func word() -> String {
        skipSpace()
        let start = position
        while position < bytes.count, Self.isWord(bytes[position]) { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"):
            true
        default: false
        }
    }

    /// Values between brackets, up to `end`.
    public mutating func list(until end: String) throws(LiteralError) -> (values: [Literal], isPrefix: Bool) {
        var values: [Literal] = []
        if take(end) { return ([], false) }
        while true {
            if take("...") {
                try expect(end)
                return (values, true)
            }
            values.append(try value())
            if take(end) { return (values, false) }
            try expect(",")
        }
    }

    public mutating func value() throws(LiteralError) -> Literal {
        let first = try sum()
        if take("=>") { return .change(first, try sum()) }
        return first
    }

    private mutating func sum() throws(LiteralError) -> Literal {
        var left = try product()
        while true {
            if take("|") {
                left = .operation(.or, left, try product())
            } else if take("+") {
                left = .operation(.plus, left, try product())
            } else if take("-") {
                left = .operation(.minus, left, try product())
            } else {
                return left
            }
        }
    }

    private mutating func product() throws(LiteralError) -> Literal {
        var left = try suffixed()
        while true {
            if take("*") {
                left = .operation(.times, left, try suffixed())
            } else if take("<<") {
                left = .operation(.shift, left, try suffixed())
            } else {
                return left
            }
        }
    }

    private mutating func suffixed() throws(LiteralError) -> Literal {
        let value = try primary()
        if take("@") {
            let place = word()
            guard !place.isEmpty else { throw LiteralError("no place is named after @") }
            return .placed(value, place)
        }
        if take(":") {
            guard let size = Int(word()), [1, 2, 4, 8].contains(size) else {
                throw LiteralError("an integer has 1, 2, 4 or 8 bytes")
            }
            return .sized(value, size)
        }
        return value
    }

    private mutating func primary() throws(LiteralError) -> Literal {
        skipSpace()
        guard position < bytes.count else { throw LiteralError("a value is missing at the end") }
        switch bytes[position] {
        case UInt8(ascii: "\""): return .text(try string())
        case UInt8(ascii: "["):
            position += 1
            let (values, isPrefix) = try list(until: "]")
            return .list(values, isPrefix: isPrefix)
        case UInt8(ascii: "<"):
            position += 1
            return .packed(try list(until: ">").values)
        case UInt8(ascii: "{"):
            position += 1
            return .structure(try fields())
        case UInt8(ascii: "("):
            position += 1
            let inner = try value()
            try expect(")")
            return inner
        case UInt8(ascii: "-"):
            position += 1
            guard case .number(let value) = try primary() else { throw LiteralError("only a number can be negative") }
            return .number(0 &- value)
        case UInt8(ascii: "~"):
            position += 1
            skipSpace()
            return .containing(try string())
        case UInt8(ascii: "!"):
            position += 1
            return .not(try suffixed())
        case UInt8(ascii: ">"):
            position += 1
            return .above(try suffixed())
        default: return try named()
        }
    }

    private mutating func fields() throws(LiteralError) -> [Literal.Field] {
        var fields: [Literal.Field] = []
        if take("}") { return fields }
        while true {
            let name = word()
            guard !name.isEmpty else { throw LiteralError("a field has no name before `\(rest)`") }
            try expect("=")
            fields.append(Literal.Field(name, try value()))
            if take("}") { return fields }
            try expect(",")
        }
    }

    /// A number, a constant, `NULL`, `_`, `makedev(1, 3)`, or a name.
    private mutating func named() throws(LiteralError) -> Literal {
        let start = position
        let word = word()
        guard let first = word.utf8.first else { throw LiteralError("no value can start with `\(rest)`") }
        if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) { return .number(try Self.number(word)) }
        if word == "_" { return .any }
        if word == "NULL" { return .number(0) }
        if word == "makedev" {
            try expect("(")
            let parts = try list(until: ")").values
            guard parts.count == 2, case .number(let major) = parts[0], case .number(let minor) = parts[1] else {
                throw LiteralError("makedev has a major and a minor number")
            }
            return .number((major & 0xfff) << 8 | (major & ~0xfff) << 32 | minor & 0xff | (minor & ~0xff) << 12)
        }
        if let value = ABI.constantIfKnown(word) { return .number(Int64(bitPattern: value)) }
        if let signal = signalNumber(word) { return .number(Int64(signal)) }
        if let errno = Errno(name: word) { return .number(-Int64(errno.rawValue)) }
        guard (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else {
            position = start
            throw LiteralError("no description defines the constant \(word)")
        }
        return .name(word)
    }

    static func number(_ word: String) throws(LiteralError) -> Int64 {
        let lower = word.lowercased()
        let value: UInt64?
        if lower.hasPrefix("0x") {
            value = UInt64(lower.dropFirst(2), radix: 16)
        } else if lower.hasPrefix("0o") {
            value = UInt64(lower.dropFirst(2), radix: 8)
        } else if lower.hasPrefix("0"), lower.count > 1 {
            value = UInt64(lower.dropFirst(), radix: 8)
        } else {
            value = UInt64(lower)
        }
        guard let value else { throw LiteralError("`\(word)` is no number") }
        return Int64(bitPattern: value)
    }

    /// A quoted text with C's escapes.
    private mutating func string() throws(LiteralError) -> [UInt8] {
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
            throw LiteralError("a text is missing")
        }
        position += 1
        var out: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\"") { return out }
            guard byte == UInt8(ascii: "\\"), position < bytes.count else {
                out.append(byte)
                continue
            }
            let escaped = bytes[position]
            position += 1
            switch escaped {
            case UInt8(ascii: "n"): out.append(10)
            case UInt8(ascii: "t"): out.append(9)
            case UInt8(ascii: "r"): out.append(13)
            case UInt8(ascii: "v"): out.append(11)
            case UInt8(ascii: "f"): out.append(12)
            case UInt8(ascii: "x"):
                let digits = String(decoding: bytes[position..<min(position + 2, bytes.count)], as: UTF8.self)
                guard let value = UInt8(digits, radix: 16) else { throw LiteralError("\\x takes two hex digits") }
                out.append(value)
                position += 2
            case UInt8(ascii: "0")...UInt8(ascii: "7"):
                var value = Int(escaped - 48)
                var count = 1
                while count < 3, position < bytes.count, (48...55).contains(bytes[position]) {
                    value = value * 8 + Int(bytes[position] - 48)
                    position += 1
                    count += 1
                }
                out.append(UInt8(truncatingIfNeeded: value))
            default: out.append(escaped)
            }
        }
        throw LiteralError("a text has no end")
    }
}
