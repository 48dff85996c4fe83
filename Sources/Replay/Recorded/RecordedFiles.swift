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

    /// Every path that was looked at, by its text.
    private(set) var names: [String: PathName] = [:]
    /// Absent names that were forgotten, by their hashes.
    private var forgotten: Set<UInt64> = []
    /// From so many on it is worth looking which can go.
    var enoughNames = fewNames
    private static let fewNames = 1 << 13
    let departures = Departures()
    /// Counts changes of symbolic links: what path walks went by.
    private(set) var linkGeneration: UInt64 = 0
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

    /// The object of a path; the same one each time.
    func name(_ path: String) -> PathName {
        if let known = names[path] { return known }
        let name = PathName(path, in: directory(of: path), isEngineServed: isEngineServed(path))
        if !forgotten.isEmpty, forgotten.contains(PathWalks.key(of: path)) { name.state = .absent }
        names[path] = name
        return name
    }

    /// Paths held.
    var count: Int { names.count }

    /// There are many more names than when names were forgotten last.
    var mayForget: Bool { names.count > enoughNames }

    /// Lets go of the names that nothing has and nobody refers to. That they are absent stays known.
    func forgetAbsent() {
        var texts: [String] = []
        for (text, name) in names where name.node == nil { texts.append(text) }
        // What lies in a directory goes before it.
        texts.sort { $0.utf8.count > $1.utf8.count }
        for text in texts {
            guard var name = names.removeValue(forKey: text) else { continue }
            name.leaveParent()
            guard !name.hasChildren, isKnownUniquelyReferenced(&name) else {
                name.joinParent()
                names[text] = name
                continue
            }
            if name.state != nil { forgotten.insert(PathWalks.key(of: text)) }
        }
        enoughNames = max(min(enoughNames, Self.fewNames), 2 * names.count)
    }

    /// The name of a component below a directory.
    func name(_ component: ArraySlice<UInt8>, in directory: PathName) -> PathName {
        if let known = directory.child(component) { return known }
        let text = String(decoding: component, as: UTF8.self)
        return name(directory.text == "/" ? "/" + text : directory.text + "/" + text)
    }

    /// The directory that a plain absolute path is in.
    private func directory(of path: String) -> PathName? {
        let slash = UInt8(ascii: "/")
        guard path.utf8.count > 1, path.utf8.first == slash, path.utf8.last != slash, !path.contains("//"),
            let last = path.utf8.lastIndex(of: slash)
        else { return nil }
        return name(last == path.startIndex ? "/" : String(path[..<last]))
    }

    func node(_ path: String) -> FileNode? { names[path]?.node }

    func isKnownAbsent(_ path: String) -> Bool {
        if case .absent = names[path]?.state { return true }
        return false
    }

    /// A symbolic link leads elsewhere, or may.
    func linksChanged() { linkGeneration += 1 }

    func set(_ name: PathName, _ state: Name) {
        if name.node?.kind == .symbolicLink { linkGeneration += 1 }
        name.state = state
        if name.node?.kind == .symbolicLink { linkGeneration += 1 }
    }

    private func learn(_ status: FileStatus, of node: FileNode) {
        let wasLink = node.kind == .symbolicLink
        node.learn(status)
        if wasLink != (node.kind == .symbolicLink) { linkGeneration += 1 }
    }

    private func isEngineServed(_ path: String) -> Bool {
        engineServed.contains { path.hasPrefix($0) || path.utf8.elementsEqual($0.utf8.dropLast()) }
    }

    func makeNode(_ kind: Environment.File.Kind, initialPath: String?, createdBy: UInt64?) -> FileNode {
        defer { nextNode += 1 }
        return FileNode(
            id: nextNode,
            kind: kind,
            initialPath: initialPath,
            createdBy: createdBy,
            departures: departures
        )
    }

    // MARK: - Facts

    /// Takes in the recorder's lstat of a path, made before the call that touched it first.
    func learn(_ record: PathRecord) {
        let name = name(record.path)
        if let listed = name.node, listed.initialPath == record.path, listed.status == nil, record.absent == nil {
            // Known by its name in a listing only.
            learn(record.status, of: listed)
            listed.linkTarget = listed.linkTarget ?? record.linkTarget
            linksChanged()
        }
        guard name.state == nil else { return }
        if record.absent != nil {
            decide(name, .absent)
            return
        }
        let node = initialNode(name, status: record.status)
        learn(record.status, of: node)
        node.linkTarget = record.linkTarget
        if record.linkTarget != nil { linksChanged() }
        if !record.head.isEmpty, node.kind == .regular { _ = node.prove(record.head, at: 0) }
    }

    /// A call succeeded on `path`: it exists.
    func proveExists(
        _ name: PathName,
        kind: Environment.File.Kind,
        status: FileStatus? = nil,
        call: UInt64
    ) -> FileNode {
        if let node = name.node { return node }
        let wasAbsent = name.state != nil
        let node =
            wasAbsent
            ? makeNode(kind, initialPath: nil, createdBy: nil) : initialNode(name, status: status, kind: kind)
        if let status { learn(status, of: node) }
        if wasAbsent {
            set(name, .node(node))
            report(call, "\(name.text): absent, then there without a recorded call that made it", [], name, file: node)
        }
        return node
    }

    /// A call failed with ENOENT on `path`.
    func proveAbsent(_ name: PathName, call: UInt64) {
        switch name.state {
        case nil: decide(name, .absent)
        case .absent: break
        case .node:
            report(
                call,
                "\(name.text): existed, then gone without a recorded call that removed it",
                [.absent(path: name.text)],
                name
            )
            set(name, .absent)
        }
    }

    /// A stat call told of `node` by this name.
    func observe(_ node: FileNode, _ status: FileStatus, _ name: PathName, call: UInt64) {
        guard let known = node.status else {
            // A file that recorded calls have changed tells its present state, not that of time zero.
            learn(status, of: node)
            return
        }
        guard known.inode != 0, status.inode != 0, !name.isEngineServed else { return }
        if known.inode != status.inode, known.device == status.device {
            let fresh = makeNode(FileNode.kind(mode: status.mode), initialPath: nil, createdBy: nil)
            learn(status, of: fresh)
            set(name, .node(fresh))
            report(call, "\(name.text): replaced by another file without a recorded call", [], name, file: fresh)
        } else if !node.isModified, node.kind == .regular, known.size != status.size {
            learn(status, of: node)
            node.size = status.size
            report(
                call,
                "\(name.text): size \(known.size), then \(status.size) without a recorded write",
                [.file(node.file(at: name.text))],
                name
            )
        }
    }

    /// Content read contradicts content proven: somebody else wrote.
    func contradict(_ node: FileNode, _ name: PathName, bytes: [UInt8], at offset: Int64, call: UInt64) {
        node.overwrite(offset..<(offset + Int64(bytes.count)))
        report(
            call,
            "\(name.text): other content at \(offset) without a recorded write",
            [.content(path: name.text, offset: offset, bytes: bytes)],
            name
        )
    }

    // MARK: - Inside

    func decide(_ name: PathName, _ state: Name) {
        set(name, state)
        if initial[name.text] == nil, isTimeZero(name.text) { initial[name.text] = state }
    }

    private func initialNode(
        _ name: PathName,
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
            decide(name, .node(node))
            return node
        }
        let isInitial = isTimeZero(name.text)
        let node = makeNode(
            status.map { FileNode.kind(mode: $0.mode) } ?? kind,
            initialPath: isInitial ? name.text : nil,
            createdBy: nil
        )
        if let identity { byIdentity[identity] = node }
        decide(name, .node(node))
        return node
    }

    /// Whether a name seen for the first time now has been so since time zero: no directory above it was made or moved.
    private func isTimeZero(_ path: String) -> Bool {
        var directory = path
        while let slash = directory.lastIndex(of: "/"), slash != directory.startIndex {
            directory = String(directory[..<slash])
            switch names[directory]?.state {
            case .node(let node) where node.kind == .directory && node.initialPath != directory: return false
            default: break
            }
        }
        return true
    }

    private func report(
        _ call: UInt64,
        _ summary: String,
        _ grafts: [Graft],
        _ name: PathName,
        file node: FileNode? = nil
    ) {
        guard !name.isEngineServed else { return }
        openChanges.append(
            OpenChange(
                change: OutsideChange(beforeCall: call, summary: summary, grafts: grafts),
                file: node.map { ($0, name.text) }
            )
        )
    }
}
