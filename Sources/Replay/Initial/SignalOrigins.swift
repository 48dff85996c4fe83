// Which delivered signals come from outside the recorded tasks.
import LinuxABI
import TraceLog

/// Decides by the recording alone, before the replay: a signal is from inside when a recorded call, child or fault of a
/// call explains it. The engine must then produce it itself.
struct SignalOrigins {
    private struct Send {
        var time: UInt64
        var signal: Int32
        /// nil: a group, or a target that cannot be told.
        var target: Int32?
        var isUsed = false
    }

    private var sends: [Send] = []
    private var threadGroup: [TaskID: Int32] = [:]
    private var threadID: [TaskID: Int32] = [:]
    private var parent: [TaskID: TaskID] = [:]
    private var ends: [(time: UInt64, parentGroup: Int32?)] = []
    /// When a process first armed a timer.
    private var timers: [Int32: UInt64] = [:]
    /// Calls that failed with EPIPE, by task.
    private var brokenPipes: [TaskID: [UInt64]] = [:]

    /// Positions in `trace.signals` of the signals that nothing recorded explains, once all calls have been learned.
    mutating func outside(_ trace: Trace) -> Set<Int> {
        var outside: Set<Int> = []
        for (index, record) in trace.signals.enumerated() where !explains(record) { outside.insert(index) }
        return outside
    }

    init(_ trace: Trace) {
        for record in trace.tasks {
            switch record.kind {
            case .created(let tid, let tgid, let parent, _):
                threadGroup[record.task] = tgid
                threadID[record.task] = tid
                self.parent[record.task] = parent
            case .executed: break
            case .exited:
                ends.append((record.time, parent[record.task].flatMap { threadGroup[$0] }))
            }
        }
    }

    /// Takes in a call; in order of entry.
    mutating func learn(_ known: KnownCall?, _ call: CallHead) {
        if call.result == -Int64(Errno.EPIPE.rawValue) { brokenPipes[call.task, default: []].append(call.exitTime) }
        func word(_ index: Int) -> Int32 { Int32(truncatingIfNeeded: call.arguments[index]) }
        switch known {
        case .kill: send(call, word(1), to: word(0) > 0 ? word(0) : nil)
        case .tkill: send(call, word(1), to: word(0))
        case .tgkill, .rt_tgsigqueueinfo: send(call, word(2), to: word(1))
        case .rt_sigqueueinfo: send(call, word(1), to: word(0))
        case .pidfd_send_signal: send(call, word(1), to: nil)
        case .setitimer, .alarm, .timer_create, .timer_settime:
            guard let group = threadGroup[call.task] else { return }
            timers[group] = min(timers[group] ?? .max, call.entryTime)
        default: break
        }
    }

    private mutating func send(_ call: CallHead, _ signal: Int32, to target: Int32?) {
        guard call.result == 0 || call.flags.contains(.unfinished) else { return }
        // A pid that no recorded task has is one of another pid namespace: whom it means cannot be told.
        let isKnown = target.map { target in
            threadGroup.values.contains(target) || threadID.values.contains(target)
        }
        sends.append(Send(time: call.entryTime, signal: signal, target: isKnown == true ? target : nil))
    }

    private mutating func explains(_ record: SignalRecord) -> Bool {
        let group = threadGroup[record.task]
        if let index = sends.firstIndex(where: { send in
            guard !send.isUsed, send.signal == record.signal, send.time <= record.time else { return false }
            guard let target = send.target else { return true }
            return target == group || target == threadID[record.task]
        }) {
            // One kill of a group may reach many tasks.
            if sends[index].target != nil { sends[index].isUsed = true }
            return true
        }
        switch signalName(record.signal) {
        case "SIGCHLD": return ends.contains { $0.time <= record.time && $0.parentGroup == group }
        case "SIGPIPE": return brokenPipes[record.task]?.contains { $0 <= record.time } ?? false
        case "SIGALRM", "SIGVTALRM", "SIGPROF": return armed(group, record)
        // SI_TIMER: a POSIX timer.
        default: return record.code == -2 && armed(group, record)
        }
    }

    private func armed(_ group: Int32?, _ record: SignalRecord) -> Bool {
        group.flatMap { timers[$0] }.map { $0 <= record.time } ?? false
    }
}
