// Memory of the described types, from literals.

extension CallEncoder {
    mutating func put(
        _ literal: Literal,
        _ pointee: Pointee,
        _ names: Literal.Names,
        at address: UInt64?
    ) throws(LiteralError) -> UInt64 {
        let value = try literal.evaluated(names)
        switch (pointee, value) {
        case (_, .number(let raw)) where !pointee.isNumber: return UInt64(bitPattern: raw)
        case (_, .any): return address ?? reserve(1 << 20)
        case (.cstring, .text(let bytes)), (.text, .text(let bytes)): return store(bytes + [0], at: address)
        case (.strings, .list(let texts, _)):
            var table: [UInt8] = []
            for text in texts {
                guard case .text(let bytes) = try text.evaluated(names) else {
                    throw LiteralError("argv and envp hold texts")
                }
                table += store(bytes + [0]).littleEndianBytes(8)
            }
            return store(table + UInt64(0).littleEndianBytes(8), at: address)
        case (.iovec, .list(let parts, _)): return store(try vectors(parts, names), at: address)
        case (.msghdr, .structure(let fields)): return store(try message(fields, names), at: address)
        case (.mmsghdr, .list(let parts, _)):
            var table: [UInt8] = []
            for part in parts {
                var (content, length) = (try part.evaluated(names), UInt64(0))
                if case .structure(let fields) = content, let header = fields.first(where: { $0.name == "msg_hdr" }) {
                    content = header.value
                }
                if case .change(let input, _) = content { content = input }
                guard case .structure(let fields) = content else { throw LiteralError("a message is {…}") }
                table += try message(fields, names) + length.littleEndianBytes(8)
                length = 0
            }
            return store(table, at: address)
        case (.sockaddr, .structure(let fields)): return store(try socketAddress(fields, names), at: address)
        case (.fdset, .list(let members, _)):
            var set = [UInt8](repeating: 0, count: 128)
            for member in members {
                guard let fd = try member.number(names), 0..<1024 ~= fd else { throw LiteralError("no fd") }
                set[Int(fd) / 8] |= 1 << UInt8(fd % 8)
            }
            return store(set, at: address)
        case (.sigset, .list(let members, _)):
            return store(try signals(members, names).littleEndianBytes(8), at: address)
        case (.array(let element, _), .list(let members, _)):
            var bytes: [UInt8] = []
            for member in members { bytes += try encode(member, as: element, names) }
            return store(bytes, at: address)
        case (.value(let type), .list(let members, _)) where members.count == 1 && pointee.isNumber:
            return store(try encode(members[0], as: type, names), at: address)
        case (.value(let type), .structure), (.value(let type), .list):
            return store(try encode(value, as: type, names), at: address)
        case (.value(let type), .number): return store(try encode(value, as: type, names), at: address)
        case (.sized(let structure, _), .structure):
            return store(try encode(value, as: .structure(structure), names), at: address)
        default: return store(try bytes(value, names), at: address)
        }
    }

    /// Bytes of a literal that says its own layout.
    func bytes(_ literal: Literal, _ names: Literal.Names) throws(LiteralError) -> [UInt8] {
        switch try literal.evaluated(names) {
        case .text(let bytes): return bytes
        case .packed(let parts):
            var out: [UInt8] = []
            for part in parts { out += try bytes(part, names) }
            return out
        case .sized(let inner, let size):
            guard let number = try inner.number(names) else { throw LiteralError("only a number has a size") }
            return UInt64(bitPattern: number).littleEndianBytes(size)
        default: throw LiteralError("this value has no layout here")
        }
    }

