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
struct OpenChange {
    var change: OutsideChange
    var file: (node: FileNode, path: String)?
}

final class RecordedFiles {
    enum Name {
        case node(FileNode)
        case absent
    }

    /// Every path that was looked at.
    private(set) var names = NameTree()
    /// Its name is asked for by every walk.
    private var rootName: PathName?
    /// Absent names that were forgotten, by their hashes.
    private var forgotten: Set<UInt64> = []
    /// From so many on it is worth looking which can go.
    var enoughNames = fewNames
    private static let fewNames = 1 << 13
    let departures = Departures()
    /// Counts changes of symbolic links: what path walks went by.
    private(set) var linkGeneration: UInt64 = 0
    /// What each name was at time zero; the first decisive event has decided. Empty unless it is kept.
    var initial: [String: Name] = [:]
    /// Whether what names were at time zero is kept beyond the names.
    let keepsInitial: Bool
    var openChanges: [OpenChange] = []
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
    let engineServed: [String]
    /// The same without the slash.
    private let servedDirectories: [String]
    var byIdentity: [FileIdentity: FileNode] = [:]
    private var nextNode: UInt64 = 1

    struct FileIdentity: Hashable {
        var device: UInt64
        var inode: UInt64
    }

    init(engineServed: [String] = [], keepsInitial: Bool = true) {
        self.engineServed = engineServed
        self.keepsInitial = keepsInitial
        servedDirectories = engineServed.map { String($0.dropLast()) }
    }

    /// The object of a path; the same one each time.
    func name(_ path: String) -> PathName {
        if let known = names.find(path) { return known }
        let component = Array(path.utf8.reversed().prefix { $0 != UInt8(ascii: "/") }.reversed())
        return add(
            PathName(path, in: directory(of: path), component: component, isEngineServed: isEngineServed(path))
        )
    }

    /// The name of the root.
    var root: PathName {
        if let rootName { return rootName }
        let name = name("/")
        rootName = name
        return name
    }

    private func add(_ name: PathName) -> PathName {
        if !forgotten.isEmpty, forgotten.contains(PathWalks.key(of: name.text)) { name.state = .absent }
        names.add(name)
        return name
    }

    /// Paths held.
    var count: Int { names.count }

    /// There are many more names than when names were forgotten last.
    var mayForget: Bool { names.count > enoughNames }

    /// Lets go of the names that nothing has and nobody refers to. That they are absent stays known.
    func forgetAbsent() {
        var texts: [String] = []
        names.visit { if $0.node == nil { texts.append($0.text) } }
        // What lies in a directory goes before it.
        texts.sort { $0.utf8.count > $1.utf8.count }
        for text in texts {
            guard var name = names.take(text) else { continue }
            guard !name.hasChildren, isKnownUniquelyReferenced(&name) else {
                names.add(name)
                continue
            }
            if name.state != nil { forgotten.insert(PathWalks.key(of: text)) }
        }
        enoughNames = max(min(enoughNames, Self.fewNames), 2 * names.count)
    }

    /// The name of a component below a directory.
    func name(_ component: ArraySlice<UInt8>, in directory: PathName) -> PathName {
        if let known = directory.child(component) { return known }
        guard directory.isPlain else {
            return name(directory.text + "/" + String(decoding: component, as: UTF8.self))
        }
        var text = Self.path(component, in: directory)
        let isWellFormed = text.withUTF8 { bytes in
            bytes.count >= component.count && bytes[(bytes.count - component.count)...].elementsEqual(component)
        }
        guard isWellFormed else { return name(text) }
        if let known = names.hidden(text) { return known }
        let isServed = directory.isEngineServed || servedDirectories.contains(text)
        return add(PathName(text, in: directory, component: Array(component), isEngineServed: isServed))
    }

    private static func path(_ component: ArraySlice<UInt8>, in directory: PathName) -> String {
        var parent = directory.parent == nil ? "" : directory.text
        return parent.withUTF8 { above in
            String(unsafeUninitializedCapacity: above.count + 1 + component.count) { bytes in
                var end = bytes[...].initialize(fromContentsOf: above)
                bytes[end] = UInt8(ascii: "/")
                end += 1
                return bytes[end...].initialize(fromContentsOf: component)
            }
        }
    }

    /// The directory that a plain absolute path is in.
    private func directory(of path: String) -> PathName? {
        var path = path
        guard path.utf8.count > 1, path.withUTF8(NameTree.isPlain),
            let last = path.utf8.lastIndex(of: UInt8(ascii: "/"))
        else { return nil }
        return last == path.startIndex ? root : name(String(path[..<last]))
    }

    func node(_ path: String) -> FileNode? { names.find(path)?.node }

    func isKnownAbsent(_ path: String) -> Bool {
        if case .absent = names.find(path)?.state { return true }
        return false
    }

    /// Everything below a name that calls have told of.
    func namesBelow(_ name: PathName) -> [(PathName, Name)] {
        var found: [(PathName, Name)] = []
        names.visit(below: name) { name in
            if let state = name.state { found.append((name, state)) }
        }
        return found
    }

    /// Whether some names may be found by their whole text only.
    var hidesNames: Bool { names.hasOdd }

    /// A symbolic link leads elsewhere, or may.
    func linksChanged() { linkGeneration += 1 }

    func set(_ name: PathName, _ state: Name) {
        if name.node?.kind == .symbolicLink { linkGeneration += 1 }
        name.state = state
        if name.node?.kind == .symbolicLink { linkGeneration += 1 }
    }

    func learn(_ status: FileStatus, of node: FileNode) {
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
}
