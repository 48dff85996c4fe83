// Parses description files (docs/abi-descriptions.md) into syntax; constants resolve as they come.

struct Parser {
    let file: String
    var tokens: [Token]
    var position = 0
    /// Every flag and enum id seen so far, over all files.
    var constants: [String: UInt64] = [:]
    /// The ids whose definition has been parsed.
    var defined: [String: UInt64] = [:]
    var flagSets: [FlagSet] = []
    var enumerations: [Enumeration] = []
    var structures: [StructSyntax] = []
    /// Well-known strings by set and text.
    var names: [String: [String: Family]] = [:]
    var pathClasses: [PathClass] = []
    var calls: [CallSyntax] = []

    init(_ bytes: UnsafeBufferPointer<UInt8>, file: String) throws(DescriptionError) {
        self.file = file
        tokens = try tokenize(bytes, file: file)
    }

    mutating func parse() throws(DescriptionError) {
        while current.kind != .end {
            switch current.text {
            case "flags": try parseFlags()
            case "enum": try parseEnumeration()
            case "struct": try parseStructure()
            case "names": try parseNames()
            case "path": try parsePathClass()
            case "call": try parseCall()
            case "sub": try parseSub()
            default: throw error("'\(current.text)' does not begin a declaration")
            }
        }
    }

    /// Ids with literal values, wherever they are defined: declarations may refer to ids of later ones.
    func literals() -> [(String, UInt64)] {
        var found: [(String, UInt64)] = []
        var inside = false
        for index in tokens.indices.dropLast(2) {
            let token = tokens[index]
            if token.kind == .word, token.text == "flags" || token.text == "enum", !inside { inside = true }
            if token.text == "}" { inside = false }
            guard inside, token.kind == .word, tokens[index + 1].text == "=" else { continue }
            if tokens[index + 2].kind == .number, index + 3 >= tokens.count || tokens[index + 3].text != "<<" {
                found.append((token.text, tokens[index + 2].number))
            }
        }
        return found
    }

    // MARK: - Tokens

    var current: Token { tokens[position] }

    func error(_ message: String) -> DescriptionError {
        DescriptionError(file: file, line: current.line, message: message)
    }

    mutating func accept(_ text: String) -> Bool {
        guard current.kind != .end, current.text == text else { return false }
        position += 1
        return true
    }

    mutating func expect(_ text: String) throws(DescriptionError) {
        guard accept(text) else { throw error("expected '\(text)' instead of '\(current.text)'") }
    }

    mutating func word() throws(DescriptionError) -> String {
        guard current.kind == .word else { throw error("expected a name instead of '\(current.text)'") }
        defer { position += 1 }
        return current.text
    }

    /// A word that may begin with a digit, as enum ids and variants may (`3DFX`).
    mutating func anyWord() throws(DescriptionError) -> String {
        guard current.kind == .word || current.kind == .number else {
            throw error("expected a name instead of '\(current.text)'")
        }
        defer { position += 1 }
        return current.text
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
        constants[name] = value
        if let earlier = defined.updateValue(value, forKey: name), earlier != value {
            throw error("'\(name)' is \(earlier) elsewhere and \(value) here")
        }
    }

    private mutating func parseFlags() throws(DescriptionError) {
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
        flagSets.append(FlagSet(name: name, entries: entries, radix: radix))
    }

    private mutating func parseEnumeration() throws(DescriptionError) {
        position += 1
        let name = try word()
        let isDecimal = current.text == "dec" || current.text == "{"
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
        enumerations.append(Enumeration(name: name, entries: entries, radix: isDecimal ? 10 : radix))
    }

    private mutating func parseNames() throws(DescriptionError) {
        position += 1
        let name = try word()
        try expect("{")
        while !accept("}") {
            var string = current.text
            guard current.kind != .punctuation, current.kind != .end else { throw error("expected a name") }
            position += 1
            while current.isGlued, current.text == "." || current.text == "-" {
                string += current.text
                position += 1
                string += try anyWord()
            }
            names[name, default: [:]][string] = try entryFamily() ?? .other
        }
    }

    private mutating func parsePathClass() throws(DescriptionError) {
        let line = current.line
        position += 1
        var pattern = ""
        while current.line == line, current.text != "family" {
            pattern += current.text
            position += 1
        }
        try expect("family")
        try expect("=")
        let name = try word()
        guard let family = Family(rawValue: name) else { throw error("'\(name)' is no family") }
        pathClasses.append(PathClass(pattern: pattern, family: family))
    }

