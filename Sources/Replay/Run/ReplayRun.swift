// One pass of one engine over one recording.
import Engine
import LinuxABI
import TraceLog

/// The replay itself: goes through the recording's moments, one engine call at a time.
final class ReplayRun {
    /// The recording without its calls, which are in `calls`.
    let trace: Trace
    let calls: CallWindow
    /// Told of every call that is entered, if what is replayed is what was prepared from.
    private let book: AnswerBook?
    private let environment: Environment
    let preparation: Preparation
    let options: ReplayOptions
    let experiment: Experiment
    let engine: any Engine
    /// The engine, if it works by itself and is told beforehand what to do after answers.
    let planner: (any UnattendedEngine)?
    let isSelfPaced: Bool

    let world: RecordedWorld
    let names = Bijections()
    let order = OrderKeeper()
    let flat: FlatComparison
    /// The call of each task that waits for its recorded completion.
    var parked = TaskMap<Pending>()
    /// The call that the engine just answered with `blocked` is not parked in it.
    var isWithdrawn = false
    private var plans = CallPlans()
    /// What the last call used: for the next one, if nobody else has it.
    private var spare: Pending?
    /// A call that nobody has any more.
    private var spareCall: RecordedCall?
    /// The call entered last.
    var entered = 0
    /// Exits that were entered and have not been given to the engine yet.
    var exiting = TaskMap<Pending>()
    /// Tasks that the engine has.
    var engineTasks = TaskMap<Void>()
    var nextFreeTask: UInt32
    /// Bytes the engine read or wrote ahead of the recording, by description.
    var readAhead: [UInt64: [UInt8]] = [:]
    var writtenAhead: [UInt64: UInt64] = [:]
    /// Events of epoll sets that the engine gave ahead of the recording, by description.
    var eventsAhead: [UInt64: [[UInt8]]] = [:]
    /// Names listed so far, by description: recorded and engine.
    var listings: [UInt64: (recorded: Set<[UInt8]>, engine: Set<[UInt8]>)] = [:]
    let signals = SignalLedger()
    /// What the engine holds back now, by task.
    var holding = TaskMap<UInt64>()
    var record: ResultRecorder
    private var clock: UInt64 = 0

    init(
        recording: Recording,
        isPrepared: Bool,
        preparation: Preparation,
        options: ReplayOptions,
        experiment: Experiment = Experiment(),
        engine: any Engine
    ) {
        trace = recording.frame
        calls = CallWindow(recording)
        let book = AnswerBook(isPrepared ? calls : CallWindow(preparation.recording))
        self.book = isPrepared ? book : nil
        environment = preparation.environment(book)
        self.preparation = preparation
        self.options = options
        self.experiment = experiment
        self.engine = engine
        planner = engine as? any UnattendedEngine
        flat = FlatComparison(names: names, order: order)
        isSelfPaced = engine is any SelfPacedEngine
        world = RecordedWorld(trace, keepsInitial: false)
        nextFreeTask = (trace.tasks.map(\.task.rawValue).max() ?? 0) + 1
        record = ResultRecorder(
            engine: engine.identity,
            trace: trace,
            calls: recording.count,
            options: options
        )
        world.onDrop = { [names] table, fd in names[.init(.fd, table)].unbind(UInt64(fd)) }
        world.onForget = { [names] space, id in names.forget(space, id) }
        world.onDeparture = { [names, order] maker in
            names.forgetFile(madeBy: maker)
            order.forget(generation: maker + 1)
        }
        world.onCopy = { [names] space, old, new in names.inherit(space, from: old, to: new) }
        engineTasks[environment.process.task] = ()
        for state in world.tasks.values {
            for fd in state.files.entries.keys {
                _ = names[.init(.fd, state.files.id)].relate(UInt64(fd), UInt64(fd))
            }
        }
    }

    func run() -> ReplayResult {
        var limits = Limits(options)
        var current = 0
        do throws(EngineFailure) {
            engine.defersEvidence = true
            try engine.boot(environment)
            signals.plan(trace, preparation.signalPlaces)
            var timeline = Timeline(trace, calls)
            while let moment = timeline.next() {
                if case .enter(let position) = moment {
                    current = position
                    entered = position
                    if let stop = options.stopBefore, calls.index(position) >= stop { break }
                }
                if let reason = limits.exceeded() { throw EngineFailure(reason) }
                try step(moment)
            }
            if let failure = calls.failure { throw EngineFailure(failure.description) }
            try makeAllExits()
        } catch {
            record.fail(at: current, error.description, calls)
        }
        for pending in (parked.values + exiting.values).sorted(by: { $0.position < $1.position }) {
            leaveUnfinished(pending)
        }
        for event in signals.leftovers() { record.happened(event) }
        return record.finish(world: world)
    }

    private func step(_ moment: Moment) throws(EngineFailure) {
        switch moment {
        case .enter(let position): try enter(position)
        case .due(let position, let task): try complete(position, task)
        case .signal(let index): try recordedSignal(index)
        case .task(let index): try taskEvent(trace.tasks[index])
        }
    }

    func advance(to time: UInt64) {
        guard time > clock else { return }
        clock = time
        engine.advance(to: time)
    }

    private func taskEvent(_ event: TaskRecord) throws(EngineFailure) {
        guard case .exited(let status) = event.kind else { return }
        if isInterruptedByChild(event.task) { try makeExit(of: event.task, seen: event.time) }
        if let pending = parked.remove(event.task) { leaveUnfinished(pending) }
        if exiting[event.task] == nil, engineTasks.remove(event.task) != nil {
            advance(to: event.time)
            engine.taskEnded(event.task, status: status)
        }
        world.end(event.task)
        if exiting[event.task] == nil { letGo(of: event.task) }
    }

