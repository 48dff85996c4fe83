// Notes the paths of calls that ran unseen, once their records are read, and follows what descriptors name.
import Glibc
import LinuxABI
import TraceLog

/// The log thread's notes of paths.
///
/// Calls that may change what a path names are noted by the supervisor before they run (`PathNotes`); what it noted comes
/// through the queue. The other calls are noted here, late. Where a late look and the call's own result disagree, the
/// result wins.
///
/// The log thread gives it every completed call of every task, in the order it writes them.
struct LatePaths: ~Copyable {
    let calls: LateCallTable
    var walker = PathWalker()
    var visitor: LateVisitor
    var directories = DirectoryNames()
    let reference: PathView.Reference
    private let name = UnsafeMutablePointer<CChar>.allocate(capacity: 64)
    private let text = UnsafeMutablePointer<UInt8>.allocate(capacity: 4096)

    /// - Parameters:
    ///   - queue: where the supervisor's notes come through; looked ahead into, never changed.
    ///   - referencePid: as for `PathNotes`.
    init(queue: EventQueue, calls: CallTable, referencePid: Int32?) {
        self.calls = LateCallTable(calls)
        reference = PathView.Reference(pid: referencePid)
        visitor = LateVisitor(queue: queue, reference: reference)
    }

    deinit {
        name.deallocate()
        text.deallocate()
    }

    // MARK: - Tasks

    /// The first task, as it is when its program starts.
    mutating func root(tid: Int32, tgid: Int32, start: StartSnapshot?) -> LateTask {
        let task = LateTask(tid: tid, tgid: tgid)
        guard let start else { return task }
        task.place.isElsewhere = start.root != "/"
        task.place.directory = number(start.workingDirectory)
        for descriptor in start.descriptors where PathKind(mode: descriptor.status.mode) == .directory {
            task.descriptors.set(descriptor.fd, number(descriptor.target))
        }
        return task
    }

    /// A task that `parent` created by a call with these flags (`CloneFlags(of:)`), or that came from outside (nil).
    func created(tid: Int32, tgid: Int32, parent: LateTask?, flags: CloneFlags) -> LateTask {
        guard let parent else { return LateTask(tid: tid, tgid: tgid) }
        return LateTask(tid: tid, tgid: tgid, parent: parent, flags: flags)
    }

    /// The task executes another program, with this thread id from now on.
    func executed(_ task: LateTask, tid: Int32) { task.executed(tid: tid) }

    private mutating func number(_ path: String) -> Int32 {
        guard path.hasPrefix("/") else { return 0 }
        let bytes = path == "/" ? [] : Array(path.utf8)
        var hash = PathHash()
        for byte in bytes { hash.add(byte) }
        return bytes.withUnsafeBufferPointer { directories.number($0, hash) }
    }

    // MARK: - Calls

    /// Records whose metadata had to be guessed, because the file was gone.
    var derived: UInt64 { visitor.derived }
    /// Paths of tasks in another mount namespace, not noted.
    var foreignPaths: UInt64 { visitor.foreignPaths }

    /// What the last `fastCall` found; to be written before the call.
    mutating func takeRecords() -> [PathRecord] { visitor.takeRecords() }

    /// The supervisor's note of a path comes out of the queue (`body` is its `QueuePath`).
    /// - Returns: whether it is to be written; not if the path has been.
    mutating func noted(_ body: UnsafeRawPointer) -> Bool { visitor.noted(body, &walker) }

    /// A completed call of the fast tier, given before it is written.
    /// - Returns: whether there are records to take.
    @inline(__always)
    mutating func fastCall(_ call: LateCall, of task: LateTask, memory: borrowing some CallMemory) -> Bool {
        if calls.isIdle(call.number) { return false }
        let entry = calls[call.number]
        if entry.effect == .close {
            task.descriptors.set(Int32(truncatingIfNeeded: call.arguments[0]), 0)
            return false
        }
        handle(call, entry, of: task, memory: memory, isFast: true)
        return visitor.hasRecords
    }

