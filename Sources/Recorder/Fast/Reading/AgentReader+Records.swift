// The records of one ring: found, checked, paired, handed on.
import CLinux
import RecorderAgent
import TraceLog

/// What stands at a position of a ring.
enum FoundRecord {
    case record(AgentRecord)
    /// The data ends before a record would fit.
    case wrap(UInt64)
    /// Reserved, not committed.
    case hole
    /// Nothing is reserved.
    case end
    case nonsense
}

extension AgentReader {
    static var mask: UInt64 { AgentRings.ringBytes - 1 }
    /// Nanoseconds by which an entry is surely later than a notified call, however the clocks disagree. The supervisor
    /// takes its time some microseconds after the call, and some before the thread goes on.
    static var lateness: UInt64 { 2000 }

    /// Looks at a position; `visible` is the head as last seen.
    @inline(__always)
    func look(_ ring: AgentRing, _ position: UInt64, _ visible: inout UInt64) -> FoundRecord {
        if position >= visible {
            let head = ring.head
            guard position <= head, head &- position <= AgentRings.ringBytes else { return .nonsense }
            visible = head
            guard position < head else { return .end }
        }
        let offset = position & Self.mask
        let rest = AgentRings.ringBytes - offset
        guard rest >= UInt64(AgentRecord.headerSize) else { return .wrap(rest) }
        guard isCommitted(ring, position) else { return .hole }
        let room = min(rest, visible &- position)
        guard let record = AgentRecord(ring.data + Int(offset), room: room) else { return .nonsense }
        return .record(record)
    }

    /// The time of the next record that can be read now; what has none comes first (0).
    func nextTime(_ stream: UnsafeMutablePointer<AgentStream>) -> UInt64 {
        guard let task = stream.pointee.current, !task.call.isActive, !stream.pointee.isBroken else { return .max }
        let next = timeAtPosition(stream)
        return stream.pointee.holes.isEmpty ? next : min(next, filled(stream)?.time ?? .max)
    }

    func timeAtPosition(_ stream: UnsafeMutablePointer<AgentStream>) -> UInt64 {
        if stream.pointee.peeked.position == stream.pointee.position { return stream.pointee.peeked.time }
        switch look(stream.pointee.ring, stream.pointee.position, &stream.pointee.visible) {
        case .record(let record):
            let time = record.kind == 0 ? 0 : time(record)
            if record.isEntry, passLate(stream, record, time) { return timeAtPosition(stream) }
            stream.pointee.peeked = (stream.pointee.position, time)
            return time
        case .wrap, .nonsense: return 0
        case .hole: return pass(stream, before: .max) ? timeAtPosition(stream) : .max
        case .end: return .max
        }
    }

    /// No record was made later than now.
    @inline(__always)
    func time(_ record: AgentRecord) -> UInt64 {
        let time = clock.nanoseconds(record.ticks)
        return time > now &+ 1_000_000_000 ? now : time
    }

