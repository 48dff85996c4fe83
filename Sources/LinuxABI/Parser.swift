// Parses description files (docs/abi-descriptions.md) into syntax; constants resolve as they come.

struct Parser {
    let file: String
    /// The file; must stay there while the parser is used.
    private let bytes: UnsafeBufferPointer<UInt8>
    private let tokens: [Token]
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

    // MARK: - Declarations

    private mutating func radix() -> Int {
        if accept("oct") { return 8 }
        if accept("hex") { return 16 }
        if accept("dec") { return 10 }
        return 16
    }

    private mutating func define(_ name: String, _ value: UInt64) throws(DescriptionError) {
        if let earlier = constants.define(name, value) {
            throw error("'\(name)' is \(earlier) elsewhere and \(value) here")
        }
    }

    private mutating func parseFlags() throws(DescriptionError) {
        let line = line
        position += 1
        let name = try word()
        let radix = radix()
        try expect("{")
        var entries: [FlagSet.Entry] = []
        while !accept("}") {
            let entry = try word()
            try expect("=")
            let value = try constant()
            // Defined first: a mask may name its own id (O_ACCMODE=3/O_ACCMODE).
            try define(entry, value)
            let mask = accept("/") ? try constant() : value
            entries.append(FlagSet.Entry(name: entry, value: value, mask: mask, family: try entryFamily()))
            _ = accept(",")
        }
        flagSets.append((FlagSet(name: name, entries: entries, radix: radix), line))
    }

    private mutating func parseEnumeration() throws(DescriptionError) {
        let line = line
        position += 1
        let name = try word()
        let isDecimal = at("dec") || at("{")
        let radix = radix()
        try expect("{")
        var entries: [(name: String, value: UInt64, family: Family?)] = []
        while !accept("}") {
            let entry = try word()
            try expect("=")
            let value = try constant()
            try define(entry, value)
            entries.append((entry, value, try entryFamily()))
            _ = accept(",")
        }
        enumerations.append((Enumeration(name: name, entries: entries, radix: isDecimal ? 10 : radix), line))
    }

    private mutating func parseNames() throws(DescriptionError) {
        let line = line
        position += 1
        let name = try word()
        var strings: [String: Family] = [:]
        try expect("{")
        while !accept("}") {
            var string = text
            guard current.kind != .punctuation, current.kind != .end else { throw error("expected a name") }
            position += 1
            while current.isGlued, at(".") || at("-") {
                string += text
                position += 1
                string += try anyWord()
            }
            strings[string] = try entryFamily() ?? .other
        }
        names.append((name, strings, line))
    }

    private mutating func parsePathClass() throws(DescriptionError) {
        let line = current.line
        position += 1
        var pattern = ""
        while current.kind != .end, current.line == line, !at("family") {
            pattern += text
            position += 1
        }
        try expect("family")
        try expect("=")
        let name = try word()
        guard let family = Family(rawValue: name) else { throw error("'\(name)' is no family") }
        var fallback: Fallback?
        if accept("fallback") {
            try expect("=")
            guard current.kind == .string else { throw error("expected a quoted text instead of '\(text)'") }
            fallback = Fallback(text)
            position += 1
        }
        pathClasses.append(PathClass(pattern: pattern, family: family, fallback: fallback))
    }

    /// `path` is an attribute (`path=ARG`) as well as a declaration.
    private var beginsDeclaration: Bool {
        (at("call") || at("sub") || at("struct") || at("flags") || at("enum") || at("names") || at("path"))
            && !at("=", ahead: 1)
    }

    /// `@namespaces` after an id.
    private mutating func entryFamily() throws(DescriptionError) -> Family? {
        guard accept("@") else { return nil }
        let name = try word()
        guard let family = Family(rawValue: name) else { throw error("'\(name)' is no family") }
        return family
    }

    private mutating func parseStructure() throws(DescriptionError) {
        let line = line
        position += 1
        var structure = StructSyntax(
            name: try word(),
            size: nil,
            isPacked: false,
            cName: "",
            fields: [],
            file: file,
            line: line
        )
        while !at("{") {
            if accept("size") {
                structure.size = try count()
            } else if accept("packed") {
                structure.isPacked = true
            } else if at("c") {
                structure.cName = try cName()
            } else {
                throw error("'\(text)' is no struct attribute")
            }
        }
        try expect("{")
        while !accept("}") {
            structure.fields.append(try field())
            _ = accept(",")
            _ = accept(";")
        }
        structures.append(structure)
    }

    private mutating func field() throws(DescriptionError) -> FieldSyntax {
        let line = line
        let name = try word()
        let cName = at("c") && at("=", ahead: 1) ? try self.cName() : nil
        var selector: (UInt64, UInt64)?
        if accept("&") {
            let mask = try constant()
            try expect("=")
            selector = (mask, try constant())
        } else if accept("=") {
            selector = (UInt64.max, try constant())
        }
        return FieldSyntax(name: name, type: try type(), selector: selector, cName: cName, line: line)
    }

