// A traced thread: where it is stopped, what its tracer has heard of, how it goes on (man 2 ptrace).
import Engine
import LinuxABI

final class LxTrace {
    enum Mode {
        case plain
        /// PTRACE_SYSCALL: the next entry to or return from a call stops.
        case calls
    }

    var tracer: LxThreadGroup? {
        get { tracerLink?.object }
        set { tracerLink = newValue?.link }
    }
    private var tracerLink: LxLink<LxThreadGroup>?
    /// PTRACE_O_*.
    var options: UInt64 = 0
    var mode = Mode.plain
    /// The status that wait4 reports while it is stopped; nil: it runs.
    private(set) var stop: Int32?
    /// The tracer has not waited for the stop yet.
    var isUnreported = false
    /// PTRACE_GETSIGINFO.
    private(set) var information = LxSignalInfo(signal: 0)
    /// PTRACE_GETEVENTMSG.
    var message: UInt64 = 0
    /// Signals that the tracer let through: they do not stop again.
    var passing = LxSignalSet()
    /// The call in hand, or the next one, has stopped at its entry.
    var hasEntered = false

    static let goodOption = ABI.constant("PTRACE_O_TRACESYSGOOD")
    static let execOption = ABI.constant("PTRACE_O_TRACEEXEC")
    static let execEvent = Int32(truncatingIfNeeded: ABI.constant("PTRACE_EVENT_EXEC"))
    static let trap = abiInt("SIGTRAP")

    init(tracer: LxThreadGroup) { self.tracer = tracer }

    func stop(_ status: Int32, _ information: LxSignalInfo) {
        stop = status << 8 | 0x7f
        self.information = information
        isUnreported = true
    }

    func resume(_ mode: Mode) {
        self.mode = mode
        stop = nil
        isUnreported = false
    }
}

extension LxThread {
    /// The trace, unless the tracer is gone.
    var activeTrace: LxTrace? {
        guard let trace, let tracer = trace.tracer, tracer.isAlive else { return nil }
        return trace
    }
}

extension WSL1Engine {
    /// Stops a traced thread and tells its tracer.
    func stopTraced(_ thread: LxThread, _ status: Int32, _ information: LxSignalInfo) {
        guard let trace = thread.activeTrace, let tracer = trace.tracer else { return }
        trace.stop(status, information)
        events += 1
        // SIGCHLD with CLD_TRAPPED.
        post(
            LxSignalInfo(
                signal: LxSignal.child,
                code: 4,
                pid: thread.id(in: tracer.pidNamespace),
                uid: thread.credentials.uid,
                value: Int64(status & 0x7f)
            ),
            to: tracer
        )
    }

    /// At the entry of a call or its end: a stop if the tracer asked for it.
    func stopAtCall(_ thread: LxThread) {
        guard let trace = thread.activeTrace else { return }
        let status = LxTrace.trap | (trace.options & LxTrace.goodOption != 0 ? 0x80 : 0)
        stopTraced(thread, status, LxSignalInfo(signal: LxTrace.trap, code: status, pid: thread.ownID))
    }

    /// What a traced thread must do before its call runs: true, it waits for its tracer.
    func holdsTraced(_ thread: LxThread) -> Bool {
        guard let trace = thread.activeTrace else { return false }
        if trace.stop != nil { return true }
        guard trace.mode == .calls, !trace.hasEntered else { return false }
        trace.hasEntered = true
        stopAtCall(thread)
        return true
    }

    /// A thread that was let run to its next call, and whose tracer waits: it is stopped at the entry.
    ///
    /// A recording has a call only from after that stop on, so the stop must be told before the call is there.
    func anticipateEntry(_ thread: LxThread) {
        guard let trace = thread.activeTrace, trace.mode == .calls, trace.stop == nil, !trace.hasEntered,
            thread.parked == nil
        else { return }
        trace.hasEntered = true
        stopAtCall(thread)
    }

    /// After a traced thread's call: a stop at its end if the tracer asked for it. The answer is out before.
    func leaveTraced(_ thread: LxThread, _ result: DispatchResult) {
        guard let trace = thread.activeTrace, case .returned = result.outcome, !thread.isDead else { return }
        let stopsAtEnd = trace.mode == .calls && trace.hasEntered && trace.stop == nil
        trace.hasEntered = false
        if stopsAtEnd { stopAtCall(thread) }
    }
}
