// Bytes in and out of descriptors: offsets move, content is proven or overwritten.
import Engine
import LinuxABI
import TraceLog

extension RecordedWorld {
    /// The bytes a call took out of the tracee's memory or put into it, as far as they were recorded.
    static func payload(_ known: KnownCall, _ call: RecordedCall) -> [UInt8] {
        let count = Int(clamping: call.record.result)
        switch known {
        case .read, .pread64, .recvfrom: return call.output.prefix(call.word(1), count: count)
        case .write, .pwrite64, .sendto: return call.input.prefix(call.word(1), count: count)
        case .readv, .preadv, .preadv2: return gather(call, call.output, count: count)
        case .writev, .pwritev, .pwritev2: return gather(call, call.input, count: count)
        default: return []
        }
    }

    private static func gather(_ call: RecordedCall, _ memory: MemoryChunks, count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        for vector in call.input.vectors(call.word(1), count: call.word(2)) where bytes.count < count {
            let wanted = Int(clamping: min(vector.length, UInt64(count - bytes.count)))
            let part = memory.prefix(vector.base, count: wanted)
            bytes += part
            // After a cut the rest would stand at wrong offsets.
            if part.count < wanted { break }
        }
        return bytes
    }

    func applyTransfer(_ known: KnownCall, _ call: RecordedCall, in task: TaskState) {
        let result = call.record.result
        guard let description = description(call.fd(0), in: task) else { return }
        switch known {
        case .read, .readv, .recvfrom:
            readAt(description, description.offset, moves: true, known, call)
        case .preadv2 where call.word(3) == .max: readAt(description, description.offset, moves: true, known, call)
        case .pread64, .preadv, .preadv2:
            readAt(description, Int64(bitPattern: call.word(3)), moves: false, known, call)
        case .write, .writev, .sendto:
            writeAt(description, description.offset, moves: true, known, call)
        case .pwritev2 where call.word(3) == .max: writeAt(description, description.offset, moves: true, known, call)
        case .pwrite64, .pwritev, .pwritev2:
            writeAt(description, Int64(bitPattern: call.word(3)), moves: false, known, call)
        case .lseek:
            description.offset = result
            description.listed = result == 0 ? [] : nil
            effects.append(.movedOffset(fd: call.fd(0)))
        case .sendfile:
            if call.word(2) == 0, let source = self.description(call.fd(1), in: task) { source.offset += result }
            advanceWithUnknown(description, by: result)
        case .copy_file_range, .splice:
            if call.word(1) == 0 { description.offset += result }
            if call.word(3) == 0, let target = self.description(call.fd(2), in: task) {
                advanceWithUnknown(target, by: result)
            }
        case .getdents, .getdents64: list(description, call, known)
        default: break
        }
    }

    private func advanceWithUnknown(_ description: OpenDescription, by count: Int64) {
        guard let node = description.node, node.kind == .regular, count > 0 else { return }
        node.overwrite(description.offset..<(description.offset + count))
        description.offset += count
        if let path = description.path { effects.append(.changedPath(path)) }
    }

    private func readAt(
        _ description: OpenDescription,
        _ offset: Int64,
        moves: Bool,
        _ known: KnownCall,
        _ call: RecordedCall
    ) {
        let count = call.record.result
        guard case .file(let node, let name) = description.kind, node.kind == .regular else {
            let peeks = known == .recvfrom && call.word(3) & Linux.messagePeek != 0
            if count > 0, description.isStream, !peeks {
                effects.append(.readStream(fd: call.fd(0), count: Int(count)))
            }
            return
        }
        if moves {
            description.offset = offset + count
            effects.append(.movedOffset(fd: call.fd(0)))
        }
        let bytes = Self.payload(known, call)
        guard !bytes.isEmpty, offset >= 0, offset < Int64.max - Int64(bytes.count), !name.isEngineServed else {
            return
        }
        if !node.prove(bytes, at: offset) {
            files.contradict(node, name, bytes: bytes, at: offset, call: call.index)
        }
    }

    private func writeAt(
        _ description: OpenDescription,
        _ offset: Int64,
        moves: Bool,
        _ known: KnownCall,
        _ call: RecordedCall
    ) {
        let count = call.record.result
        let bytes = Self.payload(known, call)
        guard case .file(let node, let name) = description.kind, node.kind == .regular else {
            if count > 0, description.isStream { effects.append(.wroteStream(fd: call.fd(0), bytes: bytes)) }
            return
        }
        let appends = description.flags & Linux.openAppend != 0
        let start = appends ? node.size ?? node.status?.size ?? offset : offset
        guard count > 0, start >= 0, start < Int64.max - count else { return }
        node.overwrite(start..<(start + count))
        effects.append(.wroteFile(path: name.text, offset: start, bytes: bytes))
        if moves {
            description.offset = start + count
            effects.append(.movedOffset(fd: call.fd(0)))
        }
    }

    private func list(_ description: OpenDescription, _ call: RecordedCall, _ known: KnownCall) {
        guard case .file(let node, let name) = description.kind else { return }
        effects.append(.movedOffset(fd: call.fd(0)))
        let entries = DirectoryEntry.parse(call, isOld: known == .getdents)
        if call.record.result == 0 {
            if let names = description.listed, !name.isEngineServed { files.list(node, names) }
            description.listed = nil
            return
        }
        description.listed?.append(contentsOf: entries.map(\.name))
        guard !name.isEngineServed else { return }
        let prefix = name.text == "/" ? "/" : name.text + "/"
        for entry in entries where !node.added.contains(entry.name) {
            // A name in a listing exists; its kind is all that is known of it.
            let name = files.name(prefix + entry.name)
            if name.state == nil {
                let child = files.proveExists(name, kind: entry.kind, call: call.index)
                child.listedInode = entry.inode
            }
        }
    }
}

/// One entry that getdents returned, without `.` and `..`.
struct DirectoryEntry {
    var name: String
    var kind: Environment.File.Kind
    var inode: UInt64

    /// Layouts: linux_dirent64 and linux_dirent of getdents(2).
    static func parse(_ call: RecordedCall, isOld: Bool) -> [DirectoryEntry] {
        let bytes = call.output.prefix(call.word(1), count: Int(clamping: call.record.result))
        var entries: [DirectoryEntry] = []
        var offset = 0
        let nameOffset = isOld ? 18 : 19
        while offset + nameOffset < bytes.count {
            let length = Int(bytes[offset + 16]) | Int(bytes[offset + 17]) << 8
            guard length > nameOffset, offset + length <= bytes.count else { break }
            let name = String(
                decoding: bytes[(offset + nameOffset)..<(offset + length)].prefix { $0 != 0 },
                as: UTF8.self
            )
            let type = isOld ? bytes[offset + length - 1] : bytes[offset + 18]
            let inode = (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
            if name != ".", name != ".." {
                entries.append(DirectoryEntry(name: name, kind: FileNode.kind(entryType: type), inode: inode))
            }
            offset += length
        }
        return entries
    }
}
