// What the recording implies of one task at a moment: descriptors, directories, credentials, namespaces.
import Engine
import LinuxABI

/// An open file description: shared by dup, fork and SCM_RIGHTS.
final class OpenDescription {
    enum Kind {
        case file(FileNode, PathName)
        case terminal(path: String)
        /// Ends with one id belong together.
        case pipe(id: UInt64, writeEnd: Bool)
        case socket(id: UInt64)
        /// `eventpoll`, `eventfd`, `pidfd` …: the kind of resource the description names.
        case other(String)
    }

    let id: UInt64
    var kind: Kind
    var flags: UInt64
    var offset: Int64 = 0
    /// Names that getdents has given so far, since offset 0; nil once the sequence was broken.
    var listed: [String]? = []
    /// The call that made it; nil for descriptors that were open at time zero.
    let createdBy: UInt64?
    var mark: Mark?
    /// The other end, when it was recorded.
    weak var peer: OpenDescription?

    init(id: UInt64, kind: Kind, flags: UInt64, createdBy: UInt64?) {
        self.id = id
        self.kind = kind
        self.flags = flags
        self.createdBy = createdBy
    }

    var node: FileNode? {
        if case .file(let node, _) = kind { return node }
        return nil
    }
    var path: String? {
        switch kind {
        case .file(_, let name): name.text
        case .terminal(let path): path
        case .pipe, .socket, .other: nil
        }
    }
    /// Its path as an object.
    func name(_ files: RecordedFiles) -> PathName? {
        switch kind {
        case .file(_, let name): name
        case .terminal(let path): files.name(path)
        case .pipe, .socket, .other: nil
        }
    }
    /// Bytes flow through it in order and are gone once read.
    var isStream: Bool {
        switch kind {
        case .pipe, .socket, .terminal: true
        case .file(let node, _): node.kind == .fifo
        case .other: false
        }
    }

    var target: Environment.Descriptor.Target {
        switch kind {
        case .file(_, let name): .file(path: name.text)
        case .terminal(let path): .terminal(path: path)
        case .pipe(let id, let writeEnd): .pipe(id: id, writeEnd: writeEnd)
        case .socket(let id): .socket(id: id)
        case .other(let name): .other(name)
        }
    }
}

/// A file descriptor table; shared between tasks with CLONE_FILES.
final class DescriptorTable {
    struct Entry {
        var description: OpenDescription
        var closeOnExec: Bool
    }

    let id: UInt64
    var entries: DescriptorEntries

    init(id: UInt64, entries: DescriptorEntries = DescriptorEntries()) {
        self.id = id
        self.entries = entries
    }
}

/// The entries of a descriptor table by number: low numbers by position, the few high ones by key.
struct DescriptorEntries {
    private static let positions = 1024
    private var low: [DescriptorTable.Entry?] = []
    private var high: [Int32: DescriptorTable.Entry] = [:]

    subscript(fd: Int32) -> DescriptorTable.Entry? {
        get {
            if fd >= 0, fd < low.count { return low[Int(fd)] }
            return high.isEmpty ? nil : high[fd]
        }
        set {
            guard fd >= 0, fd < Self.positions else {
                high[fd] = newValue
                return
            }
            while low.count <= fd { low.append(nil) }
            low[Int(fd)] = newValue
        }
    }

    @discardableResult
    mutating func removeValue(forKey fd: Int32) -> DescriptorTable.Entry? {
        guard let entry = self[fd] else { return nil }
        self[fd] = nil
        return entry
    }

    /// Open numbers in order.
    var keys: [Int32] { low.indices.filter { low[$0] != nil }.map { Int32($0) } + high.keys.sorted() }
}

/// Working directory, root and umask; shared with CLONE_FS.
final class DirectoryContext {
    var workingDirectory: String {
        didSet { working = nil }
    }
    var root: String {
        didSet {
            rootObject = nil
            hasPlainRoot = root == "/"
        }
    }
    /// The root is that of the system.
    private(set) var hasPlainRoot: Bool
    var umask: UInt32
    var workingDirectoryMark: Mark?
    /// The names of the two, once somebody has asked for them.
    var knownWorking: PathName? { working }
    var knownRoot: PathName? { rootObject }
    private var working: PathName?
    private var rootObject: PathName?

