// The names of the recorded world: what each path was at time zero and what it is now.
import Engine
import LinuxABI
import TraceLog

/// A change that no recorded call explains.
struct OutsideChange: Sendable {
    var beforeCall: UInt64
    var summary: String
    /// What puts the engine's world in step.
    var grafts: [Graft]
}

/// A change while the recording is still being followed: what was read of the file later is what it held.
private struct OpenChange {
    var change: OutsideChange
    var file: (node: FileNode, path: String)?
}

final class RecordedFiles {
    enum Name {
        case node(FileNode)
        case absent
    }

    /// What each name is now; names never seen are missing.
    private(set) var current: [String: Name] = [:]
    /// What each name was at time zero; the first decisive event has decided.
    private(set) var initial: [String: Name] = [:]
    private var openChanges: [OpenChange] = []
    /// Changes that no recorded call explains, with what all calls prove of them.
    var changes: [OutsideChange] {
        openChanges.map { open in
            guard let (node, path) = open.file else { return open.change }
            var change = open.change
            var file = node.file(at: path)
            file.content = node.content.sorted { $0.offset < $1.offset }
            if let last = file.content.last { file.size = max(file.size, last.offset + Int64(last.bytes.count)) }
            change.grafts = [.file(file)]
            return change
        }
    }
    /// Directories that the engine serves itself, each with a trailing slash.
    var engineServed: [String] = []
    private var byIdentity: [FileIdentity: FileNode] = [:]
    private var nextNode: UInt64 = 1

    struct FileIdentity: Hashable {
        var device: UInt64
        var inode: UInt64
    }

    func node(_ path: String) -> FileNode? {
        if case .node(let node) = current[path] { return node }
        return nil
    }

    func isKnownAbsent(_ path: String) -> Bool {
        if case .absent = current[path] { return true }
        return false
    }

    func isEngineServed(_ path: String) -> Bool {
        engineServed.contains { path.hasPrefix($0) || path.utf8.elementsEqual($0.utf8.dropLast()) }
    }

    func makeNode(_ kind: Environment.File.Kind, initialPath: String?, createdBy: UInt64?) -> FileNode {
        defer { nextNode += 1 }
        return FileNode(id: nextNode, kind: kind, initialPath: initialPath, createdBy: createdBy)
    }

    // MARK: - Facts

    /// Takes in the recorder's lstat of a path, made before the call that touched it first.
    func learn(_ record: PathRecord) {
        if let listed = node(record.path), listed.initialPath == record.path, listed.status == nil, record.absent == nil
        {
            // Known by its name in a listing only.
            listed.learn(record.status)
            listed.linkTarget = listed.linkTarget ?? record.linkTarget
        }
        guard current[record.path] == nil else { return }
        if record.absent != nil {
            decide(record.path, .absent)
            return
        }
        let node = initialNode(record.path, status: record.status)
        node.learn(record.status)
        node.linkTarget = record.linkTarget
        if !record.head.isEmpty, node.kind == .regular { _ = node.prove(record.head, at: 0) }
    }

    /// A call succeeded on `path`: it exists.
    func proveExists(_ path: String, kind: Environment.File.Kind, status: FileStatus? = nil, call: UInt64) -> FileNode {
        if let node = node(path) { return node }
        let wasAbsent = current[path] != nil
        let node =
            wasAbsent
            ? makeNode(kind, initialPath: nil, createdBy: nil) : initialNode(path, status: status, kind: kind)
        if let status { node.learn(status) }
        if wasAbsent {
            current[path] = .node(node)
            report(
                call,
                "\(path): absent, then there without a recorded call that made it",
                [],
                path,
                file: node
            )
        }
        return node
    }

    /// A call failed with ENOENT on `path`.
    func proveAbsent(_ path: String, call: UInt64) {
        switch current[path] {
        case nil: decide(path, .absent)
        case .absent: break
        case .node:
            report(
                call,
                "\(path): existed, then gone without a recorded call that removed it",
                [.absent(path: path)],
                path
            )
            current[path] = .absent
        }
    }

    /// A stat call told of `node` by the name `path`.
    func observe(_ node: FileNode, _ status: FileStatus, path: String, call: UInt64) {
        guard let old = node.status else {
            // A file that recorded calls have changed tells its present state, not that of time zero.
            node.learn(status)
            return
        }
        guard old.inode != 0, status.inode != 0, !isEngineServed(path) else { return }
        if old.inode != status.inode, old.device == status.device {
            let fresh = makeNode(FileNode.kind(mode: status.mode), initialPath: nil, createdBy: nil)
            fresh.learn(status)
            current[path] = .node(fresh)
            report(
                call,
                "\(path): replaced by another file without a recorded call",
                [],
                path,
                file: fresh
            )
        } else if !node.isModified, node.kind == .regular, old.size != status.size {
            node.learn(status)
            node.size = status.size
            report(
                call,
                "\(path): size \(old.size), then \(status.size) without a recorded write",
                [.file(node.file(at: path))],
                path
            )
        }
    }

    /// Content read contradicts content proven: somebody else wrote.
    func contradict(_ node: FileNode, path: String, bytes: [UInt8], at offset: Int64, call: UInt64) {
        node.overwrite(offset..<(offset + Int64(bytes.count)))
        report(
            call,
            "\(path): other content at \(offset) without a recorded write",
            [.content(path: path, offset: offset, bytes: bytes)],
            path
        )
    }

