// The files and the absences of time zero, as an environment lists them.
import Engine
import LinuxABI

struct InitialNames {
    private(set) var files: [Environment.File] = []
    private(set) var absent: Set<String> = []

    init(_ world: RecordedFiles) {
        var byPath: [String: Environment.File] = [:]
        var gone: [String] = []
        let served = world.engineServed
        func isServed(_ path: String) -> Bool { served.contains { path.hasPrefix($0) } }
        for (path, name) in world.initial where path.hasPrefix("/") && !isServed(path) {
            switch name {
            case .node(let node): byPath[path] = Self.file(node, at: path)
            case .absent: gone.append(path)
            }
        }
        for path in Array(byPath.keys) { Self.addParents(of: path, to: &byPath) }
        if byPath["/"] == nil { byPath["/"] = Environment.File(path: "/", kind: .directory, mode: 0o755) }
        files = byPath.values.sorted { $0.path < $1.path }
        // Parents are known to be absent before their children are looked at.
        for path in gone.sorted() where byPath[path] == nil && !Self.hasAbsentParent(path, absent) {
            absent.insert(path)
        }
    }

    private static func file(_ node: FileNode, at path: String) -> Environment.File {
        var file = node.file(at: path)
        if node.status == nil {
            file.mode = node.kind == .directory ? 0o755 : node.kind == .symbolicLink ? 0o777 : 0o644
            file.inode = node.listedInode
        }
        file.content = node.content.sorted { $0.offset < $1.offset }
        if node.status == nil, let last = file.content.last { file.size = last.offset + Int64(last.bytes.count) }
        if let listing = node.listing {
            file.entriesKnown = true
            file.entryOrder = listing
        }
        return file
    }

    /// A file has directories above it, whether or not anybody looked at them.
    private static func addParents(of path: String, to files: inout [String: Environment.File]) {
        var directory = path
        while let slash = directory.lastIndex(of: "/"), slash != directory.startIndex {
            directory = String(directory[..<slash])
            if files[directory] != nil { return }
            files[directory] = Environment.File(path: directory, kind: .directory, mode: 0o755)
        }
    }

    private static func hasAbsentParent(_ path: String, _ absent: Set<String>) -> Bool {
        var directory = path
        while let slash = directory.lastIndex(of: "/"), slash != directory.startIndex {
            directory = String(directory[..<slash])
            if absent.contains(directory) { return true }
        }
        return false
    }
}
