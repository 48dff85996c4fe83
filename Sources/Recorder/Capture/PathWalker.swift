// The walk over a path, component by component as the kernel does it; the supervisor and the log thread share it.
import Glibc

/// Where a component stands in its path.
struct PathPosition {
    /// Nothing follows.
    var isLast: Bool
    /// Nothing follows but slashes.
    var isEnd: Bool
}

/// Who looks at what the walk comes to.
protocol PathVisitor: ~Copyable {
    /// Says what the component is that the walk has come to (`walker.path`), given what is known of it. nil ends the walk.
    mutating func visit(
        _ walker: inout PathWalker,
        _ known: PathSet.Entry?,
        _ position: PathPosition
    ) -> PathSet.Entry?
}

/// Whose path it is.
struct PathOwner {
    var tid: Int32
    /// Read from /proc if 0.
    var tgid: Int32 = 0
    /// Where absolute paths begin (chroot); empty for the root.
    var root: [UInt8] = []
}

/// Knows the paths that were walked, and walks.
struct PathWalker: ~Copyable {
    private static let capacity = 8192
    private static let linkLimit = 40

    private var known = PathSet()
    private var links: [[UInt8]] = []

    // The path walked so far, and what is still to walk.
    private let done: UnsafeMutablePointer<UInt8>
    private var doneCount = 0
    private(set) var hash = PathHash()
    private var todo: UnsafeMutablePointer<UInt8>
    private var todoCount = 0
    private var spare: UnsafeMutablePointer<UInt8>
    private let full: UnsafeMutablePointer<UInt8>

    init() {
        done = .allocate(capacity: PathWalker.capacity)
        todo = .allocate(capacity: PathWalker.capacity)
        spare = .allocate(capacity: PathWalker.capacity)
        full = .allocate(capacity: PathWalker.capacity + 64)
    }

    deinit {
        done.deallocate()
        todo.deallocate()
        spare.deallocate()
        full.deallocate()
    }

    // MARK: - What is known

    func find(_ hash: PathHash) -> PathSet.Entry? { known.find(hash.value) }

    func target(of entry: PathSet.Entry) -> [UInt8] { links[Int(entry.link)] }

    /// Remembers what `path` is.
    mutating func remember(_ kind: PathKind, target: [UInt8] = [], hasHead: Bool = false) -> PathSet.Entry {
        remember(hash, kind, target: target, hasHead: hasHead)
    }

    mutating func remember(_ hash: PathHash, _ kind: PathKind, target: [UInt8], hasHead: Bool) -> PathSet.Entry {
        var entry = self.entry(hash, kind, target: target)
        entry.hasHead = hasHead
        known.insert(entry)
        return entry
    }

    /// The entry for what `path` is, without remembering it.
    mutating func entry(_ hash: PathHash, _ kind: PathKind, target: [UInt8]) -> PathSet.Entry {
        var entry = PathSet.Entry(key: hash.value)
        entry.kind = kind
        if kind == .link {
            if let old = known.find(hash.value), old.kind == .link, links[Int(old.link)] == target {
                entry.link = old.link
            } else {
                entry.link = UInt32(links.count)
                links.append(target)
            }
        }
        return entry
    }

    // MARK: - Where the walk is

