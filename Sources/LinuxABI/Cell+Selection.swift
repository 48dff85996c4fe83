// Which cells a call exercises.

extension Variant {
    /// The cells of a call: one for each selecting flag or value, joint ones, and its path class.
    public func cells(_ words: SyscallArguments, memory: some MemoryView) -> [Cell] {
        var cells: [Cell] = []
        func add(_ selector: String, _ family: Family? = nil) {
            let cell = Cell(call: callName, selector: selector, families: family.map { [$0] } ?? families)
            if !cells.contains(cell) { cells.append(cell) }
        }
        if namesOwnCell { add(name) }
        for joint in cellSelectors {
            let parts = joint.map { selectors($0, words, memory) }
            if parts.count == 1 {
                for part in parts[0] { add(part, family(of: part, argument: joint[0])) }
            } else if parts.allSatisfy({ !$0.isEmpty }) {
                // socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC) is socket(AF_INET, SOCK_STREAM) and socket(SOCK_CLOEXEC).
                let kinds = zip(joint, parts).map { index, part in part.filter { isKind($0, argument: index) } }
                let main = zip(kinds, parts).map { kind, part in kind.isEmpty ? part : kind }
                var own: Family?
                for (index, names) in zip(joint, main) {
                    for name in names where own == nil { own = family(of: name, argument: index) }
                }
                add(main.map { $0.joined(separator: "|") }.joined(separator: ", "), own)
                for (kind, part) in zip(kinds, parts) where !kind.isEmpty {
                    for flag in part where !kind.contains(flag) { add(flag) }
                }
            }
        }
        if let path = pathArgument, case .pointer = arguments[path].type,
            case .string(let bytes, _) = stringValue(words[path], memory)
        {
            if let path = ABI.shared.pathClass(of: bytes) {
                cells.append(Cell(call: callName, selector: path.pattern, families: [path.family]))
            }
        }
        return cells.isEmpty ? [Cell(call: callName, families: families)] : cells
    }

    /// Whether an id is a value of an enumerated field inside a flag word (SOCK_STREAM), not a flag beside it.
    private func isKind(_ id: String, argument index: Int) -> Bool {
        guard case .scalar(let scalar) = arguments[index].type, case .flags(let set) = scalar.format else {
            return false
        }
        return set.entries.contains { $0.name == id && $0.mask != $0.value }
    }

    /// The family that a flag or value has of its own.
    private func family(of id: String, argument index: Int) -> Family? {
        let format: ScalarFormat
        switch arguments[index].type {
        case .scalar(let scalar): format = scalar.format
        case .pointer(_, .cstring(_, let names), _): return ABI.shared.names[names]?[id]
        case .pointer(_, .value(.structure(let structure)), _), .pointer(_, .sized(let structure, _), _):
            guard
                case .scalar(let scalar)? = structure.fields.first(where: { Variant.selecting.contains($0.name) })?.type
            else { return nil }
            format = scalar.format
        default: return nil
        }
        switch format {
        case .flags(let set): return set.family(of: id)
        case .enumeration(let enumeration): return enumeration.family(of: id)
        default: return nil
        }
    }

    /// Fields by which a struct argument selects (clone_args, open_how, mount_attr).
    private static let selecting: Set = ["flags", "clone_flags", "attr_set"]

    private func stringValue(_ address: UInt64, _ memory: some MemoryView) -> Value {
        guard address != 0 else { return .unavailable("bad pointer") }
        return Decoder(arguments: SyscallArguments(), result: 0, memory: memory, fallback: memory, isOutput: false)
            .string(at: address, limit: 4096, rule: .exact)
    }

    /// The selectors that one argument contributes.
    private func selectors(_ index: Int, _ words: SyscallArguments, _ memory: some MemoryView) -> [String] {
        switch arguments[index].type {
        case .scalar(let scalar): return names(scalar.value(words[index]), scalar.format)
        case .pointer(_, .cstring, _):
            guard case .string(let bytes, _) = stringValue(words[index], memory), !bytes.isEmpty else { return [] }
            return [String(decoding: bytes, as: UTF8.self)]
        case .pointer(let direction, .value(.structure(let structure)), _) where direction != .output,
            .pointer(let direction, .sized(let structure, _), _) where direction != .output:
            // A struct selects by its flags field (clone_args, open_how).
            guard let field = structure.fields.first(where: { Variant.selecting.contains($0.name) }),
                case .scalar(let scalar) = field.type,
                case .bytes(let bytes) = memory.read(words[index] &+ UInt64(field.offset), count: scalar.size)
            else { return [] }
            return names(scalar.decode(bytes[...]), scalar.format)
        default: return []
        }
    }

    private func names(_ value: Int64, _ format: ScalarFormat) -> [String] {
        switch format {
        case .flags(let set):
            let (names, rest) = set.names(in: UInt64(bitPattern: value))
            return names + (rest == 0 ? [] : ["0x" + String(rest, radix: 16)])
        case .enumeration(let enumeration):
            let bits = UInt64(bitPattern: value)
            return [enumeration.name(of: bits) ?? enumeration.name(of: bits & 0xffff_ffff) ?? String(value)]
        default: return [Printer().text(.scalar(value, format, .exact))]
        }
    }
}
