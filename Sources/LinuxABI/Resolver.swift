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

    mutating func resolve(structure name: String, file: String, line: Int) throws(DescriptionError)
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
}
