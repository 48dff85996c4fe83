// What a comparison needs to know of a description, worked out once.
import LinuxABI
import Tables

/// A description, and how answers to its calls are compared without decoding them.
final class CallPlan {
    let variant: Variant
    /// Equal bytes do not settle it: names and times are related even then.
    let holdsNames: Bool
    /// The layout of what it writes, where every part of it has a fixed place; nil: answers are decoded.
    let layout: FlatLayout?
    /// The register that a handler's return puts back is no answer of the call's.
    let isHandlerReturn: Bool
    /// Equal results do not mean that calls are the same.
    let isSpecial: Bool
    /// All that it answers is a new descriptor.
    let makesDescriptor: Bool
    let cells: CellPlan
    /// The spaces of the names in its arguments, by their ordinals; descriptors always, as memory may hold them.
    let nameSpaces: UInt64
    /// Names in arguments that something may be used by; what is only let go of (close) is not used.
    let usedNames: [NameArgument]
    /// Names in arguments that are nobody's after success: no descriptors and no addresses.
    let unbinds: [(argument: Int, space: NameSpace)]
    /// Errors that the recorded program met in such calls.
    var errors: UInt64 = 0
    /// Kinds of divergence that such calls were roots of.
    var rootKinds: [RootCandidates.Seen] = []

    init(_ variant: Variant) {
        cells = CellPlan(variant)
        self.variant = variant
        nameSpaces = variant.names.reduce(1 << NameSpace.fd.ordinal) { $0 | 1 << $1.space.ordinal }
        usedNames = variant.names.filter { $0.space != .pid && $0.space != .address }
        unbinds = variant.destroys.compactMap { index in
            guard case .scalar(let scalar) = variant.arguments[index].type, case .renamed(let space) = scalar.rule,
                space != .fd, space != .address
            else { return nil }
            return (index, space)
        }
        holdsNames = variant.holdsNames
        layout = FlatLayout(variant)
        makesDescriptor = holdsNames && layout?.isDescriptorOnly == true
        isHandlerReturn = variant.callName == "rt_sigreturn"
        isSpecial = isHandlerReturn || variant.isOpaque
    }
}

/// Where the values of a call's output stand, and by which rule each is compared.
final class FlatLayout {
    struct Leaf {
        enum Kind: UInt8 {
            /// A number.
            case exact
            case bytes
            case ignored
            case renamed
            /// Seconds: with the fraction behind them, one reading of a field.
            case moment
            /// A length that means nothing for directories.
            case size
        }
        var offset: Int
        var size: Int
        var isSigned: Bool
        var kind: Kind
        /// Of a name.
        var space = NameSpace.fd
        /// Position in ``Output/moments``.
        var moment = 0
        /// Position in ``Output/labels``: how a difference is told. -1: by decoding it.
        var label = -1
    }
    /// What makes seconds a reading.
    struct Moment {
        var fraction: Leaf
        var unit: Int64
        var field: OrderKeeper.Field
    }
    /// `statbuf.st_nlink`, and how the field's type prints.
    struct Label {
        var path: String
        var format: ScalarFormat
    }
    /// Memory that one argument points to.
    final class Output {
        let argument: Int
        let size: Int
        /// Plain data, since every call runs through them.
        fileprivate(set) var leaves: [Leaf] = []
        fileprivate(set) var moments: [Moment] = []
        fileprivate(set) var labels: [Label] = []
        /// The device that inode numbers are of.
        fileprivate(set) var device: Leaf?
        /// The file that readings are of.
        fileprivate(set) var inode: Leaf?
        /// Type and permission bits.
        fileprivate(set) var mode: Leaf?

        init(argument: Int, size: Int) {
            self.argument = argument
            self.size = size
        }
    }
    enum Result {
        case exact
        case renamed(NameSpace, creates: Bool)
    }

    private(set) var outputs: [Output] = []
    let result: Result

    /// There is nothing to compare but a new descriptor.
    var isDescriptorOnly: Bool {
        if case .renamed(.fd, creates: true) = result { outputs.isEmpty } else { false }
    }

    init?(_ variant: Variant) {
        switch variant.result.rule {
        case .renamed(let space): result = .renamed(space, creates: variant.result.creates)
        case .exact, .atMost: result = .exact
        default: return nil
        }
        for (index, argument) in variant.arguments.enumerated() {
            guard case .pointer(let direction, let pointee, let rule) = argument.type else { continue }
            guard direction != .input else {
                if pointee.writesNothing { continue }
                return nil
            }
            guard argument.condition == nil, !argument.isAlways, !argument.isOnlyOfFailure, !argument.creates else {
                return nil
            }
            switch pointee {
            case .value(let type):
                let output = Output(argument: index, size: type.size)
                guard Self.add(type, at: 0, rule, argument.name, output) else { return nil }
                outputs.append(output)
            case .cstring, .text, .buffer, .strings, .sigset:
                guard (rule ?? .exact) == .exact else { return nil }
            default: return nil
            }
        }
    }

