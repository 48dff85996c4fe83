// What every recording has, whichever way results come: log, queue, log thread, limits, and the wait for the end.
import CLinux
import Glibc
import LinuxABI
import TraceLog

/// A source of events: lock-step supervisor or ptrace.
protocol EventSource: AnyObject {
    /// Makes a waiting source look at `RecordingControl.shouldStop`.
    func interrupt()
    /// Nothing of the workload is left.
    var isOver: Bool { get }
    /// The recording ends before the workload: let it go on without us.
    func handOver()
}

final class RecordingSession {
    let options: RecorderOptions
    let control = RecordingControl()
    let queue: EventQueue
    let writer: TraceWriter
    /// Made before the workload starts: the descriptions are parsed then.
    let table = CallTable()
    let header: TraceHeader
    private let logBox = LogBox()
    private var logThread: DedicatedThread?
    private var rootStatus: Int32?
    private var root: Int32 = 0
    /// Statuses of the root are ours to wait for.
    private var ownsRoot = false
    private var isContainer: Bool { options.ociSocket != nil }

    private final class LogBox: @unchecked Sendable { var outcome = LogThread.Outcome() }

    init(_ options: RecorderOptions, results: String, tier: String = "lockstep") throws(RecorderError) {
        self.options = options
        guard let queue = EventQueue() else {
            throw RecorderError(.failed, "no memory for the event queue", errno: ENOMEM)
        }
        self.queue = queue
        var header = TraceHeader()
        header.tool = options.tool
        header.uname = RecordingSession.uname()
        header.command = options.command
        header.startRealtime = clinux_realtime()
        header.startMonotonic = clinux_monotonic()
        header.results = results
        header.tier = tier
        header.payloadLimit = options.payload.bytes
        self.header = header
        var writing = TraceWriter.Options()
        writing.level = options.compressionLevel
        // The log's size is known only when a block is written: small limits need small blocks.
        if let limit = options.maximumSize {
            writing.batchBytes = min(writing.batchBytes, max(16 << 10, Int(clamping: limit / 4)))
        }
        do throws(TraceError) {
            writer = try TraceWriter(path: options.output, header: header, options: writing)
        } catch {
            queue.free()
            throw RecorderError(.log, error.description, errno: error.errno, trace: error)
        }
    }

