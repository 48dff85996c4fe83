// Exits take their effect when others see it, not when the call is entered.
import Engine
import LinuxABI
import TraceLog

extension ReplayRun {
    /// From entering exit until the parent can see it, Linux takes up to about this long (closing files, freeing memory).
    static let exitLatency: UInt64 = 2_000_000

    /// Whether the call ends its task and may be made later than it was entered.
    func mayLinger(_ pending: Pending) -> Bool {
        pending.call.record.flags.contains(.unfinished)
            && (pending.call.known == .exit || pending.call.known == .exit_group)
    }

    /// Makes the exits that have had their time.
    func makeExits(dueAt time: UInt64) throws(EngineFailure) {
        guard !exiting.isEmpty else { return }
        for pending in lingering() where pending.call.record.entryTime + Self.exitLatency <= time {
            guard unseen(pending) <= time else { continue }
            try makeExit(pending)
        }
    }

    /// Until when the parent asked for ended children, before it was told of this one, and this was none.
    private func unseen(_ pending: Pending) -> UInt64 {
        let state = world.task(pending.call.record.task)
        guard options.resynchronise, let parent = state.parent else { return 0 }
        let group = world.tasks.group(of: parent)
        var last: UInt64 = 0
        let next = pending.position + 1
        for position in next..<(next + 400) where calls.has(position) {
            guard let wait = calls.wait(position), world.task(wait.task).tgid == group else { continue }
            if wait.result == Int64(state.tid) { break }
            if wait.result == 0, wait.asked == -1 || wait.asked == state.tid { last = wait.exitTime }
            // Children are looked through in order of creation.
            if wait.result > 0, wait.asked == -1,
                let other = world.task(pid: Int32(truncatingIfNeeded: wait.result), seenBy: state), other.id > state.id
            {
                last = wait.exitTime
            }
        }
        return last
    }

    func makeAllExits() throws(EngineFailure) {
        for pending in lingering() { try makeExit(pending) }
    }

    /// Asks again, one more exit made each time, until the call is answered as `isEnough` wants or no exit is left.
    func askAgain(
        _ pending: Pending,
        _ first: DispatchResult,
        until isEnough: (DispatchResult) -> Bool,
        _ ask: () throws(EngineFailure) -> DispatchResult
    ) throws(EngineFailure) -> DispatchResult {
        var result = first
        for exit in lingering(first: pending) where !isEnough(result) {
            try makeExit(exit)
            result = try ask()
        }
        return result
    }

    /// The recording has seen the task's end, at this time; its parent has not, if it asked in vain later.
    func makeExit(of task: TaskID, seen time: UInt64) throws(EngineFailure) {
        if let pending = exiting[task], unseen(pending) <= time { try makeExit(pending) }
    }

    /// A SIGCHLD was delivered: the child's exit has been seen. Which child's: the one that is waited for next.
    func makeExit(ofChildOf task: TaskID) throws(EngineFailure) {
        let group = world.task(task).tgid
        let children = lingering().filter { pending in
            world.task(pending.call.record.task).parent.flatMap { world.tasks.group(of: $0) } == group
        }
        guard let first = children.first else { return }
        guard options.resynchronise, children.count > 1, let next = nextWaited(by: group) else {
            try makeExit(first)
            return
        }
        try makeExit(children.first { world.task($0.call.record.task).tid == next } ?? first)
    }

    /// The pid that the process's next recorded wait returned, within the next calls.
    private func nextWaited(by group: Int32) -> Int32? {
        for position in (entered + 1)..<(entered + 400) where calls.has(position) {
            guard let wait = calls.wait(position), wait.result > 0, world.task(wait.task).tgid == group else {
                continue
            }
            return Int32(truncatingIfNeeded: wait.result)
        }
        return nil
    }

    /// Whether the parent waits in a call that, as recorded, a signal ended: it is the child's.
    func isInterruptedByChild(_ task: TaskID) -> Bool {
        guard options.resynchronise, let parent = world.task(task).parent else { return false }
        let group = world.tasks.group(of: parent)
        return parked.values.contains { pending in
            world.task(pending.call.record.task).tgid == group && InterruptedClass(pending.call.record.result) != nil
        }
    }

    /// A wait that the recording shows to have found this child: its exit has been seen.
    func makeExit(waitedForBy call: RecordedCall) throws(EngineFailure) {
        guard options.resynchronise, call.known == .wait4, call.record.result > 0 else { return }
        let pid = Int32(truncatingIfNeeded: call.record.result)
        let child = lingering().first { world.task($0.call.record.task).tid == pid }
        if let child { try makeExit(child) }
    }

    private func lingering() -> [Pending] { exiting.values.sorted { $0.position < $1.position } }

    /// In order of entry; the child that a recorded wait returned first, where the schedule may look at results.
    private func lingering(first waiter: Pending) -> [Pending] {
        let all = lingering().filter { $0.call.record.task != waiter.call.record.task }
        guard options.resynchronise, waiter.call.known == .wait4, waiter.call.record.result > 0 else { return all }
        let pid = Int32(truncatingIfNeeded: waiter.call.record.result)
        let isWanted = { (pending: Pending) in self.world.task(pending.call.record.task).tid == pid }
        return all.filter(isWanted) + all.filter { !isWanted($0) }
    }

    private func makeExit(_ pending: Pending) throws(EngineFailure) {
        let task = pending.call.record.task
        exiting.remove(task)
        guard engineTasks.contains(task) else {
            record.add(pending, .unjudged(.replayer, "the engine had ended this task before"), result: nil)
            return
        }
        hold(pending)
        var result = try engine.dispatch(pending.guest, on: task)
        try settle(pending, &result)
        if world.tasks[task]?.isAlive == false { letGo(of: task) }
    }
}
