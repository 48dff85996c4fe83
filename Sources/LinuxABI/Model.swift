// The descriptions as the other rooms see them.

/// One argument of a call.
public struct Argument: Sendable, Hashable {
    public let name: String
    public let type: ABIType
    /// A `sub` holds when `value & mask == selected`.
    public let selector: Selector?
    /// Output memory is captured even when the call failed.
    public let isAlways: Bool
    /// Output memory means something only when the call failed (what is left of an interrupted sleep).
    public let isOnlyOfFailure: Bool
    /// The call creates the resources that it writes here (`pipe2`).
    public let creates: Bool
    /// The pointer is followed only under this condition, on another argument.
    public let condition: PointerCondition?

    /// Whether the pointer is followed in a call with these arguments.
    public func isFollowed(_ words: SyscallArguments) -> Bool {
        condition.map { words[$0.index] & $0.mask != 0 } ?? true
    }

    public struct Selector: Sendable, Hashable {
        public let mask: UInt64
        public let value: UInt64
    }
}

/// What a call returns.
public struct ResultType: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// 0.
        case status
        /// A count.
        case size
        /// The call does not return.
        case never
        case value(Scalar)
    }
    public let kind: Kind
    public let rule: Rule
    /// The result names a new resource.
    public let creates: Bool

    /// The name space of the result, if it is a name.
    public var nameSpace: NameSpace? {
        if case .renamed(let space) = rule { space } else { nil }
    }
}

/// A system call: its plain description and the ones for its sub-commands.
public final class CallDescription: Sendable {
    public let name: String
    public let numbers: (x86_64: Int?, arm64: Int?)
    /// Only names are known: arguments are recorded raw, memory is not captured.
    public let isOpaque: Bool
    public let plain: Variant
    /// Sub-commands in order; the first that matches holds.
    public let variants: [Variant]

    init(name: String, numbers: (Int?, Int?), isOpaque: Bool, plain: Variant, variants: [Variant]) {
        self.name = name
        self.numbers = numbers
        self.isOpaque = isOpaque
        self.plain = plain
        self.variants = variants
        // Sub-commands select on the whole value of one argument, and often on a second one: find them by the argument
        // that tells most of them apart (the option, not the level).
        var best: [UInt64: [Int]] = [:]
        var bestArgument: Int?
        for argument in 0..<6 {
            var index: [UInt64: [Int]] = [:]
            for (position, variant) in variants.enumerated() {
                guard argument < variant.arguments.count, let selector = variant.arguments[argument].selector,
                    selector.mask == UInt64.max
                else {
                    index = [:]
                    break
                }
                index[variant.wantedValue(argument), default: []].append(position)
            }
            if index.count > best.count { (best, bestArgument) = (index, argument) }
        }
        selectorArgument = bestArgument
        self.index = best
    }

    private let selectorArgument: Int?
    /// Positions in `variants`, in order, by the value of `selectorArgument`.
    private let index: [UInt64: [Int]]

    /// The description that holds for these arguments.
    public func variant(for arguments: SyscallArguments) -> Variant {
        if variants.isEmpty { return plain }
        if let argument = selectorArgument {
            let value = variants[0].selectorValue(argument, arguments)
            for position in index[value] ?? [] where variants[position].matches(arguments) { return variants[position] }
            return plain
        }
        return variants.first { $0.matches(arguments) } ?? plain
    }
}

/// One full description: a call, or a call with a sub-command.
public final class Variant: Sendable {
    public let callName: String
    /// `TCGETS` for `ioctl$TCGETS`, empty for the plain description.
    public let name: String
    public let arguments: [Argument]
    public let result: ResultType
    public let families: [Family]
    /// Arguments whose resource is gone after success.
    public let destroys: [Int]
    public let createsTask: Bool
    public let isExec: Bool
    public let blocking: Blocking
    public let isOpaque: Bool
    /// First kernel release, empty if older than memory.
    public let since: String
    /// What the usual callers do when a kernel refuses; nil if they have no other way.
    public let fallback: Fallback?
    /// Why the usual callers end when the call is refused, with its source; nil if that is not known.
    public let requirement: String?
    /// Each entry is one cell family: several arguments make a joint cell.
    public let cellSelectors: [[Int]]
    /// The cell is `call(VARIANT)`.
    let namesOwnCell: Bool
    /// The path argument that path cells come from.
    public let pathArgument: Int?
    public let changesPaths: PathChange
    /// Changes what a recorder keeps of the task itself: stacks, thread pointer, filters, tracing; or goes on elsewhere.
    public let isSupervised: Bool
    public let codeEffect: CodeEffect
    public let capture: CaptureProgram
    /// The arguments that hold names, in order.
    public let names: [NameArgument]

