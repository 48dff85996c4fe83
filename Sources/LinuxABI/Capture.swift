// Capture programs: which memory of a call to copy, before and after it. Flat, so that they run without allocation.

/// The memory a call reads and writes, compiled from its description.
///
/// The recorder runs it while the tracee is parked at entry: input memory is copied then; for output memory the
/// program yields a plan that an exit hook carries out.
public struct CaptureProgram: Sendable, Hashable {
    public let steps: [CaptureStep]
    /// The call writes memory on success.
    public let hasOutput: Bool
    /// Arguments that are narrower than a register, or signed: their lengths are not the register's value.
    package let narrowArguments: [NarrowArgument]

    init(steps: [CaptureStep], narrowArguments: [NarrowArgument] = []) {
        self.steps = steps
        self.narrowArguments = narrowArguments
        hasOutput = steps.contains { $0.direction != .input || $0.operation.hasData(.output) }
    }
}

/// How the kernel reads an argument that is narrower than a register.
package struct NarrowArgument: Sendable, Hashable {
    package var index: Int
    package var scalar: Scalar
}

extension Scalar {
    /// The value as a length: a negative one counts nothing (the kernel answers EINVAL).
    func length(_ word: UInt64) -> UInt64 {
        let value = value(word)
        return isSigned && value < 0 ? 0 : UInt64(bitPattern: value)
    }
}

public struct CaptureStep: Sendable, Hashable {
    public enum Source: Sendable, Hashable {
        /// The pointer is in this argument.
        case argument(Int)
        /// The pointer is at this offset of the memory an earlier step copied.
        case field(step: Int, offset: Int)
    }
    public enum Operation: Sendable, Hashable {
        case bytes(CaptureLength)
        case cstring(limit: Int)
        /// `{base, length}` pairs at entry; then each buffer in direction `data`.
        case iovecs(CaptureLength, data: Direction)
        case msghdr(data: Direction)
        case mmsghdr(CaptureLength, data: Direction)
        /// NULL-ended array of strings.
        case strings

        func hasData(_ direction: Direction) -> Bool {
            switch self {
            case .iovecs(_, let data), .msghdr(let data), .mmsghdr(_, let data): data == direction || data == .both
            default: false
            }
        }
    }
    public var direction: Direction
    public var source: Source
    public var operation: Operation
    /// The workload's own data: the payload policy may cut it.
    public var isPayload: Bool
    /// Output is there even when the call failed.
    public var isAlways: Bool
    /// Done only if this value (an argument, or a field of earlier memory) has a bit of the mask.
    public var condition: CaptureCondition?
}

public struct CaptureCondition: Sendable, Hashable {
    public var value: CaptureLength
    public var mask: UInt64
}

public indirect enum CaptureLength: Sendable, Hashable {
    case fixed(Int)
    case argument(Int, scale: Int)
    /// An integer of `size` bytes at `offset` of an earlier step's memory; a negative one counts nothing.
    case field(step: Int, offset: Int, size: Int, isSigned: Bool, scale: Int)
    case result(scale: Int)
    /// The u32 that this argument points to.
    case pointee(Int, scale: Int)
    /// Bits, rounded up to 64-bit words.
    case bits(Int)
    case minimum(CaptureLength, CaptureLength)
    case sum(CaptureLength, Int)
}

/// One range of memory to copy when the call returns.
public struct ExitItem: Sendable, Hashable {
    public enum Kind: UInt8, Sendable, Hashable {
        /// `limit` bytes.
        case fixed = 0
        /// `min(limit, result * scale + extra - skip)` bytes.
        case result = 1
        /// `min(limit, u32 at lengthAddress * scale + extra - skip)` bytes.
        case pointee = 2
    }
    public var kind: Kind
    public var isAlways: Bool
    public var isPayload: Bool
    public var scale: UInt32
    public var address: UInt64
    public var limit: UInt64
    public var skip: UInt64
    /// Bytes beyond the counted ones (the type word of a SysV message).
    public var extra: UInt64 = 0
    public var lengthAddress: UInt64

    public init(
        kind: Kind,
        address: UInt64,
        limit: UInt64,
        scale: UInt32 = 1,
        skip: UInt64 = 0,
        lengthAddress: UInt64 = 0,
        isAlways: Bool = false,
        isPayload: Bool = false
    ) {
        self.kind = kind
        self.address = address
        self.limit = limit
        self.scale = scale
        self.skip = skip
        self.lengthAddress = lengthAddress
        self.isAlways = isAlways
        self.isPayload = isPayload
    }
}

/// The most exit items one call can have; further buffers are counted as lost by the recorder.
public let maximumExitItems = 32

extension CaptureProgram {
    /// Compiles the program of a description.
    init(_ arguments: [Argument]) {
        var compiler = CaptureCompiler(arguments: arguments)
        for (index, argument) in arguments.enumerated() {
            guard case .pointer(let direction, let pointee, _) = argument.type else { continue }
            compiler.add(
                pointee,
                direction,
                from: .argument(index),
                enclosing: nil,
                isAlways: argument.isAlways,
                condition: argument.condition.map {
                    CaptureCondition(value: .argument($0.index, scale: 1), mask: $0.mask)
                }
            )
        }
        self.init(steps: compiler.steps, narrowArguments: NarrowArgument.of(arguments))
    }
}

extension NarrowArgument {
    static func of(_ arguments: [Argument]) -> [NarrowArgument] {
        arguments.indices.compactMap {
            guard case .scalar(let scalar) = arguments[$0].type, scalar.size < 8 || scalar.isSigned else { return nil }
            return NarrowArgument(index: $0, scalar: scalar)
        }
    }
}

