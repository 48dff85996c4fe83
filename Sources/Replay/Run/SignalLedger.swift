// Deliveries of signals: recorded ones against the engine's.
import LinuxABI
import TraceLog

struct SignalLedger {
    /// Signals the engine delivered and no record has claimed, by task.
    private var unclaimed: [TaskID: [Int32]] = [:]
    /// Recorded deliveries that the engine has not made yet, by task, with the call they came after.
    private var awaited: [TaskID: [(signal: Int32, call: UInt64)]] = [:]
    /// Signals posted to make up for missing ones: their delivery is expected and says nothing.
    private var madeUp: [TaskID: [Int32]] = [:]
    private(set) var posted: Set<Int> = []
    /// Positions of the signals recorded between a call's completion and its task's next entry, by the call's position.
    private(set) var interrupting: [Int: [Int]] = [:]

    /// Signals that a call must not deliver: the recording delivers them to its process later. By the call's position.
    private(set) var held: [Int: UInt64] = [:]

    mutating func plan(_ timeline: Timeline, _ trace: Trace) {
        planInterruptions(timeline, trace)
        var group: [TaskID: Int32] = [:]
        for record in trace.tasks {
            if case .created(_, let tgid, _, _) = record.kind { group[record.task] = tgid }
        }
        var future: [Int32: UInt64] = [:]
        func bit(_ index: Int) -> UInt64 { 1 << UInt64(max(0, trace.signals[index].signal - 1) & 63) }
        for moment in timeline.moments.reversed() {
            switch moment {
            case .signal(let index) where trace.signals[index].hasEffect:
                if let group = group[trace.signals[index].task] { future[group, default: 0] |= bit(index) }
            case .enter(let position):
                guard let group = group[trace.calls[position].task], let later = future[group], later != 0 else {
                    continue
                }
                let own = (interrupting[position] ?? []).reduce(UInt64(0)) { $0 | bit($1) }
                if later & ~own != 0 { held[position] = later & ~own }
            case .due, .task, .signal: break
            }
        }
    }

    private mutating func planInterruptions(_ timeline: Timeline, _ trace: Trace) {
        var last: [TaskID: Int] = [:]
        for moment in timeline.moments {
            switch moment {
            case .enter(let position): last[trace.calls[position].task] = position
            case .signal(let index) where trace.signals[index].hasEffect:
                if let call = last[trace.signals[index].task] { interrupting[call, default: []].append(index) }
            case .due, .task, .signal: break
            }
        }
    }

    /// Whether a signal stopped the task in this call or right after it. Who sent it may have done so before the call.
    func stops(_ trace: Trace, _ position: Int) -> Bool {
        (interrupting[position] ?? []).contains { index in
            let signal = trace.signals[index]
            let name = signalName(signal.signal)
            return signal.handler == 0 && ["SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU"].contains(name)
        }
    }

    mutating func delivered(_ signals: [Int32], to task: TaskID) {
        for signal in signals {
            if let index = awaited[task]?.firstIndex(where: { $0.signal == signal }) {
                awaited[task]?.remove(at: index)
            } else if let index = madeUp[task]?.firstIndex(of: signal) {
                madeUp[task]?.remove(at: index)
            } else {
                unclaimed[task, default: []].append(signal)
            }
        }
    }

    /// Takes an engine delivery for a recorded one.
    mutating func claim(_ signal: Int32, _ task: TaskID) -> Bool {
        guard let index = unclaimed[task]?.firstIndex(of: signal) else { return false }
        unclaimed[task]?.remove(at: index)
        return true
    }

    mutating func await(_ signal: Int32, _ task: TaskID, after call: UInt64) {
        awaited[task, default: []].append((signal, call))
    }

    /// Signals that the engine owes the task, as a mask.
    func awaitedMask(_ task: TaskID) -> UInt64 {
        (awaited[task] ?? []).reduce(0) { $0 | 1 << UInt64(max(0, $1.signal - 1) & 63) }
    }

    mutating func post(_ index: Int) { posted.insert(index) }

    /// What the engine owed before this call began: the task has come back from it without.
    mutating func overdue(_ task: TaskID, at call: UInt64) -> [Int32] {
        guard let list = awaited[task], !list.isEmpty else { return [] }
        awaited[task] = list.filter { $0.call >= call }
        let due = list.filter { $0.call < call }.map(\.signal)
        madeUp[task, default: []] += due
        return due
    }

    mutating func ended(_ task: TaskID) { awaited[task] = nil }

    /// Deliveries left without their counterpart at the end.
    func leftovers() -> [EnvironmentEvent] {
        var events: [EnvironmentEvent] = []
        for (task, list) in awaited {
            for entry in list {
                let name = signalName(entry.signal)
                events.append(
                    EnvironmentEvent(
                        .signalMissing,
                        call: entry.call,
                        "\(name) to task \(task.rawValue) was not delivered"
                    )
                )
            }
        }
        for (task, list) in unclaimed {
            for signal in list {
                let name = signalName(signal)
                events.append(
                    EnvironmentEvent(.signalExtra, call: 0, "\(name) to task \(task.rawValue) is not in the recording")
                )
            }
        }
        return events.sorted { ($0.call, $0.summary) < ($1.call, $1.summary) }
    }
}
