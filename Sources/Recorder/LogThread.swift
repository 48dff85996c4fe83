// The thread that turns raw events into records: it merges the queue and the kernel's ring and feeds the log.
import CLinux
import Glibc
import LinuxABI
import TraceLog

/// Reads events until the supervisor is gone and everything is read; never wakes anybody, it looks every millisecond.
struct LogThread: ~Copyable {
    private let queue: EventQueue
    let ring: KernelRing?
    private let control: RecordingControl
    private let writer: TraceWriter
    var state: RecordingState<LogSink>
    /// Of the in-process tier.
    let reader: AgentReader<LogSink>?
    private let snapshot: StartSnapshot?
    /// Microseconds to sleep between looks.
    private var pause: UInt32 = 1000
    private var tail: UInt64 = 0
    private let limits: Limits
    /// Called when nothing was notified for a while; fast tier only.
    private let whenQuiet: (@Sendable () -> Void)?
    private var quietTail: UInt64 = 0
    private var quietSince: UInt64 = 0

    struct Limits {
        var tasks: Int?
        var bytes: UInt64?
        /// CLOCK_MONOTONIC at which the recording ends.
        var deadline: UInt64?
    }
    struct Outcome {
        var calls: UInt64 = 0
        var tasks = 0
        var notes: [String: UInt64] = [:]
        /// How many calls came which way, as far as the log thread knows; see `TraceTrailer.ways`.
        var ways: [String: UInt64] = [:]
        /// Thread group ids of what still runs.
        var aliveProcesses: [Int32] = []
    }

    /// - Parameters:
    ///   - rings: what the agents write; nil in the lock-step tier.
    ///   - whenQuiet: called now and then while nothing is notified.
    ///   - table, snapshot, referencePid: for noting the paths of in-process calls.
    ///   - clock: of the agents' stamps; found out if nil.
    init(
        queue: EventQueue,
        ring: KernelRing?,
        control: RecordingControl,
        writer: TraceWriter,
        start: UInt64,
        keepsEnvironment: Bool,
        limits: Limits,
        rings: AgentRings? = nil,
        whenQuiet: (@Sendable () -> Void)? = nil,
        table: CallTable? = nil,
        snapshot: StartSnapshot? = nil,
        referencePid: Int32? = nil,
        clock: TscClock? = nil
    ) {
        self.queue = queue
        self.ring = ring
        self.control = control
        self.writer = writer
        self.limits = limits
        self.snapshot = snapshot
        self.whenQuiet = whenQuiet
        reader = rings.map { AgentReader($0, clock: clock ?? TscClock()) }
        state = RecordingState(
            sink: LogSink(writer: writer),
            start: start,
            keepsEnvironment: keepsEnvironment,
            noting: rings == nil
                ? nil : table.map { PathNoting(LatePaths(queue: queue, calls: $0, referencePid: referencePid)) }
        )
    }

    mutating func run(root: Int32, tgid: Int32) -> Outcome {
        clinux_exact_timers()
        do {
            let first = try state.created(tid: root, tgid: tgid, parent: nil, time: state.start)
            if let noting = state.noting { first.late = noting.paths.root(tid: root, tgid: tgid, start: snapshot) }
            var lastFlush = clinux_monotonic()
            while true {
                let isLast = control.isSupervisorGone
                let isIdle = try drain(isLast: isLast) == 0
                if isLast { break }
                rest(isIdle)
                if isIdle || reader != nil {
                    let now = clinux_monotonic()
                    // A log that is cut now should hold what happened more than a moment ago.
                    if now - lastFlush > 250_000_000 {
                        try writer.submit()
                        lastFlush = now
                    }
                }
                checkLimits()
            }
            reader?.finish(&state)
            try state.finish()
            notePaths()
        } catch {
            control.fail(error)
        }
        reader?.rings.close()
        var ways: [String: UInt64] = [:]
        if reader != nil { ways["in-process"] = state.inProcessCalls }
        return Outcome(
            calls: state.callsWritten,
            tasks: state.tasksCreated,
            notes: state.notes,
            ways: ways,
            aliveProcesses: state.aliveProcesses
        )
    }

    /// What the log is to say of paths that were noted late.
    private mutating func notePaths() {
        guard let noting = state.noting else { return }
        let (derived, foreign) = (noting.paths.derived, noting.paths.foreignPaths)
        if derived > 0 { state.note("paths gone before they were noted; likely metadata", count: derived) }
        if foreign > 0 { state.note("paths of other mount namespaces not noted", count: foreign) }
    }

    /// Rings fill fast: sleeps so long that they are a quarter to half full at the next look: each look may take the program's processor.
    private mutating func rest(_ isIdle: Bool) {
        if let reader {
            if tail != quietTail {
                (quietTail, quietSince) = (tail, clinux_monotonic())
            } else if let whenQuiet, clinux_monotonic() - quietSince > 20_000_000 {
                whenQuiet()
                quietSince = clinux_monotonic()
            }
            if reader.fill > AgentRings.ringBytes / 2 { pause /= 2 }
            if reader.fill < AgentRings.ringBytes / 4 { pause = min(1000, pause + pause / 4 + 20) }
            // What waits in full rings is not to wait for a smaller log.
            writer.pressure = 0.45 * Double(reader.fill) / Double(AgentRings.ringBytes)
            if pause >= 20 { control.pauseReader(microseconds: pause) }
        } else if isIdle {
            usleep(1000)
        }
    }

