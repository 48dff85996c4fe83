// Reads arguments and memory by a description, into values.

extension Variant {
    /// Decodes a call.
    ///
    /// - Parameters:
    ///   - result: the raw result; nil for a call that did not return.
    ///   - input: memory as it was at entry.
    ///   - output: memory as it was at exit.
    public func decode(
        _ words: SyscallArguments,
        result: Int64?,
        input: some MemoryView,
        output: some MemoryView
    ) -> DecodedCall {
        let lengths = NarrowArgument.of(arguments).lengths(words)
        let entry = Decoder(arguments: lengths, result: 0, memory: input, fallback: input, isOutput: false)
        var decoded = DecodedCall(arguments: [], output: [], result: nil)
        let succeeded = result.map { $0 >= 0 } ?? false
        let exit = Decoder(arguments: lengths, result: result ?? 0, memory: output, fallback: input, isOutput: true)
        for (index, argument) in arguments.enumerated() {
            switch argument.type {
            case .pointer(let direction, let pointee, let rule):
                let address = words[index]
                let isFollowed = argument.isFollowed(words)
                let isRead = direction != .output && address != 0 && isFollowed
                let target = isRead ? entry.decode(pointee, direction, at: address, rule: rule) : nil
                decoded.arguments.append(Value.Field(argument.name, .pointer(address, target)))
                if direction != .input || pointee.writesBack, address != 0, isFollowed,
                    succeeded ? !argument.isOnlyOfFailure : argument.isAlways
                {
                    let value = exit.decode(pointee, direction, at: address, rule: rule)
                    decoded.output.append(Value.Field(argument.name, value))
                }
            case .scalar(let scalar):
                decoded.arguments.append(
                    Value.Field(argument.name, .scalar(scalar.value(words[index]), scalar.format, scalar.rule))
                )
            default:
                decoded.arguments.append(Value.Field(argument.name, .pointer(words[index], nil)))
            }
        }
        if let result { decoded.result = decode(result: result) }
        return decoded
    }

    private func decode(result value: Int64) -> Value {
        if Errno(result: value) != nil { return .scalar(value, .signed, .exact) }
        switch result.kind {
        case .status, .size, .never: return .scalar(value, .signed, result.rule)
        case .value(let scalar):
            return .scalar(scalar.value(UInt64(bitPattern: value)), scalar.format, result.rule)
        }
    }
}

/// Decodes memory of one call, of one direction.
struct Decoder<Memory: MemoryView, Input: MemoryView> {
    /// The arguments as lengths (``NarrowArgument``), and pointers.
    let arguments: SyscallArguments
    let result: Int64
    let memory: Memory
    /// Input memory: lengths and vectors live there.
    let fallback: Input
    let isOutput: Bool

    /// The struct that lengths named by fields refer to.
    struct Enclosing {
        var structure: StructDescription
        var bytes: ArraySlice<UInt8>
    }

    func decode(
        _ pointee: Pointee,
        _ direction: Direction,
        at address: UInt64,
        rule: Rule?,
        enclosing: Enclosing? = nil
    ) -> Value {
        switch pointee {
        case .value(let type): return decode(type, at: address, direction, rule: rule)
        case .sized(let structure, let length):
            let size = min(count(length, enclosing), structure.size)
            guard size > 0, case .bytes(let bytes) = memory.read(address, count: size) else {
                return missing(address, size)
            }
            let whole = bytes + [UInt8](repeating: 0, count: structure.size - size)
            let value = decode(.structure(structure), whole[...], direction, rule: rule)
            guard case .structure(let fields) = value else { return value }
            let known = Set(structure.fields.filter { $0.offset + $0.type.size <= size }.map(\.name))
            return .structure(fields.filter { known.contains($0.name) })
        case .cstring: return string(at: address, limit: 4096, rule: rule ?? .exact)
        case .text(let length):
            return string(at: address, limit: count(length, enclosing), rule: rule ?? .exact)
        case .buffer(let length):
            return buffer(at: address, count: count(length, enclosing), rule: rule ?? .exact)
        case .array(let element, let length):
            let count = count(length, enclosing)
            guard count > 0 else { return .list([], rule ?? .exact) }
            let size = min(count, 1 << 20) * element.size
            guard case .bytes(let bytes) = memory.read(address, count: size) else { return missing(address, size) }
            return .list(elements(element, count, bytes[...], direction), rule ?? .exact)
        case .iovec(let length):
            return vectors(at: address, count: count(length, enclosing), total: isOutput ? Int(result) : nil, rule)
        case .msghdr: return message(at: address, total: isOutput ? Int(result) : nil)
        case .mmsghdr(let length): return messages(at: address, direction, count: count(length, enclosing))
        case .sockaddr(let length):
            let count = count(length, enclosing)
            guard count > 0 else { return .bytes([], fullLength: 0, .exact) }
            switch memory.read(address, count: count) {
            case .bytes(let bytes): return socketAddress(bytes)
            case .cut(let bytes, _) where bytes.count >= 2: return socketAddress(bytes)
            default: return .unavailable("bad pointer")
            }
        case .strings: return strings(at: address)
        case .dirents(let length, let is64): return entries(at: address, count: count(length, enclosing), is64: is64)
        case .fdset(let length):
            let bits = max(0, min(count(length, enclosing), 65536))
            let size = (bits + 63) / 64 * 8
            guard case .bytes(let bytes) = memory.read(address, count: size) else { return missing(address, size) }
            let set = (0..<bits).filter { bytes[$0 / 8] & (1 << UInt8($0 % 8)) != 0 }
            return .list(set.map { .scalar(Int64($0), .fd, .renamed(.fd)) }, .set)
        case .sigset(let length):
            guard case .bytes(let bytes) = memory.read(address, count: min(8, max(count(length, enclosing), 0))) else {
                return .unavailable("bad pointer")
            }
            return .list(signals(bytes[...]), .set)
        }
    }

