// What engines without an agent at hand share: the agent's engine behind them, on another channel.
public import Engine
public import LinuxABI

/// Hands everything on to an ``AgentEngine`` whose channel leads to a program or to its results.
public class AbsentEngine: UnattendedEngine {
    let engine: AgentEngine

    init(_ engine: AgentEngine) { self.engine = engine }

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
    public func plan(after call: UInt64, ifFailed: Bool, _ repair: () -> Void) {}
}
