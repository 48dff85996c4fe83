// Calls as strace prints them.

/// Renders decoded calls for people, in strace's words.
public struct Printer: Sendable {
    /// Bytes of a string or buffer that are shown.
    public var stringLimit: Int
    /// Elements of a list that are shown.
    public var listLimit: Int

    public init(stringLimit: Int = 32, listLimit: Int = 32) {
        self.stringLimit = stringLimit
        self.listLimit = listLimit
    }

    /// `openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3`
    public func line(_ variant: Variant, _ words: SyscallArguments, _ call: DecodedCall, result: Int64?) -> String {
        "\(variant.callName)(\(arguments(variant, words, call).joined(separator: ", "))) = \(self.result(variant, result))"
    }

    /// One text per argument; output memory is shown in its place, `in => out` where it was both.
    public func arguments(_ variant: Variant, _ words: SyscallArguments, _ call: DecodedCall) -> [String] {
        var texts: [String] = []
        for (index, argument) in call.arguments.enumerated() {
            if isHidden(variant, index, words) { continue }
            guard case .pointer(let address, let input) = argument.value else {
                texts.append(text(argument.value))
                continue
            }
            let output = call.output.first { $0.name == argument.name }?.value
            switch (input, output) {
            // The environment would drown everything else.
            case (.list(let variables, _)?, nil) where argument.name == "envp":
                texts.append("\(hex(address)) /* \(variables.count) vars */")
            case (_, .unavailable?), (.unavailable?, nil): texts.append(hex(address))
            case (let input?, let output?) where input != output:
                texts.append(bracketed("\(text(input)) => \(text(output))", output))
            case (let input?, _): texts.append(bracketed(text(input), input))
            case (nil, let output?): texts.append(bracketed(text(output), output))
            case (nil, nil): texts.append(address == 0 ? "NULL" : hex(address))
            }
        }
        return texts
    }

    /// What a pointer to a number points to: `[110 => 2]`.
    private func bracketed(_ text: String, _ value: Value) -> String {
        if case .scalar = value { "[\(text)]" } else { text }
    }

    /// `3`, `-1 ENOENT (No such file or directory)`, `? ERESTARTSYS (…)`, `?` for a call that did not return.
    public func result(_ variant: Variant?, _ value: Int64?) -> String {
        guard let value else { return "?" }
        if let errno = Errno(result: value) {
            let text = errno.text.isEmpty ? "" : " (\(errno.text))"
            return errno.rawValue >= 512 ? "? \(errno.name)\(text)" : "-1 \(errno.name)\(text)"
        }
        guard case .value(let scalar)? = variant?.result.kind else { return String(value) }
        return text(.scalar(scalar.value(UInt64(bitPattern: value)), scalar.format, .exact))
    }

    /// open's mode means nothing without O_CREAT or O_TMPFILE; strace leaves it out too.
    private func isHidden(_ variant: Variant, _ index: Int, _ words: SyscallArguments) -> Bool {
        guard variant.arguments[index].name == "mode", index > 0 else { return false }
        guard case .scalar(let scalar) = variant.arguments[index - 1].type, case .flags(let set) = scalar.format,
            set.name == "open_flags"
        else { return false }
        let creating = set.entries.filter { $0.name == "O_CREAT" || $0.name == "O_TMPFILE" }
        return !creating.contains { words[index - 1] & $0.value == $0.value }
    }

    // MARK: - Values

    public func text(_ value: Value) -> String {
        switch value {
        case .scalar(let number, let format, _): scalar(number, format)
        case .bytes(let bytes, let fullLength, _): quoted(bytes, isCut: bytes.count < fullLength)
        case .string(let bytes, _): quoted(bytes, isCut: false, limit: bytes.count)
        case .structure(let fields):
            "{\(fields.map { "\($0.name)=\(text($0.value))" }.joined(separator: ", "))}"
        case .list(let values, let rule):
            list(values, isSet: rule == .set)
        case .pointer(let address, let target):
            target.map { text($0) } ?? (address == 0 ? "NULL" : hex(address))
        case .unavailable(let reason): "<\(reason)>"
        }
    }

    private func list(_ values: [Value], isSet: Bool) -> String {
        var parts = values.prefix(listLimit).map { text($0) }
        if values.count > listLimit { parts.append("... \(values.count - listLimit) more") }
        let isNames = isSet && values.allSatisfy { if case .scalar = $0 { true } else { false } }
        return "[\(parts.joined(separator: isNames ? " " : ", "))]"
    }

