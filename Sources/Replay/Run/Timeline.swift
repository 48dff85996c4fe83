// The order in which a replay goes through a recording.
import LinuxABI
import TraceLog

/// What happens next. Indices are positions: of calls in order of entry, of tasks and signals in the trace's arrays.
enum Moment: Hashable {
    /// The call begins.
    case enter(Int)
    /// The recorded completion of this task's call is due.
    case due(Int, TaskID)
    case task(Int)
    case signal(Int)
}

/// Entries in recorded order, each completion before the first entry that it precedes, tasks and signals between.
///
/// Entry order is total (the index). A completion stands before the first later entry whose time is not earlier, and
/// before the same task's next entry whatever the clock says. Only what is open is kept: the calls that have been
/// entered and are not complete.
struct Timeline: IteratorProtocol {
    private struct Open {
        var time: UInt64
        var position: Int
        var task: TaskID
        /// The earliest time of those before it in the list.
        var before = UInt64.max

        /// The earliest time of those up to it.
        var earliest: UInt64 { min(time, before) }
    }
    /// A moment with its order among those before the same entry.
    private struct Placed {
        var time: UInt64
        var rank: Int
        var index: Int
        var moment: Moment
    }

    /// A record of a task or a signal, by its position, and the entry that it stands before.
    private struct Record {
        var place: Int
        var index: Int32
        var isTask: Bool
    }

    private let calls: CallWindow
    /// Positions of the tasks' and signals' records by the entry that they stand before.
    private let records: [Record]
    private let trace: Trace
    private var nextRecord = 0
    /// The entry that comes next, and whether what stands before it has been gathered.
    private var place = 0
    private var isGathered = false
    private var entry: CallWindow.Head?
    private var gathered: [Placed] = []
    private var nextGathered = 0
    /// The latest entry time so far: clocks of different processors may disagree by a little; entry order may not.
    private var clock: UInt64 = 0
    private var open: [Open] = []
    /// The position of each task's call that is open, by task number; -1: none.
    private var isOpen: [Int] = []

    init(_ trace: Trace, _ calls: CallWindow) {
        self.calls = calls
        self.trace = trace
        var records: [Record] = []
        records.reserveCapacity(trace.tasks.count + trace.signals.count)
        for (index, record) in trace.tasks.enumerated() {
            let place = calls.place(afterCalls: record.afterCalls)
            records.append(Record(place: place, index: Int32(index), isTask: true))
        }
        for (index, record) in trace.signals.enumerated() {
            let place = calls.place(afterCalls: record.afterCalls)
            records.append(Record(place: place, index: Int32(index), isTask: false))
        }
        records.sort { $0.place < $1.place }
        self.records = records
    }

    mutating func next() -> Moment? {
        if nextGathered < gathered.count {
            nextGathered += 1
            return gathered[nextGathered - 1].moment
        }
        guard isGathered else { return gather() }
        guard let entry else { return nil }
        let position = place
        if !entry.flags.contains(.unfinished) {
            var call = Open(time: entry.exitTime, position: position, task: entry.task)
            if let last = open.last { call.before = last.earliest }
            open.append(call)
            let task = Int(entry.task.rawValue)
            while isOpen.count <= task { isOpen.append(-1) }
            isOpen[task] = position
        }
        place += 1
        isGathered = false
        return .enter(position)
    }

    /// Collects what stands before the next entry, and begins with it.
    private mutating func gather() -> Moment? {
        isGathered = true
        if !gathered.isEmpty { gathered.removeAll(keepingCapacity: true) }
        nextGathered = 0
        entry = calls.has(place) ? calls.head(place) : nil
        let hasRecords = nextRecord < records.count && records[nextRecord].place <= place
        if let entry {
            clock = max(clock, entry.entryTime)
            guard let last = open.last else { return hasRecords ? gatherRecords() : next() }
            // The usual case: of all open calls, only the last may be complete.
            if !hasRecords, last.before > clock {
                let isOwn = last.task == entry.task
                if isOwn || last.time <= clock, isOwn || !isOpen(entry.task) {
                    open.removeLast()
                    close(last)
                    return .due(last.position, last.task)
                }
            }
            if last.earliest <= clock || isOpen(entry.task) {
                if !hasRecords, let only = takeOnly(upTo: clock, entry.task) { return .due(only.position, only.task) }
                complete(upTo: clock, entry.task)
            }
        } else {
            complete(upTo: .max, nil)
        }
        return gatherRecords()
    }

    /// Collects the records that stand before the next entry, and begins with what was collected.
    private mutating func gatherRecords() -> Moment? {
        while nextRecord < records.count, records[nextRecord].place <= place {
            gathered.append(moment(of: records[nextRecord]))
            nextRecord += 1
        }
        if gathered.count > 1 {
            gathered.sort { ($0.time, $0.rank, $0.index) < ($1.time, $1.rank, $1.index) }
        }
        return next()
    }

    private func isOpen(_ task: TaskID) -> Bool {
        let task = Int(task.rawValue)
        return task < isOpen.count && isOpen[task] >= 0
    }

    private mutating func close(_ call: Open) {
        let task = Int(call.task.rawValue)
        if isOpen[task] == call.position { isOpen[task] = -1 }
    }

    private func moment(of record: Record) -> Placed {
        let index = Int(record.index)
        guard record.isTask else {
            return Placed(time: trace.signals[index].time, rank: 2, index: index, moment: .signal(index))
        }
        var rank = 3
        if case .created = trace.tasks[index].kind { rank = 0 }
        return Placed(time: trace.tasks[index].time, rank: rank, index: index, moment: .task(index))
    }

    /// The one call that is complete, if it is one.
    private mutating func takeOnly(upTo time: UInt64, _ task: TaskID) -> Open? {
        var found = -1
        for index in 0..<open.count where open[index].time <= time || open[index].task == task {
            guard found < 0 else { return nil }
            found = index
        }
        guard found >= 0 else { return nil }
        let only = open[found]
        for index in found + 1..<open.count { put(open[index], at: index - 1) }
        open.removeLast()
        close(only)
        return only
    }

    private mutating func put(_ call: Open, at index: Int) {
        open[index] = call
        open[index].before = index > 0 ? open[index - 1].earliest : .max
    }

    private mutating func complete(upTo time: UInt64, _ task: TaskID?) {
        var kept = 0
        for index in open.indices {
            let call = open[index]
            if call.time <= time || call.task == task {
                gathered.append(
                    Placed(time: call.time, rank: 1, index: call.position, moment: .due(call.position, call.task))
                )
                close(call)
            } else {
                put(call, at: kept)
                kept += 1
            }
        }
        while open.count > kept { open.removeLast() }
    }
}
