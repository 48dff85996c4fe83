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
    /// What the last call gave to note, to be written before the call itself; taken by `takeRecords`.
    private(set) var records: [PathRecord] = []
    /// Records whose metadata had to be guessed, because the file was gone.
    private(set) var derived: UInt64 = 0
    /// Paths of tasks in another mount namespace, not noted.
    private(set) var foreignPaths: UInt64 = 0

    /// - Parameters:
    ///   - queue: where the supervisor's notes come through; looked ahead into, never changed.
    ///   - referencePid: as for `PathNotes`.
    init(queue: EventQueue, referencePid: Int32?) {}

    // MARK: - Tasks

    /// The first task.
    func root(tid: Int32, tgid: Int32, start: StartSnapshot?) -> LateTask { LateTask(tid: tid, tgid: tgid) }

    /// A task that `parent` created by the call it is in, or that came from outside (`parent` is nil).
    func created(tid: Int32, tgid: Int32, parent: LateTask?, flags: CloneFlags) -> LateTask {
        LateTask(tid: tid, tgid: tgid)
    }

    /// The task executes another program; `tid` is what it is from now on.
    mutating func executed(_ task: LateTask, tid: Int32) {}

    // MARK: - Calls

    /// A call of the fast tier: fills `records`. Give it before the call is written.
    mutating func fastCall(_ call: LateCall, of task: LateTask, memory: some CallMemory) {}

    /// A call of the lock-step tier, when it has returned.
    mutating func lockStepCall(_ call: LateCall, of task: LateTask, memory: some CallMemory) {}

    mutating func takeRecords() -> [PathRecord] {
        defer { records.removeAll(keepingCapacity: true) }
        return records
    }

    /// The supervisor's note of a path comes out of the queue (`body` is the `QueuePath`).
    /// - Returns: whether it is to be written; not if the path has been.
    mutating func noted(_ body: UnsafeRawPointer) -> Bool { true }
}

/// What a new task shares with its parent: the flags of its clone.
struct CloneFlags {
    var rawValue: UInt64 = 0
}

/// What LatePaths keeps of a task; held by the log thread with the task.
final class LateTask {
    var tid: Int32
    var tgid: Int32

    init(tid: Int32, tgid: Int32) {
        self.tid = tid
        self.tgid = tgid
    }
}
