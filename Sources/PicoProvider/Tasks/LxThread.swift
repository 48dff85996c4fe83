// One Linux thread: a pico thread with its Linux state (LX_THREAD).
import Engine
import LinuxABI
import NTKernel

final class LxThread {
    let task: TaskID
    /// Its id in each pid namespace it is visible in, outermost first; the last is its own namespace's.
    var ids: [Int32]
    /// Goes after its threads.
    unowned let group: LxThreadGroup
    /// The group's, looked at before and after each call.
    let shared: LxSharedSignals
    /// For what may outlive it.
    let link = LxLink<LxThread>()
    var credentials: LxCredentials { didSet { credentialsVersion &+= 1 } }
    /// Tells that ``credentials`` changed.
    private(set) var credentialsVersion: UInt64 = 1
    var fs: LxFsContext
    var files: LxFdTable
    var namespaces: LxNamespaces
    var signals = LxThreadSignals()
    /// prctl(PR_SET_NAME), at most 15 bytes.
    var name: String
    /// set_tid_address; cleared and woken at exit.
    var clearChildTid: UInt64 = 0
    var robustList: UInt64 = 0
    var schedule = LxScheduling()
    var fsBase: UInt64 = 0
    var gsBase: UInt64 = 0
    /// What restart_syscall goes on with.
    var restart: (call: GuestCall, number: Int, parked: LxParkedCall)?
    /// The call that waits, if one does.
    var parked: LxParkedCall?
    /// SIGSTOP and friends are kept per group; a ptrace stop is the thread's own.
    var trace: LxTrace?
    var isDead = false
    /// Made by a graft, and no call of its own yet.
    var isFreshGraft = false
    /// The pico thread in the NT executive.
    var ntThread: EThread?

    init(
        task: TaskID,
        ids: [Int32],
        group: LxThreadGroup,
        credentials: LxCredentials,
        fs: LxFsContext,
        files: LxFdTable,
        namespaces: LxNamespaces,
        name: String
    ) {
        self.task = task
        self.ids = ids
        self.group = group
        shared = group.shared
        self.credentials = credentials
        self.fs = fs
        self.files = files
        self.namespaces = namespaces
        self.name = name
        link.object = self
    }

    deinit { link.object = nil }

    /// The id in the initial pid namespace.
    var globalID: Int32 { ids[0] }

    /// The id as a member of `namespace` sees it, or 0 when invisible there.
    func id(in namespace: LxPidNamespace) -> Int32 {
        guard namespace.level < ids.count, group.pidNamespace.isBelowOrSame(as: namespace) else { return 0 }
        return ids[namespace.level]
    }

    /// gettid's answer.
    var ownID: Int32 { ids[ids.count - 1] }
}

/// sched_setscheduler, nice and ioprio: stored and given back, without effect (RN:17627, UT:sched.c).
struct LxScheduling {
    var policy: Int32 = 0
    var priority: Int32 = 0
    var nice: Int32 = 0
    var ioPriority: Int32 = 0
    var affinity: UInt64 = 0
    var resetOnFork = false
}

/// cwd, root and umask; shared by CLONE_FS.
final class LxFsContext {
    var root: VfsLocation
    var workingDirectory: VfsLocation
    var umask: UInt32

    init(root: VfsLocation, workingDirectory: VfsLocation, umask: UInt32) {
        self.root = root
        self.workingDirectory = workingDirectory
        self.umask = umask
    }

    func copy() -> LxFsContext { LxFsContext(root: root, workingDirectory: workingDirectory, umask: umask) }
}
