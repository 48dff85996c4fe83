// Cuts a description file into tokens; works on bytes, since it runs at every start.

/// A range of a file's bytes. A plain value: thousands of them are made and looked at at every start.
struct Token {
    enum Kind { case word, number, string, punctuation, end }
    var kind: Kind
    /// Follows the previous token without a blank.
    var isGlued: Bool
    /// Where the text begins; a string's without its quotes.
    var start: UInt32
    var count: UInt32
    var line: UInt32
    var number: UInt64
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
    func add(_ kind: Token.Kind, _ start: Int, _ stop: Int, isGlued: Bool, number: UInt64 = 0) {
        tokens.append(
            Token(
                kind: kind,
                isGlued: isGlued,
                start: UInt32(start),
                count: UInt32(stop - start),
                line: UInt32(line),
                number: number
            )
        )
    }
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
            if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
                let digits = UnsafeBufferPointer(rebasing: bytes[start..<position])
                guard let number = cNumber(digits) else {
                    let text = String(decoding: digits, as: UTF8.self)
                    throw DescriptionError(file: file, line: line, message: "'\(text)' is not a number")
                }
                add(.number, start, position, isGlued: start == end, number: number)
            } else {
                add(.word, start, position, isGlued: start == end)
            }
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
            add(.string, start, position, isGlued: false)
            position += 1
            end = position
        default:
            var count = 1
            if position + 1 < bytes.count {
                if byte == UInt8(ascii: "-"), bytes[position + 1] == UInt8(ascii: ">") { count = 2 }
                if byte == UInt8(ascii: "<"), bytes[position + 1] == UInt8(ascii: "<") { count = 2 }
            }
            add(.punctuation, position, position + count, isGlued: position == end)
            position += count
            end = position
        }
    }
    // Several: the parser looks up to two tokens ahead.
    for _ in 0..<3 { add(.end, bytes.count, bytes.count, isGlued: false) }
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

/// `10`, `0x1f`, `017`; suffixes U, L and UL are accepted. nil if it is none, or does not fit 64 bits.
private func cNumber(_ text: UnsafeBufferPointer<UInt8>) -> UInt64? {
    var stop = text.count
    while stop > 1, isSuffix(text[stop - 1]) { stop -= 1 }
    var position = 0
    var radix: UInt64 = 10
    if stop > 1, text[0] == UInt8(ascii: "0") {
        radix = 8
        position = 1
        if text[1] | 0x20 == UInt8(ascii: "x") {
            radix = 16
            position = 2
        }
    }
    guard position < stop else { return nil }
    var value: UInt64 = 0
    while position < stop {
        let byte = text[position]
        let digit: UInt8
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
        default: return nil
        }
        guard UInt64(digit) < radix else { return nil }
        let (product, isLarge) = value.multipliedReportingOverflow(by: radix)
        let (sum, isLarger) = product.addingReportingOverflow(UInt64(digit))
        guard !isLarge, !isLarger else { return nil }
        value = sum
        position += 1
    }
    return value
}

private func isSuffix(_ byte: UInt8) -> Bool { byte | 0x20 == UInt8(ascii: "u") || byte | 0x20 == UInt8(ascii: "l") }
