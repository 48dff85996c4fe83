// Compares decoded values field by field, each by the rule of its description.
import LinuxABI

/// Where names of a call live.
struct NameScopes {
    var descriptors: UInt64
    var pids: UInt64
    var addresses: UInt64

    func scope(_ space: NameSpace, device: UInt64 = 0) -> Bijections.Scope {
        switch space {
        case .fd: .init(.fd, descriptors)
        case .pid: .init(.pid, pids)
        case .inode: .init(.inode, device)
        default: .init(space)
        }
    }
}

/// The comparison of one call. Binds names as it goes.
struct Comparison {
    let names: Bijections
    let order: OrderKeeper
    let scopes: NameScopes
    /// Tells readings of different clocks and files apart.
    var subject: UInt64 = 0
    /// The file was made by the recording and is looked at for the first time: its inode number is a new name.
    var isNewFile = false
    /// The environment's times stand in for the engine's: they are no later than earlier readings of the engine's.
    var ignoresOrder = false
    /// Tells files apart that had the same inode number one after the other; 0 for files of time zero.
    var generation: UInt64 = 0

    private(set) var differences: [Difference] = []
    /// What could not be compared, and why.
    private(set) var unjudged: [String] = []
    private(set) var ignored: UInt64 = 0

    init(names: Bijections, order: OrderKeeper, scopes: NameScopes) {
        self.names = names
        self.order = order
        self.scopes = scopes
    }

    mutating func differ(_ field: String, _ rule: String, _ recorded: String, _ engine: String) {
        differences.append(Difference(field: field, rule: rule, recorded: recorded, engine: engine))
    }

    mutating func leave(_ reason: String) { unjudged.append(reason) }

    /// Compares a field. `creates`: the call made what the names stand for.
    mutating func compare(
        _ recorded: Value,
        _ engine: Value,
        _ field: String,
        device: UInt64 = 0,
        creates: Bool = false
    ) {
        switch (recorded, engine) {
        case (.unavailable("padding"), _): break
        case (.unavailable(let reason), .unavailable): _ = reason
        case (.unavailable(let reason), _): leave("output is not in the recording (\(field): \(reason))")
        case (.pointer(_, let left?), .pointer(_, let right?)):
            compare(left, right, field, device: device, creates: creates)
        case (.pointer(let left, nil), .pointer(let right, nil)):
            // The pointer itself is the program's own; only whether there is one can differ.
            if (left == 0) != (right == 0) { differ(field, "exact", text(recorded), text(engine)) }
        case (.scalar(let left, let format, let rule), .scalar(let right, _, _)):
            scalar(left, right, format, rule, field, device: device, creates: creates)
        case (.bytes(let left, let leftLength, let rule), .bytes(let right, let rightLength, _)):
            bytes(left, leftLength, right, rightLength, rule, field)
        case (.string(_, let rule), .string):
            if rule == .class || rule == .ignored {
                ignored += 1
            } else if !same(recorded, engine) {
                differ(field, "exact", text(recorded), text(engine))
            }
        case (.structure(let left), .structure(let right)): fields(left, right, field, device: device, creates: creates)
        case (.list(let left, let rule), .list(let right, _)):
            if rule == .ignored {
                ignored += 1
            } else if rule == .set {
                set(left, right, field, device: device)
            } else {
                list(left, right, rule, field, device: device, creates: creates)
            }
        default: differ(field, "exact", text(recorded), text(engine))
        }
    }

    // MARK: - Leaves

    private mutating func scalar(
        _ recorded: Int64,
        _ engine: Int64,
        _ format: ScalarFormat,
        _ rule: Rule,
        _ field: String,
        device: UInt64,
        creates: Bool
    ) {
        switch rule {
        case .ignored, .class: ignored += 1
        case .renamed(let space):
            name(recorded, engine, space, format, field, device: device, creates: creates)
        case .related:
            let expected = names.engineAddress(UInt64(bitPattern: recorded), in: scopes.addresses)
            if expected != UInt64(bitPattern: engine), (recorded ^ engine) & 0xfff != 0 {
                differ(field, "related", text(recorded, format), text(engine, format))
            }
        case .ordered where ignoresOrder: ignored += 1
        case .ordered:
            let key = order.key(OrderKeeper.Field(field), subject, generation: generation)
            if !order.keepsOrder(key, recorded: recorded, engine: engine) {
                differ(field, "ordered", text(recorded, format), text(engine, format))
            }
        case .exact, .set, .atMost:
            if recorded != engine { differ(field, "exact", text(recorded, format), text(engine, format)) }
        }
    }

