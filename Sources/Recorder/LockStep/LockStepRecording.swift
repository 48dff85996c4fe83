// One recording by the lock-step tier: launches, takes the listener over, runs supervisor and keeper.
import CLinux
import Glibc
import RecorderAgent
import TraceLog

/// Owns what the lock-step tier needs from launch to end.
final class LockStepRecording: EventSource {
    let tracepoints: Tracepoints
    private let shared: UnsafeMutablePointer<clinux_shared>
    private var listener: Int32 = -1
    private var keeperLife: Int32 = -1
    private(set) var pid: Int32 = 0
    private(set) var flagsLacking = false
    private var thread: DedicatedThread?
    /// Rings and agent of the fast tier; nil: every call is notified.
    let arena: AgentArena?

    init(tracepoints: Tracepoints, arena: AgentArena? = nil) throws(RecorderError) {
        guard let shared = clinux_shared_page() else {
            throw RecorderError(.failed, "no shared memory: \(errorText(errno))", errno: errno)
        }
        self.shared = shared
        self.tracepoints = tracepoints
        self.arena = arena
    }

    /// Starts the workload and returns when it is parked in its execve.
    func launch(_ workload: Workload, ignored: [UInt8]) throws(RecorderError) {
        let privileged = Privileges.mayFilterWithoutNoNewPrivileges
        pid = try workload.launch(
            filter: true,
            noNewPrivileges: !privileged,
            gate: arena == nil ? 0 : UInt64(AGENT_GATE),
            ignored: ignored,
            shared: shared
        )
        let number = try waitForListener()
        let pidfd = clinux_pidfd_open(pid)
        guard pidfd >= 0 else { throw abandon("pidfd_open", -pidfd) }
        defer { close(pidfd) }
        listener = clinux_pidfd_getfd(pidfd, number)
        guard listener >= 0 else { throw abandon("pidfd_getfd", -listener) }
        flagsLacking = shared.pointee.filter_flags & 32 == 0
        try startKeeper()
    }

    /// Takes over a listener that somebody else installed.
    func adopt(listener: Int32, pid: Int32) throws(RecorderError) {
        self.listener = listener
        self.pid = pid
        try startKeeper()
    }

    private func waitForListener() throws(RecorderError) -> Int32 {
        while true {
            let number = clinux_shared_listener(shared)
            if number >= 0 { return number }
            var status: Int32 = 0
            if clinux_wait(pid, &status, 1, 0) != 0 {
                let code = shared.pointee.error
                let what =
                    shared.pointee.step == CLINUX_STEP_PRIVILEGES.rawValue ? "PR_SET_NO_NEW_PRIVS" : "seccomp filter"
                throw RecorderError(
                    .notPermitted,
                    "\(what): \(errorText(code)); try --results ptrace",
                    errno: code
                )
            }
            usleepBriefly()
        }
    }

    private func abandon(_ what: String, _ code: Int32) -> RecorderError {
        kill(pid, SIGKILL)
        var status: Int32 = 0
        _ = clinux_wait(pid, &status, 0, 0)
        return RecorderError(.notPermitted, "\(what): \(errorText(code)); try --results ptrace", errno: code)
    }

    private func startKeeper() throws(RecorderError) {
        var ends: [Int32] = [-1, -1]
        let code = clinux_pipe(&ends)
        guard code == 0 else { throw abandon("pipe", -code) }
        var rings = arena?.keeperView ?? clinux_rings()
        let started = clinux_keeper(listener, ends[0], shared, &rings)
        close(ends[0])
        keeperLife = ends[1]
        guard started == 0 else { throw abandon("fork of the keeper", -started) }
        // Not there before Linux 6.6: slower, not wrong.
        _ = clinux_notification_sync_wakeup(listener)
    }

    /// Starts answering.
    func start(
        queue: EventQueue,
        control: RecordingControl,
        table: CallTable,
        payloadLimit: Int?,
        referencePid: Int32?
    ) throws(RecorderError) {
        clinux_interruptible()
        let (listener, shared, tracepoints) = (listener, shared, tracepoints)
        let arena = arena
        let body = {
            if var supervisor = Supervisor(
                listener: listener,
                shared: shared,
                tracepoints: tracepoints,
                queue: queue,
                control: control,
                table: table,
                payloadLimit: payloadLimit,
                referencePid: referencePid,
                fast: arena.map {
                    FastTier(
                        arena: $0,
                        listener: listener,
                        tracepoints: tracepoints,
                        control: control,
                        shared: shared
                    )
                }
            ) {
                supervisor.run()
            }
            control.supervisorEnded()
        }
        guard let thread = DedicatedThread(body) else { throw abandon("pthread_create", EAGAIN) }
        self.thread = thread
    }

    /// Ends a receive that waits, so that the supervisor sees that it is to stop.
    func interrupt() { thread?.interrupt() }

    /// Leaves the workload to the keeper.
    func handOver() { _ = write(keeperLife, "x", 1) }

    /// What the log thread does while nothing is notified; nil: everything always is.
    var whenQuiet: (@Sendable () -> Void)? {
        guard arena != nil else { return nil }
        let tracepoints = tracepoints
        return { @Sendable in tracepoints.releaseReturns() }
    }

    /// The rings for the log thread; nil: every call is notified.
    var rings: AgentRings? {
        let listener = listener
        return arena.map { arena in
            AgentRings(base: arena.base, size: AgentArena.size, used: { arena.used }) {
                _ = clinux_notification_answer(listener, $0, 0)
            }
        }
    }

    var isOver: Bool { clinux_listener_is_over(listener) == 1 }

    var executionError: Int32? {
        shared.pointee.step == CLINUX_STEP_EXEC.rawValue ? shared.pointee.error : nil
    }

    /// After the supervisor ended.
    func finish() {
        thread?.join()
        if keeperLife >= 0 { close(keeperLife) }
        if listener >= 0 { close(listener) }
        tracepoints.close()
        clinux_shared_free(shared)
    }
}
