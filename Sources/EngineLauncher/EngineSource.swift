// Agents of one engine, as many as are asked for, one after the other.
public import Engine
public import LiveEngine

/// Starts an engine once and gives out agents in it. A served engine that breaks is started anew for the next agent.
public final class EngineSource: @unchecked Sendable {
    private let agentPath: String
    private var engine: RunningEngine
    public let record: EngineRecord
    public let definition: EngineDefinition

    /// - Parameter agentPath: the agent's file on this host.
    public init(_ engine: RunningEngine, agentPath: String) {
        self.agentPath = agentPath
        self.engine = engine
        record = engine.record
        definition = engine.definition
    }

    /// The kernel that programs see there, and the engine's own version.
    public var version: String {
        [record.inside?.release, record.version.map { "(\($0))" }].compactMap { $0 }.joined(separator: " ")
    }

    /// How an engine behind the agent is to treat it.
    public var options: AgentOptions {
        var options = AgentOptions()
        options.isolates = definition.isolates
        options.isDisposable = definition.disposable
        options.startTimeout = Int(definition.startTimeout * 1000)
        return options
    }

    /// Starts an agent.
    public func open() throws(EngineFailure) -> any AgentTransport {
        do throws(LaunchError) {
            if let guest = engine.guest, !guest.line.isOpen { engine = try engine.again() }
            return try engine.agent(agentPath)
        } catch { throw EngineFailure(error.description) }
    }
}