    private static func uname() -> [String] {
        var names = utsname()
        guard Glibc.uname(&names) == 0 else { return [] }
        func text<T>(_ field: T) -> String {
            withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        return [
            text(names.sysname), text(names.nodename), text(names.release), text(names.version), text(names.machine),
            text(names.__domainname),
        ]
    }

    /// Writes the snapshot and starts the log thread. The root is parked.
    func begin(
        root: Int32,
        environment: [String],
        ring: KernelRing?,
        rings: AgentRings? = nil,
        whenQuiet: (@Sendable () -> Void)? = nil,
        referencePid: Int32? = nil,
        ownsRoot: Bool = true
    ) throws(RecorderError) {
        self.root = root
        self.ownsRoot = ownsRoot
        let snapshot = StartSnapshot(
            of: root,
            arguments: options.command,
            environment: environment,
            keepsEnvironment: options.keepEnvironment
        )
        do throws(TraceError) { try writer.snapshot(snapshot) } catch { control.fail(error) }
        let limits = LogThread.Limits(
            tasks: options.followLimit,
            bytes: options.maximumSize,
            deadline: options.timeout.map { header.startMonotonic + UInt64(max(0, $0) * 1e9) }
        )
        let (queue, control, writer, box) = (queue, control, writer, logBox)
        let table = table
        let (start, keeps) = (header.startMonotonic, options.keepEnvironment)
        let body = {
            var log = LogThread(
                queue: queue,
                ring: ring,
                control: control,
                writer: writer,
                start: start,
                keepsEnvironment: keeps,
                limits: limits,
                rings: rings,
                whenQuiet: whenQuiet,
                table: table,
                snapshot: snapshot,
                referencePid: referencePid
            )
            box.outcome = log.run(root: root, tgid: root)
        }
        guard let thread = DedicatedThread(body) else {
            throw RecorderError(.failed, "no thread for the log", errno: EAGAIN)
        }
        logThread = thread
    }

    /// Waits until the source has ended, by itself or because a limit or a signal ended the recording.
    func wait(for source: some EventSource) {
        while !control.isSupervisorGone {
            control.waitForSupervisor(milliseconds: 50)
            reapRoot()
            if clinux_signals_taken() != 0 { control.requestStop("interrupted") }
            if control.shouldStop || source.isOver, !control.isSupervisorGone { source.interrupt() }
        }
        if !source.isOver { source.handOver() }
    }

    private func reapRoot() {
        guard ownsRoot, rootStatus == nil else { return }
        var status: Int32 = 0
        guard clinux_wait(root, &status, 1, 1) == root else { return }
        if status & 0xff == 0x7f { return rootStopped(status >> 8) }
        rootStatus = status
        // From now on nothing of the foreground is ours to protect: Ctrl-C ends the recording.
        clinux_signals_end_on_interrupt()
    }

    /// Ctrl-Z: the shell waits for us, so we stop as well. It continues the whole group.
    func rootStopped(_ signal: Int32) {
        if [SIGTSTP, SIGTTIN, SIGTTOU].contains(signal), isatty(0) == 1, getpgid(root) == getpgrp() {
            kill(getpid(), SIGSTOP)
        }
    }

    /// The status that ptrace reported.
    func rootEnded(_ status: Int32) {
        rootStatus = rootStatus ?? status
        clinux_signals_end_on_interrupt()
    }

    /// Ends the log and waits for the workload as the options say.
    func finish(isOver: Bool, results: String) throws(RecorderError) -> RecordingResult {
        if isOver, ownsRoot, rootStatus == nil {
            var status: Int32 = 0
            if clinux_wait(root, &status, 0, 0) == root { rootStatus = status }
        }
        logThread?.join()
        let outcome = logBox.outcome
        let reason = control.reason ?? "exited"
        var trailer = TraceTrailer()
        trailer.reason = reason
        trailer.status = rootStatus
        trailer.calls = outcome.calls
        trailer.ways = outcome.ways
        trailer.notes = outcome.notes.merging(control.notes) { $0 + $1 }
        trailer.ways.merge(control.ways) { $0 + $1 }
        do throws(TraceError) { try writer.finish(trailer) } catch { control.fail(error) }
        let bytes = writer.bytesWritten
        queue.free()
        if !isOver { settleWorkload(reason, outcome) }
        if let failure = control.failure {
            throw RecorderError(.log, failure.description, errno: failure.errno, trace: failure)
        }
        return RecordingResult(
            waitStatus: rootStatus,
            reason: reason,
            calls: outcome.calls,
            tasks: outcome.tasks,
            bytes: bytes,
            results: results,
            notes: trailer.notes
        )
    }

    /// The recording is over, the workload is not.
    private func settleWorkload(_ reason: String, _ outcome: LogThread.Outcome) {
        guard root > 0, !isContainer else { return }
        // With ptrace the root's statuses went to the tracing thread until now.
        ownsRoot = true
        if options.atLimit == .kill, reason != "interrupted" {
            for process in outcome.aliveProcesses { kill(process, SIGKILL) }
        }
        guard reason != "interrupted", options.atLimit != .leave else {
            // In a program that goes on, nobody else would reap it.
            let root = root
            _ = DedicatedThread {
                var status: Int32 = 0
                _ = clinux_wait(root, &status, 0, 0)
            }
            return
        }
        while rootStatus == nil, clinux_signals_taken() == 0 {
            reapRoot()
            if rootStatus == nil { usleep(20_000) }
        }
    }
}
