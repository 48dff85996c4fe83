// What a type of the language comes to: sizes, directions, rules.

extension Resolver {
    func condition(
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

    func rule(_ syntax: TypeSyntax, file: String) throws(DescriptionError) -> Rule? {
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