    // MARK: - Types with a layout

    func decode(_ type: ABIType, at address: UInt64, _ direction: Direction, rule: Rule?) -> Value {
        switch memory.read(address, count: type.size) {
        case .bytes(let bytes): return decode(type, bytes[...], direction, rule: rule)
        case .cut(let bytes, _) where !bytes.isEmpty:
            // A kernel may know a shorter struct than the description: what is missing reads as zero.
            let whole = bytes + [UInt8](repeating: 0, count: type.size - bytes.count)
            return decode(type, whole[...], direction, rule: rule)
        default: return .unavailable("bad pointer")
        }
    }

    func decode(_ type: ABIType, _ bytes: ArraySlice<UInt8>, _ direction: Direction, rule: Rule?) -> Value {
        switch type {
        case .scalar(let scalar):
            return .scalar(scalar.decode(bytes), scalar.format, rule ?? scalar.rule)
        case .bytes(let count, let own): return .bytes(Array(bytes.prefix(count)), fullLength: count, rule ?? own)
        case .string(let count, let own):
            return .string(Array(bytes.prefix(count).prefix { $0 != 0 }), rule ?? own)
        case .array(let element, let count): return .list(elements(element, count, bytes, direction), rule ?? .exact)
        case .pad: return .unavailable("padding")
        case .signalSet: return .list(signals(bytes), .set)
        case .structure(let structure): return decode(structure, bytes, direction, rule: rule)
        case .rawPointer: return .pointer(bytes.littleEndian(), nil)
        case .pointer(let inner, let pointee, let own):
            let address: UInt64 = bytes.littleEndian()
            guard address != 0, isOutput ? inner != .input : inner != .output else { return .pointer(address, nil) }
            return .pointer(address, decode(pointee, inner, at: address, rule: own))
        }
    }

    private func decode(
        _ structure: StructDescription,
        _ bytes: ArraySlice<UInt8>,
        _ direction: Direction,
        rule: Rule?
    ) -> Value {
        if structure.name == "siginfo", rule == nil { return signalInformation(structure, bytes) }
        var fields: [Value.Field] = []
        for field in structure.fields {
            if case .pad = field.type { continue }
            let start = bytes.startIndex + field.offset
            let slice = bytes[min(start, bytes.endIndex)..<min(start + field.type.size, bytes.endIndex)]
            if case .pointer(let inner, let pointee, let own) = field.type {
                let address: UInt64 = slice.littleEndian()
                var follows = address != 0 && (isOutput ? inner != .input : inner != .output)
                let enclosing = Enclosing(structure: structure, bytes: bytes)
                if let condition = field.condition {
                    let other = structure.fields[condition.index]
                    let start = min(bytes.startIndex + other.offset, bytes.endIndex)
                    let value = bytes[start..<min(start + other.type.size, bytes.endIndex)].littleEndian()
                    follows = follows && value & condition.mask != 0
                }
                let target = follows ? decode(pointee, inner, at: address, rule: own, enclosing: enclosing) : nil
                fields.append(Value.Field(field.name, .pointer(address, target)))
            } else {
                fields.append(
                    Value.Field(field.name, decode(field.type, slice, direction, rule: rule ?? field.rule))
                )
            }
        }
        return .structure(fields)
    }