    private func checkLimits() {
        if let limit = limits.tasks, state.tasksCreated > limit { control.requestStop("follow-limit") }
        if let limit = limits.bytes, writer.bytesWritten >= limit { control.requestStop("max-size") }
        if let deadline = limits.deadline, clinux_monotonic() >= deadline { control.requestStop("timeout") }
    }

    /// Handles what is there; the number of events.
    mutating func drain(isLast: Bool) throws(TraceError) -> Int {
        // First the time, then the ring's position, then the queue: the entry of any return up to there is then in the
        // queue, and whatever was notified before that time. The agents' rings are looked at last.
        let now = clinux_monotonic()
        reader?.begin(now)
        let position = ring?.producerPosition ?? 0
        let head = queue.head
        var count = 0
        while tail < head {
            let record = queue.data + queue.offset(tail)
            let header = record.load(as: QueueHeader.self)
            try handle(QueueRecord(rawValue: header.kind) ?? .wrap, UnsafeRawPointer(record + 8))
            tail += UInt64(header.size)
            queue.release(tail)
            count += 1
            if count & 0xfff == 0 { checkLimits() }
        }
        count += try consumeRing(to: position)
        if let reader {
            let before = state.callsEntered
            try reader.merge(before: isLast ? .max : now, &state)
            try reader.end(&state)
            count += Int(state.callsEntered - before)
        }
        return count
    }

    // MARK: - The queue

    private mutating func handle(_ kind: QueueRecord, _ body: UnsafeRawPointer) throws(TraceError) {
        switch kind {
        case .wrap, .note: return
        case .input:
            let memory = body.load(as: QueueMemory.self)
            guard memory.isFault == 0 else { return }
            state.input(
                address: memory.address,
                length: Int(memory.length),
                bytes: bytes(body, memory),
                hash: ContentHash(low: memory.hashLow, high: memory.hashHigh),
                owner: memory.owner
            )
        case .entry:
            let entry = body.load(as: QueueEntry.self)
            _ = try consumeRing(to: entry.ringPosition)
            try before(
                tid: entry.tid,
                ring: Int(entry.agentRing),
                position: entry.agentPosition,
                time: entry.time
            )
            try state.entered(
                tid: entry.tid,
                sequence: entry.sequence,
                number: entry.number,
                architecture: Architecture(rawValue: entry.architecture) ?? .x86_64,
                arguments: SyscallArguments(words: entry.arguments),
                flags: CallFlags(rawValue: entry.callFlags),
                time: entry.time
            )
        case .output:
            let memory = body.load(as: QueueMemory.self)
            state.output(
                tid: memory.tid,
                sequence: memory.sequence,
                address: memory.address,
                length: Int(memory.length),
                bytes: bytes(body, memory),
                isFault: memory.isFault != 0,
                owner: memory.owner
            )
        case .path:
            guard state.noting?.paths.noted(body) ?? true else { return }
            try state.path(PathRecord(QueuedPath(body)))
        case .ring:
            let event = body.load(as: QueueEvent.self)
            // The birth of the thread, or its exec, is in the kernel's ring.
            _ = try consumeRing(to: event.c)
            guard let reader else { return }
            let task = try state.task(event.tid, time: event.time)
            try reader.gave(Int(event.a), generation: UInt32(truncatingIfNeeded: event.b), to: task, &state)
        case .auxiliaryVector:
            let event = body.load(as: QueueEvent.self)
            // The return of the execve is in the ring.
            _ = try consumeRing(to: event.c)
            let words = UnsafeRawBufferPointer(start: body + MemoryLayout<QueueEvent>.size, count: Int(event.a))
            let file = UnsafeRawBufferPointer(
                start: body + MemoryLayout<QueueEvent>.size + Int(event.a),
                count: Int(event.b)
            )
            try state.auxiliaryVector(
                tid: event.tid,
                file: String(decoding: file, as: UTF8.self),
                words: (0..<words.count / 8).map { words.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self) }
            )
        default: try handle(kind, body.load(as: QueueEvent.self))
        }
    }

    private mutating func handle(_ kind: QueueRecord, _ event: QueueEvent) throws(TraceError) {
        switch kind {
        case .exit: try returned(tid: event.tid, sequence: event.c, result: event.b, time: event.time)
        case .fork:
            try created(
                tid: event.a,
                tgid: Int32(truncatingIfNeeded: event.b),
                parent: event.tid,
                time: event.time
            )
        case .exec: try executed(tid: event.tid, previous: event.a, time: event.time)
        case .death:
            try died(
                tid: event.tid,
                status: event.b < 0 ? nil : Int32(truncatingIfNeeded: event.b),
                time: event.time
            )
        case .signal:
            try reader?.merge(before: event.time, &state)
            try state.signal(
                tid: event.tid,
                number: event.a,
                code: Int32(truncatingIfNeeded: event.b),
                handler: event.c,
                time: event.time
            )
        default: return
        }
    }

    private func bytes(_ body: UnsafeRawPointer, _ memory: QueueMemory) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: body + MemoryLayout<QueueMemory>.size, count: Int(memory.count))
    }
}
