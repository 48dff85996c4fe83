// Reads the agents' rings and merges their calls with what the supervisor and the kernel report.
import CLinux
import RecorderAgent
import TraceLog

/// The log thread's end of the in-process tier.
///
/// The caller has the exact order of everything else. Before it handles an event it asks for the calls that came before:
/// all that entered earlier (`merge`), and of the event's own thread all that its ring held then (`force`).
final class AgentReader<Sink: RecordSink> {
    typealias Task = RecordedTask

    let rings: AgentRings
    var clock: TscClock
    /// One for each ring.
    let streams: UnsafeMutablePointer<AgentStream>
    /// Rings with an owner.
    private var active: [Int] = []
    /// When their next records were made; only within a merge.
    private let times: UnsafeMutablePointer<UInt64>
    /// How full the fullest ring was when it was last read, in bytes.
    private(set) var fill: UInt64 = 0
    /// Records with a later time cannot have been made yet.
    private(set) var now: UInt64 = 0

    init(_ rings: AgentRings, clock: TscClock) {
        self.rings = rings
        self.clock = clock
        streams = .allocate(capacity: max(rings.count, 1))
        times = .allocate(capacity: max(rings.count, 1))
        for ring in 0..<rings.count { (streams + ring).initialize(to: AgentStream(ring: rings[ring])) }
    }

    deinit {
        streams.deinitialize(count: rings.count)
        streams.deallocate()
        times.deallocate()
    }

    // MARK: - Order

    /// Call before looking at anything that a `merge` up to `now` is to be complete for.
    func begin(_ now: UInt64) {
        clock.tick(now)
        self.now = now
        fill = 0
    }

    /// Calls of all threads that entered before `time`, in the order of entry.
    func merge(before time: UInt64, _ state: inout RecordingState<Sink>) throws(TraceError) {
        let count = active.count
        for place in 0..<count { times[place] = nextTime(streams + active[place]) }
        while true {
            var first = -1
            var firstTime = time
            var secondTime = time
            for place in 0..<count where times[place] < secondTime {
                if times[place] < firstTime {
                    secondTime = firstTime
                    firstTime = times[place]
                    first = place
                } else {
                    secondTime = times[place]
                }
            }
            guard first >= 0 else { return }
            // The one that is behind goes on until it is not.
            let stream = streams + active[first]
            let before = progress(stream)
            try read(stream, before: max(secondTime, firstTime + 1), horizon: time, &state)
            times[first] = progress(stream) == before ? .max : nextTime(stream)
        }
    }

    private func progress(_ stream: UnsafeMutablePointer<AgentStream>) -> UInt64 {
        stream.pointee.position &+ UInt64(stream.pointee.holes.count) &+ (stream.pointee.isBroken ? 1 : 0)
    }

    /// Everything that a task's ring held when, at `time`, the task was at `position` of it.
    func force(
        _ task: Task,
        ring: Int,
        upTo position: UInt64,
        time: UInt64 = .max,
        _ state: inout RecordingState<Sink>
    ) throws(TraceError) {
        guard ring >= 0, ring < rings.count, streams[ring].current === task else { return }
        if task.call.isActive {
            state.note("results lost")
            try state.abandon(task, flags: .resultLost)
        }
        try read(streams + ring, before: .max, horizon: .max, upTo: position, latest: time, &state)
    }

    /// After everything is merged: frees room, and lets go on who waited for it.
    func end(_ state: inout RecordingState<Sink>) throws(TraceError) {
        for ring in active {
            let stream = streams + ring
            if stream.pointee.isBroken { stream.pointee.position = stream.pointee.ring.head }
            fill = max(fill, stream.pointee.visible &- stream.pointee.released)
            stream.pointee.release()
            guard stream.pointee.ring.isParked else { continue }
            // It waits in the kernel, so a call that has not returned here has lost its result.
            if let task = stream.pointee.current, task.call.isActive, stream.pointee.wasParked {
                state.note("results lost")
                try state.abandon(task, flags: .resultLost)
            }
            stream.pointee.wasParked = true
            if stream.pointee.ring.head &- stream.pointee.released <= AgentRings.ringBytes / 2 {
                stream.pointee.wasParked = false
                stream.pointee.ring.answerParked(rings.answer)
            }
        }
    }