    init(workingDirectory: String, root: String, umask: UInt32) {
        self.workingDirectory = workingDirectory
        self.root = root
        self.umask = umask
        hasPlainRoot = root == "/"
    }

    func copy() -> DirectoryContext {
        let copy = DirectoryContext(workingDirectory: workingDirectory, root: root, umask: umask)
        copy.workingDirectoryMark = workingDirectoryMark
        return copy
    }

    func workingName(_ files: RecordedFiles) -> PathName {
        if let working { return working }
        let name = files.name(workingDirectory)
        working = name
        return name
    }

    func rootName(_ files: RecordedFiles) -> PathName {
        if let rootObject { return rootObject }
        let name = files.name(root)
        rootObject = name
        return name
    }
}

/// The mounts that recorded calls made, in one mount namespace.
final class MountTable {
    enum Meaning {
        /// The same files as at another path.
        case alias(of: String)
        /// A new file system: nothing below is from time zero.
        case fresh
    }
    struct Entry {
        var point: String
        var meaning: Meaning
    }

    var entries: [Entry] = []

    func copy() -> MountTable {
        let copy = MountTable()
        copy.entries = entries
        return copy
    }

    /// The path that names the same file at time zero, or nil when it lies in a new file system.
    func origin(of path: String) -> String? {
        var path = path
        for _ in 0..<8 {
            let covering = entries.filter { path == $0.point || path.hasPrefix($0.point == "/" ? "/" : $0.point + "/") }
            guard let entry = covering.max(by: { $0.point.utf8.count <= $1.point.utf8.count }) else { return path }
            guard case .alias(let source) = entry.meaning else { return nil }
            let rest = entry.point == "/" ? Substring(path) : path.dropFirst(entry.point.count)
            let next = (source == "/" ? "" : source) + rest
            if next == path { return path }
            path = next.isEmpty ? "/" : next
        }
        return path
    }
}

final class TaskState {
    let id: TaskID
    var tid: Int32
    var tgid: Int32
    var parent: TaskID?
    var files: DescriptorTable
    var directories: DirectoryContext
    var mounts: MountTable
    /// real, effective, saved, file system
    var uids: [UInt32]
    var gids: [UInt32]
    var signalMask: UInt64
    var executable = ""
    var isAlive = true
    /// A recorded wait took its status.
    var isReaped = false
    /// The call that made it; nil for the root task.
    let createdBy: UInt64?
    /// Identifies the pid namespace: pids are renamed per namespace.
    var pidNamespace: UInt64
    /// The pid namespace of its future children (unshare and setns of CLONE_NEWPID).
    var childPidNamespace: UInt64
    /// Identifies the address space.
    var memory: UInt64

    /// The task was grafted: calls that name it carry this.
    var mark: Mark?
    /// The engine has no such task: every call in it carries this.
    var absentMark: Mark?
    var namespaceMark: Mark?
    var credentialMark: Mark?
    var signalMark: Mark?

    init(
        id: TaskID,
        tid: Int32,
        tgid: Int32,
        parent: TaskID?,
        files: DescriptorTable,
        directories: DirectoryContext,
        mounts: MountTable,
        uids: [UInt32],
        gids: [UInt32],
        signalMask: UInt64,
        createdBy: UInt64?,
        pidNamespace: UInt64,
        memory: UInt64
    ) {
        self.id = id
        self.tid = tid
        self.tgid = tgid
        self.parent = parent
        self.files = files
        self.directories = directories
        self.mounts = mounts
        self.uids = uids
        self.gids = gids
        self.signalMask = signalMask
        self.createdBy = createdBy
        self.pidNamespace = pidNamespace
        childPidNamespace = pidNamespace
        self.memory = memory
    }
}
