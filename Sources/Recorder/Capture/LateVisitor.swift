// Looks at the paths of completed calls: what the call itself told of them goes before what lstat says now.
import Glibc
import TraceLog

/// What a completed call tells of its path.
struct PathEvidence {
    /// The call's result; its own answer is the truth of that moment.
    var result: Int64 = 0
    /// A link at the end was not followed.
    var isNoFollow = false
    /// The path means the name at its end, whatever is there.
    var endsAtName = false
    /// The call works only on a directory.
    var wantsDirectory = false
    /// The call said what the file is.
    var status: FileStatus?
    /// The call said where the link leads.
    var target: [UInt8]?
    /// What the file is if it is gone and nothing else tells.
    var likelyMode = S_IFREG | 0o644
    /// The call could not have answered so if there were no such file.
    var provesExistence = false
    /// Where the path begins was read just now and may have been elsewhere at the time of the call.
    var isUncertain = false

    init() {}
    init(result: Int64) {
        self.result = result
        provesExistence = result >= 0
    }
}

/// The visitor of the log thread's walks.
struct LateVisitor: ~Copyable, PathVisitor {
    private(set) var queued: QueuedNotes
    private let reference: PathView.Reference
    private(set) var records: [PathRecord] = []
    private(set) var derived: UInt64 = 0
    private(set) var foreignPaths: UInt64 = 0

    // Of the walk under way.
    private var view = PathView()
    private var owner = PathOwner(tid: 0)
    private var evidence = PathEvidence()
    /// New paths are recorded; else the walk only finds out what the path names now.
    private var isNoting = false
    /// What was at the end before a link there was followed.
    private(set) var firstEnd = PathKind.none

    init(queue: EventQueue, reference: PathView.Reference) {
        queued = QueuedNotes(queue)
        self.reference = reference
    }

    mutating func begin(view: PathView, owner: PathOwner, evidence: PathEvidence, isNoting: Bool) {
        self.view = view
        self.owner = owner
        self.evidence = evidence
        self.isNoting = isNoting
        firstEnd = .none
    }

    var hasRecords: Bool { !records.isEmpty }

    mutating func takeRecords() -> [PathRecord] {
        defer { records = [] }
        return records
    }

    mutating func visit(
        _ walker: inout PathWalker,
        _ known: PathSet.Entry?,
        _ position: PathPosition
    ) -> PathSet.Entry? {
        // Past a link at the end that the call did not follow, it told nothing.
        let isTold = firstEnd == .none || !evidence.isNoFollow
        let isEnd = position.isEnd && isTold
        let entry: PathSet.Entry?
        if position.isEnd, evidence.endsAtName {
            entry = walker.entry(walker.hash, .other, target: [])
        } else if let known {
            entry = revisit(&walker, known, position)
        } else if isNoting {
            entry = look(&walker, isEnd: isEnd, isTold: isTold)
        } else {
            entry = evidence.wantsDirectory ? present(&walker) : nil
        }
        if position.isEnd, firstEnd == .none { firstEnd = entry?.kind ?? .absent }
        return entry
    }

    // MARK: - Known paths

    /// A path is noted as it was when first touched; what it is now may be another thing.
    private mutating func revisit(
        _ walker: inout PathWalker,
        _ known: PathSet.Entry,
        _ position: PathPosition
    ) -> PathSet.Entry? {
        switch known.kind {
        case .directory, .link: return known
        case .other, .absent, .none:
            // The call went on from there: the workload has made a directory or a link of it. What is below is its work
            // as well, and not noted.
            guard evidence.wantsDirectory, evidence.result >= 0 else { return known }
            isNoting = false
            return present(&walker)
        }
    }

    /// What is there now, for a walk that has to go on; remembers nothing.
    private mutating func present(_ walker: inout PathWalker) -> PathSet.Entry? {
        var status = stat()
        guard lstat(walker.fullPath(view.prefix), &status) == 0 else {
            // It is gone again; the call went through it.
            return evidence.result >= 0 ? walker.entry(walker.hash, .directory, target: []) : nil
        }
        let kind = PathKind(mode: status.st_mode)
        let target = kind == .link ? walker.readTarget(view.prefix) : []
        return walker.entry(walker.hash, kind, target: target)
    }

    // MARK: - New paths

    private mutating func look(_ walker: inout PathWalker, isEnd: Bool, isTold: Bool) -> PathSet.Entry? {
        if let note = queued.find(walker.hash) { return adopt(note, &walker) }
        // The answer to a stat is better than any look; only a link's target is not in it.
        if isEnd, evidence.isNoFollow, !view.isForeign, let status = evidence.status,
            PathKind(mode: status.mode) != .link
        {
            return record(&walker, FileFinding(status: status))
        }
        var status = stat()
        let code = lstat(walker.fullPath(view.prefix), &status) == 0 ? 0 : errno
        // Whatever changed before this look was noted by the supervisor before it changed.
        queued.lookAhead()
        if let note = queued.find(walker.hash) { return adopt(note, &walker) }
        if view.isForeign, !isShared(walker, code, status) {
            foreignPaths += 1
            return nil
        }
        var finding = FileFinding(absent: code)
        if code == 0 {
            finding.status = FileStatus(status)
            if PathKind(mode: status.st_mode) == .link {
                finding.target = walker.selfLink(owner) ?? walker.readTarget(view.prefix)
            }
        }
        if isTold, !evidence.isUncertain, !view.isForeign { correct(&finding, walker, isEnd: isEnd) }
        return record(&walker, finding)
    }

