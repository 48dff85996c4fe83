// What the kernel's ring reports, and what both sources report alike.
import CLinux
import Glibc
import LinuxABI
import TraceLog

extension LogThread {
    // MARK: - Task events, with the in-process calls that came before

    mutating func created(tid: Int32, tgid: Int32, parent: Int32, time: UInt64) throws(TraceError) {
        try reader?.merge(before: time, &state)
        let task = try state.created(tid: tid, tgid: tgid, parent: parent, time: time)
        guard let reader, let mother = state.tasks[parent] else { return }
        let both = CloneFlags.sharesMemoryUntilExec
        if state.cloneFlags(mother) & both == both { reader.borrowed(by: task, from: mother) }
    }

    mutating func returned(tid: Int32, sequence: UInt64, result: Int64, time: UInt64) throws(TraceError) {
        if let reader, let task = state.tasks[tid], reader.hasGuest(task) {
            try reader.merge(before: time, &state)
            try state.returned(tid: tid, sequence: sequence, result: result, time: time)
            return try reader.resumed(task, time: time, &state)
        }
        try state.returned(tid: tid, sequence: sequence, result: result, time: time)
    }

    mutating func executed(tid: Int32, previous: Int32, time: UInt64) throws(TraceError) {
        if let reader {
            try reader.merge(before: time, &state)
            if previous != tid, let leader = state.tasks[tid] {
                try reader.ended(leader, time: time, isDead: true, &state)
            }
            if let task = state.tasks[previous] { try reader.ended(task, time: time, isDead: false, &state) }
        }
        try state.executed(tid: tid, previous: previous, time: time)
    }

    mutating func died(tid: Int32, status: Int32?, time: UInt64) throws(TraceError) {
        if let reader {
            try reader.merge(before: time, &state)
            if let task = state.tasks[tid] { try reader.ended(task, time: time, isDead: true, &state) }
        }
        try state.died(tid: tid, status: status, time: time)
    }

    /// A thread is at the entry of a notified call.
    ///
    /// - Parameter position: how far it had filled `ring`.
    mutating func before(
        tid: Int32,
        ring: Int = -1,
        position: UInt64 = 0,
        time: UInt64
    ) throws(TraceError) {
        guard let reader else { return }
        try reader.merge(before: time, &state)
        if ring >= 0, let task = state.tasks[tid] {
            try reader.force(task, ring: ring, upTo: position, time: time, &state)
        }
    }

    // MARK: - The kernel's ring

    mutating func consumeRing(to position: UInt64) throws(TraceError) -> Int {
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
            try returned(tid: tid, sequence: event.sequence, result: event.value, time: event.time)
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
            try created(
                tid: Int32(truncatingIfNeeded: event.value),
                tgid: Int32(truncatingIfNeeded: event.value >> 32),
                parent: tid,
                time: event.time
            )
        case CLINUX_EVENT_EXEC:
            try executed(tid: tid, previous: Int32(truncatingIfNeeded: event.value), time: event.time)
        case CLINUX_EVENT_DEATH: try died(tid: tid, status: nil, time: event.time)
        case CLINUX_EVENT_SIGNAL:
            try reader?.merge(before: event.time, &state)
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
            try before(tid: tid, time: event.time)
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

extension SyscallArguments {
    init(words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)) {
        self.init(words.0, words.1, words.2, words.3, words.4, words.5)
    }
}
