// Parses description files (docs/abi-descriptions.md) into syntax; constants resolve as they come.

struct Parser {
    let file: String
    /// The file; must stay there while the parser is used.
    private let bytes: UnsafeBufferPointer<UInt8>
    let tokens: [Token]
    var position = 0
    /// Every flag and enum id, over all files.
    let constants: ConstantTable
    var flagSets: [(FlagSet, line: Int)] = []
    var enumerations: [(Enumeration, line: Int)] = []
    var structures: [StructSyntax] = []
    /// Sets of well-known strings.
    var names: [(name: String, strings: [String: Family], line: Int)] = []
    var pathClasses: [PathClass] = []
    var calls: [CallSyntax] = []

    init(
        _ bytes: UnsafeBufferPointer<UInt8>,
        file: String,
        constants: ConstantTable
    ) throws(DescriptionError) {
        self.file = file
        self.bytes = bytes
        self.constants = constants
        tokens = try tokenize(bytes, file: file)
    }

    mutating func parse() throws(DescriptionError) {
        while current.kind != .end {
            if at("sub") {
                try parseSub()
            } else if at("call") {
                try parseCall()
            } else if at("struct") {
                try parseStructure()
            } else if at("flags") {
                try parseFlags()
            } else if at("enum") {
                try parseEnumeration()
            } else if at("names") {
                try parseNames()
            } else if at("path") {
                try parsePathClass()
            } else {
                throw error("'\(text)' does not begin a declaration")
            }
        }
    }

    /// Adds the ids with literal values, wherever they are defined: declarations may refer to ids of later ones.
    func collectLiterals() {
        var isInside = false
        for index in tokens.indices.dropLast(3) {
            let token = tokens[index]
            if !isInside {
                isInside = token.kind == .word && (at("flags", token) || at("enum", token))
            } else if token.kind == .punctuation, at("}", token) {
                isInside = false
            } else if token.kind == .word, at("=", tokens[index + 1]), tokens[index + 2].kind == .number {
                let next = tokens[index + 3]
                if !at("<<", next), !at("|", next) {
                    constants.note(text(of: token), tokens[index + 2].number)
                }
            }
        }
    }

    // MARK: - Tokens

    var current: Token { tokens[position] }
    var line: Int { Int(current.line) }
    /// The current token's text; makes a String: not for comparing.
    var text: String { current.kind == .end ? "end of file" : text(of: current) }

    func text(of token: Token) -> String {
        let start = Int(token.start)
        return String(decoding: bytes[start..<(start + Int(token.count))], as: UTF8.self)
    }

    /// Whether the token `ahead` of the current one reads `literal`.
    func at(_ literal: StaticString, ahead: Int = 0) -> Bool {
        at(literal, tokens[min(position + ahead, tokens.count - 1)])
    }

    func at(_ literal: StaticString, _ token: Token) -> Bool {
        guard Int(token.count) == literal.utf8CodeUnitCount, token.kind != .end, token.kind != .string else {
            return false
        }
        let start = Int(token.start)
        for index in 0..<Int(token.count) where bytes[start + index] != literal.utf8Start[index] { return false }
        return true
    }

    func error(_ message: String) -> DescriptionError {
        DescriptionError(file: file, line: line, message: message)
    }

    mutating func accept(_ literal: StaticString) -> Bool {
        guard at(literal) else { return false }
        position += 1
        return true
    }

    mutating func expect(_ literal: StaticString) throws(DescriptionError) {
        guard accept(literal) else { throw error("expected '\(literal)' instead of '\(text)'") }
    }

    mutating func word() throws(DescriptionError) -> String {
        guard current.kind == .word else { throw error("expected a name instead of '\(text)'") }
        defer { position += 1 }
        return text
    }

    /// A count of bytes or elements: a constant of a size that memory can have.
    mutating func count() throws(DescriptionError) -> Int {
        let value = try constant()
        guard value <= 1 << 20 else { throw error("\(value) is too large a count") }
        return Int(value)
    }

    /// A word that may begin with a digit, as enum ids and variants may (`3DFX`).
    mutating func anyWord() throws(DescriptionError) -> String {
        guard current.kind == .word || current.kind == .number else {
            throw error("expected a name instead of '\(text)'")
        }
        defer { position += 1 }
        return text
    }

    /// A constant expression: numbers and ids joined by `|`, shifted by `<<`, negated by `-` or `~`.
    mutating func constant() throws(DescriptionError) -> UInt64 {
        var value = try constantTerm()
        while accept("|") { value |= try constantTerm() }
        return value
    }

    private mutating func constantTerm() throws(DescriptionError) -> UInt64 {
        if accept("-") { return 0 &- (try constantTerm()) }
        if accept("~") { return ~(try constantTerm()) }
        var value: UInt64
        if accept("(") {
            value = try constant()
            try expect(")")
        } else if current.kind == .number {
            value = current.number
            position += 1
        } else {
            let name = try word()
            guard let known = constants[name] else {
                position -= 1
                throw error("'\(name)' is no known constant")
            }
            value = known
        }
        if accept("<<") { value <<= try constantTerm() }
        return value
    }
}
