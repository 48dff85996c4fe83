// The types of the description language, with their C layout.

/// How two values of a field are compared (design: equivalence).
public enum Rule: Hashable, Sendable {
    case exact
    /// Equal up to a bijection of names.
    case renamed(NameSpace)
    /// Times: order and equality kept, not the value.
    case ordered
    /// Addresses: alignment and containment.
    case related
    /// The same elements in any order.
    case set
    /// A prefix of what is there; the rest must follow.
    case atMost
    /// Only the class (length, kind) matters: random bytes, machine facts.
    case `class`
    case ignored
}

/// Name spaces that are compared up to renaming.
public enum NameSpace: String, Hashable, Sendable, CaseIterable {
    case fd, pid, address, inode, device, sysv, timer, watch, key, mount, port, ns
}

/// How a scalar prints.
public enum ScalarFormat: Hashable, Sendable {
    case signed, unsigned, hex, octal, fd, dirfd, id, signal, address, device, mode, waitStatus
    case flags(FlagSet)
    case enumeration(Enumeration)
}

/// An integer field: its width and how it is read, printed and compared.
public struct Scalar: Hashable, Sendable {
    /// Bytes: 1, 2, 4 or 8.
    public var size: Int
    public var isSigned: Bool
    public var isBigEndian = false
    public var format: ScalarFormat
    public var rule: Rule
}

public enum Direction: Sendable, Hashable { case input, output, both }

/// A length in a description.
public indirect enum Length: Sendable, Hashable {
    case fixed(Int)
    /// The value of an argument (or of a field of the enclosing struct, within a struct), times `scale`.
    case field(Int, scale: Int)
    /// The call's result, times `scale`.
    case result(scale: Int)
    /// The u32 that argument points to.
    case pointee(Int, scale: Int)
    case minimum(Length, Length)
    case sum(Length, Int)
}

public indirect enum Pointee: Sendable, Hashable {
    case value(ABIType)
    /// `names`: well-known strings with a family of their own.
    case cstring(isPath: Bool, names: String)
    /// A string whose length, NUL included, is known: the kernel fills no more of the buffer (getcwd).
    case text(Length)
    case buffer(Length)
    case array(ABIType, Length)
    case iovec(Length)
    case msghdr
    case mmsghdr(Length)
    case sockaddr(Length)
    case strings
    case dirents(Length, is64: Bool)
    case fdset(Length)
    case sigset(Length)
    /// An extensible struct: only its first bytes exist.
    case sized(StructDescription, Length)

    /// The kernel writes part of it even where the data goes in: `msg_len` of sendmmsg.
    var writesBack: Bool { if case .mmsghdr = self { true } else { false } }
}

public indirect enum ABIType: Sendable, Hashable {
    case scalar(Scalar)
    case bytes(Int, Rule)
    case string(Int, Rule)
    case array(ABIType, Int)
    case pad(Int)
    /// A signal set of this many bytes.
    case signalSet(Int)
    case structure(StructDescription)
    case pointer(Direction, Pointee, Rule?)
    /// A pointer that is never followed.
    case rawPointer

    /// Size in bytes, as C lays it out.
    public var size: Int {
        switch self {
        case .scalar(let scalar): scalar.size
        case .bytes(let count, _), .string(let count, _), .pad(let count), .signalSet(let count): count
        case .array(let element, let count): element.size * count
        case .structure(let structure): structure.size
        case .pointer, .rawPointer: 8
        }
    }
    public var alignment: Int {
        switch self {
        case .scalar(let scalar): scalar.size
        case .bytes, .string, .pad: 1
        case .signalSet: 8
        case .array(let element, _): element.alignment
        case .structure(let structure): structure.alignment
        case .pointer, .rawPointer: 8
        }
    }
}

/// A named set of bits; an entry with a mask is an enumerated field inside the word.
public final class FlagSet: Sendable, Hashable {
    public struct Entry: Sendable, Hashable {
        public var name: String
        public var value: UInt64
        /// Bits the entry is compared under; equals `value` for a plain bit.
        public var mask: UInt64
        /// Family of the cells it selects, if it has one of its own.
        public var family: Family?
    }
    public let name: String
    public let entries: [Entry]
    public let radix: Int