    /// The path walked so far, links resolved; the root is empty.
    var path: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: done, count: doneCount) }
    /// The same with the root as `/`.
    var spelled: UnsafeBufferPointer<UInt8> {
        if doneCount == 0 { full[0] = UInt8(ascii: "/") }
        return UnsafeBufferPointer(start: doneCount == 0 ? full : done, count: max(doneCount, 1))
    }

    /// The path behind a prefix, for a system call. Valid until the next use of the walker.
    func fullPath(_ prefix: [UInt8]) -> UnsafePointer<CChar> {
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

    /// Begins at a canonical directory (`/` or empty: the root).
    mutating func restart(at path: UnsafeBufferPointer<UInt8>) {
        doneCount = 0
        hash = PathHash()
        if path.count == 1 { return }  // "/" is the empty prefix
        for byte in path { push(byte) }
    }

    mutating func restart(at path: [UInt8]) { path.withUnsafeBufferPointer { restart(at: $0) } }

    /// The same when the path's hash is known.
    mutating func restart(at path: UnsafeBufferPointer<UInt8>, _ hash: PathHash) {
        doneCount = path.count
        self.hash = hash
        if let base = path.baseAddress { done.update(from: base, count: path.count) }
    }

    /// Sets what `walk` is to walk. At most 4096 bytes.
    mutating func setText(_ text: UnsafeRawBufferPointer) {
        todoCount = text.count
        if let bytes = text.baseAddress { memcpy(todo, bytes, text.count) }
    }

    var isTextAbsolute: Bool { todoCount > 0 && todo[0] == UInt8(ascii: "/") }

    var endsInSlash: Bool { todoCount > 0 && todo[todoCount - 1] == UInt8(ascii: "/") }

    /// The text, to be walked after another one.
    func saveText() -> [UInt8] { Array(UnsafeBufferPointer(start: todo, count: todoCount)) }
    mutating func restoreText(_ text: [UInt8]) { text.withUnsafeBytes { setText($0) } }

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

    // MARK: - The walk

    /// Walks the text.
    /// - Returns: what is there, `path` being its name without links; nil if the walk did not come to the end.
    mutating func walk(_ visitor: inout some PathVisitor & ~Copyable, as owner: PathOwner) -> PathKind? {
        var position = 0
        var linksFollowed = 0
        var kind = PathKind.directory
        let slash = UInt8(ascii: "/")
        if doneCount == 0, known.find(hash.value) == nil {
            _ = visitor.visit(&self, nil, PathPosition(isLast: false, isEnd: false))
        }
        while true {
            while position < todoCount, todo[position] == slash { position += 1 }
            let start = position
            while position < todoCount, todo[position] != slash { position += 1 }
            let length = position - start
            if length == 0 { return kind }
            if length == 1, todo[start] == UInt8(ascii: ".") { continue }
            if length == 2, todo[start] == UInt8(ascii: "."), todo[start + 1] == UInt8(ascii: ".") {
                pop()
                continue
            }
            guard doneCount + length + 2 < PathWalker.capacity else { return nil }
            push(slash)
            for index in start..<position { push(todo[index]) }
            var end = position
            while end < todoCount, todo[end] == slash { end += 1 }
            let place = PathPosition(isLast: position == todoCount, isEnd: end == todoCount)
            guard let entry = visitor.visit(&self, known.find(hash.value), place) else { return nil }
            kind = entry.kind
            switch kind {
            case .directory: continue
            case .link:
                linksFollowed += 1
                guard linksFollowed <= PathWalker.linkLimit else { return nil }
                let target = selfLink(owner) ?? links[Int(entry.link)]
                let rest = todoCount - position
                guard target.count + rest < PathWalker.capacity else { return nil }
                for (index, byte) in target.enumerated() { spare[index] = byte }
                (spare + target.count).update(from: todo + position, count: rest)
                swap(&todo, &spare)
                todoCount = target.count + rest
                position = 0
                if target.first == slash { restart(at: owner.root) } else { pop() }
                kind = .directory
            case .other, .absent, .none: return place.isEnd ? kind : nil
            }
        }
    }

    /// `/proc/self` and `/proc/thread-self` mean the task, not the recorder.
    func selfLink(_ owner: PathOwner) -> [UInt8]? {
        guard doneCount <= 17, doneCount >= 10 else { return nil }
        let text = String(decoding: path, as: UTF8.self)
        guard text == "/proc/self" || text == "/proc/thread-self" else { return nil }
        let tgid =
            owner.tgid != 0
            ? String(owner.tgid)
            : readLines("/proc/\(owner.tid)/status").first { $0.hasPrefix("Tgid:") }?
                .split(whereSeparator: \.isWhitespace).last.map(String.init) ?? String(owner.tid)
        return Array((text == "/proc/self" ? tgid : "\(tgid)/task/\(owner.tid)").utf8)
    }

    /// The target of the link at `path`.
    func readTarget(_ prefix: [UInt8]) -> [UInt8] {
        let path = fullPath(prefix)
        return [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            count = buffer.withMemoryRebound(to: CChar.self) {
                $0.baseAddress.map { max(0, readlink(path, $0, 4096)) } ?? 0
            }
        }
    }
}

/// How a task sees the file system.
struct PathView {
    /// In front of every path that is looked at.
    var prefix: [UInt8] = []
    /// Where absolute paths begin (chroot).
    var root: [UInt8] = []
    /// Of another mount namespace.
    var isForeign = false

    /// The recorder's own view, or that of a container's first process.
    struct Reference {
        let prefix: [UInt8]
        let namespace: UInt64

        init(pid: Int32?) {
            prefix = pid.map { Array("/proc/\($0)/root".utf8) } ?? []
            namespace = PathView.namespace("/proc/\(pid.map(String.init) ?? "self")/ns/mnt")
        }

        var view: PathView { PathView(prefix: prefix) }

        func view(of tid: Int32) -> PathView {
            let root = linkTarget("/proc/\(tid)/root").map { Array($0.utf8) } ?? []
            if PathView.namespace("/proc/\(tid)/ns/mnt") == namespace {
                return PathView(prefix: prefix, root: root.count > 1 ? root : [])
            }
            return PathView(prefix: Array("/proc/\(tid)/root".utf8), isForeign: true)
        }
    }

    fileprivate static func namespace(_ path: String) -> UInt64 {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_ino) : 0
    }
}
