// Socket addresses, messages and directory entries: layouts that depend on their own content.

extension Decoder {
    func socketAddress(_ bytes: [UInt8]) -> Value {
        guard bytes.count >= 2 else { return .bytes(bytes, fullLength: bytes.count, .exact) }
        let number = UInt64(bytes[0]) | UInt64(bytes[1]) << 8
        let format: ScalarFormat = ABI.enumeration("socket_domain").map { .enumeration($0) } ?? .unsigned
        var fields = [Value.Field("sa_family", .scalar(Int64(number), format, .exact))]
        func port(_ offset: Int) -> Value {
            .scalar(Int64(bytes[offset]) << 8 | Int64(bytes[offset + 1]), .unsigned, .renamed(.port))
        }
        switch number {
        case 1 where bytes.count == 2: break
        case 1 where bytes[2] == 0:
            // An abstract name: its length is the address's, NULs count.
            fields.append(Value.Field("sun_path", .string([UInt8(ascii: "@")] + bytes[3...], .exact)))
        case 1: fields.append(Value.Field("sun_path", .string(Array(bytes[2...].prefix { $0 != 0 }), .exact)))
        case 2 where bytes.count >= 8:
            let address = bytes[4..<8].map(String.init).joined(separator: ".")
            fields.append(Value.Field("sin_port", port(2)))
            fields.append(Value.Field("sin_addr", .string(Array(address.utf8), .exact)))
        case 10 where bytes.count >= 24:
            fields.append(Value.Field("sin6_port", port(2)))
            fields.append(Value.Field("sin6_flowinfo", .scalar(Int64(bytes[4..<8].littleEndian()), .unsigned, .exact)))
            fields.append(Value.Field("sin6_addr", .string(Array(address6(bytes[8..<24]).utf8), .exact)))
            if bytes.count >= 28 {
                let scope = Int64(bytes[24..<28].littleEndian())
                fields.append(Value.Field("sin6_scope_id", .scalar(scope, .unsigned, .exact)))
            }
        case 16 where bytes.count >= 12:
            let pid = Int64(bytes[4..<8].littleEndian())
            fields.append(Value.Field("nl_pid", .scalar(pid, .id, .renamed(.pid))))
            fields.append(Value.Field("nl_groups", .scalar(Int64(bytes[8..<12].littleEndian()), .hex, .exact)))
        default: fields.append(Value.Field("sa_data", .bytes(Array(bytes[2...]), fullLength: bytes.count - 2, .exact)))
        }
        return .structure(fields)
    }

