// Events that an epoll set gives earlier than recorded count for the next waits on it.
import Engine
import LinuxABI
import TraceLog

extension ReplayRun {
    /// The mask in front of struct epoll_event; the program's own word follows.
    private static let maskSize = 4
    private static let eventSize = ABI.structure("epoll_event")?.size ?? 12

    /// Answers a wait whose recorded events the set has given before.
    func earlyEvents(_ pending: Pending) -> DispatchResult? {
        guard let set = epollSet(pending), let ahead = eventsAhead[set] else { return nil }
        let wanted = recordedEvents(pending.call)
        guard !wanted.isEmpty, wanted.allSatisfy(ahead.contains) else { return nil }
        eventsAhead[set] = ahead.filter { !wanted.contains($0) }
        var result = DispatchResult(.returned(0))
        answer(pending.call, wanted, &result)
        return result
    }

    /// Sets aside the events that a later recorded wait has, and puts in those that an earlier wait has given.
    ///
    /// What one exit closes, and whom a wakeup reaches first, is spread over time: recorded waits lie in between.
    func keepEarlyEvents(_ pending: Pending, _ result: inout DispatchResult) {
        guard let set = epollSet(pending), pending.call.record.result >= 0 else { return }
        var given: [[UInt8]] = []
        switch result.outcome {
        case .returned(let count) where count >= 0:
            let memory = EngineMemory(result.writes, over: pending.call.input)
            given = events(memory, pending.call.word(1), count)
        case .blocked: if eventsAhead.isEmpty { return }
        default: return
        }
        // A set has one event for each file.
        let ahead = (eventsAhead[set] ?? []).filter { old in
            !given.contains { $0.dropFirst(Self.maskSize) == old.dropFirst(Self.maskSize) }
        }
        let wanted = recordedEvents(pending.call)
        guard wanted.allSatisfy({ given.contains($0) || ahead.contains($0) }) else { return }
        let surplus = given.filter { !wanted.contains($0) }
        guard surplus.allSatisfy({ isGivenLater($0, by: set, after: pending) }) else { return }
        eventsAhead[set] = surplus + ahead.filter { !wanted.contains($0) }
        guard !surplus.isEmpty || wanted.count > given.count else { return }
        answer(pending.call, wanted, &result)
        pending.notes.append("the engine gave an event in another of the overlapping waits on the set")
    }

    private func answer(_ call: RecordedCall, _ events: [[UInt8]], _ result: inout DispatchResult) {
        engine.completeEvidence(of: &result)
        result.outcome = .returned(Int64(events.count))
        result.writes.removeAll { $0.address == call.word(1) }
        if !events.isEmpty { result.writes.append(.init(address: call.word(1), bytes: Array(events.joined()))) }
    }

    /// Whether a recorded wait on the set, soon after, has this event.
    private func isGivenLater(_ event: [UInt8], by set: UInt64, after pending: Pending) -> Bool {
        let end = pending.call.record.exitTime + Self.exitLatency
        var next = pending.position + 1
        while calls.has(next), calls.head(next).entryTime <= end {
            let later = calls.call(next)
            if later.waitsForEvents, let task = world.tasks[later.record.task],
                world.description(later.fd(0), in: task)?.id == set, recordedEvents(later).contains(event)
            {
                return true
            }
            next += 1
        }
        return false
    }

    private func epollSet(_ pending: Pending) -> UInt64? {
        guard options.resynchronise, pending.call.waitsForEvents else { return nil }
        return world.description(pending.call.fd(0), in: world.task(pending.call.record.task))?.id
    }

    private func recordedEvents(_ call: RecordedCall) -> [[UInt8]] {
        events(EngineMemory(call.output.chunks, over: call.input), call.word(1), call.record.result)
    }

    private func events(_ memory: EngineMemory, _ address: UInt64, _ count: Int64) -> [[UInt8]] {
        guard count > 0, case .bytes(let bytes) = memory.read(address, count: Int(count) * Self.eventSize) else {
            return []
        }
        return (0..<Int(count)).map { Array(bytes[$0 * Self.eventSize..<($0 + 1) * Self.eventSize]) }
    }
}

extension RecordedCall {
    fileprivate var waitsForEvents: Bool {
        switch known {
        case .epoll_wait, .epoll_pwait, .epoll_pwait2: true
        default: false
        }
    }
}
