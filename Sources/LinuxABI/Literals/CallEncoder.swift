// Makes arguments and input memory of a call that somebody wrote down, by its description: the decoder's counterpart.

/// A call ready to be made.
public struct EncodedCall: Sendable {
    public var description: CallDescription
    public var variant: Variant
    public var words: SyscallArguments
    public var memory: MemoryChunks
    /// What output memory must hold, by argument name.
    public var expected: [String: Literal]
}

/// Encodes calls of one address space.
public struct CallEncoder: Sendable {
    /// Where the next thing is placed.
    private var next: UInt64
    /// Addresses of named places.
    public private(set) var places: [String: UInt64] = [:]

    var chunks: [MemoryChunks.Chunk] = []
    private var expected: [String: Literal] = [:]

    /// - Parameter base: the first address that is used; nothing else may be there.
    public init(base: UInt64) { next = base }

    /// Encodes a call; arguments that are not given are 0.
    public mutating func encode(
        _ name: String,
        _ literals: [Literal],
        names: Literal.Names
    ) throws(LiteralError) -> EncodedCall {
        guard let description = ABI.call(named: name) else { throw LiteralError("there is no call \(name)") }
        guard literals.count <= 6 else { throw LiteralError("a call has at most six arguments") }
        chunks = []
        expected = [:]
        // The sub-command depends on arguments that are plain numbers.
        var words = SyscallArguments()
        for (index, literal) in literals.enumerated() {
            if let number = try literal.number(names) { words[index] = UInt64(bitPattern: number) }
        }
        let variant = description.variant(for: words)
        for (index, literal) in literals.enumerated() {
            guard index < variant.arguments.count else {
                words[index] = try word(literal, names)
                continue
            }
            let argument = variant.arguments[index]
            do {
                words[index] = try encode(literal, argument, names)
            } catch {
                throw LiteralError("\(argument.name): \(error)")
            }
        }
        return EncodedCall(
            description: description,
            variant: variant,
            words: words,
            memory: MemoryChunks(chunks),
            expected: expected
        )
    }

    private mutating func encode(
        _ literal: Literal,
        _ argument: Argument,
        _ names: Literal.Names
    ) throws(LiteralError) -> UInt64 {
        guard case .pointer(let direction, let pointee, _) = argument.type else { return try word(literal, names) }
        let value = try literal.evaluated(names)
        if case .number(let address) = value { return UInt64(bitPattern: address) }
        if case .name(let name) = value { throw LiteralError("nothing is called \(name)") }
        var (content, place) = (value, String?.none)
        if case .placed(let inner, let name) = value { (content, place) = (inner, name) }
        let address = place.map { reserve(named: $0) }
        switch (direction, content) {
        case (.input, .change(let input, let output)):
            // Only what the kernel writes back although the data goes in.
            expected[argument.name] = output
            return try put(input, pointee, names, at: address)
        case (_, .change(let input, let output)):
            expected[argument.name] = output
            return try put(input, pointee, names, at: address)
        case (.input, _), (.both, _): return try put(content, pointee, names, at: address)
        case (.output, _):
            if case .any = content {} else { expected[argument.name] = content }
            switch pointee {
            // Where the data goes is itself input.
            case .iovec, .msghdr, .mmsghdr: return try put(content, pointee, names, at: address)
            default: return address ?? reserve(1 << 20)
            }
        }
    }

    /// A register: a number, or memory that the description does not follow.
    private mutating func word(_ literal: Literal, _ names: Literal.Names) throws(LiteralError) -> UInt64 {
        switch try literal.evaluated(names) {
        case .number(let value): return UInt64(bitPattern: value)
        case .any: return reserve(1 << 16)
        case .name(let name): throw LiteralError("nothing is called \(name)")
        case .placed(let inner, let place):
            let address = reserve(named: place)
            if case .any = inner { return address }
            return store(try bytes(inner, names), at: address)
        case let other: return store(try bytes(other, names))
        }
    }

    // MARK: - Places

    mutating func reserve(_ count: Int) -> UInt64 {
        defer { next += (UInt64(max(count, 1)) + 4095) & ~4095 }
        return next
    }

    private mutating func reserve(named name: String) -> UInt64 {
        if let address = places[name] { return address }
        let address = reserve(1 << 20)
        places[name] = address
        return address
    }

    /// Gives a place a name: what a call returned, say.
    public mutating func name(_ name: String, _ address: UInt64) { places[name] = address }

    mutating func store(_ bytes: [UInt8], at address: UInt64? = nil) -> UInt64 {
        let address = address ?? reserve(bytes.count)
        chunks.append(MemoryChunks.Chunk(address: address, bytes: bytes))
        return address
    }
}