    /// A completed call of the lock-step tier; the supervisor has noted its paths.
    @inline(__always)
    mutating func lockStepCall(_ call: LateCall, of task: LateTask, memory: borrowing some CallMemory) {
        if calls.isIdle(call.number) { return }
        let entry = calls[call.number]
        if entry.effect == .none { return }
        handle(call, entry, of: task, memory: memory, isFast: false)
    }

    private mutating func handle(
        _ call: LateCall,
        _ entry: LateCallTable.Entry,
        of task: LateTask,
        memory: borrowing some CallMemory,
        isFast: Bool
    ) {
        var end = WalkEnd()
        if entry.firstPath >= 0, isFast || entry.needsWalk(call) {
            var evidence = PathEvidence()
            if entry.secondPath < 0 { evidence = self.evidence(call, entry, memory) }
            end = walk(call, entry.firstPath, entry.firstDirectory, evidence, of: task, memory, isNoting: isFast)
            if isFast, entry.secondPath >= 0 {
                _ = walk(
                    call,
                    entry.secondPath,
                    entry.secondDirectory,
                    PathEvidence(),
                    of: task,
                    memory,
                    isNoting: true
                )
            }
        } else if entry.hasSocketAddress, isFast {
            noteSocket(call, of: task, memory)
        }
        if entry.effect != .none { follow(call, entry, of: task, memory, end) }
    }

    /// What the call's result and output tell of its path.
    private func evidence(
        _ call: LateCall,
        _ entry: LateCallTable.Entry,
        _ memory: borrowing some CallMemory
    ) -> PathEvidence {
        var evidence = PathEvidence(result: call.result)
        evidence.isNoFollow = !entry.follows(call.arguments)
        evidence.wantsDirectory = entry.wantsDirectory(call.arguments)
        guard entry.answer != .none else { return evidence }
        // readlink says so of anything that is no link.
        if entry.answer == .target, call.result == -Int64(EINVAL) { evidence.provesExistence = true }
        guard call.result >= 0 else { return evidence }
        let address = call.arguments[Int(entry.answerArgument)]
        switch entry.answer {
        case .none: break
        case .status: evidence.status = memory.withMemory(.output, at: address) { FileStatus(stat: $0) } ?? nil
        case .extendedStatus: evidence.status = memory.withMemory(.output, at: address) { FileStatus(statx: $0) } ?? nil
        case .target:
            let room = Int32(truncatingIfNeeded: call.arguments[Int(entry.answerArgument) + 1])
            guard call.result < Int64(room) else { break }
            evidence.target = memory.withMemory(.output, at: address) { Array($0.prefix(Int(call.result))) }
        }
        return evidence
    }

    /// The path of a unix socket address.
    private mutating func noteSocket(_ call: LateCall, of task: LateTask, _ memory: borrowing some CallMemory) {
        var evidence = PathEvidence(result: call.result)
        evidence.likelyMode = S_IFSOCK | 0o755
        let isPath =
            memory.withMemory(.input, at: call.arguments[1]) { bytes in
                guard bytes.count > 2, bytes.loadUnaligned(as: UInt16.self) == 1 else { return false }  // AF_UNIX
                let path = UnsafeRawBufferPointer(rebasing: bytes[2..<min(bytes.count, 110)])
                let end = path.firstIndex(of: 0) ?? path.count
                return setText(UnsafeRawBufferPointer(rebasing: path[..<end]))
            } ?? false
        guard isPath else { return }
        _ = walkText(AT_FDCWD, evidence, of: task, isNoting: true)
    }

    // MARK: - Walks

    private mutating func setText(_ path: UnsafeRawBufferPointer) -> Bool {
        guard path.count > 0, path.count < 4096 else { return false }
        walker.setText(path)
        return true
    }

