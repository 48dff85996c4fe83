// Turns parsed syntax into descriptions: resolves names of types, fields and constants.

struct Resolver {
    var flagSets: [String: FlagSet] = [:]
    var enumerations: [String: Enumeration] = [:]
    /// Well-known strings by set and text.
    private(set) var names: [String: [String: Family]] = [:]
    private var pending: [String: StructSyntax] = [:]
    private(set) var structures: [String: StructDescription] = [:]
    private var resolving: Set<String> = []

    init(_ parsers: [Parser]) throws(DescriptionError) {
        for parser in parsers {
            func add<Declared>(
                _ kind: String,
                _ declared: Declared,
                _ name: String,
                _ line: Int,
                to all: inout [String: Declared]
            )
                throws(DescriptionError)
            {
                guard all.updateValue(declared, forKey: name) == nil else {
                    throw DescriptionError(file: parser.file, line: line, message: "\(kind) \(name) is there twice")
                }
            }
            for (set, line) in parser.flagSets { try add("flags", set, set.name, line, to: &flagSets) }
            for (list, line) in parser.enumerations { try add("enum", list, list.name, line, to: &enumerations) }
            for (name, strings, line) in parser.names { try add("names", strings, name, line, to: &names) }
            for structure in parser.structures {
                guard pending.updateValue(structure, forKey: structure.name) == nil else {
                    throw DescriptionError(
                        file: structure.file,
                        line: structure.line,
                        message: "struct \(structure.name) is there twice"
                    )
                }
            }
        }
        for structure in pending.values.sorted(by: { $0.name < $1.name }) {
            _ = try resolve(structure: structure.name, file: structure.file, line: structure.line)
        }
    }

    // MARK: - Structures

    private mutating func resolve(structure name: String, file: String, line: Int) throws(DescriptionError)
        -> StructDescription
    {
        if let known = structures[name] { return known }
        guard let syntax = pending[name] else {
            throw DescriptionError(file: file, line: line, message: "struct \(name) is not described")
        }
        guard resolving.insert(name).inserted else {
            throw DescriptionError(file: syntax.file, line: syntax.line, message: "struct \(name) contains itself")
        }
        let names = syntax.fields.map(\.name)
        try Resolver.refuseTwins(syntax.fields, file: syntax.file)
        var fields: [(String, ABIType, Rule?, String?, PointerCondition?)] = []
        for field in syntax.fields {
            let type = try resolve(field.type, names: names, file: syntax.file)
            var rule = try rule(field.type, file: syntax.file)
            // A scalar has taken its rule in, with its own name space.
            if case .scalar = type { rule = nil }
            fields.append(
                (
                    field.name, type, rule, field.cName,
                    try condition(field.type, names: names, file: syntax.file)
                )
            )
        }
        let structure = StructDescription(
            name: name,
            cName: syntax.cName,
            fields: fields,
            declaredSize: syntax.size,
            isPacked: syntax.isPacked
        )
        if let size = syntax.size, size < structure.size || size % structure.alignment != 0 {
            throw DescriptionError(
                file: syntax.file,
                line: syntax.line,
                message: "struct \(name) cannot have size \(size): its fields need \(structure.size) bytes,"
                    + " aligned to \(structure.alignment)"
            )
        }
        structures[name] = structure
        return structure
    }

    /// Lengths and conditions refer to fields and arguments by name.
    private static func refuseTwins(_ fields: [FieldSyntax], file: String) throws(DescriptionError) {
        for (index, field) in fields.enumerated() where fields[..<index].contains(where: { $0.name == field.name }) {
            throw DescriptionError(file: file, line: field.line, message: "'\(field.name)' is there twice")
        }
    }

    // MARK: - Calls

