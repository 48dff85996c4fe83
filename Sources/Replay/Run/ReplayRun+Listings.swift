// Links and directory listings: text in which names are hidden.
import Engine
import LinuxABI
import Tables
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

    /// Whether a piece of a directory is plainly the same: each name once, its kind and its inode number.
    ///
    /// False says nothing: what was bound until then is what ``listingFits(_:_:_:_:)`` and the comparison bind too.
    func listingAgrees(_ pending: Pending, _ value: Int64, _ writes: [MemoryChunks.Chunk]) -> Bool {
        let call = pending.call
        guard call.known == .getdents64, value == call.record.result,
            let description = world.description(call.fd(0), in: pending.task), listings[description.id] == nil
        else { return false }
        if value == 0, call.output.chunks.isEmpty { return true }
        guard call.output.chunks.count == 1,
            case .file(_, let directory) = description.kind, directory.isPlain, directory.parent != nil,
            let recorded = Self.whole(call.output.chunks, call.word(1), Int(value)),
            let engine = Self.whole(writes, call.word(1), Int(value))
        else { return false }
        return recorded.withUnsafeBytes { left in
            engine.withUnsafeBytes { right in
                guard let pairs = pairs(left, right), forgetDeleted(left, in: directory) else { return false }
                let inodes = names[.init(.inode, 0)]
                for (entry, other) in pairs {
                    let (own, one) = (entry.inode(left), other.inode(right))
                    switch inodes.relate(own, one) {
                    case .agrees: break
                    // As in the comparison of decoded entries.
                    case .engineBound: inodes.rebind(own, one)
                    case .recordedBound: return false
                    }
                }
                return true
            }
        }
    }

    /// One entry of struct linux_dirent64 (getdents(2)): number and offset of eight bytes, length, kind, name.
    private struct Entry {
        var start: Int
        var length: Int
        static let nameOffset = 19

        func inode(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
            bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self)
        }

        func kind(_ bytes: UnsafeRawBufferPointer) -> UInt8 { bytes[start + 18] }

        func name(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[(start + Self.nameOffset)..<(start + length)])
            return UnsafeRawBufferPointer(rebasing: rest[..<(rest.firstIndex(of: 0) ?? rest.count)])
        }
    }

    /// The entries of a buffer that has nothing but whole ones.
    private struct Entries: Sequence, IteratorProtocol {
        private let bytes: UnsafeRawBufferPointer
        private var position = 0

        init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

        mutating func next() -> Entry? {
            guard position + Entry.nameOffset < bytes.count else { return nil }
            let length = Int(bytes.loadUnaligned(fromByteOffset: position + 16, as: UInt16.self))
            guard length > Entry.nameOffset, position + length <= bytes.count else { return nil }
            defer { position += length }
            return Entry(start: position, length: length)
        }
    }

    /// The entries of both sides by their names; nil if not all of them have a counterpart of the same kind.
    private func pairs(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> [(Entry, Entry)]? {
        var pairs: [(Entry, Entry)] = []
        var others = Entries(right)
        // Usually in the same order.
        for entry in Entries(left) {
            guard let other = others.next(), Self.fit(entry, left, other, right) else {
                return pairsByName(left, right)
            }
            pairs.append((entry, other))
        }
        return others.next() == nil ? pairs : nil
    }

    private func pairsByName(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> [(Entry, Entry)]? {
        var byName = IntegerTable<Entry>()
        for other in Entries(right) {
            let key = PathWalks.key(other.name(right))
            guard byName[key] == nil else { return nil }
            byName[key] = other
        }
        var pairs: [(Entry, Entry)] = []
        pairs.reserveCapacity(byName.count)
        for entry in Entries(left) {
            guard let other = byName.remove(PathWalks.key(entry.name(left))), Self.fit(entry, left, other, right)
            else { return nil }
            pairs.append((entry, other))
        }
        return byName.isEmpty ? pairs : nil
    }

    private static func fit(
        _ entry: Entry,
        _ left: UnsafeRawBufferPointer,
        _ other: Entry,
        _ right: UnsafeRawBufferPointer
    ) -> Bool {
        guard entry.kind(left) == other.kind(right), entry.inode(left) != 0, other.inode(right) != 0 else {
            return false
        }
        let (one, same) = (entry.name(left), other.name(right))
        return one.count == same.count && one.elementsEqual(same)
    }

    /// As for decoded listings; false when a name must be decoded to be found.
    private func forgetDeleted(_ listing: UnsafeRawBufferPointer, in directory: PathName) -> Bool {
        for entry in Entries(listing) {
            let name = entry.name(listing)
            guard let known = directory.child(name) else {
                if world.files.hidesNames || name.contains(where: { $0 >= 0x80 }) { return false }
                continue
            }
            guard let maker = known.node?.createdBy, names.filesListed.insert(maker) else { continue }
            names[.init(.inode, 0)].unbind(entry.inode(listing))
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
                    names.filesListed.insert(maker)
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