    mutating func encode(
        _ literal: Literal,
        as type: ABIType,
        _ names: Literal.Names
    ) throws(LiteralError) -> [UInt8] {
        let value = try literal.evaluated(names)
        switch (type, value) {
        case (.scalar(let scalar), .number(let number)):
            let bytes = UInt64(bitPattern: number).littleEndianBytes(scalar.size)
            return scalar.isBigEndian ? bytes.reversed() : bytes
        case (.signalSet(let size), .list(let members, _)):
            return try signals(members, names).littleEndianBytes(8).padded(to: size)
        case (.array(let element, let count), .list(let members, _)):
            var bytes: [UInt8] = []
            for member in members { bytes += try encode(member, as: element, names) }
            return bytes.padded(to: element.size * count)
        case (.structure(let structure), .structure(let fields)):
            var bytes = [UInt8](repeating: 0, count: structure.size)
            for field in fields {
                guard let known = structure.fields.first(where: { $0.name == field.name }) else {
                    throw LiteralError("struct \(structure.name) has no field \(field.name)")
                }
                let own = try encode(field.value, as: known.type, names)
                bytes.replaceSubrange(known.offset..<(known.offset + own.count), with: own)
            }
            return bytes
        case (.pointer, .number(let address)), (.rawPointer, .number(let address)):
            return UInt64(bitPattern: address).littleEndianBytes(8)
        case (.pointer(_, let pointee, _), _): return try put(value, pointee, names, at: nil).littleEndianBytes(8)
        case (.rawPointer, .any): return reserve(1 << 16).littleEndianBytes(8)
        case (.rawPointer, _): return store(try bytes(value, names)).littleEndianBytes(8)
        default:
            let bytes = try bytes(value, names)
            guard bytes.count <= type.size else { throw LiteralError("the value is longer than its field") }
            return bytes.padded(to: type.size)
        }
    }

    private func signals(_ members: [Literal], _ names: Literal.Names) throws(LiteralError) -> UInt64 {
        var set: UInt64 = 0
        for member in members {
            guard let signal = try member.number(names), 1...64 ~= signal else { throw LiteralError("no signal") }
            set |= 1 << UInt64(signal - 1)
        }
        return set
    }

    // MARK: - Sockets

    /// An I/O vector: a text goes out or must come in; a number is room; `16 => "text"` is both.
    private mutating func vectors(_ parts: [Literal], _ names: Literal.Names) throws(LiteralError) -> [UInt8] {
        var table: [UInt8] = []
        for part in parts {
            let (address, length) = try buffer(part, names)
            table += address.littleEndianBytes(8) + length.littleEndianBytes(8)
        }
        return table
    }

    private mutating func buffer(_ literal: Literal, _ names: Literal.Names) throws(LiteralError) -> (UInt64, UInt64) {
        var value = try literal.evaluated(names)
        if case .change(let room, _) = value { value = try room.evaluated(names) }
        if case .number(let room) = value { return (reserve(Int(clamping: room)), UInt64(bitPattern: room)) }
        let bytes = try bytes(value, names)
        return (store(bytes), UInt64(bytes.count))
    }

