// What happened in a trace, in the order in which it happened.
public import TraceLog

public enum TraceEvent: Sendable {
    case call(CallRecord)
    case task(TaskRecord)
    case signal(SignalRecord)

    /// All events of a trace: what happened to tasks stands before the call that was entered next.
    public static func all(_ trace: Trace) -> [TraceEvent] {
        var others: [(after: UInt64, time: UInt64, event: TraceEvent)] =
            trace.tasks.map { ($0.afterCalls, $0.time, .task($0)) }
            + trace.signals.map { ($0.afterCalls, $0.time, .signal($0)) }
        others.sort { ($0.after, $0.time) < ($1.after, $1.time) }
        var events: [TraceEvent] = []
        events.reserveCapacity(trace.calls.count + others.count)
        var next = 0
        for call in trace.calls {
            while next < others.count, others[next].after <= call.index {
                events.append(others[next].event)
                next += 1
            }
            events.append(.call(call))
        }
        events += others[next...].map(\.event)
        return events
    }
}