    private func scalar(_ number: Int64, _ format: ScalarFormat) -> String {
        let bits = UInt64(bitPattern: number)
        switch format {
        case .signed, .fd, .id: return String(number)
        case .unsigned: return String(bits)
        case .hex: return number == 0 ? "0" : hex(bits)
        case .address: return number == 0 ? "NULL" : hex(bits)
        case .octal: return number == 0 ? "0" : "0" + String(bits, radix: 8)
        case .dirfd: return number == -100 ? "AT_FDCWD" : String(number)
        case .signal: return signalName(Int32(truncatingIfNeeded: number))
        case .device:
            let major = (bits >> 8) & 0xfff | (bits >> 32) & ~0xfff
            let minor = bits & 0xff | (bits >> 12) & ~0xff
            return "makedev(\(hex(major)), \(hex(minor)))"
        case .mode: return mode(bits)
        case .waitStatus: return waitStatus(UInt32(truncatingIfNeeded: bits))
        case .flags(let set):
            let (names, rest) = set.names(in: bits)
            let remainder = rest == 0 ? [] : [set.radix == 8 ? "0" + String(rest, radix: 8) : hex(rest)]
            let parts = names + remainder
            return parts.isEmpty ? "0" : parts.joined(separator: "|")
        case .enumeration(let enumeration):
            return enumeration.name(of: bits) ?? enumeration.name(of: bits & 0xffff_ffff)
                ?? (enumeration.radix == 10 ? String(number) : hex(bits))
        }
    }

    /// `{WIFEXITED(s) && WEXITSTATUS(s) == 1}`: wait(2)'s macros.
    private func waitStatus(_ status: UInt32) -> String {
        let (signal, high) = (Int32(status & 0x7f), Int32(status >> 8 & 0xff))
        if status == 0xffff { return "{WIFCONTINUED(s)}" }
        if status & 0xff == 0x7f {
            let event = status >> 16 == 0 ? "" : " | \(hex(UInt64(status >> 16))) << 16"
            return "{WIFSTOPPED(s) && WSTOPSIG(s) == \(stopSignal(high))}\(event)"
        }
        if signal == 0 { return "{WIFEXITED(s) && WEXITSTATUS(s) == \(high)}" }
        let core = status & 0x80 == 0 ? "" : " && WCOREDUMP(s)"
        return "{WIFSIGNALED(s) && WTERMSIG(s) == \(signalName(signal))\(core)}"
    }

    /// PTRACE_O_TRACESYSGOOD marks system call stops with bit 7.
    private func stopSignal(_ number: Int32) -> String {
        number & 0x80 == 0 ? signalName(number) : "\(signalName(number & 0x7f)) | 0x80"
    }

    /// `S_IFREG|0644`, `0755`.
    private func mode(_ bits: UInt64) -> String {
        let types: [UInt64: String] = [
            0o010000: "S_IFIFO", 0o020000: "S_IFCHR", 0o040000: "S_IFDIR", 0o060000: "S_IFBLK", 0o100000: "S_IFREG",
            0o120000: "S_IFLNK", 0o140000: "S_IFSOCK",
        ]
        let digits = String(bits & 0o7777, radix: 8)
        let permissions = "0" + (digits.count < 3 ? String(repeating: "0", count: 3 - digits.count) : "") + digits
        return types[bits & 0o170000].map { "\($0)|\(permissions)" } ?? (bits == 0 ? "000" : permissions)
    }

    private func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

    /// C escapes, as strace writes them.
    public func quoted(_ bytes: [UInt8], isCut: Bool, limit: Int? = nil) -> String {
        var text = "\""
        let limit = limit ?? stringLimit
        let shown = bytes.prefix(limit)
        for (index, byte) in shown.enumerated() {
            switch byte {
            case UInt8(ascii: "\""): text += "\\\""
            case UInt8(ascii: "\\"): text += "\\\\"
            case UInt8(ascii: "\n"): text += "\\n"
            case UInt8(ascii: "\t"): text += "\\t"
            case UInt8(ascii: "\r"): text += "\\r"
            case 11: text += "\\v"
            case 12: text += "\\f"
            case 32..<127: text.append(Character(UnicodeScalar(byte)))
            default:
                // The short octal form is ambiguous before a digit.
                let next = shown.index(shown.startIndex, offsetBy: index + 1, limitedBy: shown.endIndex).flatMap {
                    $0 < shown.endIndex ? shown[$0] : nil
                }
                let isDigit = next.map { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") } ?? false
                let octal = String(byte, radix: 8)
                text += "\\" + (isDigit ? String(repeating: "0", count: 3 - octal.count) + octal : octal)
            }
        }
        return text + "\"" + (bytes.count > limit || isCut ? "..." : "")
    }
}