    /// `struct msghdr`: 56 bytes.
    private mutating func message(_ fields: [Literal.Field], _ names: Literal.Names) throws(LiteralError) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: 56)
        func set(_ offset: Int, _ value: UInt64) {
            header.replaceSubrange(offset..<(offset + 8), with: value.littleEndianBytes(8))
        }
        for field in fields {
            var value = try field.value.evaluated(names)
            if case .change(let input, _) = value { value = try input.evaluated(names) }
            switch (field.name, value) {
            case ("msg_name", .structure(let parts)):
                let address = try socketAddress(parts, names)
                set(0, store(address))
                set(8, UInt64(address.count))
            case ("msg_name", .number(let room)):
                set(0, reserve(256))
                set(8, UInt64(bitPattern: room))
            case ("msg_iov", .list(let parts, _)):
                set(16, store(try vectors(parts, names)))
                set(24, UInt64(parts.count))
            case ("msg_iovlen", .number(let count)): set(24, UInt64(bitPattern: count))
            case ("msg_control", .list(let parts, _)):
                let bytes = try control(parts, names)
                set(32, store(bytes))
                set(40, UInt64(bytes.count))
            case ("msg_control", .number(let room)):
                set(32, reserve(Int(clamping: room)))
                set(40, UInt64(bitPattern: room))
            case ("msg_flags", _): break
            default: throw LiteralError("\(field.name) cannot be encoded")
            }
        }
        return header
    }

    private mutating func control(_ parts: [Literal], _ names: Literal.Names) throws(LiteralError) -> [UInt8] {
        var out: [UInt8] = []
        for part in parts {
            guard case .structure(let fields) = part else { throw LiteralError("a control message is {…}") }
            func number(_ name: String) throws(LiteralError) -> UInt64 {
                guard let field = fields.first(where: { $0.name == name }),
                    let value = try field.value.number(names)
                else { throw LiteralError("a control message has no \(name)") }
                return UInt64(bitPattern: value)
            }
            var data: [UInt8] = []
            switch try fields.first(where: { $0.name == "cmsg_data" })?.value.evaluated(names) {
            case .list(let words, _)?:
                for word in words { data += UInt64(bitPattern: try word.number(names) ?? 0).littleEndianBytes(4) }
            case let other?: data = try bytes(other, names)
            case nil: break
            }
            let head = UInt64(16 + data.count).littleEndianBytes(8)
            let kind = try number("cmsg_level").littleEndianBytes(4) + number("cmsg_type").littleEndianBytes(4)
            out += (head + kind + data).padded(to: (16 + data.count + 7) & ~7)
        }
        return out
    }

    /// `{sa_family=AF_INET, sin_port=80, sin_addr="127.0.0.1"}` and its relatives.
    private func socketAddress(_ fields: [Literal.Field], _ names: Literal.Names) throws(LiteralError) -> [UInt8] {
        func value(_ name: String) throws(LiteralError) -> Literal? {
            guard let field = fields.first(where: { $0.name == name }) else { return nil }
            return try field.value.evaluated(names)
        }
        func number(_ name: String) throws(LiteralError) -> UInt64 {
            guard let value = try value(name) else { return 0 }
            guard case .number(let number) = value else { throw LiteralError("\(name) is no number") }
            return UInt64(bitPattern: number)
        }
        func text(_ name: String) throws(LiteralError) -> [UInt8] {
            if case .text(let bytes)? = try value(name) { bytes } else { [] }
        }
        let family = try number("sa_family")
        let head = family.littleEndianBytes(2)
        switch family {
        case 1:
            let path = try text("sun_path")
            if path.first == UInt8(ascii: "@") { return head + [0] + path.dropFirst() }
            return path.isEmpty ? head : head + path + [0]
        case 2:
            let port = Array(try number("sin_port").littleEndianBytes(2).reversed())
            let address = String(decoding: try text("sin_addr"), as: UTF8.self).split(separator: ".")
                .compactMap { UInt8($0) }
            return head + port + address.padded(to: 4) + [UInt8](repeating: 0, count: 8)
        case 10:
            let port = Array(try number("sin6_port").littleEndianBytes(2).reversed())
            let address = try internetAddress6(try text("sin6_addr"))
            return head + port + [0, 0, 0, 0] + address + (try number("sin6_scope_id")).littleEndianBytes(4)
        case 16:
            return head + [0, 0] + (try number("nl_pid")).littleEndianBytes(4)
                + (try number("nl_groups")).littleEndianBytes(4)
        default: return head + (try text("sa_data")).padded(to: 14)
        }
    }

    /// `::1`, `fe80::1:2`; no embedded IPv4.
    private func internetAddress6(_ text: [UInt8]) throws(LiteralError) -> [UInt8] {
        func groups(_ text: some StringProtocol) -> [UInt8] {
            text.split(separator: ":").compactMap { UInt16($0, radix: 16) }
                .flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
        }
        let words = String(decoding: text, as: UTF8.self)
        guard let gap = words.firstRange(of: "::") else { return groups(words).padded(to: 16) }
        let (left, right) = (groups(words[..<gap.lowerBound]), groups(words[gap.upperBound...]))
        guard left.count + right.count <= 16 else { throw LiteralError("an IPv6 address is too long") }
        return left + [UInt8](repeating: 0, count: 16 - left.count - right.count) + right
    }
}

extension Pointee {
    /// A plain integer: written `[110]`.
    fileprivate var isNumber: Bool {
        if case .value(.scalar) = self { true } else { false }
    }
}

extension UInt64 {
    func littleEndianBytes(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: self >> UInt64($0 * 8)) }
    }
}

extension [UInt8] {
    func padded(to count: Int) -> [UInt8] { self + [UInt8](repeating: 0, count: Swift.max(0, count - self.count)) }
}