    // MARK: - Owners

    /// The supervisor gave a ring to a task, or lets it keep it.
    func gave(
        _ ring: Int,
        generation: UInt32,
        to task: Task,
        _ state: inout RecordingState<Sink>
    ) throws(TraceError) {
        guard ring >= 0, ring < rings.count else { return state.note("in-process rings that do not exist") }
        let stream = streams + ring
        if task.ring >= 0, task.ring != ring { try leave(task, before: .max, &state) }
        if stream.pointee.occupants.contains(where: { $0 === task }) {
            stream.pointee.generation = generation
            stream.pointee.numbers.mayBeginAgain()
            return
        }
        for other in stream.pointee.occupants.reversed() { try leave(other, before: .max, &state) }
        let tail = rings[ring].tail
        stream.pointee = AgentStream(ring: rings[ring])
        stream.pointee.position = tail
        stream.pointee.released = tail
        stream.pointee.visible = tail
        stream.pointee.generation = generation
        enter(ring, task)
    }

    /// A child that runs in its parent's memory, and the parent not, until it executes or ends: it is the parent's agent
    /// that records it.
    func borrowed(by child: Task, from parent: Task) {
        guard parent.ring >= 0, streams[parent.ring].current === parent else { return }
        enter(parent.ring, child)
    }

    /// Whether a vfork child runs in a task's place.
    func hasGuest(_ task: Task) -> Bool { task.ring >= 0 && streams[task.ring].current !== task }

    /// The call in which a task waited for its vfork child is over.
    func resumed(_ task: Task, time: UInt64, _ state: inout RecordingState<Sink>) throws(TraceError) {
        guard task.ring >= 0 else { return }
        while let child = streams[task.ring].occupants.last, child !== task,
            streams[task.ring].occupants.contains(where: { $0 === task })
        {
            try leave(child, before: time, &state)
        }
    }

    /// A task's program is gone: it executed another one, or ended.
    func ended(_ task: Task, time: UInt64, isDead: Bool, _ state: inout RecordingState<Sink>) throws(TraceError) {
        guard task.ring >= 0 else { return }
        let stream = streams + task.ring
        // A parent may have resumed already.
        let isGuest = stream.pointee.occupants.first !== task
        if isDead || isGuest { return try leave(task, before: isGuest ? time : .max, &state) }
        if !task.call.isActive { try force(task, ring: task.ring, upTo: .max, &state) }
        stream.pointee.numbers.mayBeginAgain()
    }

    private func enter(_ ring: Int, _ task: Task) {
        streams[ring].enter(task)
        task.ring = ring
        if !active.contains(ring) { active.append(ring) }
    }

    private func leave(_ task: Task, before time: UInt64, _ state: inout RecordingState<Sink>) throws(TraceError) {
        let ring = task.ring
        let stream = streams + ring
        if stream.pointee.current === task {
            if task.call.isActive, time == .max, hasMore(stream) {
                state.note("results lost")
                try state.abandon(task, flags: .resultLost)
            }
            if !task.call.isActive { try read(stream, before: time, horizon: time, &state) }
        }
        stream.pointee.leave(task)
        task.ring = -1
        guard stream.pointee.occupants.isEmpty else { return }
        let lost = stream.pointee.numbers.takeLost()
        if lost > 0 { state.note("results lost", count: lost) }
        // What is not committed never will be.
        stream.pointee.holes = []
        stream.pointee.position = stream.pointee.ring.head
        stream.pointee.release()
        active.removeAll { $0 == ring }
        stream.pointee.ring.answerParked(rings.answer)
        stream.pointee.ring.setDrained()
    }

    /// The recording is over.
    func finish(_ state: inout RecordingState<Sink>) {
        for ring in active {
            let lost = streams[ring].numbers.takeLost()
            if lost > 0 { state.note("results lost", count: lost) }
        }
    }
}
