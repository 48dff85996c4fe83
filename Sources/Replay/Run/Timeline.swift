// The order in which a replay goes through a recording.
import LinuxABI
import TraceLog

/// What happens next. Indices are positions in the trace's arrays.
enum Moment: Hashable {
    /// The call begins.
    case enter(Int)
    /// The call's recorded completion is due.
    case due(Int)
    case task(Int)
    case signal(Int)
}

/// Entries in recorded order, each completion before the first entry that it precedes, tasks and signals between.
///
/// Entry order is total (the index). A completion stands before the first later entry whose time is not earlier, and
/// before the same task's next entry whatever the clock says.
struct Timeline {
    private(set) var moments: [Moment] = []

    init(_ trace: Trace) {
        let calls = trace.calls
        // Clocks of different processors may disagree by a little; entry order may not.
        var entry: [UInt64] = []
        entry.reserveCapacity(calls.count)
        for call in calls { entry.append(max(call.entryTime, entry.last ?? 0)) }

        var buckets = [[(time: UInt64, rank: Int, index: Int, moment: Moment)]](
            repeating: [],
            count: calls.count + 1
        )
        var nextOfTask: [TaskID: Int] = [:]
        for index in calls.indices.reversed() {
            let call = calls[index]
            let next = nextOfTask[call.task] ?? calls.count
            nextOfTask[call.task] = index
            guard !call.flags.contains(.unfinished) else { continue }
            let place = min(next, Self.firstEntry(entry, after: index, notBefore: call.exitTime))
            buckets[place].append((call.exitTime, 1, index, .due(index)))
        }
        for (index, record) in trace.tasks.enumerated() {
            let place = Self.place(afterCalls: record.afterCalls, in: calls)
            var rank = 3
            if case .created = record.kind { rank = 0 }
            buckets[place].append((record.time, rank, index, .task(index)))
        }
        for (index, record) in trace.signals.enumerated() {
            let place = Self.place(afterCalls: record.afterCalls, in: calls)
            buckets[place].append((record.time, 2, index, .signal(index)))
        }
        moments.reserveCapacity(calls.count * 2 + trace.tasks.count + trace.signals.count)
        for place in buckets.indices {
            if buckets[place].count > 1 {
                buckets[place].sort { ($0.time, $0.rank, $0.index) < ($1.time, $1.rank, $1.index) }
            }
            moments += buckets[place].map(\.moment)
            if place < calls.count { moments.append(.enter(place)) }
        }
    }

    /// The first call with that index or a higher one: some indexes may not be in use.
    private static func place(afterCalls: UInt64, in calls: [CallRecord]) -> Int {
        var low = 0
        var high = min(Int(clamping: afterCalls), calls.count)
        // Mostly all are.
        if high == 0 || calls[high - 1].index < afterCalls { return high }
        while low < high {
            let middle = (low + high) / 2
            if calls[middle].index < afterCalls { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The first entry after `index` that is not earlier than `time`.
    private static func firstEntry(_ entry: [UInt64], after index: Int, notBefore time: UInt64) -> Int {
        var low = index + 1
        // Most calls complete before the next entry.
        if low >= entry.count || entry[low] >= time { return low }
        var high = entry.count
        while low < high {
            let middle = (low + high) / 2
            if entry[middle] >= time { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
