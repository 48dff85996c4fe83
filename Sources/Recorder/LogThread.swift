// The thread that turns raw events into records: it merges the queue and the kernel's ring and feeds the log.
import CLinux
import Glibc
import LinuxABI
import TraceLog

/// Reads events until the supervisor is gone and everything is read; never wakes anybody, it looks every millisecond.
struct LogThread: ~Copyable {
    private let queue: EventQueue
    private let ring: KernelRing?
    private let control: RecordingControl
    private let writer: TraceWriter
    private var state: RecordingState<LogSink>
    private var tail: UInt64 = 0
    private let limits: Limits

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
        /// Thread group ids of what still runs.
        var aliveProcesses: [Int32] = []
    }

    init(
        queue: EventQueue,
        ring: KernelRing?,
        control: RecordingControl,
        writer: TraceWriter,
        start: UInt64,
        keepsEnvironment: Bool,
        limits: Limits
    ) {
        self.queue = queue
        self.ring = ring
        self.control = control
        self.writer = writer
        self.limits = limits
        state = RecordingState(sink: LogSink(writer: writer), start: start, keepsEnvironment: keepsEnvironment)
    }

    mutating func run(root: Int32, tgid: Int32) -> Outcome {
        do {
            try state.created(tid: root, tgid: tgid, parent: nil, time: state.start)
            var lastFlush = clinux_monotonic()
            while true {
                let isLast = control.isSupervisorGone
                let isIdle = try drain() == 0
                if isLast { break }
                if isIdle {
                    usleep(1000)
                    let now = clinux_monotonic()
                    // A log that is cut now should hold what happened more than a moment ago.
                    if now - lastFlush > 250_000_000 {
                        try writer.submit()
                        lastFlush = now
                    }
                }
                checkLimits()
            }
            try state.finish()
        } catch {
            control.fail(error)
        }
        return Outcome(
            calls: state.callsEntered,
            tasks: state.tasksCreated,
            notes: state.notes,
            aliveProcesses: state.aliveProcesses
        )
    }

    private func checkLimits() {
        if let limit = limits.tasks, state.tasksCreated > limit { control.requestStop("follow-limit") }
        if let limit = limits.bytes, writer.bytesWritten >= limit { control.requestStop("max-size") }
        if let deadline = limits.deadline, clinux_monotonic() >= deadline { control.requestStop("timeout") }
    }

    /// Handles what is there; the number of events.
    private mutating func drain() throws(TraceError) -> Int {
        // First the ring's position, then the queue: the entry of any return up to there is then in the queue.
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
        return try count + consumeRing(to: position)
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
        case .path: try state.path(PathRecord(QueuedPath(body)))
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
        case .exit: try state.returned(tid: event.tid, sequence: event.c, result: event.b, time: event.time)
        case .fork:
            try state.created(
                tid: event.a,
                tgid: Int32(truncatingIfNeeded: event.b),
                parent: event.tid,
                time: event.time
            )
        case .exec: try state.executed(tid: event.tid, previous: event.a, time: event.time)
        case .death:
            try state.died(
                tid: event.tid,
                status: event.b < 0 ? nil : Int32(truncatingIfNeeded: event.b),
                time: event.time
            )
        case .signal:
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

    // MARK: - The ring

    private mutating func consumeRing(to position: UInt64) throws(TraceError) -> Int {
        guard let ring else { return 0 }
        var count = 0
        // A local, because the closure must not hold self while it changes it.
        var failure: TraceError?
        ring.consume(to: position) { event in
            count += 1
            do throws(TraceError) { try handle(event) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
        return count
    }

    private mutating func handle(_ pointer: UnsafePointer<clinux_event>) throws(TraceError) {
        let event = pointer.pointee
        let tid = Int32(bitPattern: event.tid)
        switch clinux_event_kind(event.kind) {
        case CLINUX_EVENT_EXIT:
            try state.returned(tid: tid, sequence: event.sequence, result: event.value, time: event.time)
        case CLINUX_EVENT_DATA:
            state.output(
                tid: tid,
                sequence: event.sequence,
                address: event.time,
                length: Int(event.value),
                bytes: UnsafeRawBufferPointer(start: UnsafeRawPointer(pointer + 1), count: Int(event.c)),
                isFault: event.d != 0,
                owner: event.a
            )
        case CLINUX_EVENT_FORK:
            try state.created(
                tid: Int32(truncatingIfNeeded: event.value),
                tgid: Int32(truncatingIfNeeded: event.value >> 32),
                parent: tid,
                time: event.time
            )
        case CLINUX_EVENT_EXEC:
            try state.executed(tid: tid, previous: Int32(truncatingIfNeeded: event.value), time: event.time)
        case CLINUX_EVENT_DEATH: try state.died(tid: tid, status: nil, time: event.time)
        case CLINUX_EVENT_SIGNAL:
            try state.signal(
                tid: tid,
                number: Int32(truncatingIfNeeded: event.value),
                code: Int32(truncatingIfNeeded: event.value >> 32),
                handler: UInt64(event.a) | UInt64(event.b) << 32,
                time: event.time
            )
        case CLINUX_EVENT_GENERATED:
            state.signalSent(
                to: tid,
                number: Int32(truncatingIfNeeded: event.value),
                code: Int32(truncatingIfNeeded: event.value >> 32)
            )
        case CLINUX_EVENT_DENIED:
            let denied = UnsafeRawPointer(pointer).load(as: clinux_denied.self)
            let words = denied.arguments
            // 32-bit code has the compatibility code segment.
            let architecture: Architecture = denied.code_segment == 0x23 ? .i386 : .x86_64
            try state.denied(
                tid: tid,
                number: UInt32(truncatingIfNeeded: denied.number),
                architecture: architecture,
                arguments: SyscallArguments(words: words),
                result: event.value,
                time: event.time
            )
        default: return
        }
    }
}

extension FileStatus {
    init(_ status: stat) {
        self.init()
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        mode = status.st_mode
        links = UInt64(status.st_nlink)
        uid = status.st_uid
        gid = status.st_gid
        specialDevice = UInt64(status.st_rdev)
        size = Int64(status.st_size)
        blockSize = Int64(status.st_blksize)
        blocks = Int64(status.st_blocks)
        func nanoseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec) }
        accessTime = nanoseconds(status.st_atim)
        modificationTime = nanoseconds(status.st_mtim)
        changeTime = nanoseconds(status.st_ctim)
    }
}

extension SyscallArguments {
    init(words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)) {
        self.init(words.0, words.1, words.2, words.3, words.4, words.5)
    }
}