    /// The task has ended, and so has its last call.
    func letGo(of task: TaskID) {
        engine.forget(task)
        book?.end(task)
    }

    /// A call that the recording never completed.
    private func leaveUnfinished(_ pending: Pending) {
        let judgement =
            pending.call.record.flags.contains(.unfinished)
            ? Judgement.unjudged(.recording, "the recording has no result: the task ended in this call")
            : Judgement.unjudged(.replayer, "the replay ended before this call completed")
        record.add(pending, judgement, result: nil)
    }

    // MARK: - Entry

    private func enter(_ position: Int) throws(EngineFailure) {
        let call = calls.call(position, reusing: spareCall.take())
        calls.pass(position)
        var last = book?.enter(call)
        let task = call.record.task
        advance(to: call.record.entryTime)
        if !exiting.isEmpty { try makeExits(dueAt: call.record.entryTime) }
        if !preparation.changes.isEmpty { makeChanges(before: call) }
        let plan = plans.plan(call.record.number, call.record.architecture, call.record.arguments)
        let state = world.task(task)
        let pending = begin(position, call, plan, state)
        if last != nil, isKnownUniquelyReferenced(&last) { spareCall = last.take() }
        try enter(pending, call, plan, state)
    }

    private func enter(
        _ pending: Pending,
        _ call: RecordedCall,
        _ plan: CallPlan?,
        _ state: TaskState
    ) throws(EngineFailure) {
        let task = call.record.task
        if call.armsTimer { signals.arm(task) }
        pending.held = signals.held(pending.position, of: task)
        if let plan, world.countsUses, call.known != .close { world.countUses(by: call, plan.usedNames, state) }
        let lingers = call.record.flags.contains(.unfinished) && mayLinger(pending)
        // What changes the inputs between here and the answer.
        if call.known == .close || call.makesTask || !exiting.isEmpty || parked.contains(task) || lingers {
            lookUpInputs(of: pending)
        }
        if call.record.flags.contains(.denied) {
            let reason = "denied by the workload's own seccomp filter: no kernel ran it"
            record.add(pending, .unjudged(.recording, reason), result: nil)
            return
        }
        if names.renamedSpaces != 0 { translate(call, plan, pending.scopes, pending) }
        world.enter(call, in: state)
        guard engineTasks.contains(task) else {
            missingTask(pending)
            return
        }
        if parked.contains(task) { try leaveParked(task) }
        if lingers {
            exiting[task] = pending
            return
        }
        if call.known == .futex, options.resynchronise, call.hasStaleFutexWord {
            let reason = "the futex word changed between its capture and the kernel's look at it"
            record.add(pending, .unjudged(.recording, reason), result: nil)
            return
        }
        hold(pending)
        if call.known == .wait4, call.word(2) & Linux.waitNoHang != 0 { try makeExit(waitedForBy: call) }
        var result = try dispatch(pending, call)
        try handle(pending, call, plan, &result)
    }

    /// What actors outside the recording had done by then.
    private func makeChanges(before call: RecordedCall) {
        for change in preparation.changes[call.index] ?? [] {
            record.happened(EnvironmentEvent(.outsideActor, call: call.index, change.summary))
            for graft in change.grafts where engineTasks.contains(call.record.task) {
                _ = engine.graft(graft, on: call.record.task)
            }
        }
    }

    private func begin(_ position: Int, _ call: RecordedCall, _ plan: CallPlan?, _ task: TaskState) -> Pending {
        let child = childTask(call)
        if spare != nil, isKnownUniquelyReferenced(&spare), let used = spare {
            used.begin(position: position, call: call, plan: plan, task: task, childTask: child)
            return used
        }
        let made = Pending(position: position, call: call, plan: plan, task: task, childTask: child)
        spare = made
        return made
    }

    /// The task goes on although a call of it is parked.
    private func leaveParked(_ task: TaskID) throws(EngineFailure) {
        if let stopped = parked[task], stopped.isStopped {
            parked.remove(task)
            var result = try engine.retry(task)
            if result.outcome == .blocked { engine.cancel(task) }
            try settle(stopped, &result)
        }
        if let lost = parked.remove(task) {
            // A call that never completed (its exec in another thread, a lost record).
            if !lost.isDeferred, lost.partial == nil { engine.cancel(task) }
            leaveUnfinished(lost)
        }
    }

    /// Collects the marks on what the call uses, unless that was done when it began.
    func lookUpInputs(of pending: Pending) {
        guard pending.inputs == nil else { return }
        pending.inputs = pending.variant.map { world.inputs(of: pending.call, $0) } ?? Inputs()
    }

    /// The number that a task gets if this call makes one.
    private func childTask(_ call: RecordedCall) -> TaskID {
        let makesTask = call.makesTask
        if makesTask || call.known == nil, let born = world.birth[call.index] { return born.task }
        if makesTask { nextFreeTask += 1 }
        return TaskID(rawValue: makesTask ? nextFreeTask - 1 : nextFreeTask)
    }

    /// A call of a task that the engine does not have.
    private func missingTask(_ pending: Pending) {
        let call = pending.call
        world.complete(call)
        if let mark = world.task(call.record.task).absentMark {
            var judgement = Judgement(verdict: .follows, culprit: .engine)
            judgement.differences = [
                Difference(field: "task", rule: "exists", recorded: "exists", engine: "not in the engine")
            ]
            follow(pending, &judgement, MarkedInput(mark: mark, via: "the task itself", isAmbient: true), result: nil)
            // What it did to things that other tasks share is missing too.
            repair(pending, engine: nil, mark: mark, withholds: true)
        } else {
            record.add(
                pending,
                .unjudged(.recording, "no recorded call made this task, or it has ended"),
                result: nil
            )
        }
    }
}
