// The recorder: one recording from options to result.
import CLinux
import Glibc
import LinuxABI

/// Records the system calls of a program and of everything it starts.
///
/// The workload keeps its terminal, its signals and its exit status; `run` blocks until it ends. Only one recording may
/// run in a process at a time: signal dispositions are the process's.
public final class Recorder {
    public let options: RecorderOptions

    public init(options: RecorderOptions) { self.options = options }

    /// Begins what every recording needs: parsing the descriptions takes as long as all that the kernel is asked for.
    /// For who knows early that there will be one.
    public static func prepare() { _ = preparation }

    private static let preparation: Void = {
        clinux_one_heap()
        _ = DedicatedThread { _ = ABI.calls }
    }()

    /// - Throws: when the recording could not start, or its log could not be written (the workload then still ran to
    ///   its end).
    public func run() throws(RecorderError) -> RecordingResult {
        if let socket = options.ociSocket { return try runContainer(socket) }
        let workload = try Workload(options)
        _ = Recorder.preparation
        switch options.results {
        case .ptrace:
            guard options.tier != .fast else {
                throw RecorderError(
                    .notPermitted,
                    "--tier fast needs results from eBPF; leave out --results ptrace",
                    errno: EINVAL
                )
            }
            return try runPtrace(workload)
        case .ebpf:
            let tracepoints: Tracepoints
            do throws(Tracepoints.Refusal) {
                tracepoints = try Tracepoints(ringBytes: ringBytes)
            } catch {
                throw RecorderError(
                    .notPermitted,
                    "eBPF results are not permitted here: \(error.message); try --results ptrace",
                    errno: error.errno
                )
            }
            return try runLockStep(workload, tracepoints)
        case .automatic:
            // Without CAP_SYS_ADMIN setuid programs would lose their meaning under a filter; ptrace is no better, but
            // eBPF is not permitted then anyway.
            let tracepoints: Tracepoints
            do throws(Tracepoints.Refusal) {
                tracepoints = try Tracepoints(ringBytes: ringBytes)
            } catch {
                guard options.tier != .fast else {
                    throw RecorderError(
                        .notPermitted,
                        "--tier fast is not permitted here: \(error.message); try --tier auto",
                        errno: error.errno
                    )
                }
                return try runPtrace(workload)
            }
            return try runLockStep(workload, tracepoints)
        }
    }

    // MARK: - Lock-step

    /// In the fast tier few calls, with short output, come through the kernel's ring.
    private var ringBytes: Int {
        let isSmall = options.tier != .lockstep && FastTier.isPossible && options.payload.bytes ?? .max <= 65536
        return isSmall ? Tracepoints.smallRingBytes : Tracepoints.ringBytes
    }

    private func runLockStep(_ workload: Workload, _ tracepoints: Tracepoints) throws(RecorderError) -> RecordingResult
    {
        let arena = try arena()
        let session = try RecordingSession(options, results: "ebpf", tier: arena == nil ? "lockstep" : "fast")
        var ignored = [UInt8](repeating: 0, count: 7)
        clinux_signals_hold(&ignored)
        defer { clinux_signals_release() }
        let source = try LockStepRecording(tracepoints: tracepoints, arena: arena)
        try source.launch(workload, ignored: ignored)
        return try record(source, session, environment: workload.environment, ownsRoot: true, referencePid: nil)
    }

    /// The fast tier's memory, if the options and the host want it.
    private func arena() throws(RecorderError) -> AgentArena? {
        guard options.tier != .lockstep else { return nil }
        guard FastTier.isPossible else {
            if options.tier == .automatic { return nil }
            throw RecorderError(
                .notPermitted,
                "--tier fast: this processor or kernel has no FSGSBASE; try --tier lockstep",
                errno: ENOSYS
            )
        }
        do throws(RecorderError) {
            return try AgentArena(payloadLimit: options.payload.bytes)
        } catch {
            // A limit on the size of files holds for shared memory too.
            if options.tier == .automatic { return nil }
            throw error
        }
    }

    func record(
        _ source: LockStepRecording,
        _ session: RecordingSession,
        environment: [String],
        ownsRoot: Bool,
        referencePid: Int32?
    ) throws(RecorderError) -> RecordingResult {
        if source.flagsLacking {
            session.control.note("kernel before 5.19: signals may interrupt calls that they otherwise would not", 1)
        }
        try session.begin(
            root: source.pid,
            environment: environment,
            ring: source.tracepoints.ring,
            rings: source.rings,
            whenQuiet: source.whenQuiet,
            referencePid: referencePid,
            ownsRoot: ownsRoot
        )
        try source.start(
            queue: session.queue,
            control: session.control,
            table: session.table,
            payloadLimit: options.payload.bytes,
            referencePid: referencePid
        )
        session.wait(for: source)
        let isOver = source.isOver
        let result: RecordingResult
        do throws(RecorderError) {
            result = try session.finish(isOver: isOver, results: "ebpf")
        } catch {
            source.finish()
            throw error
        }
        let failure = source.executionError
        source.finish()
        if let failure { throw executionFailure(failure) }
        return result
    }

    func executionFailure(_ code: Int32) -> RecorderError {
        unlink(options.output)
        return RecorderError(
            code == ENOENT ? .missingProgram : .notExecutable,
            "\(options.command.first ?? ""): \(errorText(code))",
            errno: code
        )
    }
}
