// The ptrace loop: turns stops into the events that the log thread understands.
import CLinux
import Glibc
import LinuxABI
import TraceLog

struct PtraceTracer: ~Copyable {
    private let root: Int32
    private let session: RecordingSession
    private let environment: [String]
    private var observer: CallObserver
    private var tracees: [Int32: Tracee] = [:]
    private var hasBegun = false
    private var sequence: UInt64 = 0
    private var nextSlot = 0
    private var regionBytes: [UInt8] = []

    init?(root: Int32, session: RecordingSession, environment: [String], payloadLimit: Int?) {
        self.root = root
        self.session = session
        self.environment = environment
        let writer = QueueWriter(session.queue, isClosed: session.control.queueClosed)
        guard
            let observer = CallObserver(
                writer: writer,
                table: session.table,
                payloadLimit: payloadLimit,
                referencePid: nil
            )
        else {
            return nil
        }
        self.observer = observer
        let process = TracedProcess(tgid: root, handlers: PtraceTracer.inheritedHandlers(root))
        tracees[root] = newTracee(root, process)
    }

    /// No tracee is left.
    var isOver: Bool { tracees.isEmpty }

    mutating func run() throws(RecorderError) {
        while !session.control.shouldStop, !tracees.isEmpty {
            var status: Int32 = 0
            let tid = clinux_wait_any(&status, 0)
            if tid == -ECHILD { break }
            guard tid > 0 else { continue }
            if status & 0xff == 0x7f {
                try stopped(tid, status)
            } else {
                ended(tid, status)
            }
        }
        observer.finish(session.control)
    }

    /// What was ignored when the program started.
    private static func inheritedHandlers(_ pid: Int32) -> [UInt64] {
        var handlers = [UInt64](repeating: 0, count: 65)
        let line = readLines("/proc/\(pid)/status").first { $0.hasPrefix("SigIgn:") }
        let mask = line?.split(whereSeparator: \.isWhitespace).last.flatMap { UInt64($0, radix: 16) } ?? 0
        for signal in 1...64 where mask >> UInt64(signal - 1) & 1 == 1 { handlers[signal] = 1 }
        return handlers
    }

    private mutating func newTracee(_ tid: Int32, _ process: TracedProcess) -> Tracee {
        nextSlot += 1
        return Tracee(tid: tid, process: process, slot: nextSlot % Tracepoints.slots)
    }

    // MARK: - Stops

    private mutating func stopped(_ tid: Int32, _ status: Int32) throws(RecorderError) {
        let signal = status >> 8 & 0xff
        let event = status >> 16
        guard let tracee = tracees[tid] else {
            // A child that was faster than the report of its parent's clone: it waits.
            let process = TracedProcess(tgid: tid, handlers: [])
            let early = newTracee(tid, process)
            early.waitsForParent = true
            tracees[tid] = early
            return
        }
        switch event {
        case 0 where signal == SIGTRAP | 0x80:
            try callStop(tracee)
            resume(tid)
        case 0:
            signalStop(tracee, signal)
            resume(tid, signal)
        case Int32(CLINUX_PTRACE_EVENT_FORK.rawValue), Int32(CLINUX_PTRACE_EVENT_VFORK.rawValue),
            Int32(CLINUX_PTRACE_EVENT_CLONE.rawValue):
            created(by: tracee)
            resume(tid)
        case Int32(CLINUX_PTRACE_EVENT_EXEC.rawValue):
            executed(tracee)
            resume(tid)
        case Int32(CLINUX_PTRACE_EVENT_STOP.rawValue) where [SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU].contains(signal):
            // A real group stop: it stays stopped until SIGCONT.
            _ = clinux_ptrace(Int32(CLINUX_PTRACE_LISTEN.rawValue), tid, 0)
            if tid == root { session.rootStopped(signal) }
        default:
            if !tracee.waitsForParent { resume(tid) }
        }
    }

    private func resume(_ tid: Int32, _ signal: Int32 = 0) {
        _ = clinux_ptrace(Int32(CLINUX_PTRACE_SYSCALL.rawValue), tid, UInt64(signal))
    }

    private mutating func ended(_ tid: Int32, _ status: Int32) {
        if tid == root { session.rootEnded(status) }
        guard let tracee = tracees.removeValue(forKey: tid), hasBegun else { return }
        let time = clinux_monotonic()
        if status & 0x7f == SIGKILL, tracee.process.tgid == tid {
            observer.send(.signal, tid: tid, a: SIGKILL, time: time)
        }
        observer.send(.death, tid: tid, time: time, b: Int64(status))
    }

    private mutating func created(by parent: Tracee) {
        var message: UInt64 = 0
        guard clinux_ptrace_message(parent.tid, &message) == 0 else { return }
        let tid = Int32(truncatingIfNeeded: message)
        let isThread = access("/proc/\(parent.process.tgid)/task/\(tid)", F_OK) == 0
        let process =
            isThread ? parent.process : TracedProcess(tgid: tid, handlers: parent.process.handlers)
        let early = tracees[tid]
        let child = early ?? newTracee(tid, process)
        child.process = process
        tracees[tid] = child
        if hasBegun {
            observer.send(.fork, tid: parent.tid, a: tid, time: clinux_monotonic(), b: Int64(process.tgid))
        }
        if early != nil {
            child.waitsForParent = false
            resume(tid)
        }
    }

