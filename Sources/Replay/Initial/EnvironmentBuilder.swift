// Builds the state of the world at time zero from what the recorder noted and what the calls prove.
import Engine
import LinuxABI
import TraceLog

/// Everything that a replay takes from the recording before it starts, apart from the calls themselves.
struct Preparation: Sendable {
    /// Without names and given answers.
    fileprivate var base: Environment
    fileprivate var names: NameCollector
    /// What was prepared from.
    var recording: Recording
    /// Changes by outside actors, by the call before which they must have happened.
    var changes: [UInt64: [OutsideChange]]
    /// Positions in the trace's signals of those that no recorded call explains.
    var outsideSignals: Set<Int>
    var signalPlaces: [SignalPlace]
    /// The last call of each task that ended while it was recorded.
    var lastCalls: TaskMap<Int>

    /// As engines get it; names and given answers are looked up in the book.
    func environment(_ book: AnswerBook) -> Environment {
        var environment = base
        let answers = RecordedAnswers(recording.frame, book)
        environment.names = names.source(answers)
        environment.given = answers
        return environment
    }

    /// For looking at: a replay has one of its own.
    var environment: Environment { environment(AnswerBook(CallWindow(recording))) }
}

/// One pass over the recorded calls: entries and completions in recorded order.
struct EnvironmentBuilder {
    static func prepare(_ recording: Recording) -> Preparation {
        let trace = recording.frame
        let calls = CallWindow(recording)
        let world = RecordedWorld(trace)
        var names = NameCollector()
        var origins = SignalOrigins(trace)
        var records = trace.paths.enumerated()
            .sorted { ($0.element.beforeCall, $0.offset) < ($1.element.beforeCall, $1.offset) }
            .map(\.element)[...]
        var timeline = Timeline(trace, calls)
        var open = TaskMap<(position: Int, call: RecordedCall)>()
        var last = TaskMap<Int>()
        var lastCalls = TaskMap<Int>()
        var places: [SignalPlace] = []
        // A call that is over, to be used again.
        var spare: RecordedCall?
        while let moment = timeline.next() {
            switch moment {
            case .enter(let position):
                let call = calls.call(position, reusing: spare.take())
                while let record = records.first, record.beforeCall <= call.index {
                    world.files.learn(records.removeFirst())
                }
                world.enter(call)
                origins.learn(call.known, call.record)
                open[call.record.task] = (position, call)
                last[call.record.task] = position
                calls.pass(position)
            case .due(let position, let task):
                guard var entered = open.remove(task), entered.position == position else { continue }
                world.complete(entered.call)
                names.collect(entered.call, in: world)
                if isKnownUniquelyReferenced(&entered.call) { spare = entered.call }
            case .task(let index):
                let task = trace.tasks[index].task
                guard case .exited = trace.tasks[index].kind else { continue }
                world.end(task)
                lastCalls[task] = last[task]
            case .signal(let index):
                if let call = last[trace.signals[index].task] { places.append(SignalPlace(signal: index, call: call)) }
            }
        }
        for record in records { world.files.learn(record) }
        return Preparation(
            base: environment(trace, world),
            names: names,
            recording: recording,
            changes: Dictionary(grouping: world.files.changes, by: \.beforeCall),
            outsideSignals: origins.outside(trace),
            signalPlaces: places,
            lastCalls: lastCalls
        )
    }

    private static func environment(_ trace: Trace, _ world: RecordedWorld) -> Environment {
        var environment = Environment()
        let snapshot = trace.snapshot ?? StartSnapshot()
        environment.process = process(trace, snapshot)
        environment.mounts = snapshot.mounts.compactMap(MountLine.init).map {
            .init(
                point: $0.point,
                type: $0.type,
                source: $0.source,
                options: $0.options,
                systemOptions: $0.systemOptions
            )
        }
        environment.engineServed = world.files.engineServed.map { String($0.dropLast()) }
        environment.cpuCount = max(1, snapshot.cpuCount)
        environment.startRealtime = trace.header.startRealtime
        environment.startMonotonic = trace.header.startMonotonic
        environment.hostname = trace.header.uname.count > 1 ? trace.header.uname[1] : ""
        let names = InitialNames(world.files)
        environment.files = names.files
        environment.absent = names.absent
        return environment
    }

    private static func process(_ trace: Trace, _ snapshot: StartSnapshot) -> Environment.Process {
        var process = Environment.Process()
        for record in trace.tasks {
            guard case .created(let tid, _, _, nil) = record.kind else { continue }
            process.task = record.task
            process.pid = tid
            break
        }
        if snapshot.pid != 0 { process.pid = snapshot.pid }
        process.parent = snapshot.parent
        process.processGroup = snapshot.processGroup
        process.session = snapshot.session
        if snapshot.uids.count == 4 { process.uids = snapshot.uids }
        if snapshot.gids.count == 4 { process.gids = snapshot.gids }
        process.groups = snapshot.groups
        if snapshot.capabilities.count == 5 { process.capabilities = snapshot.capabilities }
        process.noNewPrivileges = snapshot.noNewPrivileges
        for limit in snapshot.limits { process.limits[limit.resource] = .init(soft: limit.soft, hard: limit.hard) }
        process.descriptors = snapshot.descriptors.map {
            var descriptor = Environment.Descriptor(
                fd: $0.fd,
                target: StartDescriptor.target($0),
                flags: $0.flags
            )
            descriptor.offset = $0.offset
            return descriptor
        }
        if !snapshot.workingDirectory.isEmpty { process.workingDirectory = snapshot.workingDirectory }
        process.umask = snapshot.umask
        process.executable = snapshot.arguments.first ?? trace.header.command.first ?? ""
        process.arguments = snapshot.arguments
        process.environment = snapshot.environment
        process.blockedSignals = snapshot.blockedSignals
        process.ignoredSignals = snapshot.ignoredSignals
        process.hasTerminal = snapshot.hasTerminal
        return process
    }
}