    private func address6(_ bytes: ArraySlice<UInt8>) -> String {
        var groups: [UInt16] = []
        var index = bytes.startIndex
        while index + 1 < bytes.endIndex {
            groups.append(UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1]))
            index += 2
        }
        // The longest run of zeros is written `::` (RFC 5952).
        var best = 0..<0
        var start = 0
        while start < groups.count {
            var end = start
            while end < groups.count, groups[end] == 0 { end += 1 }
            if end - start > max(best.count, 1) { best = start..<end }
            start = max(end, start + 1)
        }
        func text(_ slice: ArraySlice<UInt16>) -> String {
            slice.map { String($0, radix: 16) }.joined(separator: ":")
        }
        return best.isEmpty
            ? text(groups[...]) : text(groups[..<best.lowerBound]) + "::" + text(groups[best.upperBound...])
    }

    func vectors(at address: UInt64, count: Int, total: Int?, _ rule: Rule?) -> Value {
        var values: [Value] = []
        var left = total ?? Int.max
        for index in 0..<max(0, min(count, 1024)) {
            let pair = address &+ UInt64(index * 16)
            guard let base = fallback.integer(pair, size: 8), let length = fallback.integer(pair &+ 8, size: 8) else {
                return .unavailable("bad pointer")
            }
            let size = min(Int(min(length, 1 << 30)), left)
            left -= size
            values.append(buffer(at: base, count: size, rule: rule ?? .exact))
            if left == 0 { break }
        }
        return .list(values, .exact)
    }

    func message(at address: UInt64, total: Int?) -> Value {
        guard case .bytes(let header) = fallback.read(address, count: 56) else { return .unavailable("bad pointer") }
        var now = header
        if isOutput, case .bytes(let written) = memory.read(address, count: 56) { now = written }
        func word(_ offset: Int, _ bytes: [UInt8]) -> UInt64 { bytes[offset..<(offset + 8)].littleEndian() }
        let nameRoom = Int(header[8..<12].littleEndian())
        let nameLength = min(Int(now[8..<12].littleEndian()), nameRoom)
        var fields: [Value.Field] = []
        if word(0, header) != 0, nameLength > 0 {
            let name: Value
            if case .bytes(let bytes) = memory.read(word(0, header), count: nameLength) {
                name = socketAddress(bytes)
            } else {
                name = .unavailable("bad pointer")
            }
            fields.append(Value.Field("msg_name", name))
        }
        fields.append(Value.Field("msg_namelen", .scalar(Int64(now[8..<12].littleEndian()), .unsigned, .exact)))
        let vectorCount = Int(min(word(24, header), 1024))
        fields.append(
            Value.Field("msg_iov", vectors(at: word(16, header), count: vectorCount, total: total, nil))
        )
        let controlLength = Int(min(word(40, now), word(40, header), 65536))
        if word(32, header) != 0, controlLength > 0 {
            let control: Value
            if case .bytes(let bytes) = memory.read(word(32, header), count: controlLength) {
                control = .list(controlMessages(bytes), .exact)
            } else {
                control = .unavailable("bad pointer")
            }
            fields.append(Value.Field("msg_control", control))
        }
        fields.append(Value.Field("msg_controllen", .scalar(Int64(word(40, now)), .unsigned, .exact)))
        if isOutput {
            let flags: ScalarFormat = ABI.flagSet("msg_flags").map { .flags($0) } ?? .hex
            fields.append(Value.Field("msg_flags", .scalar(Int64(now[48..<52].littleEndian()), flags, .exact)))
        }
        return .structure(fields)
    }

    /// `struct mmsghdr` entries: those that the call dealt with, at exit.
    func messages(at address: UInt64, _ direction: Direction, count: Int) -> Value {
        var values: [Value] = []
        for index in 0..<max(0, min(isOutput ? min(Int(result), count) : count, 1024)) {
            let header = address &+ UInt64(index * 64)
            let length = memory.integer(header &+ 56, size: 4)
            var fields: [Value.Field] = []
            if !isOutput || direction != .input {
                fields.append(Value.Field("msg_hdr", message(at: header, total: isOutput ? length.map(Int.init) : nil)))
            }
            if isOutput {
                let value = length.map { Value.scalar(Int64($0), .unsigned, .exact) }
                fields.append(Value.Field("msg_len", value ?? .unavailable("bad pointer")))
            }
            values.append(.structure(fields))
        }
        return .list(values, .exact)
    }

    /// cmsg headers: `{cmsg_len u64, cmsg_level i32, cmsg_type i32, data}`, each padded to 8 bytes.
    private func controlMessages(_ bytes: [UInt8]) -> [Value] {
        var values: [Value] = []
        var offset = 0
        while offset + 16 <= bytes.count {
            let length = Int(bytes[offset..<(offset + 8)].littleEndian())
            guard length >= 16, offset + length <= bytes.count else { break }
            let level = Int64(bytes[(offset + 8)..<(offset + 12)].littleEndian())
            let type = Int64(bytes[(offset + 12)..<(offset + 16)].littleEndian())
            let data = bytes[(offset + 16)..<(offset + length)]
            values.append(
                .structure([
                    Value.Field("cmsg_level", .scalar(level, named("sockopt_level"), .exact)),
                    // Types are numbered level by level; SOL_SOCKET's have names.
                    Value.Field("cmsg_type", .scalar(type, level == 1 ? named("control_types") : .signed, .exact)),
                    Value.Field("cmsg_data", controlData(level, type, data)),
                ])
            )
            offset += (length + 7) & ~7
        }
        return values
    }

    private func named(_ enumeration: String) -> ScalarFormat {
        ABI.enumeration(enumeration).map { .enumeration($0) } ?? .signed
    }

    private func controlData(_ level: Int64, _ type: Int64, _ data: ArraySlice<UInt8>) -> Value {
        func words() -> [Int64] {
            stride(from: data.startIndex, to: data.endIndex - 3, by: 4).map {
                Int64(Int32(truncatingIfNeeded: data[$0..<($0 + 4)].littleEndian()))
            }
        }
        switch (level, type) {
        case (1, 1):  // SCM_RIGHTS
            return .list(words().map { .scalar($0, .fd, .renamed(.fd)) }, .exact)
        case (1, 2) where data.count == 12:  // SCM_CREDENTIALS
            let credentials = words()
            return .structure([
                Value.Field("pid", .scalar(credentials[0], .id, .renamed(.pid))),
                Value.Field("uid", .scalar(credentials[1], .id, .exact)),
                Value.Field("gid", .scalar(credentials[2], .id, .exact)),
            ])
        default: return .bytes(Array(data), fullLength: data.count, .exact)
        }
    }

    /// `struct linux_dirent64` and `struct linux_dirent`.
    func entries(at address: UInt64, count: Int, is64: Bool) -> Value {
        guard count > 0 else { return .list([], .set) }
        guard case .bytes(let bytes) = memory.read(address, count: count) else { return .unavailable("cut") }
        let nameOffset = is64 ? 19 : 18
        var values: [Value] = []
        var offset = 0
        while offset + nameOffset < bytes.count {
            let length = Int(bytes[(offset + 16)..<(offset + 18)].littleEndian())
            guard length > nameOffset, offset + length <= bytes.count else { break }
            let inode = Int64(bitPattern: bytes[offset..<(offset + 8)].littleEndian())
            let type = Int64(is64 ? bytes[offset + 18] : bytes[offset + length - 1])
            let name = Array(bytes[(offset + nameOffset)..<(offset + length)].prefix { $0 != 0 })
            let format: ScalarFormat = ABI.enumeration("dirent_types").map { .enumeration($0) } ?? .unsigned
            values.append(
                .structure([
                    Value.Field("d_ino", .scalar(inode, .unsigned, .renamed(.inode))),
                    Value.Field("d_type", .scalar(type, format, .exact)),
                    Value.Field("d_name", .string(name, .exact)),
                ])
            )
            offset += length
        }
        return .list(values, .set)
    }
}
