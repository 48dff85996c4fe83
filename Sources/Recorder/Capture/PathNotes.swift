// Notes the metadata of each path at its first touch, before the call that touches it runs.
import CLinux
import Glibc

/// Walks the paths of calls component by component, as the kernel will, and queues a record for each new one.
///
/// Paths are named as the recorder (or, with `record --oci`, the container's first process) sees them. A task in another
/// mount namespace sees other files under a name: those of its files that are the same file here are noted, others are
/// counted.
struct PathNotes: ~Copyable {
    private static let capacity = 8192
    private static let linkLimit = 40

    private var known = PathSet()
    private var links: [[UInt8]] = []
    /// Where the reference root is found: empty, or `/proc/PID/root`.
    private let reference: [UInt8]
    private let referenceNamespace: UInt64
    /// A task may have left the reference root: look.
    private var rootsDiffer = false
    private(set) var foreignPaths: UInt64 = 0

    // The path walked so far, and what is still to walk.
    private let done: UnsafeMutablePointer<UInt8>
    private var doneCount = 0
    private var hash = PathHash()
    private var todo: UnsafeMutablePointer<UInt8>
    private var spare: UnsafeMutablePointer<UInt8>
    private let full: UnsafeMutablePointer<UInt8>

    /// Working directories and directory fds, by slot; valid while `epoch` stands.
    private let directories: DirectoryCache

    private struct View {
        /// In front of every path that is looked at.
        var prefix: [UInt8] = []
        /// Where absolute paths begin (chroot).
        var root: [UInt8] = []
        var isForeign = false
    }

    init(referencePid: Int32?) {
        reference = referencePid.map { Array("/proc/\($0)/root".utf8) } ?? []
        referenceNamespace = PathNotes.namespace("/proc/\(referencePid.map(String.init) ?? "self")/ns/mnt")
        done = .allocate(capacity: PathNotes.capacity)
        todo = .allocate(capacity: PathNotes.capacity)
        spare = .allocate(capacity: PathNotes.capacity)
        full = .allocate(capacity: PathNotes.capacity + 64)
        directories = DirectoryCache(slots: Tracepoints.slots)
    }

    deinit {
        done.deallocate()
        todo.deallocate()
        spare.deallocate()
        full.deallocate()
        directories.free()
    }

