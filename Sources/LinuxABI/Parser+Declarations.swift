// Declarations of the description language: flags, enumerations, structures, calls and their sub-commands.

extension Parser {
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

    mutating func parseFlags() throws(DescriptionError) {
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

    mutating func parseEnumeration() throws(DescriptionError) {
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

    mutating func parseNames() throws(DescriptionError) {
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

    mutating func parsePathClass() throws(DescriptionError) {
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

    mutating func parseStructure() throws(DescriptionError) {
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

    mutating func parseCall() throws(DescriptionError) {
        let line = line
        position += 1
        let x86 = try number()
        try expect("/")
        let arm64 = try number()
        try finishCall(name: try word(), variant: "", x86: x86, arm64: arm64, line: line)
    }

    mutating func parseSub() throws(DescriptionError) {
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
}
