// Who makes an engine's requests: an agent at the other end of a connection, or a file.
import Engine
import LinuxABI

/// What an agent says of itself.
struct AgentGreeting {
    var namespaces: UInt64
    var handler: UInt64
    var restorer: UInt64
    /// Descriptors that every task has and the recording has not.
    var descriptors: ClosedRange<UInt64>
    var slots: Int
}

/// What an engine asks of its agent.
protocol AgentChannel: AnyObject {
    var greeting: AgentGreeting { get }
    var mode: ChannelMode { get }
    /// What follows is about this recorded call: it begins, or its completion is due. nil: about none.
    func attend(to call: UInt64?, isDue: Bool)
    func call(_ request: AgentRequest, milliseconds: Int) throws(EngineFailure) -> AgentReply
    func wait(_ slot: UInt32, milliseconds: Int) throws(EngineFailure) -> AgentReply
    func cancel(_ slot: UInt32, milliseconds: Int) throws(EngineFailure) -> AgentReply
    @discardableResult
    func signal(_ slot: UInt32, _ signal: Int32) throws(EngineFailure) -> Int64
    func free(_ slot: UInt32) throws(EngineFailure)
}

enum ChannelMode {
    /// An agent answers now.
    case live
    /// Requests are written down, and answered as the recording has it.
    case compiling
    /// Answers are those that a run of the program has left.
    case collecting
}

extension AgentChannel {
    var mode: ChannelMode { .live }
    func attend(to call: UInt64?, isDue: Bool) {}
}