    /// Resolves a call, or a `sub` which inherits what it does not say itself from its `call`.
    mutating func resolve(_ call: CallSyntax, inheriting parent: CallSyntax? = nil) throws(DescriptionError) -> Variant
    {
        let names = call.arguments.map(\.name)
        guard names.count <= 6 else { throw fail(call, "more than six arguments") }
        try Resolver.refuseTwins(call.arguments, file: call.file)
        var arguments: [Argument] = []
        for argument in call.arguments {
            let type = try resolve(argument.type, names: names, file: call.file)
            arguments.append(
                Argument(
                    name: argument.name,
                    type: type,
                    selector: argument.selector.map { Argument.Selector(mask: $0.mask, value: $0.value) },
                    isAlways: argument.type.isAlways,
                    isOnlyOfFailure: argument.type.isOnlyOfFailure,
                    creates: argument.type.createsAnywhere,
                    condition: try condition(argument.type, names: names, file: call.file)
                )
            )
        }
        func attribute(_ name: String) -> [String]? { call.attribute(name) ?? parent?.attribute(name) }
        var families: [Family] = []
        for name in attribute("family") ?? [] {
            guard let family = Family(rawValue: name) else { throw fail(call, "'\(name)' is no family") }
            families.append(family)
        }
        func index(_ name: String) throws(DescriptionError) -> Int {
            guard let index = names.firstIndex(of: name) else { throw fail(call, "no argument is named '\(name)'") }
            return index
        }
        var cells: [[Int]] = []
        // A sub's cell is call(VARIANT) unless it says otherwise.
        for selector in call.attribute("cell") ?? [] {
            var joint: [Int] = []
            for name in selector.split(separator: "+") { joint.append(try index(String(name))) }
            cells.append(joint)
        }
        var destroys: [Int] = []
        for name in attribute("destroys")?.filter({ parent == nil || names.contains($0) }) ?? [] {
            destroys.append(try index(name))
        }
        var path = arguments.firstIndex {
            if case .pointer(_, .cstring(isPath: true, _), _) = $0.type { true } else { false }
        }
        if let name = attribute("path")?.first, parent == nil || names.contains(name) { path = try index(name) }
        let known: Set = [
            "family", "cell", "path", "destroys", "task", "exec", "blocks", "opaque", "since", "fallback", "required",
            "changes", "supervised", "code",
        ]
        for (index, attribute) in call.attributes.enumerated()
        where call.attributes[..<index].contains(where: { $0.name == attribute.name }) {
            throw fail(call, "'\(attribute.name)' is there twice")
        }
        if let unknown = call.attributes.first(where: { !known.contains($0.name) }) {
            throw fail(call, "'\(unknown.name)' is no attribute")
        }
        return Variant(
            callName: call.name,
            name: call.variant,
            arguments: arguments,
            result: try result(call),
            families: families.isEmpty ? [.other] : families,
            destroys: destroys,
            createsTask: attribute("task") != nil,
            isExec: attribute("exec") != nil,
            blocking: try blocking(call, attribute("blocks")),
            isOpaque: attribute("opaque") != nil,
            since: attribute("since")?.first ?? "",
            fallback: attribute("fallback")?.first.map { Fallback($0) },
            requirement: attribute("required")?.first,
            cellSelectors: cells,
            namesOwnCell: call.attribute("cell") == nil && !call.variant.isEmpty,
            pathArgument: path,
            changesPaths: try pathChange(call, inheriting: parent),
            isSupervised: attribute("supervised") != nil,
            codeEffect: try codeEffect(call, attribute("code")?.first)
        )
    }

    private func blocking(_ call: CallSyntax, _ words: [String]?) throws(DescriptionError) -> Blocking {
        guard let words else { return .never }
        guard let word = words.first else { return .other }
        guard let blocking = Blocking(rawValue: word), blocking != .never, blocking != .other else {
            throw fail(call, "'\(word)' is nothing that calls wait for: data, readiness or child")
        }
        return blocking
    }

    private func codeEffect(_ call: CallSyntax, _ word: String?) throws(DescriptionError) -> CodeEffect {
        guard let word else { return .none }
        guard let effect = CodeEffect(rawValue: word), effect != .none else {
            throw fail(call, "'\(word)' is no effect on code: maps, changes, protects or moves")
        }
        return effect
    }

