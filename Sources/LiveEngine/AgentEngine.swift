// An engine behind an agent: every call is made by a real task in some Linux-compatible environment.
public import Engine
public import LinuxABI

/// A kernel or layer in which an agent runs.
///
/// Processes and threads of the recording are real ones there. The engine sends one call at a time to the agent and
/// takes back its result and the memory it wrote.
public final class AgentEngine: Engine {
    public let identity: EngineIdentity
    let transport: any AgentTransport
    let options: AgentOptions

    public init(transport: any AgentTransport, identity: EngineIdentity, options: AgentOptions = AgentOptions()) {
        self.transport = transport
        self.identity = identity
        self.options = options
    }

    deinit { transport.close() }

    public func boot(_ environment: Environment) throws(EngineFailure) { throw EngineFailure("no agent protocol yet") }
    public func dispatch(_ call: GuestCall, on task: TaskID) throws(EngineFailure) -> DispatchResult {
        throw EngineFailure("not booted")
    }
    public func retry(_ task: TaskID) throws(EngineFailure) -> DispatchResult { throw EngineFailure("not booted") }
    public func cancel(_ task: TaskID) {}
    public func advance(to time: UInt64) {}
    public func postSignal(_ signal: Int32, to task: TaskID) {}
    public func taskEnded(_ task: TaskID, status: Int32?) {}
    public func graft(_ graft: Graft, on task: TaskID) -> Bool { false }
}
