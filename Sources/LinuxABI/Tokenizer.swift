// Cuts a description file into tokens; works on bytes, since it runs at every start.

struct Token {
    enum Kind { case word, number, string, punctuation, end }
    var kind: Kind
    /// Word text, or the punctuation (`->`, `{`, …).
    var text: String
    var number: UInt64
    var line: Int
    /// Follows the previous token without a blank.
    var isGlued: Bool
}

/// A broken description: names file and line.
public struct DescriptionError: Error, Hashable, Sendable, CustomStringConvertible {
    public var file: String
    public var line: Int
    public var message: String
    public var description: String { "\(file):\(line): \(message)" }
}

func tokenize(_ bytes: UnsafeBufferPointer<UInt8>, file: String) throws(DescriptionError) -> [Token] {
    var tokens: [Token] = []
    tokens.reserveCapacity(bytes.count / 3)
    var position = 0
    var line = 1
    var end = -1
    while position < bytes.count {
        let byte = bytes[position]
        switch byte {
        case UInt8(ascii: "\n"):
            line += 1
            position += 1
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"):
            position += 1
        case UInt8(ascii: "#"):
            while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { position += 1 }
        case _ where isWord(byte):
            let start = position
            while position < bytes.count, isWord(bytes[position]) { position += 1 }
            let text = String(decoding: bytes[start..<position], as: UTF8.self)
            var token = Token(kind: .word, text: text, number: 0, line: line, isGlued: start == end)
            if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
                guard let number = cNumber(text) else {
                    throw DescriptionError(file: file, line: line, message: "'\(text)' is not a number")
                }
                token.kind = .number
                token.number = number
            }
            tokens.append(token)
            end = position
        case UInt8(ascii: "\""):
            let start = position + 1
            position = start
            while position < bytes.count, bytes[position] != UInt8(ascii: "\""), bytes[position] != UInt8(ascii: "\n") {
                position += 1
            }
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
                throw DescriptionError(file: file, line: line, message: "a string without an end")
            }
            let text = String(decoding: bytes[start..<position], as: UTF8.self)
            position += 1
            tokens.append(Token(kind: .string, text: text, number: 0, line: line, isGlued: false))
            end = position
        default:
            var text = String(UnicodeScalar(byte))
            if position + 1 < bytes.count {
                if byte == UInt8(ascii: "-"), bytes[position + 1] == UInt8(ascii: ">") { text = "->" }
                if byte == UInt8(ascii: "<"), bytes[position + 1] == UInt8(ascii: "<") { text = "<<" }
            }
            tokens.append(Token(kind: .punctuation, text: text, number: 0, line: line, isGlued: position == end))
            position += text.utf8.count
            end = position
        }
    }
    tokens.append(Token(kind: .end, text: "end of file", number: 0, line: line, isGlued: false))
    return tokens
}

private func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
        true
    default: false
    }
}

/// `10`, `0x1f`, `017`; suffixes U, L and UL are accepted.
private func cNumber(_ text: String) -> UInt64? {
    var digits = Substring(text)
    let isHex = digits.hasPrefix("0x") || digits.hasPrefix("0X")
    while let last = digits.last, "uUlL".contains(last) { digits = digits.dropLast() }
    if isHex { return UInt64(digits.dropFirst(2), radix: 16) }
    if digits.count > 1, digits.hasPrefix("0") { return UInt64(digits.dropFirst(1), radix: 8) }
    return UInt64(digits)
}