extension [NarrowArgument] {
    /// The arguments as lengths; pointers stay what they are.
    func lengths(_ words: SyscallArguments) -> SyscallArguments {
        var lengths = words
        for argument in self { lengths[argument.index] = argument.scalar.length(words[argument.index]) }
        return lengths
    }
}

private struct CaptureCompiler {
    let arguments: [Argument]
    var steps: [CaptureStep] = []

    /// The struct and step that lengths named by fields refer to.
    struct Enclosing {
        var structure: StructDescription
        var step: Int
        var offset: Int
    }

    mutating func add(
        _ pointee: Pointee,
        _ direction: Direction,
        from source: CaptureStep.Source,
        enclosing: Enclosing?,
        isAlways: Bool,
        condition: CaptureCondition?
    ) {
        func step(_ operation: CaptureStep.Operation, _ direction: Direction, isPayload: Bool = false) -> CaptureStep {
            CaptureStep(
                direction: direction,
                source: source,
                operation: operation,
                isPayload: isPayload,
                isAlways: isAlways,
                condition: condition
            )
        }
        func bytes(_ length: CaptureLength, isPayload: Bool = false) {
            if direction != .output { steps.append(step(.bytes(length), .input, isPayload: isPayload)) }
            if direction != .input { steps.append(step(.bytes(length), .output, isPayload: isPayload)) }
        }
        switch pointee {
        case .cstring:
            if direction == .output { bytes(.fixed(256)) } else { steps.append(step(.cstring(limit: 4096), .input)) }
        case .text(let length): bytes(self.length(length, enclosing))
        case .buffer(let length): bytes(self.length(length, enclosing), isPayload: true)
        // The kernel refuses longer addresses (struct sockaddr_storage) and reads no more of a set than it has signals.
        case .sockaddr(let length): bytes(.minimum(.fixed(128), self.length(length, enclosing)))
        case .sigset(let length): bytes(.minimum(.fixed(8), self.length(length, enclosing)))
        case .dirents(let length, _): bytes(self.length(length, enclosing))
        case .fdset(let length):
            if case .field(let index, _) = length { bytes(.bits(index)) } else { bytes(.fixed(128)) }
        case .strings: steps.append(step(.strings, .input))
        case .iovec(let length):
            steps.append(step(.iovecs(self.length(length, enclosing), data: direction), .input, isPayload: true))
        case .msghdr: steps.append(step(.msghdr(data: direction), .input, isPayload: true))
        case .mmsghdr(let length):
            steps.append(
                step(.mmsghdr(self.length(length, enclosing), data: direction), .input, isPayload: true)
            )
        case .sized(let structure, let length):
            let first = steps.count
            bytes(.minimum(.fixed(structure.size), self.length(length, enclosing)))
            if direction != .output { follow(structure, at: first, offset: 0) }
        case .array(let element, let length):
            bytes(self.length(length, enclosing).scaled(element.size))
        case .value(let type):
            let first = steps.count
            bytes(.fixed(type.size))
            if direction != .output, case .structure(let structure) = type { follow(structure, at: first, offset: 0) }
        }
    }

    /// Follows the pointers inside a struct that was copied by `step`.
    private mutating func follow(_ structure: StructDescription, at step: Int, offset: Int) {
        for field in structure.fields {
            switch field.type {
            case .pointer(let direction, let pointee, _):
                add(
                    pointee,
                    direction,
                    from: .field(step: step, offset: offset + field.offset),
                    enclosing: Enclosing(structure: structure, step: step, offset: offset),
                    isAlways: false,
                    condition: field.condition.map {
                        let other = structure.fields[$0.index]
                        return CaptureCondition(
                            value: .field(
                                step: step,
                                offset: offset + other.offset,
                                size: other.type.size,
                                isSigned: false,
                                scale: 1
                            ),
                            mask: $0.mask
                        )
                    }
                )
            case .structure(let inner): follow(inner, at: step, offset: offset + field.offset)
            default: break
            }
        }
    }

    private func length(_ length: Length, _ enclosing: Enclosing?) -> CaptureLength {
        switch length {
        case .fixed(let count): return .fixed(count)
        case .field(let index, let scale):
            guard let enclosing else { return .argument(index, scale: scale) }
            let field = enclosing.structure.fields[index]
            var isSigned = false
            if case .scalar(let scalar) = field.type { isSigned = scalar.isSigned }
            return .field(
                step: enclosing.step,
                offset: enclosing.offset + field.offset,
                size: field.type.size,
                isSigned: isSigned,
                scale: scale
            )
        case .result(let scale): return .result(scale: scale)
        case .pointee(let index, let scale): return .pointee(index, scale: scale)
        case .minimum(let left, let right): return .minimum(self.length(left, enclosing), self.length(right, enclosing))
        case .sum(let base, let extra): return .sum(self.length(base, enclosing), extra)
        }
    }
}

extension CaptureLength {
    func scaled(_ factor: Int) -> CaptureLength {
        switch self {
        case .fixed(let count): .fixed(count * factor)
        case .argument(let index, let scale): .argument(index, scale: scale * factor)
        case .field(let step, let offset, let size, let isSigned, let scale):
            .field(step: step, offset: offset, size: size, isSigned: isSigned, scale: scale * factor)
        case .result(let scale): .result(scale: scale * factor)
        case .pointee(let index, let scale): .pointee(index, scale: scale * factor)
        case .bits: self
        case .minimum(let left, let right): .minimum(left.scaled(factor), right.scaled(factor))
        case .sum(let base, let extra): .sum(base.scaled(factor), extra * factor)
        }
    }
}