    init(
        callName: String,
        name: String,
        arguments: [Argument],
        result: ResultType,
        families: [Family],
        destroys: [Int],
        createsTask: Bool,
        isExec: Bool,
        blocking: Blocking,
        isOpaque: Bool,
        since: String,
        fallback: Fallback?,
        requirement: String?,
        cellSelectors: [[Int]],
        namesOwnCell: Bool,
        pathArgument: Int?,
        changesPaths: PathChange,
        isSupervised: Bool,
        codeEffect: CodeEffect
    ) {
        self.callName = callName
        self.name = name
        self.arguments = arguments
        self.result = result
        self.families = families
        self.destroys = destroys
        self.createsTask = createsTask
        self.isExec = isExec
        self.blocking = blocking
        self.isOpaque = isOpaque
        self.since = since
        self.fallback = fallback
        self.requirement = requirement
        self.cellSelectors = cellSelectors
        self.namesOwnCell = namesOwnCell
        self.pathArgument = pathArgument
        self.changesPaths = changesPaths
        self.isSupervised = isSupervised
        self.codeEffect = codeEffect
        names = arguments.enumerated().compactMap { NameArgument($0.offset, $0.element) }
        capture = isOpaque ? CaptureProgram(steps: []) : CaptureProgram(arguments)
    }

    /// `ioctl$TCGETS`, or `openat`.
    public var fullName: String { name.isEmpty ? callName : "\(callName)$\(name)" }

    public func argumentIndex(_ name: String) -> Int? { arguments.firstIndex { $0.name == name } }

    /// The argument as its type reads the register: truncated, sign-extended.
    public func argumentValue(_ index: Int, _ arguments: SyscallArguments) -> Int64 {
        if case .scalar(let scalar) = self.arguments[index].type { return scalar.value(arguments[index]) }
        return Int64(bitPattern: arguments[index])
    }

    func selectorValue(_ index: Int, _ arguments: SyscallArguments) -> UInt64 {
        truncated(arguments[index], index)
    }

    /// A word at the width of an argument's type.
    func truncated(_ word: UInt64, _ index: Int) -> UInt64 {
        guard case .scalar(let scalar) = arguments[index].type, scalar.size < 8 else { return word }
        return word & (1 << UInt64(scalar.size * 8) - 1)
    }

    func matches(_ words: SyscallArguments) -> Bool {
        for (index, argument) in arguments.enumerated() {
            guard let selector = argument.selector else { continue }
            guard selectorValue(index, words) & selector.mask == wantedValue(index) else { return false }
        }
        return true
    }

    /// What arguments must be for the variant to hold: `argument & mask == value`.
    package var conditions: [(argument: Int, mask: UInt64, value: UInt64)] {
        arguments.indices.compactMap { index in
            arguments[index].selector.map { (index, truncated($0.mask, index), wantedValue(index)) }
        }
    }

    /// The selector's value in the width of its argument's type.
    func wantedValue(_ index: Int) -> UInt64 {
        guard let selector = arguments[index].selector else { return 0 }
        guard case .scalar(let scalar) = arguments[index].type, scalar.size < 8 else { return selector.value }
        return selector.value & (1 << UInt64(scalar.size * 8) - 1)
    }
}

extension Scalar {
    /// The value of a register or a zero-extended little-endian field, truncated and sign-extended.
    @inlinable
    public func value(_ word: UInt64) -> Int64 {
        switch (size, isSigned) {
        case (1, true): Int64(Int8(truncatingIfNeeded: word))
        case (1, false): Int64(UInt8(truncatingIfNeeded: word))
        case (2, true): Int64(Int16(truncatingIfNeeded: word))
        case (2, false): Int64(UInt16(truncatingIfNeeded: word))
        case (4, true): Int64(Int32(truncatingIfNeeded: word))
        case (4, false): Int64(UInt32(truncatingIfNeeded: word))
        default: Int64(bitPattern: word)
        }
    }
}

/// An argument register that holds a name: compared, and translated, up to renaming.
public struct NameArgument: Sendable {
    /// Position among the arguments.
    public let index: Int
    public let space: NameSpace
    private let size: Int
    private let isSigned: Bool

    init?(_ index: Int, _ argument: Argument) {
        guard case .scalar(let scalar) = argument.type, case .renamed(let space) = scalar.rule else { return nil }
        self.index = index
        self.space = space
        size = scalar.size
        isSigned = scalar.isSigned
    }

    /// The register as its type reads it.
    public func value(_ words: SyscallArguments) -> Int64 {
        let word = words[index]
        return switch (size, isSigned) {
        case (8, _): Int64(bitPattern: word)
        case (4, true): Int64(Int32(truncatingIfNeeded: word))
        case (4, false): Int64(UInt32(truncatingIfNeeded: word))
        case (2, true): Int64(Int16(truncatingIfNeeded: word))
        case (2, false): Int64(UInt16(truncatingIfNeeded: word))
        case (1, true): Int64(Int8(truncatingIfNeeded: word))
        default: Int64(UInt8(truncatingIfNeeded: word))
        }
    }
}
