// The results of a compiled program as an engine: asked what the replayer asks of every engine.
public import Engine
public import LinuxABI

/// An engine that has run already: the results of a program, which are compared now.
public final class CollectedEngine: UnattendedEngine {
    private let engine: AgentEngine

    /// - Parameters:
    ///   - results: the file that the agent wrote.
    ///   - program: compiled anew, from the same trace with the same options.
    /// - Throws: if they are not results of that program.
    public init(
        results: [UInt8],
        of program: ReplayProgram,
        name: String,
        options: AgentOptions
    ) throws(EngineFailure) {
        let channel = try ProgramResults(results, of: program)
        let identity = EngineIdentity(
            name: name,
            version: channel.machine[2],
            summary: "results of a program that ran on \(channel.machine[0]) \(channel.machine[2])",
            environment: [
                "kernel": channel.machine[0...3].joined(separator: " "), "machine": channel.machine[4],
                "program": channel.isComplete ? "ran to its end" : "did not come to its end",
            ]
        )
        engine = AgentEngine(identity: identity, options: options, channel: channel)
    }

    public var identity: EngineIdentity { engine.identity }
    public func boot(_ environment: Environment) throws(EngineFailure) { try engine.boot(environment) }
    public func dispatch(_ call: GuestCall, on task: TaskID) throws(EngineFailure) -> DispatchResult {
        try engine.dispatch(call, on: task)
    }
    public func retry(_ task: TaskID) throws(EngineFailure) -> DispatchResult { try engine.retry(task) }
    public func cancel(_ task: TaskID) { engine.cancel(task) }
    public func advance(to time: UInt64) { engine.advance(to: time) }
    public func postSignal(_ signal: Int32, to task: TaskID) { engine.postSignal(signal, to: task) }
    public func hold(_ signals: UInt64, for task: TaskID) { engine.hold(signals, for: task) }
    public func taskEnded(_ task: TaskID, status: Int32?) { engine.taskEnded(task, status: status) }
    public func graft(_ graft: Graft, on task: TaskID) -> Bool { engine.graft(graft, on: task) }
}

extension AgentEngine {
    /// Takes the place of the start: that has happened where the program ran.
    func resume(_ results: ProgramResults) throws(EngineFailure) {
        let process = environment.process
        guard results.program.rootSlot > 0 else { throw EngineFailure("the program has no first process") }
        tasks[process.task] = TaskState(
            slot: results.program.rootSlot,
            memory: AddressSpace(),
            actions: SignalActions()
        )
        keepSlots(from: results.program.rootSlot + 1)
        outside.lastPid = -1
        for (recorded, reference) in results.program.firstPids {
            guard let step = StepReference.step(of: reference), let pid = results.result(of: step) else { continue }
            notePid(pid, recorded: recorded)
        }
    }
}
