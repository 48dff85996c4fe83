// Deliveries of signals: recorded ones against the engine's.
import LinuxABI
import Tables
import TraceLog

/// A recorded signal (by position) and the last call that its task entered before it.
struct SignalPlace: Hashable, Sendable {
    var signal: Int
    var call: Int
}

final class SignalLedger {
    /// Signals the engine delivered and no record has claimed, by task.
    private var unclaimed: [TaskID: [Int32]] = [:]
    /// Recorded deliveries that the engine has not made yet, by task, with the call they came after.
    private var awaited: [TaskID: [(signal: Int32, call: UInt64)]] = [:]
    /// Signals posted to make up for missing ones: their delivery is expected and says nothing.
    private var madeUp: [TaskID: [Int32]] = [:]
    private(set) var posted: Set<Int> = []
    /// Signals by the call that was entered last before them, in its order.
    private var places: [SignalPlace] = []
    private var records: [SignalRecord] = []
    /// Thread groups by task, and those that signals are still to come for.
    private var group = TaskMap<Int32>()
    private var groups = IntegerTable<Group>()
    private static let timers = ["SIGALRM", "SIGVTALRM", "SIGPROF"].reduce(UInt64(0)) {
        $0 | 1 << (ABI.constant($1) - 1)
    }

    /// What the recording still delivers to a process.
    private final class Group {
        /// Of the few signals that come at all.
        private var counts: [(bit: Int, count: Int)] = []
        /// Those that are still to come, and those of timers, once it has armed one.
        private(set) var later: UInt64 = 0
        private var isArmed = false

        func arm() {
            isArmed = true
            later |= SignalLedger.timers
        }

        func add(_ bit: Int) {
            if let index = counts.firstIndex(where: { $0.bit == bit }) {
                counts[index].count += 1
            } else {
                counts.append((bit, 1))
            }
            later |= 1 << UInt64(bit)
        }

        func remove(_ bit: Int) {
            guard let index = counts.firstIndex(where: { $0.bit == bit }) else { return }
            counts[index].count -= 1
            guard counts[index].count == 0 else { return }
            counts.remove(at: index)
            later &= ~(1 << UInt64(bit))
            if isArmed { later |= SignalLedger.timers }
        }
    }

    /// Looks ahead once: which signals the recording delivers, to whom, and after which calls.
    func plan(_ trace: Trace, _ places: [SignalPlace]) {
        records = trace.signals
        for record in trace.tasks {
            if case .created(_, let tgid, _, _) = record.kind { group[record.task] = tgid }
        }
        for signal in trace.signals where signal.hasEffect {
            if let key = key(signal.task) { made(key).add(Self.bit(signal)) }
        }
        // In order of the calls, and for each call in the order given.
        let effective = places.filter { trace.signals[$0.signal].hasEffect }.enumerated()
        self.places = effective.sorted { ($0.element.call, $0.offset) < ($1.element.call, $1.offset) }.map(\.element)
    }

    /// Positions of the signals recorded between a call's completion and its task's next entry.
    func interrupting(_ position: Int) -> [Int] {
        guard let last = places.last, position <= last.call else { return [] }
        var (low, high) = (0, places.count)
        while low < high {
            let middle = (low + high) / 2
            if places[middle].call < position { low = middle + 1 } else { high = middle }
        }
        return places[low...].prefix { $0.call == position }.map(\.signal)
    }

    private static func bit(_ signal: SignalRecord) -> Int { Int(max(0, signal.signal - 1) & 63) }

    /// The recording has delivered this signal.
    func pass(_ signal: SignalRecord) {
        guard signal.hasEffect, let key = key(signal.task), let group = groups[key] else { return }
        group.remove(Self.bit(signal))
        if group.later == 0 { groups.remove(key) }
    }

    private func made(_ key: UInt64) -> Group {
        if let group = groups[key] { return group }
        let group = Group()
        groups[key] = group
        return group
    }

    private func key(_ task: TaskID) -> UInt64? { group[task].map { UInt64(UInt32(bitPattern: $0)) } }

    /// A call arms or disarms a timer whose end is a signal.
    func arm(_ task: TaskID) { if let key = key(task) { made(key).arm() } }

    /// Signals that the call, which is entered now, must not deliver: the recording delivers them to its process later,
    /// or never, and a replay that is slower than it sees a timer's end.
    func held(_ position: Int, of task: TaskID) -> UInt64 {
        guard !groups.isEmpty, let key = key(task), let later = groups[key]?.later else { return 0 }
        let own = interrupting(position).reduce(UInt64(0)) {
            $0 | 1 << UInt64(Self.bit(records[$1]))
        }
        return later & ~own
    }

    /// Whether a signal stopped the task in this call or right after it. Who sent it may have done so before the call.
    func stops(_ position: Int) -> Bool {
        interrupting(position).contains { index in
            let signal = records[index]
            let name = signalName(signal.signal)
            return signal.handler == 0 && ["SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU"].contains(name)
        }
    }

    /// Whether the engine owes any delivery.
    var isOwed: Bool { !awaited.isEmpty }

    func delivered(_ signals: [Int32], to task: TaskID) {
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
    func claim(_ signal: Int32, _ task: TaskID) -> Bool {
        guard let index = unclaimed[task]?.firstIndex(of: signal) else { return false }
        unclaimed[task]?.remove(at: index)
        return true
    }

    func await(_ signal: Int32, _ task: TaskID, after call: UInt64) {
        awaited[task, default: []].append((signal, call))
    }

    /// Signals that the engine owes the task, or is made to deliver, as a mask.
    func awaitedMask(_ task: TaskID) -> UInt64 {
        if awaited.isEmpty, madeUp.isEmpty { return 0 }
        let signals = (awaited[task] ?? []).map(\.signal) + (madeUp[task] ?? [])
        return signals.reduce(0) { $0 | 1 << UInt64(max(0, $1 - 1) & 63) }
    }

    func post(_ index: Int) { posted.insert(index) }

    /// What the engine owed before this call began: the task has come back from it without.
    func overdue(_ task: TaskID, at call: UInt64) -> [Int32] {
        guard !awaited.isEmpty, let list = awaited[task], !list.isEmpty else { return [] }
        awaited[task] = list.filter { $0.call >= call }
        let due = list.filter { $0.call < call }.map(\.signal)
        madeUp[task, default: []] += due
        return due
    }

    func ended(_ task: TaskID) { awaited[task] = nil }

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