    private func pathChange(
        _ call: CallSyntax,
        inheriting parent: CallSyntax?
    ) throws(DescriptionError) -> PathChange {
        guard let owner = call.attribute("changes") == nil ? parent : call, owner.attribute("changes") != nil else {
            return .never
        }
        guard let (name, mask) = owner.changesWhen else { return .always }
        guard let index = call.arguments.firstIndex(where: { $0.name == name }) else {
            throw fail(call, "no argument is named '\(name)'")
        }
        return .whenFlags(argument: index, mask: mask)
    }

    private mutating func result(_ call: CallSyntax) throws(DescriptionError) -> ResultType {
        guard let syntax = call.result else { return ResultType(kind: .status, rule: .exact, creates: false) }
        let override = try rule(syntax, file: call.file)
        switch syntax.head {
        case "status": return ResultType(kind: .status, rule: override ?? .exact, creates: call.creates)
        case "size" where syntax.parameters.isEmpty:
            return ResultType(kind: .size, rule: override ?? .exact, creates: call.creates)
        case "never": return ResultType(kind: .never, rule: .ignored, creates: false)
        default:
            guard case .scalar(let scalar) = try resolve(syntax, names: [], file: call.file) else {
                throw fail(call, "'\(syntax.head)' is no result type")
            }
            return ResultType(kind: .value(scalar), rule: override ?? scalar.rule, creates: call.creates)
        }
    }

    private func fail(_ call: CallSyntax, _ message: String) -> DescriptionError { call.error(message) }

    // MARK: - Types

    private func condition(
        _ syntax: TypeSyntax,
        names: [String],
        file: String
    ) throws(DescriptionError) -> PointerCondition? {
        guard let condition = syntax.condition else { return nil }
        guard let index = names.firstIndex(of: condition.name) else {
            throw DescriptionError(
                file: file,
                line: syntax.line,
                message: "no argument or field is named '\(condition.name)'"
            )
        }
        return PointerCondition(index: index, mask: condition.mask)
    }

    private func rule(_ syntax: TypeSyntax, file: String) throws(DescriptionError) -> Rule? {
        switch syntax.rule {
        case "": return nil
        case "exact": return .exact
        case "ordered": return .ordered
        case "related": return .related
        case "set": return .set
        case "atmost": return .atMost
        case "class": return .class
        case "ignored": return .ignored
        case "renamed": return .renamed(.address)
        default:
            throw DescriptionError(file: file, line: syntax.line, message: "'@\(syntax.rule)' is no rule")
        }
    }

    mutating func resolve(_ syntax: TypeSyntax, names: [String], file: String) throws(DescriptionError) -> ABIType {
        func fail(_ message: String) -> DescriptionError {
            DescriptionError(file: file, line: syntax.line, message: message)
        }
        let override = try rule(syntax, file: file)
        switch syntax.head {
        case "in", "out", "inout":
            let direction: Direction = syntax.head == "in" ? .input : syntax.head == "out" ? .output : .both
            guard let target = syntax.target.first else { throw fail("a pointer to nothing") }
            return .pointer(direction, try pointee(target, names: names, file: file), override)
        case "ptr": return .rawPointer
        case "struct":
            guard case .name(let name, _)? = syntax.parameters.first else { throw fail("struct without a name") }
            return .structure(try resolve(structure: name, file: file, line: syntax.line))
        case "sigset":
            guard case .number(let count)? = syntax.parameters.first else { throw fail("sigset needs a size here") }
            return .signalSet(Int(count))
        case "bytes", "string", "pad":
            guard case .number(let count)? = syntax.parameters.first else { throw fail("\(syntax.head) needs a size") }
            switch syntax.head {
            case "bytes": return .bytes(Int(count), override ?? .exact)
            case "string": return .string(Int(count), override ?? .exact)
            default: return .pad(Int(count))
            }
        case "array":
            guard syntax.parameters.count == 2, case .number(let count) = syntax.parameters[1] else {
                throw fail("array needs a type and a number here")
            }
            return .array(
                try elementType(syntax.parameters[0], names: names, file: file, line: syntax.line),
                Int(count)
            )
        default:
            guard var scalar = try scalar(syntax, file: file) else { throw fail("'\(syntax.head)' is no type") }
            if let override, case .renamed = override, case .renamed = scalar.rule { return .scalar(scalar) }
            scalar.rule = override ?? scalar.rule
            return .scalar(scalar)
        }
    }