    /// Walks a path argument of the call.
    mutating func walk(
        _ call: LateCall,
        _ path: Int8,
        _ directory: Int8,
        _ evidence: PathEvidence,
        of task: LateTask,
        _ memory: borrowing some CallMemory,
        isNoting: Bool
    ) -> WalkEnd {
        let isPath =
            memory.withMemory(.input, at: call.arguments[Int(path)]) { bytes in
                // A string is captured with its NUL, or was not read whole.
                guard bytes.last == 0 else { return false }
                return setText(UnsafeRawBufferPointer(rebasing: bytes.dropLast()))
            } ?? false
        guard isPath else { return WalkEnd() }
        let fd = directory < 0 ? AT_FDCWD : Int32(truncatingIfNeeded: call.arguments[Int(directory)])
        return walkText(fd, evidence, of: task, isNoting: isNoting)
    }

    private mutating func walkText(
        _ fd: Int32,
        _ evidence: PathEvidence,
        of task: LateTask,
        isNoting: Bool
    ) -> WalkEnd {
        var evidence = evidence
        if walker.endsInSlash { evidence.isNoFollow = false }
        let view = task.place.view(of: task.tid, reference)
        let owner = PathOwner(tid: task.tid, tgid: task.tgid, root: view.root)
        var isNewBase = false
        if walker.isTextAbsolute {
            walker.restart(at: view.root)
        } else if let base = directories.path(task.directory(fd)) {
            walker.restart(at: base.bytes, base.hash)
            isNewBase = isNoting && directories.isFirstUse(task.directory(fd))
        } else {
            guard isNoting || evidence.endsAtName, evidence.result != -Int64(EBADF),
                let base = readDirectory(task.tid, fd)
            else { return WalkEnd() }
            evidence.isUncertain = true
            isNewBase = isNoting
            walker.restart(at: base)
        }
        if isNewBase, !walker.path.isEmpty, walker.find(walker.hash) == nil { noteBase(owner, view, evidence) }
        visitor.begin(view: view, owner: owner, evidence: evidence, isNoting: isNoting)
        let kind = walker.walk(&visitor, as: owner)
        return WalkEnd(kind: kind ?? .none, firstKind: visitor.firstEnd, isUncertain: evidence.isUncertain)
    }

    /// Notes the directory that a path begins at.
    private mutating func noteBase(_ owner: PathOwner, _ view: PathView, _ evidence: PathEvidence) {
        var ofBase = PathEvidence()
        ofBase.isUncertain = evidence.isUncertain
        // A call relative to a directory was told so if it was none.
        ofBase.provesExistence = evidence.result >= 0
        ofBase.wantsDirectory = true
        // What is below a directory that the workload made is not looked at.
        ofBase.result = LateCall.noResult
        let start = (text: walker.saveText(), hash: walker.hash)
        defer { walker.restoreText(start.text) }
        let base = Array(walker.path)
        walker.restart(at: [])
        base.withUnsafeBytes { walker.setText($0) }
        visitor.begin(view: view, owner: owner, evidence: ofBase, isNoting: true)
        _ = walker.walk(&visitor, as: owner)
        base.withUnsafeBufferPointer { walker.restart(at: $0, start.hash) }
    }

    /// Where the descriptor (or the working directory) is now.
    private func readDirectory(_ tid: Int32, _ fd: Int32) -> UnsafeBufferPointer<UInt8>? {
        DirectoryCache.spell(tid, fd, into: name)
        let count = text.withMemoryRebound(to: CChar.self, capacity: 4096) { readlink(name, $0, 4095) }
        guard count > 0, text[0] == UInt8(ascii: "/") else { return nil }
        return UnsafeBufferPointer(start: text, count: count)
    }
}

/// Where a walk ended; the path is the walker's.
struct WalkEnd {
    /// `.none` if it did not come to the end.
    var kind = PathKind.none
    /// What was there before a link at the end was followed.
    var firstKind = PathKind.none
    var isUncertain = false
}
