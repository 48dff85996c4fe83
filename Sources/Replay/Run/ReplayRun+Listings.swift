// Links and directory listings: text in which names are hidden.
import Engine
import LinuxABI
import TraceLog

extension ReplayRun {
    /// A link to a thing without a name, `pipe:[814084]`: its number is an inode number, its length follows.
    func linkFits(_ call: RecordedCall, _ memory: EngineMemory, _ value: Int64) -> Bool {
        let buffer: UInt64
        switch call.known {
        case .readlink: buffer = call.word(1)
        case .readlinkat: buffer = call.word(2)
        default: return false
        }
        guard case .bytes(let engine) = memory.read(buffer, count: Int(clamping: value)) else { return false }
        let left = Self.numberedThing(call.output.prefix(buffer, count: Int(clamping: call.record.result)))
        let right = Self.numberedThing(engine)
        guard let left, let right, left.kind == right.kind else { return false }
        return names[.init(left.kind == "pipe" || left.kind == "socket" ? .inode : .ns, 0)]
            .relate(left.number, right.number) == .agrees
    }

    private static func numberedThing(_ bytes: [UInt8]) -> (kind: String, number: UInt64)? {
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.hasSuffix("]"), let open = text.firstIndex(of: "["), text[..<open].hasSuffix(":"),
            let number = UInt64(text[text.index(after: open)...].dropLast())
        else { return nil }
        return (String(text[..<open].dropLast()), number)
    }

    // MARK: - Directory listings

    /// getdents returns a directory in pieces; where they are cut is not part of the contract.
    ///
    /// Returns true when it has compared the call: the pieces differ. Equal pieces are compared as sets.
    func listingFits(
        _ pending: Pending,
        _ recorded: DecodedCall,
        _ engine: DecodedCall,
        _ comparison: inout Comparison
    ) -> Bool {
        guard pending.call.known == .getdents64 || pending.call.known == .getdents,
            let description = world.description(pending.call.fd(0), in: world.task(pending.call.record.task))
        else { return false }
        forgetDeleted(recorded, in: description)
        let isTable = description.path.map(Self.listsDescriptors) ?? false
        var (left, right) = (Self.listedNames(recorded), Self.listedNames(engine))
        let old = listings[description.id]
        if old == nil, left == right { return false }
        if isTable {
            let scope = Bijections.Scope(.fd, pending.scopes.descriptors)
            left = Set(
                left.map { name in
                    guard let fd = UInt64(String(decoding: name, as: UTF8.self)) else { return name }
                    return Array(String(names.engineName(fd, scope)).utf8)
                }
            )
        }
        let all = (recorded: (old?.recorded ?? []).union(left), engine: (old?.engine ?? []).union(right))
        listings[description.id] = all
        if pending.call.record.result == 0 {
            listings[description.id] = nil
            let missing = all.recorded.subtracting(all.engine).map { String(decoding: $0, as: UTF8.self) }.sorted()
            let extra = all.engine.subtracting(all.recorded).map { String(decoding: $0, as: UTF8.self) }.sorted()
            if !missing.isEmpty || !extra.isEmpty {
                comparison.differ(
                    "dirent",
                    "set",
                    "also: \(missing.prefix(8).joined(separator: " "))",
                    "also: \(extra.prefix(8).joined(separator: " "))"
                )
            }
        } else if all.recorded == all.engine {
            listings[description.id] = nil
        } else if engine.output.isEmpty || right.isEmpty {
            // The engine is through and names are missing.
            listings[description.id] = nil
            let missing = all.recorded.subtracting(all.engine).map { String(decoding: $0, as: UTF8.self) }.sorted()
            comparison.differ("dirent", "set", missing.prefix(8).joined(separator: " "), "end of directory")
        }
        return true
    }

    /// Names in /proc/PID/fd and fdinfo are descriptors.
    private static func listsDescriptors(_ path: String) -> Bool {
        path.hasPrefix("/proc/") && (path.hasSuffix("/fd") || path.hasSuffix("/fdinfo"))
    }

    /// Files that the recording made since a listing: their inode numbers may have been deleted files'.
    private func forgetDeleted(_ listing: DecodedCall, in directory: OpenDescription) {
        guard let path = directory.path else { return }
        Self.eachEntry(listing) { fields in
            var inode: Int64 = 0
            for field in fields {
                if case .scalar(let value, _, .renamed(.inode)) = field.value { inode = value }
                guard field.name == "d_name", case .string(let name, _) = field.value,
                    let maker = world.files.node("\(path)/\(String(decoding: name, as: UTF8.self))")?.createdBy,
                    names.filesListed.insert(maker).inserted
                else { continue }
                names[.init(.inode, 0)].unbind(UInt64(bitPattern: inode))
            }
        }
    }

    private static func eachEntry(_ call: DecodedCall, _ body: ([Value.Field]) -> Void) {
        for field in call.output {
            guard case .pointer(_, .list(let entries, _)?) = field.value.asPointer else { continue }
            for entry in entries {
                if case .structure(let fields) = entry { body(fields) }
            }
        }
    }

    private static func listedNames(_ call: DecodedCall) -> Set<[UInt8]> {
        var names: Set<[UInt8]> = []
        eachEntry(call) { fields in
            for field in fields where field.name == "d_name" {
                if case .string(let name, _) = field.value { names.insert(name) }
            }
        }
        return names
    }
}

extension Value {
    /// Itself as a pointer to itself, unless it is one: outputs are listed with or without their pointer.
    fileprivate var asPointer: Value {
        if case .pointer = self { return self }
        return .pointer(1, self)
    }
}
