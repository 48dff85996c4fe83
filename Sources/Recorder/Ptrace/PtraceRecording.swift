// The recorder for hosts that permit no eBPF: every entry and every return is a ptrace stop. Slower, needs no privileges.
import CLinux
import Glibc
import LinuxABI

/// Launches and traces on a thread of its own; ptrace ties tracees to the thread that attached.
final class PtraceRecording: EventSource, @unchecked Sendable {
    private let session: RecordingSession
    private let workload: Workload
    private let ignored: [UInt8]
    private var thread: DedicatedThread?
    private var failure: RecorderError?
    private var over = false
    private var executionFailure: Int32?

    init(_ session: RecordingSession, _ workload: Workload, ignored: [UInt8]) {
        self.session = session
        self.workload = workload
        self.ignored = ignored
    }

    func start() throws(RecorderError) {
        clinux_interruptible()
        thread = DedicatedThread { [self] in
            do throws(RecorderError) { try trace() } catch { failure = error }
            session.control.supervisorEnded()
        }
        guard thread != nil else { throw RecorderError(.failed, "no thread for ptrace", errno: EAGAIN) }
    }

    func interrupt() { thread?.interrupt() }
    /// Meaningful once the thread has ended.
    var isOver: Bool { session.control.isSupervisorGone && over }
    /// Nothing to do: the kernel detached the tracees when the tracing thread ended.
    func handOver() {}

    /// After the thread ended: what went wrong before the first call, and what execve said.
    func finish() throws(RecorderError) -> Int32? {
        thread?.join()
        if let failure { throw failure }
        return executionFailure
    }

    private func trace() throws(RecorderError) {
        guard let shared = clinux_shared_page() else {
            throw RecorderError(.failed, "no shared memory: \(errorText(errno))", errno: errno)
        }
        defer { clinux_shared_free(shared) }
        let pid = try workload.launch(filter: false, noNewPrivileges: false, ignored: ignored, shared: shared)
        func abandon(_ what: String, _ code: Int32) -> RecorderError {
            var status: Int32 = 0
            kill(pid, SIGKILL)
            _ = clinux_wait(pid, &status, 0, 0)
            return RecorderError(
                .notPermitted,
                "\(what): \(errorText(code)); another tracer or a policy forbids it",
                errno: code
            )
        }
        let seized = clinux_ptrace(Int32(CLINUX_PTRACE_SEIZE.rawValue), pid, clinux_ptrace_options)
        guard seized == 0 else { throw abandon("ptrace", -seized) }
        let interrupted = clinux_ptrace(Int32(CLINUX_PTRACE_INTERRUPT.rawValue), pid, 0)
        guard interrupted == 0 else { throw abandon("ptrace", -interrupted) }
        clinux_go(shared)
        guard
            var tracer = PtraceTracer(
                root: pid,
                session: session,
                environment: workload.environment,
                payloadLimit: session.options.payload.bytes
            )
        else { throw abandon("no memory", ENOMEM) }
        try tracer.run()
        over = tracer.isOver
        if shared.pointee.step == Int32(CLINUX_STEP_EXEC.rawValue) { executionFailure = shared.pointee.error }
    }
}
