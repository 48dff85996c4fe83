// Builds the state of the world at time zero from what the recorder noted and what the calls prove.
import Engine
import LinuxABI
import TraceLog

/// Everything that a replay takes from the recording before it starts, apart from the calls themselves.
struct Preparation: Sendable {
    var environment: Environment
    /// Changes by outside actors, by the call before which they must have happened.
    var changes: [UInt64: [OutsideChange]]
    /// Positions in the trace's signals of those that no recorded call explains.
    var outsideSignals: Set<Int>
}

/// One pass over the recorded calls: entries and completions in recorded order.
struct EnvironmentBuilder {
    static func prepare(_ trace: Trace) -> Preparation {
        let world = RecordedWorld(trace)
        var names = NameCollector()
        var records = trace.paths.enumerated()
            .sorted { ($0.element.beforeCall, $0.offset) < ($1.element.beforeCall, $1.offset) }
            .map(\.element)[...]
        var timeline = Timeline(trace)
        var open = TaskMap<(position: Int, call: RecordedCall)>()
        while let moment = timeline.next() {
            switch moment {
            case .enter(let index):
                while let record = records.first, record.beforeCall <= trace.calls[index].index {
                    world.files.learn(records.removeFirst())
                }
                let call = recorded(trace, index)
                world.enter(call)
                open[call.record.task] = (index, call)
            case .due(let index):
                let task = trace.calls[index].task
                let entered = open.remove(task)
                let call = entered.flatMap { $0.position == index ? $0.call : nil } ?? recorded(trace, index)
                world.complete(call)
                names.collect(call, in: world)
            case .task(let index):
                if case .exited = trace.tasks[index].kind { world.end(trace.tasks[index].task) }
            case .signal: break
            }
        }
        for record in records { world.files.learn(record) }
        var environment = environment(trace, world)
        let answers = RecordedAnswers(trace)
        environment.names = names.source(answers)
        environment.given = answers
        return Preparation(
            environment: environment,
            changes: Dictionary(grouping: world.files.changes, by: \.beforeCall),
            outsideSignals: SignalOrigins.outside(trace)
        )
    }

    static func recorded(_ trace: Trace, _ index: Int) -> RecordedCall {
        RecordedCall(trace.calls[index])
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