    /// What is to be recorded of a path.
    private struct FileFinding {
        var absent: Int32 = 0
        var status = FileStatus()
        var target: [UInt8] = []

        init(absent: Int32) { self.absent = absent }
        init(status: FileStatus) { self.status = status }
        var kind: PathKind { absent == 0 ? PathKind(mode: status.mode) : .absent }
    }

    /// Where the call saw something else than the look, the call is right.
    private mutating func correct(_ finding: inout FileFinding, _ walker: borrowing PathWalker, isEnd: Bool) {
        if finding.absent == 0 {
            guard isEnd, evidence.isNoFollow || finding.kind != .link else { return }
            if evidence.result == -Int64(ENOENT) {
                // Somebody made it since.
                finding = FileFinding(absent: ENOENT)
            } else if let status = evidence.status {
                finding.status = status
            } else if let target = evidence.target, finding.kind == .link {
                finding.target = target
            }
        } else if evidence.provesExistence {
            // Somebody removed it since.
            finding.absent = 0
            if isEnd, let status = evidence.status {
                finding.status = status
                return
            }
            derived += 1
            if isEnd, let target = evidence.target {
                finding.target = target
                finding.status.mode = S_IFLNK | 0o777
                finding.status.size = Int64(target.count)
            } else if !isEnd || evidence.wantsDirectory {
                finding.status.mode = S_IFDIR | 0o755
            } else {
                finding.status.mode = evidence.likelyMode
            }
            finding.status.links = 1
            if let twin = ownTwin(walker) { finding.status = FileStatus(twin) }
        }
    }

    /// The recorder's own file of the same name, for one that went with its process: `/proc/PID/…`.
    private func ownTwin(_ walker: borrowing PathWalker) -> stat? {
        let path = walker.path
        guard path.count > 6, path[..<6].elementsEqual("/proc/".utf8), (48...57).contains(path[6]) else { return nil }
        let rest = path[6...].drop { $0 != UInt8(ascii: "/") }
        var name = Array("/proc/self".utf8)
        name.append(contentsOf: rest)
        name.append(0)
        var status = stat()
        let code = name.withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { $0.baseAddress.map { lstat($0, &status) } ?? -1 }
        }
        return code == 0 && PathKind(mode: status.st_mode) != .link ? status : nil
    }

    /// Whether a task of another mount namespace sees the file that is here.
    private func isShared(_ walker: borrowing PathWalker, _ code: Int32, _ status: stat) -> Bool {
        guard code == 0 else { return false }
        var other = stat()
        return lstat(walker.fullPath(reference.prefix), &other) == 0 && status.st_dev == other.st_dev
            && status.st_ino == other.st_ino
    }

    // MARK: - Records

    private mutating func record(_ walker: inout PathWalker, _ finding: FileFinding) -> PathSet.Entry {
        var record = PathRecord(
            path: String(decoding: walker.spelled, as: UTF8.self),
            beforeCall: 0,
            absent: finding.absent == 0 ? nil : finding.absent,
            status: finding.status
        )
        if !finding.target.isEmpty { record.linkTarget = String(decoding: finding.target, as: UTF8.self) }
        records.append(record)
        return walker.remember(finding.kind, target: finding.target)
    }

    /// Records the supervisor's note now, ahead of its place in the queue.
    private mutating func adopt(_ note: UnsafeRawPointer, _ walker: inout PathWalker) -> PathSet.Entry {
        let path = QueuedPath(note)
        records.append(PathRecord(path))
        queued.remove(note, walker.hash)
        return remember(path, walker.hash, &walker)
    }

    private func remember(_ path: QueuedPath, _ hash: PathHash, _ walker: inout PathWalker) -> PathSet.Entry {
        walker.remember(hash, path.kind, target: Array(path.target), hasHead: !path.head.isEmpty)
    }

    /// The log thread has come to a note in the queue.
    /// - Returns: whether it is to be written.
    mutating func noted(_ note: UnsafeRawPointer, _ walker: inout PathWalker) -> Bool {
        let path = QueuedPath(note)
        let hash = QueuedNotes.hash(note)
        queued.remove(note, hash)
        if let known = walker.find(hash), known.hasHead || path.head.isEmpty { return false }
        _ = remember(path, hash, &walker)
        return true
    }
}

extension PathRecord {
    init(_ queued: QueuedPath) {
        self.init(
            path: String(decoding: queued.path, as: UTF8.self),
            beforeCall: 0,
            absent: queued.header.absent == 0 ? nil : queued.header.absent
        )
        if queued.header.absent == 0 { status = FileStatus(queued.header.status) }
        if !queued.target.isEmpty { linkTarget = String(decoding: queued.target, as: UTF8.self) }
        head = Array(queued.head)
    }
}