    private mutating func name(
        _ recorded: Int64,
        _ engine: Int64,
        _ space: NameSpace,
        _ format: ScalarFormat,
        _ field: String,
        device: UInt64,
        creates: Bool
    ) {
        let (left, right) = (UInt64(bitPattern: recorded), UInt64(bitPattern: engine))
        guard Self.isName(recorded, space), Self.isName(engine, space) else {
            if recorded != engine { differ(field, "exact", text(recorded, format), text(engine, format)) }
            return
        }
        if space == .address {
            // A made mapping may lie anywhere that is aligned alike; its maker binds the range.
            let expected = creates ? right & ~0xfff | left & 0xfff : names.engineAddress(left, in: scopes.addresses)
            if right != expected { differ(field, "renamed", text(recorded, format), text(engine, format)) }
            return
        }
        let scope = scopes.scope(space, device: device)
        let relation =
            creates || isNewFile && space == .inode
            ? names[scope].create(left, right) : names[scope].relate(left, right)
        switch relation {
        case .agrees: break
        case .engineBound(let other) where space == .inode:
            // A file system gives inode numbers again; only a clash of two files looked at is one. See docs.
            _ = other
            names[scope].rebind(left, right)
        case .recordedBound(let other):
            let stands = "\(text(engine, format)) (it was \(text(Int64(bitPattern: other), format)) before)"
            differ(field, "renamed", text(recorded, format), stands)
        case .engineBound(let other):
            let stands = "\(text(engine, format)) (which was \(text(Int64(bitPattern: other), format)) on Linux)"
            differ(field, "renamed", text(recorded, format), stands)
        }
    }

    /// Values that every kernel means the same by: -1, AT_FDCWD, pid 0, a null address.
    static func isName(_ value: Int64, _ space: NameSpace) -> Bool {
        switch space {
        case .fd, .sysv, .timer: value >= 0
        default: value > 0 || (space == .inode || space == .address || space == .device || space == .ns) && value != 0
        }
    }

    private mutating func bytes(
        _ recorded: [UInt8],
        _ recordedLength: Int,
        _ engine: [UInt8],
        _ engineLength: Int,
        _ rule: Rule,
        _ field: String
    ) {
        switch rule {
        case .ignored: ignored += 1
        case .class:
            if recordedLength != engineLength {
                differ(field, "class", "\(recordedLength) bytes", "\(engineLength) bytes")
            }
        default:
            guard recordedLength == engineLength else {
                differ(field, "exact", "\(recordedLength) bytes", "\(engineLength) bytes")
                return
            }
            let common = min(recorded.count, engine.count)
            let isSame = recorded.count == engine.count ? recorded == engine : recorded[..<common] == engine[..<common]
            guard isSame else {
                let (left, right) = Self.excerpt(recorded, engine)
                differ(field, "exact", left, right)
                return
            }
            if common < recordedLength {
                if engine.count < recorded.count {
                    differ(field, "exact", "\(recordedLength) bytes", "only \(engine.count) bytes written")
                } else {
                    leave(
                        "output beyond the payload limit is needed (\(field): \(recordedLength - common) of \(recordedLength) bytes)"
                    )
                }
            }
        }
    }

    // MARK: - Groups

    private mutating func fields(
        _ recorded: [Value.Field],
        _ engine: [Value.Field],
        _ field: String,
        device: UInt64,
        creates: Bool
    ) {
        var device = device
        for own in recorded where own.name.hasSuffix("_dev") || own.name.hasSuffix("dev_minor") {
            if case .scalar(let value, _, _) = own.value { device = UInt64(bitPattern: value) }
        }
        let previous = subject
        defer { subject = previous }
        for own in recorded {
            if case .scalar(let value, _, .renamed(.inode)) = own.value {
                subject = UInt64(bitPattern: value) ^ generation << 40
            }
        }
        var index = 0
        while index < recorded.count {
            let own = recorded[index]
            let path = field.isEmpty ? own.name : "\(field).\(own.name)"
            if own.name.hasSuffix("_size"), Self.isDirectory(recorded), Self.isDirectory(engine) {
                ignored += 1
                index += 1
                continue
            }
            if let next = moment(recorded, engine, index, path) {
                index = next
                continue
            }
            // Same description on both sides: fields stand at the same place, unless a variable part is shorter.
            let other =
                index < engine.count && engine[index].name == own.name
                ? engine[index].value : engine.first { $0.name == own.name }?.value
            if let other {
                compare(own.value, other, path, device: device, creates: creates)
            } else {
                differ(path, "exact", text(own.value), "nothing")
            }
            index += 1
        }
        for extra in engine where !recorded.contains(where: { $0.name == extra.name }) {
            differ(field.isEmpty ? extra.name : "\(field).\(extra.name)", "exact", "nothing", text(extra.value))
        }
    }