    private static func namespace(_ path: String) -> UInt64 {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_ino) : 0
    }

    /// A call that may change roots or directories enters; `finished` when its thread shows up again.
    mutating func directoriesMayMove(slot: Int, changesRoot: Bool) {
        if changesRoot { rootsDiffer = true }
        directories.mutationBegins(slot)
    }
    func directoriesMayHaveMoved(slot: Int) { directories.mutationEnds(slot) }

    // MARK: - One path

    /// - Parameters:
    ///   - directory: the directory fd that `path` is relative to; AT_FDCWD is the working directory.
    ///   - heads: the file is to be executed.
    mutating func note(
        _ path: UnsafeRawBufferPointer,
        tid: Int32,
        slot: Int,
        directory: Int32,
        heads: Bool,
        writer: inout QueueWriter
    ) {
        guard path.count > 0, path.count < 4096 else { return }
        let view = rootsDiffer ? self.view(of: tid) : View(prefix: reference)
        if path[0] == UInt8(ascii: "/") {
            restart(at: view.root)
        } else {
            guard let base = directories.path(tid: tid, slot: slot, fd: directory), base.count < 4096,
                base.first == UInt8(ascii: "/")
            else { return }
            // A canonical directory: note it (once), then go on from there.
            restart(at: [])
            todo.update(from: base.baseAddress ?? UnsafePointer(todo), count: base.count)
            if !isKnown(base) {
                walk(base.count, tid: tid, view: view, heads: false, writer: &writer)
            }
            restart(with: base)
        }
        if let bytes = path.baseAddress { memcpy(todo, bytes, path.count) }
        walk(path.count, tid: tid, view: view, heads: heads, writer: &writer)
    }

    private func isKnown(_ path: UnsafeBufferPointer<UInt8>) -> Bool {
        var hash = PathHash()
        guard path.count > 1 else { return false }
        for byte in path { hash.add(byte) }
        return known.find(hash.value) != nil
    }

    private mutating func restart(at path: [UInt8]) {
        path.withUnsafeBufferPointer { restart(with: $0) }
    }

    private mutating func restart(with path: UnsafeBufferPointer<UInt8>) {
        doneCount = 0
        hash = PathHash()
        if path.count == 1 { return }  // "/" is the empty prefix
        for byte in path { push(byte) }
    }

    @inline(__always)
    private mutating func push(_ byte: UInt8) {
        done[doneCount] = byte
        doneCount += 1
        hash.add(byte)
    }

    private mutating func pop() {
        while doneCount > 0, done[doneCount - 1] != UInt8(ascii: "/") { doneCount -= 1 }
        if doneCount > 0 { doneCount -= 1 }
        hash = PathHash()
        for index in 0..<doneCount { hash.add(done[index]) }
    }

    /// Walks `count` bytes of `todo` from `done`.
    private mutating func walk(_ count: Int, tid: Int32, view: View, heads: Bool, writer: inout QueueWriter) {
        var count = count
        var position = 0
        var linksFollowed = 0
        let slash = UInt8(ascii: "/")
        if doneCount == 0, known.find(hash.value) == nil {
            _ = look(tid: tid, view: view, head: false, writer: &writer)
        }
        while position < count {
            while position < count, todo[position] == slash { position += 1 }
            let start = position
            while position < count, todo[position] != slash { position += 1 }
            let length = position - start
            if length == 0 { return }
            if length == 1, todo[start] == UInt8(ascii: ".") { continue }
            if length == 2, todo[start] == UInt8(ascii: "."), todo[start + 1] == UInt8(ascii: ".") {
                pop()
                continue
            }
            guard doneCount + length + 2 < PathNotes.capacity else { return }
            push(slash)
            for index in start..<position { push(todo[index]) }
            let isLast = position == count
            var entry = known.find(hash.value)
            if entry == nil || (heads && isLast && entry?.hasHead == false && entry?.kind == .other) {
                entry = look(tid: tid, view: view, head: heads && isLast, writer: &writer)
            }
            guard let entry else { return }
            switch entry.kind {
            case .directory: continue
            case .link:
                linksFollowed += 1
                guard linksFollowed <= PathNotes.linkLimit else { return }
                let target = selfLink(tid) ?? links[Int(entry.link)]
                let rest = count - position
                guard target.count + rest < PathNotes.capacity else { return }
                for (index, byte) in target.enumerated() { spare[index] = byte }
                (spare + target.count).update(from: todo + position, count: rest)
                swap(&todo, &spare)
                count = target.count + rest
                position = 0
                if target.first == slash { restart(at: view.root) } else { pop() }
            case .other, .absent, .none: return
            }
        }
    }

    /// `/proc/self` and `/proc/thread-self` mean the task, not the recorder.
    private func selfLink(_ tid: Int32) -> [UInt8]? {
        guard doneCount <= 17, doneCount >= 10 else { return nil }
        let text = String(decoding: UnsafeBufferPointer(start: done, count: doneCount), as: UTF8.self)
        guard text == "/proc/self" || text == "/proc/thread-self" else { return nil }
        let tgid =
            readLines("/proc/\(tid)/status").first { $0.hasPrefix("Tgid:") }?
            .split(whereSeparator: \.isWhitespace).last.map(String.init) ?? String(tid)
        return Array((text == "/proc/self" ? tgid : "\(tgid)/task/\(tid)").utf8)
    }

    /// lstat of `done`; queues the record and remembers it.
    private mutating func look(tid: Int32, view: View, head: Bool, writer: inout QueueWriter) -> PathSet.Entry? {
        var status = stat()
        let path = fullPath(view.prefix)
        let code = lstat(path, &status) == 0 ? 0 : errno
        if view.isForeign {
            var other = stat()
            let otherCode = lstat(fullPath(reference), &other) == 0 ? 0 : errno
            guard code == otherCode, code != 0 || (status.st_dev == other.st_dev && status.st_ino == other.st_ino)
            else {
                foreignPaths += 1
                return nil
            }
        }
        var entry = PathSet.Entry(key: hash.value)
        var target: [UInt8] = []
        if code != 0 {
            entry.kind = .absent
        } else {
            switch status.st_mode & S_IFMT {
            case S_IFDIR: entry.kind = .directory
            case S_IFLNK:
                entry.kind = .link
                target = selfLink(tid) ?? readLink(fullPath(view.prefix))
                if let old = known.find(hash.value) {
                    entry.link = old.link
                } else {
                    entry.link = UInt32(links.count)
                    links.append(target)
                }
            default: entry.kind = .other
            }
        }
        entry.hasHead = head && entry.kind == .other
        queue(status, absent: code, target, head: entry.hasHead ? fullPath(view.prefix) : nil, &writer)
        known.insert(entry)
        return entry
    }

    private func fullPath(_ prefix: [UInt8]) -> UnsafePointer<CChar> {
        var count = 0
        for byte in prefix {
            full[count] = byte
            count += 1
        }
        (full + count).update(from: done, count: doneCount)
        count += doneCount
        if count == 0 {
            full[0] = UInt8(ascii: "/")
            count = 1
        }
        full[count] = 0
        return UnsafeRawPointer(full).assumingMemoryBound(to: CChar.self)
    }

    private func readLink(_ path: UnsafePointer<CChar>) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            count = buffer.withMemoryRebound(to: CChar.self) {
                $0.baseAddress.map { max(0, readlink(path, $0, 4096)) } ?? 0
            }
        }
    }

    private func queue(
        _ status: stat,
        absent: Int32,
        _ target: [UInt8],
        head: UnsafePointer<CChar>?,
        _ writer: inout QueueWriter
    ) {
        let header = MemoryLayout<QueuePath>.size
        let pathCount = max(doneCount, 1)
        let body = writer.reserve(.path, header + pathCount + target.count + 256)
        let bytes = (body + header).assumingMemoryBound(to: UInt8.self)
        if doneCount == 0 { bytes[0] = UInt8(ascii: "/") } else { bytes.update(from: done, count: doneCount) }
        for (index, byte) in target.enumerated() { bytes[pathCount + index] = byte }
        var headCount = 0
        if let head {
            let fd = open(head, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
            if fd >= 0 {
                headCount = max(0, read(fd, bytes + pathCount + target.count, 256))
                close(fd)
            }
        }
        body.storeBytes(
            of: QueuePath(
                status: status,
                absent: absent,
                pathCount: UInt16(pathCount),
                linkCount: UInt16(target.count),
                headCount: UInt16(headCount)
            ),
            as: QueuePath.self
        )
        writer.shrink(body, to: header + pathCount + target.count + headCount)
    }

    // MARK: - Interpreters

    /// Notes the interpreter that an executable asks for, by its `#!` line or its PT_INTERP. Call after `note` with heads.
    mutating func noteInterpreter(tid: Int32, slot: Int, writer: inout QueueWriter) {
        var isELF = false
        for _ in 0..<4 {
            // `done` is the file the walk ended at, links resolved.
            let view = rootsDiffer ? self.view(of: tid) : View(prefix: reference)
            guard doneCount > 0, let interpreter = Interpreter.of(fullPath(view.prefix)) else { return }
            interpreter.path.withUnsafeBytes {
                note($0, tid: tid, slot: slot, directory: AT_FDCWD, heads: true, writer: &writer)
            }
            // The loader has no interpreter of its own.
            isELF = interpreter.isLoader
            if isELF { return }
        }
    }

    // MARK: - Roots

    private func view(of tid: Int32) -> View {
        let root = linkTarget("/proc/\(tid)/root").map { Array($0.utf8) } ?? []
        if PathNotes.namespace("/proc/\(tid)/ns/mnt") == referenceNamespace {
            return View(prefix: reference, root: root.count > 1 ? root : [])
        }
        return View(prefix: Array("/proc/\(tid)/root".utf8), isForeign: true)
    }
}