    /// Reads a ring's calls that entered before `limit` and stand before `end`.
    ///
    /// - Parameters:
    ///   - horizon: exits from then on stay: a notified call, of a handler, may have come before.
    ///   - latest: when the thread entered a notified call, which what is read precedes.
    func read(
        _ stream: UnsafeMutablePointer<AgentStream>,
        before limit: UInt64,
        horizon: UInt64,
        upTo end: UInt64 = .max,
        latest: UInt64 = .max,
        _ state: inout RecordingState<Sink>
    ) throws(TraceError) {
        guard let task = stream.pointee.current, !stream.pointee.isBroken else { return }
        let ring = stream.pointee.ring
        let clock = clock
        let bound = now &+ 1_000_000_000
        /// No record was made later than now.
        @inline(__always)
        func time(_ record: AgentRecord) -> UInt64 {
            let time = clock.nanoseconds(record.ticks)
            return time > bound ? now : time
        }
        var position = stream.pointee.position
        var visible = stream.pointee.visible
        reading: while true {
            if !stream.pointee.holes.isEmpty {
                stream.pointee.position = position
                stream.pointee.visible = visible
                if try fill(stream, task, before: limit, horizon: horizon, latest: latest, &state) { continue }
                visible = stream.pointee.visible
            }
            guard position < end else { break reading }
            switch look(ring, position, &visible) {
            case .end: break reading
            case .wrap(let rest): position &+= rest
            case .nonsense:
                giveUp(stream, &state)
                return
            case .hole:
                stream.pointee.position = position
                guard pass(stream, before: end) else { break reading }
                position = stream.pointee.position
                visible = stream.pointee.visible
            case .record(let entry) where entry.isEntry:
                var entered = time(entry)
                guard entered < limit else { break reading }
                if entered > latest {
                    if entered &- latest > Self.lateness {
                        // A handler made the notified call, and this one came after it.
                        stream.pointee.holes.append(position)
                        position &+= UInt64(entry.size)
                        continue reading
                    }
                    entered = latest
                }
                let next = position &+ UInt64(entry.size)
                if task.waiting.isEmpty, let (exit, after) = exit(of: entry, ring, next, end, &visible),
                    time(exit) < horizon
                {
                    count(entry, stream, task)
                    let isSound = try state.inProcess(task, entry, exit, entered: entered, left: time(exit))
                    position = after
                    if position &- stream.pointee.released > AgentRings.ringBytes / 16 {
                        stream.pointee.position = position
                        stream.pointee.release()
                    }
                    if isSound { continue reading }
                } else {
                    stream.pointee.position = position
                    stream.pointee.visible = visible
                    if passLate(stream, entry, entered) {
                        position = stream.pointee.position
                        continue reading
                    }
                    count(entry, stream, task)
                    position = next
                    if try state.opened(task, entry, time: entered) { continue reading }
                }
                giveUp(stream, &state)
                return
            case .record(let other):
                guard other.kind == 0 || time(other) < horizon else { break reading }
                position &+= UInt64(other.size)
                stream.pointee.position = position
                guard try take(other, stream, task, &state) else {
                    giveUp(stream, &state)
                    return
                }
            }
        }
        stream.pointee.position = position
        stream.pointee.visible = visible
    }

    @inline(__always)
    func count(_ entry: AgentRecord, _ stream: UnsafeMutablePointer<AgentStream>, _ task: RecordedTask) {
        task.callsMade &+= UInt64(stream.pointee.numbers.count(entry.sequence))
    }

    /// The exit of a call, if it stands right after its entry.
    @inline(__always)
    private func exit(
        of entry: AgentRecord,
        _ ring: AgentRing,
        _ next: UInt64,
        _ end: UInt64,
        _ visible: inout UInt64
    ) -> (AgentRecord, UInt64)? {
        var position = next
        for _ in 0..<3 where position < end {
            switch look(ring, position, &visible) {
            case .record(let record):
                if record.isExit, record.sequence == entry.sequence { return (record, position &+ UInt64(record.size)) }
                // Only what fills the data up to its end may lie between.
                guard record.kind == 0, record.sequence == AGENT_NO_SEQUENCE else { return nil }
                position &+= UInt64(record.size)
            case .wrap(let rest): position &+= rest
            case .hole, .end, .nonsense: return nil
            }
        }
        return nil
    }

    /// An exit away from its entry, or a gap.
    ///
    /// - Returns: whether it made sense.
    func take(
        _ record: AgentRecord,
        _ stream: UnsafeMutablePointer<AgentStream>,
        _ task: RecordedTask,
        _ state: inout RecordingState<Sink>
    ) throws(TraceError) -> Bool {
        if record.isExit {
            if let isSound = try state.closed(task, record, time: time(record)) { return isSound }
            state.note("in-process returns without an entry")
        } else if record.sequence != AGENT_NO_SEQUENCE {
            try state.left(task, sequence: record.sequence)
            if stream.pointee.numbers.excuse(record.sequence) { task.callsMade &-= 1 }
        }
        return true
    }

    /// Whether the next record could be read, were it not for the call that its thread is in.
    func hasMore(_ stream: UnsafeMutablePointer<AgentStream>) -> Bool {
        if case .record = look(stream.pointee.ring, stream.pointee.position, &stream.pointee.visible) { return true }
        return false
    }

    @inline(__always)
    func isCommitted(_ ring: AgentRing, _ position: UInt64) -> Bool {
        let stamp = ring.data + Int(position & Self.mask)
        return clinux_load_acquire(stamp.assumingMemoryBound(to: UInt64.self)) == position &+ 1
    }

    /// The ring holds what no agent writes: its process has overwritten it.
    func giveUp(_ stream: UnsafeMutablePointer<AgentStream>, _ state: inout RecordingState<Sink>) {
        stream.pointee.isBroken = true
        stream.pointee.holes = []
        state.note("in-process rings overwritten by their program")
    }
}