    /// A directory's size is how its file system stores names, and depends on names that came and went before.
    private static func isDirectory(_ fields: [Value.Field]) -> Bool {
        fields.contains { field in
            guard field.name == "st_mode" || field.name == "stx_mode", case .scalar(let mode, _, _) = field.value else {
                return false
            }
            return mode & 0xf000 == 0x4000
        }
    }

    /// Seconds and their fraction are one reading. Returns the index after them, nil if there is no such pair.
    private mutating func moment(
        _ recorded: [Value.Field],
        _ engine: [Value.Field],
        _ index: Int,
        _ path: String
    ) -> Int? {
        guard index + 1 < recorded.count, index + 1 < engine.count,
            case .scalar(let seconds, _, .ordered) = recorded[index].value,
            case .scalar(let fraction, _, .ordered) = recorded[index + 1].value,
            case .scalar(let engineSeconds, _, _) = engine[index].value,
            case .scalar(let engineFraction, _, _) = engine[index + 1].value,
            recorded[index].name.hasSuffix("sec"), recorded[index + 1].name.hasSuffix("sec")
        else { return nil }
        if ignoresOrder {
            ignored += 2
            return index + 2
        }
        let unit: Int64 = recorded[index + 1].name.hasSuffix("usec") ? 1_000_000 : 1_000_000_000
        let key = order.key(OrderKeeper.Field(path), subject, generation: generation)
        let (left, right) = (seconds &* unit &+ fraction, engineSeconds &* unit &+ engineFraction)
        if !order.keepsOrder(key, recorded: left, engine: right) {
            differ(path, "ordered", "\(seconds).\(fraction)", "\(engineSeconds).\(engineFraction)")
        }
        return index + 2
    }

    private mutating func list(
        _ recorded: [Value],
        _ engine: [Value],
        _ rule: Rule,
        _ field: String,
        device: UInt64,
        creates: Bool
    ) {
        if recorded.count != engine.count, rule != .atMost {
            differ(field, "exact", "\(recorded.count) elements", "\(engine.count) elements")
            return
        }
        for (index, pair) in zip(recorded, engine).enumerated() {
            compare(pair.0, pair.1, "\(field)[\(index)]", device: device, creates: creates)
        }
    }

    /// Pairs each recorded element with an engine element that fits; what is left on either side differs.
    private mutating func set(_ recorded: [Value], _ engine: [Value], _ field: String, device: UInt64) {
        var rest = engine
        var missing: [Value] = []
        for element in recorded {
            // Usually in the same order.
            guard let match = rest.firstIndex(where: { fits(element, $0, device: device) }) else {
                missing.append(element)
                continue
            }
            compare(element, rest[match], field, device: device)
            rest.remove(at: match)
        }
        guard !missing.isEmpty || !rest.isEmpty else { return }
        differ(field, "set", text(.list(missing, .set)), text(.list(rest, .set)))
    }

    /// Whether two elements may be equivalent. Binds nothing.
    private func fits(_ recorded: Value, _ engine: Value, device: UInt64) -> Bool {
        switch (recorded, engine) {
        case (.scalar(let left, _, let rule), .scalar(let right, _, _)):
            guard case .renamed(let space) = rule, Self.isName(left, space), Self.isName(right, space) else {
                return rule == .ignored || rule == .class || left == right
            }
            let pair = (UInt64(bitPattern: left), UInt64(bitPattern: right))
            switch names[scopes.scope(space, device: device)].relation(pair.0, pair.1) {
            case .agrees: return true
            case .engineBound: return space == .inode
            case .recordedBound: return false
            }
        case (.structure(let left), .structure(let right)):
            return left.count == right.count
                && zip(left, right).allSatisfy { $0.name == $1.name && fits($0.value, $1.value, device: device) }
        case (.list(let left, _), .list(let right, _)):
            return left.count == right.count && zip(left, right).allSatisfy { fits($0, $1, device: device) }
        default: return recorded == engine
        }
    }

    private func same(_ left: Value, _ right: Value) -> Bool {
        if case .string(let one, _) = left, case .string(let other, _) = right { return one == other }
        return false
    }

    // MARK: - Text

    private static let printer = Printer(stringLimit: 64, listLimit: 8)

    func text(_ value: Value) -> String { Self.printer.text(value) }

    private func text(_ value: Int64, _ format: ScalarFormat) -> String {
        Self.printer.text(.scalar(value, format, .exact))
    }

    /// The bytes around the first difference.
    private static func excerpt(_ left: [UInt8], _ right: [UInt8]) -> (String, String) {
        let first = zip(left, right).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? 0
        func part(_ bytes: [UInt8]) -> String {
            let quoted = printer.quoted(
                Array(bytes[first..<min(first + 24, bytes.count)]),
                isCut: first + 24 < bytes.count
            )
            return first == 0 ? quoted : "at \(first): \(quoted)"
        }
        return (part(left), part(right))
    }
}
