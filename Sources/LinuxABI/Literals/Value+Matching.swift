// Whether decoded memory is what a literal says.

extension Value {
    /// Nil if the value fits; otherwise what does not, in one line.
    ///
    /// Names that are not bound yet are bound to the numbers that stand in their place.
    public func mismatch(_ literal: Literal, _ names: inout Literal.Names) -> String? {
        do throws(LiteralError) {
            return try compare(try literal.evaluated(names), &names)
        } catch {
            return error.description
        }
    }

    private func compare(_ literal: Literal, _ names: inout Literal.Names) throws(LiteralError) -> String? {
        switch (literal, self) {
        case (.any, _): return nil
        case (.not(let inner), _):
            var unused = names
            return mismatch(inner, &unused) == nil ? "it is \(shown)" : nil
        case (.placed(let inner, _), _), (.sized(let inner, _), _): return mismatch(inner, &names)
        case (.change(_, let output), _): return mismatch(output, &names)
        case (_, .pointer(let address, let target)):
            if case .name(let name) = literal {
                names[name] = Int64(bitPattern: address)
                return nil
            }
            if case .number(let number) = literal, target == nil || number == 0 {
                return UInt64(bitPattern: number) == address ? nil : "it is \(shown)"
            }
            return target.map { $0.mismatch(literal, &names) } ?? "it is \(shown)"
        case (.name(let name), .scalar(let value, _, _)):
            names[name] = value
            return nil
        case (.number(let number), .scalar(let value, _, _)):
            return number == value || Self.same32(number, value) ? nil : "it is \(shown)"
        // Room in a vector, whatever came into it.
        case (.number, .bytes): return nil
        case (.above(let inner), .scalar(let value, _, _)):
            guard let bound = try inner.number(names) else { throw LiteralError("> compares with a number") }
            return value > bound ? nil : "it is \(shown)"
        case (.list(let members, _), .scalar) where members.count == 1: return mismatch(members[0], &names)
        case (.text(let text), .string(let bytes, _)): return text == bytes ? nil : "it is \(shown)"
        case (.text(let text), .bytes(let bytes, _, _)): return text == bytes ? nil : "it is \(shown)"
        case (.containing(let part), .string(let bytes, _)), (.containing(let part), .bytes(let bytes, _, _)):
            let text = String(decoding: bytes, as: UTF8.self)
            return text.contains(String(decoding: part, as: UTF8.self)) ? nil : "it is \(shown)"
        case (.packed, .bytes(let bytes, _, _)):
            let wanted = try CallEncoder(base: 0).bytes(literal, names)
            return bytes.starts(with: wanted) ? nil : "it is \(shown)"
        case (.packed, .scalar(let value, _, _)):
            let wanted = try CallEncoder(base: 0).bytes(literal, names)[...].littleEndian()
            return Self.same32(Int64(bitPattern: wanted), value) ? nil : "it is \(shown)"
        case (.structure(let fields), .structure(let own)):
            for field in fields {
                guard let value = own.first(where: { $0.name == field.name })?.value else {
                    return "there is no \(field.name) in \(shown)"
                }
                if let problem = value.mismatch(field.value, &names) { return "\(field.name): \(problem)" }
            }
            return nil
        case (.list(let members, let isPrefix), .list(let values, let rule)):
            return rule == .set
                ? Self.compareSets(members, isPrefix, values, self, &names)
                : Self.compareLists(members, isPrefix, values, self, &names)
        default: return "it is \(shown)"
        }
    }

    private static func compareLists(
        _ members: [Literal],
        _ isPrefix: Bool,
        _ values: [Value],
        _ whole: Value,
        _ names: inout Literal.Names
    ) -> String? {
        guard isPrefix ? values.count >= members.count : values.count == members.count else {
            return "it is \(whole.shown)"
        }
        for (index, member) in members.enumerated() {
            if let problem = values[index].mismatch(member, &names) { return "[\(index)]: \(problem)" }
        }
        return nil
    }

    private static func compareSets(
        _ members: [Literal],
        _ isPrefix: Bool,
        _ values: [Value],
        _ whole: Value,
        _ names: inout Literal.Names
    ) -> String? {
        var left = values
        for member in members {
            var found: Int?
            for (index, value) in left.enumerated() {
                var bound = names
                if value.mismatch(member, &bound) == nil {
                    names = bound
                    found = index
                    break
                }
            }
            guard let found else { return "it is \(whole.shown)" }
            left.remove(at: found)
        }
        return isPrefix || left.isEmpty ? nil : "it is \(whole.shown)"
    }

    /// A flag word of 32 bits is the same whether it was sign-extended or not.
    private static func same32(_ left: Int64, _ right: Int64) -> Bool {
        Int32(truncatingIfNeeded: left) == Int32(truncatingIfNeeded: right)
            && [left, right].allSatisfy { (Int64(Int32.min)...Int64(UInt32.max)).contains($0) }
    }

    private var shown: String { Printer(stringLimit: 2000).text(self) }
}