    /// An exec succeeded; a thread that did it now has the process's id.
    private mutating func executed(_ tracee: Tracee) {
        var message: UInt64 = 0
        guard clinux_ptrace_message(tracee.tid, &message) == 0 else { return }
        let previous = Int32(truncatingIfNeeded: message)
        tracee.process.resetHandlers()
        guard previous != tracee.tid, let executor = tracees.removeValue(forKey: previous) else { return }
        let moved = Tracee(tid: tracee.tid, process: tracee.process, slot: executor.slot)
        moved.isInCall = executor.isInCall
        moved.sequence = executor.sequence
        moved.number = executor.number
        moved.executes = executor.executes
        tracees[tracee.tid] = moved
        observer.send(.exec, tid: tracee.tid, a: previous, time: clinux_monotonic())
    }

    private mutating func signalStop(_ tracee: Tracee, _ signal: Int32) {
        guard hasBegun, !tracee.process.drops(signal) else { return }
        var code: Int32 = 0
        _ = clinux_ptrace_signal_code(tracee.tid, &code)
        let handlers = tracee.process.handlers
        let handler = Int(signal) < handlers.count ? handlers[Int(signal)] : 0
        observer.send(.signal, tid: tracee.tid, a: signal, time: clinux_monotonic(), b: Int64(code), c: handler)
    }

    // MARK: - Calls

    private mutating func callStop(_ tracee: Tracee) throws(RecorderError) {
        var stop = clinux_syscall_stop()
        guard clinux_ptrace_syscall(tracee.tid, &stop) == 0 else { return }
        if stop.kind == 1 {
            try entered(tracee, stop)
        } else if stop.kind == 2, tracee.isInCall {
            returned(tracee, stop.result)
        }
    }

    private mutating func entered(_ tracee: Tracee, _ stop: clinux_syscall_stop) throws(RecorderError) {
        let number = UInt32(truncatingIfNeeded: stop.number)
        let architecture = CallObserver.architecture(stop.audit_architecture, number)
        if !hasBegun {
            // The launcher's own calls come before the execve.
            guard number == CallNumber.execve else { return }
            hasBegun = true
            try session.begin(root: root, environment: environment, ring: nil, ownsRoot: false)
        }
        sequence += 1
        let words = stop.arguments
        let arguments = SyscallArguments(words.0, words.1, words.2, words.3, words.4, words.5)
        tracee.isInCall = true
        tracee.sequence = sequence
        tracee.number = number
        tracee.executes = observer.observe(
            ObservedCall(
                tid: tracee.tid,
                slot: tracee.slot,
                number: number,
                architecture: architecture,
                arguments: arguments,
                time: clinux_monotonic(),
                sequence: sequence,
                ringPosition: 0
            )
        )
        tracee.regions.removeAll(keepingCapacity: true)
        tracee.regions.append(contentsOf: observer.capture.plannedRegions)
        tracee.newHandler = nil
        if architecture == .x86_64, number == CallNumber.rtSigaction, arguments[1] != 0 {
            var handler: UInt64 = 0
            if observer.capture.read(arguments[1], 8, into: &handler) == 8 {
                tracee.newHandler = (Int32(truncatingIfNeeded: arguments[0]), handler)
            }
        }
    }

    private mutating func returned(_ tracee: Tracee, _ result: Int64) {
        let time = clinux_monotonic()
        tracee.isInCall = false
        for region in tracee.regions { copy(region, of: tracee, result) }
        observer.send(.exit, tid: tracee.tid, time: time, b: result, c: tracee.sequence)
        if tracee.executes, result == 0 { observer.sendAuxiliaryVector(tracee.tid, time, ringPosition: 0) }
        if let (signal, handler) = tracee.newHandler, result == 0, signal > 0,
            Int(signal) < tracee.process.handlers.count
        {
            tracee.process.handlers[Int(signal)] = handler
        }
    }

    /// Carries out one region of the exit plan, as the eBPF program does.
    private mutating func copy(_ region: clinux_region, of tracee: Tracee, _ result: Int64) {
        guard result >= 0 || region.always != 0 else { return }
        var base = result
        if region.source != 0 {
            var word: UInt32 = 0
            guard observer.read(tracee.tid, region.source, 4, into: &word) == 4 else { return }
            base = Int64(word)
        }
        let length = min(max(base &* Int64(region.scale) &+ Int64(region.bias), 0), Int64(region.maximum))
        guard length > 0 else { return }
        observer.sendOutput(
            tid: tracee.tid,
            sequence: tracee.sequence,
            owner: region.owner,
            address: region.address,
            length: Int(length),
            keep: min(Int(length), Int(region.keep))
        )
    }
}