    /// `c="struct stat"`.
    private mutating func cName() throws(DescriptionError) -> String {
        position += 1
        try expect("=")
        guard current.kind == .string else { throw error("expected a quoted C name instead of '\(text)'") }
        defer { position += 1 }
        return text
    }

    private mutating func number() throws(DescriptionError) -> Int? {
        if accept("-") { return nil }
        guard current.kind == .number else { throw error("expected a call number instead of '\(text)'") }
        defer { position += 1 }
        // Call numbers are decimal, never octal.
        guard let number = Int(text), number < 4096 else { throw error("'\(text)' is no call number") }
        return number
    }

    private mutating func parseCall() throws(DescriptionError) {
        let line = line
        position += 1
        let x86 = try number()
        try expect("/")
        let arm64 = try number()
        try finishCall(name: try word(), variant: "", x86: x86, arm64: arm64, line: line)
    }

    private mutating func parseSub() throws(DescriptionError) {
        let line = line
        position += 1
        let name = try word()
        try expect("$")
        try finishCall(name: name, variant: try anyWord(), x86: nil, arm64: nil, line: line)
    }

    private mutating func finishCall(
        name: String,
        variant: String,
        x86: Int?,
        arm64: Int?,
        line: Int
    ) throws(DescriptionError) {
        let call = CallSyntax(name: name, variant: variant, x86: x86, arm64: arm64, file: file, line: line)
        try expect("(")
        while !accept(")") {
            call.arguments.append(try field())
            _ = accept(",")
        }
        if accept("->") {
            call.result = try type()
        }
        while current.kind == .word, !beginsDeclaration {
            call.attributes.append(try attribute())
            if call.attributes.last?.name == "changes" { call.changesWhen = try condition() }
        }
        calls.append(call)
    }

    private mutating func attribute() throws(DescriptionError) -> (name: String, values: [String]) {
        let name = try word()
        var values: [String] = []
        if accept("=") {
            repeat {
                if current.kind == .string {
                    values.append(text)
                    position += 1
                    continue
                }
                var value = try anyWord()
                while current.isGlued, at(".") || at("+") {
                    value += text
                    position += 1
                    value += try anyWord()
                }
                values.append(value)
            } while accept(",")
        }
        return (name, values)
    }

    // MARK: - Types

    mutating func type() throws(DescriptionError) -> TypeSyntax {
        let line = line
        var syntax = TypeSyntax(head: try word(), line: line)
        switch syntax.head {
        case "in", "out", "inout":
            // What follows the pointee's type belongs to the pointer: when it is followed, how what is there compares.
            var target = try type()
            (syntax.isAlways, syntax.isOnlyOfFailure) = (target.isAlways, target.isOnlyOfFailure)
            syntax.condition = target.condition
            target.condition = nil
            // A scalar of a name space keeps it: the pointee's own type knows which.
            if target.rule != "renamed" { syntax.rule = target.rule }
            syntax.target = [target]
            return syntax
        case "struct":
            syntax.parameters = [.name(try word(), scale: 1)]
            if accept("[") {
                syntax.parameters.append(try expression())
                try expect("]")
            }
        default:
            if at("[") {
                position += 1
                while !accept("]") {
                    syntax.parameters.append(try expression())
                    _ = accept(",")
                }
            }
            if at(":"), current.isGlued {
                position += 1
                syntax.suffix = try word()
            }
        }
        syntax.creates = accept("+")
        while accept("@") {
            let rule = try word()
            switch rule {
            case "always": syntax.isAlways = true
            case "failed": (syntax.isAlways, syntax.isOnlyOfFailure) = (true, true)
            default: syntax.rule = rule
            }
        }
        syntax.condition = try condition()
        return syntax
    }

    private mutating func condition() throws(DescriptionError) -> (name: String, mask: UInt64)? {
        guard accept("when") else { return nil }
        let name = try word()
        try expect("&")
        return (name, try constant())
    }

    private mutating func expression() throws(DescriptionError) -> Expression {
        if accept("*") {
            return .pointee(try word(), scale: try scale())
        }
        if current.kind == .number {
            return .number(UInt64(try count()))
        }
        if at("min") {
            position += 1
            try expect("(")
            let left = try expression()
            _ = accept(",")
            let right = try expression()
            try expect(")")
            let minimum = Expression.minimum(left, right)
            return accept("+") ? .sum(minimum, try count()) : minimum
        }
        let isCreating = at("+", ahead: 1) && tokens[min(position + 2, tokens.count - 1)].kind != .number
        if at("struct") || at("[", ahead: 1) || at(":", ahead: 1) || at("@", ahead: 1) || isCreating || at("in")
            || at("out") || at("inout")
        {
            return .type(try type())
        }
        let name = try word()
        let scaled = Expression.name(name, scale: try scale())
        return accept("+") ? .sum(scaled, try count()) : scaled
    }

    private mutating func scale() throws(DescriptionError) -> Int {
        guard accept("*") else { return 1 }
        return try count()
    }
}