    // MARK: - Changes by recorded calls

    func create(_ path: String, kind: Environment.File.Kind, mode: UInt32, call: UInt64) -> FileNode {
        proveDirectory(of: path, call: call)
        if current[path] == nil { decide(path, .absent) }
        let node = makeNode(kind, initialPath: nil, createdBy: call)
        node.createdMode = mode
        if kind == .regular { node.truncate(to: 0) }
        node.isModified = true
        current[path] = .node(node)
        parent(of: path)?.added.insert(lastComponent(path))
        return node
    }

    func remove(_ path: String, kind: Environment.File.Kind, call: UInt64) {
        if current[path] == nil { _ = proveExists(path, kind: kind, call: call) }
        if let node = node(path) { node.names -= 1 }
        current[path] = .absent
        forgetName(path)
    }

    func link(_ source: String, _ path: String, call: UInt64) {
        let node = proveExists(source, kind: .regular, call: call)
        proveDirectory(of: path, call: call)
        if current[path] == nil { decide(path, .absent) }
        node.names += 1
        node.isModified = true
        current[path] = .node(node)
        parent(of: path)?.added.insert(lastComponent(path))
    }

    func rename(_ source: String, _ path: String, exchange: Bool, call: UInt64) {
        guard source != path else { return }
        let node = proveExists(source, kind: .regular, call: call)
        if exchange {
            let other = proveExists(path, kind: .regular, call: call)
            let (left, right) = (names(below: source), names(below: path))
            move(left, from: source, to: path)
            move(right, from: path, to: source)
            current[source] = .node(other)
            current[path] = .node(node)
            return
        }
        proveDirectory(of: path, call: call)
        if current[path] == nil { decide(path, .absent) }
        if let old = self.node(path) { old.names -= 1 }
        let below = node.kind == .directory ? names(below: source) : []
        for (name, _) in below { current[name] = .absent }
        move(below, from: source, to: path)
        current[source] = .absent
        current[path] = .node(node)
        forgetName(source)
        parent(of: path)?.added.insert(lastComponent(path))
    }

    /// The complete names of a directory, as getdents gave them now.
    func list(_ node: FileNode, _ names: [String]) {
        guard node.listing == nil, node.initialPath != nil else { return }
        node.listing = names.filter { !node.added.contains($0) } + node.removed.sorted()
    }

    // MARK: - Inside

    private func decide(_ path: String, _ name: Name) {
        current[path] = name
        if initial[path] == nil, isTimeZero(path) { initial[path] = name }
    }

    private func initialNode(
        _ path: String,
        status: FileStatus?,
        kind: Environment.File.Kind = .regular
    ) -> FileNode {
        let identity = status.flatMap { status -> FileIdentity? in
            // Directories have one name; a device or an engine's own file system may repeat numbers.
            guard status.links > 1, FileNode.kind(mode: status.mode) == .regular, status.inode != 0 else { return nil }
            return FileIdentity(device: status.device, inode: status.inode)
        }
        if let identity, let node = byIdentity[identity], node.names > 0 {
            node.names += 1
            decide(path, .node(node))
            return node
        }
        let isInitial = isTimeZero(path)
        let node = makeNode(
            status.map { FileNode.kind(mode: $0.mode) } ?? kind,
            initialPath: isInitial ? path : nil,
            createdBy: nil
        )
        if let identity { byIdentity[identity] = node }
        decide(path, .node(node))
        return node
    }

    /// Whether a name seen for the first time now has been so since time zero: no directory above it was made or moved.
    private func isTimeZero(_ path: String) -> Bool {
        var directory = path
        while let slash = directory.lastIndex(of: "/"), slash != directory.startIndex {
            directory = String(directory[..<slash])
            switch current[directory] {
            case .node(let node) where node.kind == .directory && node.initialPath != directory: return false
            default: break
            }
        }
        return true
    }

    /// A name was made in it: the directory exists.
    private func proveDirectory(of path: String, call: UInt64) {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
        let directory = String(path[..<slash])
        if current[directory] == nil { _ = proveExists(directory, kind: .directory, call: call) }
    }

    private func forgetName(_ path: String) {
        guard let parent = parent(of: path) else { return }
        let name = lastComponent(path)
        if parent.added.remove(name) == nil { parent.removed.insert(name) }
    }

    private func names(below path: String) -> [(String, Name)] {
        let prefix = path + "/"
        return current.filter { $0.key.hasPrefix(prefix) }.map { ($0.key, $0.value) }
    }

    private func move(_ names: [(String, Name)], from source: String, to path: String) {
        for (name, value) in names { current[path + name.dropFirst(source.count)] = value }
    }

    private func parent(of path: String) -> FileNode? {
        guard let slash = path.lastIndex(of: "/") else { return nil }
        return node(slash == path.startIndex ? "/" : String(path[..<slash]))
    }

    private func lastComponent(_ path: String) -> String {
        path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
    }

    private func report(
        _ call: UInt64,
        _ summary: String,
        _ grafts: [Graft],
        _ path: String,
        file node: FileNode? = nil
    ) {
        guard !isEngineServed(path) else { return }
        openChanges.append(
            OpenChange(
                change: OutsideChange(beforeCall: call, summary: summary, grafts: grafts),
                file: node.map { ($0, path) }
            )
        )
    }
}
