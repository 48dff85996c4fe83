// Which descriptions have values that equal bytes do not settle: names and times.
import LinuxABI

extension Variant {
    /// Whether the result or output memory holds names or times, which must be related even when the bytes are equal.
    var holdsNames: Bool {
        if result.nameSpace != nil || result.rule == .ordered { return true }
        return arguments.contains { argument in
            guard case .pointer(let direction, let pointee, let rule) = argument.type, direction != .input else {
                return false
            }
            if let rule, rule.isByValue { return false }
            return pointee.holdsNames
        }
    }
}

extension Rule {
    fileprivate var isByValue: Bool { self == .exact || self == .ignored || self == .class }
    fileprivate var needsRelating: Bool {
        switch self {
        case .renamed, .ordered: true
        default: false
        }
    }
}

extension Pointee {
    fileprivate var holdsNames: Bool {
        switch self {
        case .value(let type), .array(let type, _): type.holdsNames
        case .sized(let structure, _): structure.fields.contains { $0.type.holdsNames }
        case .msghdr, .mmsghdr, .dirents, .fdset, .sockaddr: true
        case .cstring, .text, .buffer, .iovec, .strings, .sigset: false
        }
    }
}

extension ABIType {
    fileprivate var holdsNames: Bool {
        switch self {
        case .scalar(let scalar): scalar.rule.needsRelating
        case .array(let element, _): element.holdsNames
        case .structure(let structure): structure.fields.contains { $0.type.holdsNames }
        case .pointer(let direction, let pointee, _): direction != .input && pointee.holdsNames
        case .bytes, .string, .pad, .signalSet, .rawPointer: false
        }
    }
}