    private mutating func elementType(
        _ expression: Expression,
        names: [String],
        file: String,
        line: Int
    ) throws(DescriptionError) -> ABIType {
        switch expression {
        case .type(let type): return try resolve(type, names: names, file: file)
        case .name(let name, _): return try resolve(TypeSyntax(head: name, line: line), names: names, file: file)
        default: throw DescriptionError(file: file, line: line, message: "an element type is missing")
        }
    }

    private mutating func pointee(
        _ syntax: TypeSyntax,
        names: [String],
        file: String
    ) throws(DescriptionError) -> Pointee {
        func length(_ position: Int) throws(DescriptionError) -> Length {
            guard syntax.parameters.count > position else {
                throw DescriptionError(file: file, line: syntax.line, message: "\(syntax.head) needs a length")
            }
            return try self.length(syntax.parameters[position], names: names, file: file, line: syntax.line)
        }
        switch syntax.head {
        case "path": return .cstring(isPath: true, names: "")
        case "cstring":
            switch syntax.parameters.first {
            case nil: return .cstring(isPath: false, names: "")
            case .name(let name, _)? where name != "ret" && !names.contains(name):
                guard self.names[name] != nil else {
                    throw DescriptionError(file: file, line: syntax.line, message: "names \(name) are not described")
                }
                return .cstring(isPath: false, names: name)
            case _?: return .text(try length(0))
            }
        case "buf": return .buffer(try length(0))
        case "iovec": return .iovec(try length(0))
        case "msghdr": return .msghdr
        case "mmsghdr": return .mmsghdr(try length(0))
        case "sockaddr": return .sockaddr(try length(0))
        case "strings": return .strings
        case "dirents64": return .dirents(try length(0), is64: true)
        case "dirents": return .dirents(try length(0), is64: false)
        case "fdset": return .fdset(try length(0))
        case "sigset": return .sigset(try length(0))
        case "struct" where syntax.parameters.count == 2:
            guard case .name(let name, _)? = syntax.parameters.first else {
                throw DescriptionError(file: file, line: syntax.line, message: "struct without a name")
            }
            return .sized(try resolve(structure: name, file: file, line: syntax.line), try length(1))
        case "array":
            guard let element = syntax.parameters.first else {
                throw DescriptionError(file: file, line: syntax.line, message: "array needs an element type")
            }
            return .array(try elementType(element, names: names, file: file, line: syntax.line), try length(1))
        default: return .value(try resolve(syntax, names: names, file: file))
        }
    }

    private func length(
        _ expression: Expression,
        names: [String],
        file: String,
        line: Int
    ) throws(DescriptionError) -> Length {
        func index(_ name: String) throws(DescriptionError) -> Int {
            guard let index = names.firstIndex(of: name) else {
                throw DescriptionError(file: file, line: line, message: "no argument or field is named '\(name)'")
            }
            return index
        }
        switch expression {
        case .number(let number): return .fixed(Int(number))
        case .name("ret", let scale): return .result(scale: scale)
        case .name(let name, let scale): return .field(try index(name), scale: scale)
        case .pointee(let name, let scale): return .pointee(try index(name), scale: scale)
        case .minimum(let left, let right):
            return .minimum(
                try length(left, names: names, file: file, line: line),
                try length(right, names: names, file: file, line: line)
            )
        case .sum(let base, let extra):
            return .sum(try length(base, names: names, file: file, line: line), extra)
        case .type: throw DescriptionError(file: file, line: line, message: "a type where a length belongs")
        }
    }
}
