// One Linux process: threads that share a pid, signal dispositions and an address space (LX_THREAD_GROUP).
import Engine
import LinuxABI

final class LxThreadGroup {
    enum State: Equatable {
        case running
        /// By a stop signal.
        case stopped(signal: Int32)
        /// `status` as wait4 reports it.
        case zombie(status: Int32)
        /// Reaped, or never to be waited for.
        case dead
    }

    /// The leader's ids, outermost namespace first; kept after the leader is gone.
    var ids: [Int32]
    var pidNamespace: LxPidNamespace
    var threads: [LxThread] = []
    var leader: LxThread?
    /// nil for init processes and the outside parent of the root task.
    var parent: LxThreadGroup? {
        get { parentLink?.object }
        set { parentLink = newValue?.link }
    }
    private var parentLink: LxLink<LxThreadGroup>?
    /// Which thread of the parent made it (__WNOTHREAD).
    var parentThread: LxThread? {
        get { parentThreadLink?.object }
        set { parentThreadLink = newValue?.link }
    }
    private var parentThreadLink: LxLink<LxThread>?
    /// For what may outlive it.
    let link = LxLink<LxThreadGroup>()
    var children: [LxThreadGroup] = []
    var state = State.running
    /// A stop or continue that wait4 has not reported yet: the stop signal, or SIGCONT.
    var unreportedChange: Int32?
    /// The signal that the parent gets at exit; 0: none.
    var exitSignal: Int32
    var processGroup: LxProcessGroup
    var handlers: LxSignalHandlers
    /// Signals that wait for any thread.
    var pendingSignals: LxPendingSignals {
        get { shared.pending }
        _modify { yield &shared.pending }
    }
    let shared = LxSharedSignals()
    var address: LxAddressSpace
    var limits: [Int32: Environment.Limit] = [:] {
        didSet { openLimit = Int(clamping: limit(.nofile).soft) }
    }
    /// RLIMIT_NOFILE, as every open asks for it.
    private(set) var openLimit = 1024
    /// Path of the running file, and where it is; /proc/<pid>/exe.
    var executable = ""
    var executableLocation: VfsLocation?
    /// /proc/<pid>/cmdline and environ.
    var arguments: [String] = []
    var environmentList = LxpStringList()
    var environment: [String] {
        get { environmentList.strings }
        set { environmentList = LxpStringList(newValue) }
    }
    var isSubreaper = false
    var parentDeathSignal: Int32 = 0
    var isDumpable = true
    var personality: UInt32 = 0
    var hasExecuted = false
    var oomScoreAdjustment: Int32 = 0
    var timers = LxProcessTimers()
    /// exit_group or a fatal signal is under way: what the leader's exit will report.
    var groupExitStatus: Int32?
    /// A vfork parent waits for this child to exec or exit.
    var vforkParent: LxThread?
    var tracedByParent = false
    var sessionKeyring: LxKeyring?
    /// mkdir of cgroup v1 `devices`: path below the hierarchy's root.
    var cgroupPath = "/"
    /// SysV semaphore adjustments (SEM_UNDO), by set id and index.
    var semaphoreUndo: [Int32: [Int: Int]] = [:]

    init(
        ids: [Int32],
        pidNamespace: LxPidNamespace,
        parent: LxThreadGroup?,
        exitSignal: Int32,
        processGroup: LxProcessGroup,
        handlers: LxSignalHandlers,
        address: LxAddressSpace
    ) {
        self.ids = ids
        self.pidNamespace = pidNamespace
        parentLink = parent?.link
        self.exitSignal = exitSignal
        self.processGroup = processGroup
        self.handlers = handlers
        self.address = address
        link.object = self
    }

    deinit { link.object = nil }

    var globalID: Int32 { ids[0] }

    func id(in namespace: LxPidNamespace) -> Int32 {
        guard namespace.level < ids.count, pidNamespace.isBelowOrSame(as: namespace) else { return 0 }
        return ids[namespace.level]
    }

    var session: LxSession { processGroup.session }

    /// Whose credentials, files and namespaces stand for the process.
    var anyThread: LxThread? { leader?.isDead == false ? leader : threads.first ?? leader }

    var isAlive: Bool {
        switch state {
        case .running, .stopped: true
        case .zombie, .dead: false
        }
    }
}

/// Processes that job control treats as one.
final class LxProcessGroup {
    /// The global id of the process that founded it.
    let identifier: Int32
    let session: LxSession
    var members: [ObjectIdentifier: LxThreadGroup] = [:]

    init(identifier: Int32, session: LxSession) {
        self.identifier = identifier
        self.session = session
    }
}

/// A session with at most one controlling terminal (console, foreground group: pico-interface.md §6).
final class LxSession {
    let identifier: Int32
    var terminal: LxTerminal?

    init(identifier: Int32) { self.identifier = identifier }
}
