// The scalar types of the language.

extension Resolver {
    /// The scalar that `syntax` names, nil if it names none.
    func scalar(_ syntax: TypeSyntax, file: String) throws(DescriptionError) -> Scalar? {
        if var scalar = Resolver.scalars[syntax.head] {
            switch syntax.suffix {
            case "": break
            case "hex": scalar.format = .hex
            case "oct": scalar.format = .octal
            case "dec": scalar.format = scalar.isSigned ? .signed : .unsigned
            default: throw DescriptionError(file: file, line: syntax.line, message: "':\(syntax.suffix)' is no format")
            }
            return scalar
        }
        guard ["flags", "enum", "id"].contains(syntax.head) else { return nil }
        guard let first = Resolver.name(syntax.parameters.first) else {
            throw DescriptionError(file: file, line: syntax.line, message: "\(syntax.head) needs a name")
        }
        var scalar = Resolver.scalars["u32"] ?? Scalar(size: 4, isSigned: false, format: .unsigned, rule: .exact)
        if syntax.parameters.count > 1 {
            guard let name = Resolver.name(syntax.parameters[1]), let known = Resolver.scalars[name] else {
                throw DescriptionError(
                    file: file,
                    line: syntax.line,
                    message: "\(syntax.head)[\(first), ?]: no such type"
                )
            }
            scalar = known
        }
        switch syntax.head {
        case "flags":
            guard let set = flagSets[first] else {
                throw DescriptionError(file: file, line: syntax.line, message: "flags \(first) are not described")
            }
            scalar.format = .flags(set)
        case "enum":
            guard let enumeration = enumerations[first] else {
                throw DescriptionError(file: file, line: syntax.line, message: "enum \(first) is not described")
            }
            scalar.format = .enumeration(enumeration)
        default:
            guard let space = NameSpace(rawValue: first) else {
                throw DescriptionError(file: file, line: syntax.line, message: "'\(first)' is no name space")
            }
            scalar.format = .id
            scalar.rule = .renamed(space)
        }
        return scalar
    }

    private static func name(_ expression: Expression?) -> String? {
        switch expression {
        case .name(let name, _)?: name
        case .type(let type)?: type.head
        default: nil
        }
    }

    private static let scalars: [String: Scalar] = {
        func integer(_ size: Int, signed: Bool) -> Scalar {
            Scalar(size: size, isSigned: signed, format: signed ? .signed : .unsigned, rule: .exact)
        }
        var scalars: [String: Scalar] = [:]
        for bits in [8, 16, 32, 64] {
            scalars["i\(bits)"] = integer(bits / 8, signed: true)
            scalars["u\(bits)"] = integer(bits / 8, signed: false)
            guard bits > 8 else { continue }
            scalars["be\(bits)"] = Scalar(
                size: bits / 8,
                isSigned: false,
                isBigEndian: true,
                format: .unsigned,
                rule: .exact
            )
        }
        scalars["size"] = integer(8, signed: false)
        scalars["off"] = integer(8, signed: true)
        scalars["mode"] = Scalar(size: 4, isSigned: false, format: .mode, rule: .exact)
        scalars["dev"] = Scalar(size: 8, isSigned: false, format: .device, rule: .renamed(.device))
        scalars["ino"] = Scalar(size: 8, isSigned: false, format: .unsigned, rule: .renamed(.inode))
        scalars["fd"] = Scalar(size: 4, isSigned: true, format: .fd, rule: .renamed(.fd))
        scalars["dirfd"] = Scalar(size: 4, isSigned: true, format: .dirfd, rule: .renamed(.fd))
        scalars["pid"] = Scalar(size: 4, isSigned: true, format: .id, rule: .renamed(.pid))
        scalars["tid"] = scalars["pid"]
        scalars["uid"] = Scalar(size: 4, isSigned: true, format: .id, rule: .exact)
        scalars["gid"] = scalars["uid"]
        scalars["sig"] = Scalar(size: 4, isSigned: true, format: .signal, rule: .exact)
        scalars["wstatus"] = Scalar(size: 4, isSigned: true, format: .waitStatus, rule: .exact)
        scalars["addr"] = Scalar(size: 8, isSigned: false, format: .address, rule: .renamed(.address))
        scalars["sec"] = Scalar(size: 8, isSigned: true, format: .signed, rule: .ordered)
        scalars["nsec"] = scalars["sec"]
        return scalars
    }()
}