    private static func add(_ type: ABIType, at offset: Int, _ rule: Rule?, _ path: String, _ output: Output)
        -> Bool
    {
        switch type {
        case .pad: return true
        case .scalar(let scalar):
            guard !scalar.isBigEndian else { return false }
            var leaf = Leaf(offset: offset, size: scalar.size, isSigned: scalar.isSigned, kind: .exact)
            switch rule ?? scalar.rule {
            case .exact, .atMost, .set: break
            case .ignored, .class: leaf.kind = .ignored
            case .renamed(let space): (leaf.kind, leaf.space) = (.renamed, space)
            case .ordered, .related: return false
            }
            output.leaves.append(leaf)
            return true
        case .structure(let structure):
            guard structure.name != "siginfo" else { return false }
            var index = 0
            while index < structure.fields.count {
                let field = structure.fields[index]
                let place = offset + field.offset
                if index + 1 < structure.fields.count,
                    add(field, structure.fields[index + 1], offset, rule, path, output)
                {
                    index += 2
                    continue
                }
                guard add(field, at: place, rule ?? field.rule, "\(path).\(field.name)", output) else { return false }
                index += 1
            }
            return true
        case .bytes(let count, let own):
            guard (rule ?? own) == .exact else { return false }
            output.leaves.append(Leaf(offset: offset, size: count, isSigned: false, kind: .bytes))
            return true
        case .signalSet(let count):
            // Sets of other bytes are compared as sets.
            output.leaves.append(Leaf(offset: offset, size: count, isSigned: false, kind: .bytes))
            return true
        default: return false
        }
    }

    private static func add(
        _ field: StructDescription.Field,
        at offset: Int,
        _ rule: Rule?,
        _ path: String,
        _ output: Output
    ) -> Bool {
        guard case .scalar(let scalar) = field.type else { return add(field.type, at: offset, rule, path, output) }
        guard !scalar.isBigEndian else { return false }
        var leaf = Leaf(offset: offset, size: scalar.size, isSigned: scalar.isSigned, kind: .exact)
        leaf.label = output.labels.count
        output.labels.append(Label(path: path, format: scalar.format))
        switch rule ?? scalar.rule {
        case .exact, .atMost, .set: if field.name.hasSuffix("_size") { leaf.kind = .size }
        case .ignored, .class: leaf.kind = .ignored
        case .renamed(let space):
            (leaf.kind, leaf.space) = (.renamed, space)
            if space == .inode { output.inode = leaf }
        case .ordered, .related: return false
        }
        // Fields by which others are told apart: as the comparison of decoded values finds them.
        if field.name.hasSuffix("_dev") || field.name.hasSuffix("dev_minor") { output.device = leaf }
        if field.name == "st_mode" || field.name == "stx_mode" { output.mode = leaf }
        output.leaves.append(leaf)
        return true
    }

    /// Seconds and a fraction as one reading; false if they are none.
    private static func add(
        _ seconds: StructDescription.Field,
        _ fraction: StructDescription.Field,
        _ offset: Int,
        _ rule: Rule?,
        _ path: String,
        _ output: Output
    ) -> Bool {
        guard seconds.name.hasSuffix("sec"), fraction.name.hasSuffix("sec"), case .scalar(let one) = seconds.type,
            case .scalar(let other) = fraction.type, (rule ?? seconds.rule ?? one.rule) == .ordered,
            (rule ?? fraction.rule ?? other.rule) == .ordered
        else { return false }
        var leaf = Leaf(offset: offset + seconds.offset, size: one.size, isSigned: one.isSigned, kind: .moment)
        leaf.moment = output.moments.count
        let rest = Leaf(
            offset: offset + fraction.offset,
            size: other.size,
            isSigned: other.size == 8,
            kind: .exact
        )
        output.moments.append(
            Moment(
                fraction: rest,
                unit: fraction.name.hasSuffix("usec") ? 1_000_000 : 1_000_000_000,
                field: OrderKeeper.Field("\(path).\(seconds.name)")
            )
        )
        output.leaves.append(leaf)
        return true
    }
}

extension Pointee {
    /// Input memory stays as it was.
    fileprivate var writesNothing: Bool { if case .mmsghdr = self { false } else { true } }
}

/// Plans by description.
struct CallPlans {
    private enum Slot {
        case unseen
        case none
        case only(CallPlan)
        case several(CallDescription)
    }
    private var slots = [Slot](repeating: .unseen, count: 512)
    private var plans = IntegerTable<CallPlan>()

    /// The plan of the description that holds for a call; nil if nothing describes it.
    mutating func plan(_ number: UInt32, _ architecture: Architecture, _ words: SyscallArguments) -> CallPlan? {
        let number = Int(number)
        guard architecture == .x86_64, number < slots.count else {
            return ABI.call(number, architecture).map { plan($0.variant(for: words)) }
        }
        switch slots[number] {
        case .only(let plan): return plan
        case .several(let description): return plan(description.variant(for: words))
        case .none: return nil
        case .unseen:
            guard let description = ABI.call(number, .x86_64) else {
                slots[number] = .none
                return nil
            }
            slots[number] =
                description.variants.isEmpty ? .only(CallPlan(description.plain)) : .several(description)
            return plan(UInt32(number), architecture, words)
        }
    }

    private mutating func plan(_ variant: Variant) -> CallPlan {
        let key = UInt64(UInt(bitPattern: ObjectIdentifier(variant).hashValue))
        if let known = plans[key] { return known }
        let made = CallPlan(variant)
        plans[key] = made
        return made
    }
}