    init(name: String, entries: [Entry], radix: Int) {
        self.name = name
        self.entries = entries
        self.radix = radix
        widestFirst = entries.indices.sorted {
            let (left, right) = (entries[$0].value.nonzeroBitCount, entries[$1].value.nonzeroBitCount)
            return left != right ? left > right : $0 < $1
        }
    }

    /// The names set in `value`, in the order of their declaration, and the bits that have none.
    public func names(in value: UInt64) -> (names: [String], rest: UInt64) {
        var found: [Int] = []
        var rest = value
        for index in widestFirst {
            let entry = entries[index]
            guard value & entry.mask == entry.value, rest & entry.value == entry.value else { continue }
            if entry.value == 0 {
                // A field whose value is zero has a name too (O_RDONLY); a zero that is no field is the name of "none".
                guard entry.mask != 0 ? rest & entry.mask == 0 : value == 0 else { continue }
            }
            found.append(index)
            rest &= ~entry.mask
        }
        return (found.sorted().map { entries[$0].name }, rest)
    }

    /// The family of the cells that `id` selects, if it has one of its own.
    public func family(of id: String) -> Family? { entries.first { $0.name == id }?.family }

    /// Entries of several bits first, so that O_SYNC wins over O_DSYNC and a field's value over its bits.
    private let widestFirst: [Int]

    public static func == (left: FlagSet, right: FlagSet) -> Bool { left === right }
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// A named list of values of which one holds.
public final class Enumeration: Sendable, Hashable {
    public let name: String
    public let entries: [(name: String, value: UInt64, family: Family?)]
    public let radix: Int
    private let names: [UInt64: String]

    init(name: String, entries: [(name: String, value: UInt64, family: Family?)], radix: Int) {
        self.name = name
        self.entries = entries
        self.radix = radix
        names = Dictionary(entries.map { ($0.value, $0.name) }, uniquingKeysWith: { first, _ in first })
    }

    public func name(of value: UInt64) -> String? { names[value] }

    /// The family of the cells that `id` selects, if it has one of its own.
    public func family(of id: String) -> Family? { entries.first { $0.name == id }?.family }

    public static func == (left: Enumeration, right: Enumeration) -> Bool { left === right }
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// A pointer that is followed only when an argument or field has a bit of `mask`.
public struct PointerCondition: Sendable, Hashable {
    /// Index of the argument, or of the field.
    public var index: Int
    public var mask: UInt64
}

/// A C struct.
public final class StructDescription: Sendable, Hashable {
    public struct Field: Sendable, Hashable {
        public var name: String
        public var type: ABIType
        /// Bytes from the start of the struct.
        public var offset: Int
        public var rule: Rule?
        /// The C member, if not `name`; empty if C has none.
        public var cName: String?
        /// The pointer is followed only under this condition, on a field of the same struct.
        public var condition: PointerCondition?
    }
    public let name: String
    /// The C type it is compared with by the tests (`struct stat`), or empty.
    public let cName: String
    public let fields: [Field]
    public let size: Int
    public let alignment: Int

    /// Lays out `fields` as C does; `isPacked` ignores alignment; `declaredSize` pads the end.
    init(
        name: String,
        cName: String,
        fields: [(String, ABIType, Rule?, String?, PointerCondition?)],
        declaredSize: Int?,
        isPacked: Bool
    ) {
        self.name = name
        self.cName = cName
        var offset = 0
        var alignment = 1
        var laid: [Field] = []
        for (fieldName, type, rule, memberName, condition) in fields {
            let own = isPacked ? 1 : type.alignment
            offset = (offset + own - 1) / own * own
            alignment = max(alignment, own)
            laid.append(
                Field(
                    name: fieldName,
                    type: type,
                    offset: offset,
                    rule: rule,
                    cName: memberName,
                    condition: condition
                )
            )
            offset += type.size
        }
        self.alignment = alignment
        self.fields = laid
        let natural = (offset + alignment - 1) / alignment * alignment
        size = max(declaredSize ?? natural, declaredSize == nil ? natural : offset)
    }

    public static func == (left: StructDescription, right: StructDescription) -> Bool { left === right }
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
