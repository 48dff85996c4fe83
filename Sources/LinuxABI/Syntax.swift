// What the parser makes of a description file, before names are resolved.

/// A length, a constant or a type inside brackets.
indirect enum Expression {
    case number(UInt64)
    case name(String, scale: Int)
    case pointee(String, scale: Int)
    case minimum(Expression, Expression)
    case sum(Expression, Int)
    case type(TypeSyntax)
}

struct TypeSyntax {
    var head: String
    var parameters: [Expression] = []
    var target: [TypeSyntax] = []  // the pointee of in/out/inout; at most one
    /// `when NAME&MASK`: a pointer that is followed only then.
    var condition: (name: String, mask: UInt64)?
    /// `+`: the call creates the resource.
    var creates = false
    var suffix = ""
    var rule = ""
    /// `@always`: output memory is there even when the call failed.
    var isAlways = false
    /// `@failed`: only then. What was there before a success is captured too, and not looked at.
    var isOnlyOfFailure = false
    var line: Int
}

extension TypeSyntax {
    /// `+` here or on any type inside.
    var createsAnywhere: Bool {
        creates || target.contains { $0.createsAnywhere }
            || parameters.contains { if case .type(let type) = $0 { type.createsAnywhere } else { false } }
    }
}

struct FieldSyntax {
    var name: String
    var type: TypeSyntax
    /// Selector of a `sub` argument: `=value` or `&mask=value`.
    var selector: (mask: UInt64, value: UInt64)?
    /// The C member it is compared with, if not `name`; empty if C has none.
    var cName: String?
    var line: Int
}

struct StructSyntax {
    var name: String
    var size: Int?
    var isPacked: Bool
    var cName: String
    var fields: [FieldSyntax]
    var file: String
    var line: Int
}

/// A class: calls are passed around a lot, and hold a dozen references each.
final class CallSyntax {
    let name: String
    let variant: String
    let x86: Int?
    let arm64: Int?
    var arguments: [FieldSyntax] = []
    var result: TypeSyntax?
    var attributes: [(name: String, values: [String])] = []
    /// `changes when NAME&MASK`.
    var changesWhen: (name: String, mask: UInt64)?
    let file: String
    let line: Int

    var creates: Bool { result?.creates ?? false }

    init(name: String, variant: String, x86: Int?, arm64: Int?, file: String, line: Int) {
        self.name = name
        self.variant = variant
        self.x86 = x86
        self.arm64 = arm64
        self.file = file
        self.line = line
    }

    func attribute(_ name: String) -> [String]? { attributes.first { $0.name == name }?.values }

    func error(_ message: String) -> DescriptionError {
        let full = variant.isEmpty ? name : "\(name)$\(variant)"
        return DescriptionError(file: file, line: line, message: "\(full): \(message)")
    }
}

/// Every flag and enum id of all files while they are parsed.
final class ConstantTable {
    private(set) var values: [String: UInt64] = [:]
    private var defined: Set<String> = []

    init() {
        values.reserveCapacity(8192)
        defined.reserveCapacity(8192)
    }

    subscript(name: String) -> UInt64? { values[name] }

    /// An id that is defined further on.
    func note(_ name: String, _ value: UInt64) { values[name] = value }

    /// Defines an id; returns its value elsewhere, if that is another.
    func define(_ name: String, _ value: UInt64) -> UInt64? {
        let earlier = values.updateValue(value, forKey: name)
        let isNew = defined.insert(name).inserted
        return !isNew && earlier != value ? earlier : nil
    }
}
