// Records that are reserved and not committed: their thread is at it, or a signal handler keeps it from it.
import CLinux
import RecorderAgent
import TraceLog

extension AgentReader {
    /// Goes past records that are not committed although a later one is: only a handler that interrupted the agent writes
    /// then, and what it interrupted may take its time.
    func pass(_ stream: UnsafeMutablePointer<AgentStream>, before limit: UInt64) -> Bool {
        let ring = stream.pointee.ring
        let head = ring.head
        guard head &- stream.pointee.position <= AgentRings.ringBytes else { return false }
        stream.pointee.visible = max(stream.pointee.visible, head)
        let end = min(head, limit)
        let known = stream.pointee.holes.count
        let hole = stream.pointee.position
        var position = hole
        while stream.pointee.holes.count - known < 16, position < end, !isCommitted(ring, position) {
            stream.pointee.holes.append(position)
            position = following(ring, position) ?? .max
        }
        // Nothing else is there.
        if position == end {
            stream.pointee.holes.removeLast(stream.pointee.holes.count - known)
            return false
        }
        // A size that is still to be written may say anything.
        let next = nextCommitted(ring, after: hole, before: end)
        if position != next {
            stream.pointee.holes.removeLast(stream.pointee.holes.count - known)
            guard let next, !mayHaveHole(ring, between: hole, and: next) else { return false }
            stream.pointee.holes.append(hole)
        }
        stream.pointee.position = next ?? position
        return true
    }

    /// Goes past an entry that is later than the record after it: a handler ran before it was committed.
    func passLate(_ stream: UnsafeMutablePointer<AgentStream>, _ entry: AgentRecord, _ entered: UInt64) -> Bool {
        let next = following(stream.pointee.ring, stream.pointee.position) ?? .max
        guard next < stream.pointee.visible else { return false }
        var visible = stream.pointee.visible
        guard case .record(let record) = look(stream.pointee.ring, next, &visible), record.kind != 0,
            record.sequence != entry.sequence, time(record) < entered
        else { return false }
        stream.pointee.holes.append(stream.pointee.position)
        stream.pointee.position = next
        return true
    }

    /// The position after a record that may not be committed.
    private func following(_ ring: AgentRing, _ position: UInt64) -> UInt64? {
        let offset = position & Self.mask
        let rest = AgentRings.ringBytes - offset
        guard rest >= UInt64(AgentRecord.headerSize) else { return position &+ rest }
        let size = UInt64(UInt32(truncatingIfNeeded: clinux_load_once(ring.data + Int(offset) + 8)))
        guard size >= UInt64(AgentRecord.headerSize), size & 7 == 0, size <= rest else { return nil }
        return rest &- size < UInt64(AgentRecord.headerSize) ? position &+ rest : position &+ size
    }

    /// A stamp tells its own position.
    private func nextCommitted(_ ring: AgentRing, after hole: UInt64, before end: UInt64) -> UInt64? {
        var position = hole &+ 8
        while position < end {
            if isCommitted(ring, position) { return position }
            position &+= 8
        }
        return nil
    }

    /// Whether a record that is not committed may stand between one of unknown size and a later one.
    private func mayHaveHole(_ ring: AgentRing, between hole: UInt64, and next: UInt64) -> Bool {
        var position = hole &+ UInt64(AgentRecord.headerSize)
        while position < next {
            if following(ring, position) == next { return true }
            position &+= 8
        }
        return false
    }

    /// The first hole that has been committed since, and its time.
    func filled(_ stream: UnsafeMutablePointer<AgentStream>) -> (place: Int, time: UInt64)? {
        var best: (place: Int, time: UInt64)?
        for (place, hole) in stream.pointee.holes.enumerated() where isCommitted(stream.pointee.ring, hole) {
            var visible = stream.pointee.visible
            guard case .record(let record) = look(stream.pointee.ring, hole, &visible), record.kind != 0 else {
                return (place, 0)
            }
            let time = time(record)
            if time < best?.time ?? .max { best = (place, time) }
        }
        return best
    }

    /// Reads a hole that has been committed since, if its turn is before that of the next record.
    func fill(
        _ stream: UnsafeMutablePointer<AgentStream>,
        _ task: RecordedTask,
        before limit: UInt64,
        horizon: UInt64,
        latest: UInt64,
        _ state: inout RecordingState<Sink>
    ) throws(TraceError) -> Bool {
        guard let (place, time) = filled(stream), time <= timeAtPosition(stream) else { return false }
        let hole = stream.pointee.holes[place]
        var visible = stream.pointee.visible
        guard case .record(let record) = look(stream.pointee.ring, hole, &visible) else {
            stream.pointee.holes.remove(at: place)
            return true
        }
        guard time < (record.isEntry ? limit : horizon) else { return false }
        if record.isEntry, time > latest, time &- latest > Self.lateness { return false }
        stream.pointee.holes.remove(at: place)
        if record.isEntry {
            count(record, stream, task)
            if try state.opened(task, record, time: min(time, latest)) { return true }
        } else if try take(record, stream, task, &state) {
            return true
        }
        giveUp(stream, &state)
        return false
    }
}
