// The results of a compiled program as an engine: asked what the replayer asks of every engine.
public import Engine
import LinuxABI

/// An engine that has run already: the results of a program, which are compared now.
public final class CollectedEngine: AbsentEngine {
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
        super.init(AgentEngine(identity: identity, options: options, channel: channel))
    }
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
            notePid(pid, recorded: recorded, isNested: false)
        }
    }
}