    /// `path` is an attribute (`path=ARG`) as well as a declaration.
    private var beginsDeclaration: Bool {
        ["flags", "enum", "struct", "call", "sub", "names", "path"].contains(current.text)
            && tokens[position + 1].text != "="
    }

    /// `@namespaces` after an id.
    private mutating func entryFamily() throws(DescriptionError) -> Family? {
        guard accept("@") else { return nil }
        let name = try word()
        guard let family = Family(rawValue: name) else { throw error("'\(name)' is no family") }
        return family
    }

    private mutating func parseStructure() throws(DescriptionError) {
        let line = current.line
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
        while current.text != "{" {
            switch current.text {
            case "size":
                position += 1
                structure.size = Int(try constant())
            case "packed":
                position += 1
                structure.isPacked = true
            case "c":
                structure.cName = try cName()
            default: throw error("'\(current.text)' is no struct attribute")
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
        let line = current.line
        let name = try word()
        let cName = current.text == "c" && tokens[position + 1].text == "=" ? try self.cName() : nil
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
        guard current.kind == .string else { throw error("expected a quoted C name instead of '\(current.text)'") }
        defer { position += 1 }
        return current.text
    }

    private mutating func number() throws(DescriptionError) -> Int? {
        if accept("-") { return nil }
        guard current.kind == .number else { throw error("expected a call number instead of '\(current.text)'") }
        defer { position += 1 }
        // Call numbers are decimal, never octal.
        return Int(current.text)
    }

    private mutating func parseCall() throws(DescriptionError) {
        let line = current.line
        position += 1
        let x86 = try number()
        try expect("/")
        let arm64 = try number()
        try finishCall(name: try word(), variant: "", x86: x86, arm64: arm64, line: line)
    }

    private mutating func parseSub() throws(DescriptionError) {
        let line = current.line
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
        var call = CallSyntax(
            name: name,
            variant: variant,
            x86: x86,
            arm64: arm64,
            arguments: [],
            result: nil,
            creates: false,
            attributes: [],
            file: file,
            line: line
        )
        try expect("(")
        while !accept(")") {
            call.arguments.append(try field())
            _ = accept(",")
        }
        if accept("->") {
            call.result = try type()
            call.creates = call.result?.creates ?? false
        }
        while current.kind == .word, !beginsDeclaration {
            call.attributes.append(try attribute())
        }
        calls.append(call)
    }

    private mutating func attribute() throws(DescriptionError) -> (name: String, values: [String]) {
        let name = try word()
        var values: [String] = []
        if accept("=") {
            repeat {
                var value = try anyWord()
                while current.isGlued, current.text == "." || current.text == "+" {
                    value += current.text
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
        let line = current.line
        var syntax = TypeSyntax(head: try word(), line: line)
        switch syntax.head {
        case "in", "out", "inout":
            syntax.target = [try type()]
        case "struct":
            syntax.parameters = [.name(try word(), scale: 1)]
            if accept("[") {
                syntax.parameters.append(try expression())
                try expect("]")
            }
        default:
            if current.text == "[" {
                position += 1
                while !accept("]") {
                    syntax.parameters.append(try expression())
                    _ = accept(",")
                }
            }
            if current.text == ":", current.isGlued {
                position += 1
                syntax.suffix = try word()
            }
        }
        syntax.creates = accept("+")
        while accept("@") {
            let rule = try word()
            if rule == "always" { syntax.isAlways = true } else { syntax.rule = rule }
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
            return .number(try constant())
        }
        if current.text == "min" {
            position += 1
            try expect("(")
            let left = try expression()
            _ = accept(",")
            let right = try expression()
            try expect(")")
            let minimum = Expression.minimum(left, right)
            return accept("+") ? .sum(minimum, Int(try constant())) : minimum
        }
        let next = tokens[position + 1].text
        if current.text == "struct" || next == "[" || next == ":" || next == "@"
            || next == "+" && tokens[position + 2].kind != .number || ["in", "out", "inout"].contains(current.text)
        {
            return .type(try type())
        }
        let name = try word()
        let scaled = Expression.name(name, scale: try scale())
        return accept("+") ? .sum(scaled, Int(try constant())) : scaled
    }

    private mutating func scale() throws(DescriptionError) -> Int {
        guard accept("*") else { return 1 }
        return Int(try constant())
    }
}
