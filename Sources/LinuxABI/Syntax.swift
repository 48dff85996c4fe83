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

struct CallSyntax {
    var name: String
    var variant: String
    var x86: Int?
    var arm64: Int?
    var arguments: [FieldSyntax]
    var result: TypeSyntax?
    var creates: Bool
    var attributes: [(name: String, values: [String])]
    var file: String
    var line: Int

    func attribute(_ name: String) -> [String]? { attributes.first { $0.name == name }?.values }
}