    private func elements(
        _ element: ABIType,
        _ count: Int,
        _ bytes: ArraySlice<UInt8>,
        _ direction: Direction
    ) -> [Value] {
        var values: [Value] = []
        var start = bytes.startIndex
        for _ in 0..<count {
            guard start + element.size <= bytes.endIndex else { break }
            values.append(decode(element, bytes[start..<(start + element.size)], direction, rule: nil))
            start += element.size
        }
        return values
    }

    // MARK: - Lengths

    func count(_ length: Length, _ enclosing: Enclosing?) -> Int {
        let limit: UInt64 = 1 << 30
        switch length {
        case .fixed(let count): return count
        case .field(let index, let scale):
            guard let enclosing else { return Int(min(arguments[index], limit)) * scale }
            let field = enclosing.structure.fields[index]
            let start = min(enclosing.bytes.startIndex + field.offset, enclosing.bytes.endIndex)
            var value: UInt64 = enclosing.bytes[start..<min(start + field.type.size, enclosing.bytes.endIndex)]
                .littleEndian()
            if case .scalar(let scalar) = field.type { value = scalar.length(value) }
            return Int(min(value, limit)) * scale
        case .result(let scale): return max(0, Int(min(UInt64(max(result, 0)), limit))) * scale
        case .pointee(let index, let scale):
            let now = memory.integer(arguments[index], size: 4)
            let room = fallback.integer(arguments[index], size: 4)
            guard let now else { return Int(min(room ?? 0, limit)) * scale }
            return Int(min(now, room ?? now, limit)) * scale
        case .sum(let base, let extra): return count(base, enclosing) + extra
        case .minimum(let left, let right):
            if !isOutput, case .result = right { return count(left, enclosing) }
            return min(count(left, enclosing), count(right, enclosing))
        }
    }

    // MARK: - Buffers and strings

    /// Why a value that needs all its bytes has none: part of them is known, or nothing.
    func missing(_ address: UInt64, _ count: Int) -> Value {
        if case .cut = memory.read(address, count: max(count, 1)) { return .unavailable("cut") }
        return .unavailable("bad pointer")
    }

    func buffer(at address: UInt64, count: Int, rule: Rule) -> Value {
        guard count > 0 else { return .bytes([], fullLength: 0, rule) }
        switch memory.read(address, count: count) {
        case .bytes(let bytes): return .bytes(bytes, fullLength: count, rule)
        case .cut(let bytes, let length): return .bytes(bytes, fullLength: length, rule)
        case .absent: return .unavailable("bad pointer")
        }
    }

    func string(at address: UInt64, limit: Int, rule: Rule) -> Value {
        switch memory.readString(address, limit: limit) {
        case .bytes(let bytes), .cut(let bytes, _): .string(bytes, rule)
        case .absent: .unavailable("bad pointer")
        }
    }

    private func strings(at address: UInt64) -> Value {
        var values: [Value] = []
        var position = address
        while values.count < 16384, let pointer = memory.integer(position, size: 8), pointer != 0 {
            values.append(string(at: pointer, limit: 131072, rule: .exact))
            position &+= 8
        }
        if values.isEmpty, memory.integer(address, size: 8) == nil { return .unavailable("bad pointer") }
        return .list(values, .exact)
    }

    func signals(_ bytes: ArraySlice<UInt8>) -> [Value] {
        let mask: UInt64 = bytes.littleEndian()
        return (0..<64).filter { mask & (1 << UInt64($0)) != 0 }.map { .scalar(Int64($0) + 1, .signal, .exact) }
    }
}

extension MemoryView {
    /// A little-endian integer, nil if its bytes are not known.
    func integer(_ address: UInt64, size: Int) -> UInt64? {
        guard case .bytes(let bytes) = read(address, count: size) else { return nil }
        return bytes[...].littleEndian()
    }
}

extension ArraySlice<UInt8> {
    /// A little-endian integer of up to 8 bytes.
    func littleEndian() -> UInt64 {
        var value: UInt64 = 0
        for (index, byte) in prefix(8).enumerated() { value |= UInt64(byte) << UInt64(index * 8) }
        return value
    }
}

extension Scalar {
    func decode(_ bytes: ArraySlice<UInt8>) -> Int64 {
        guard isBigEndian else { return value(bytes.prefix(size).littleEndian()) }
        var word: UInt64 = 0
        for byte in bytes.prefix(size) { word = word << 8 | UInt64(byte) }
        return value(word)
    }
}
