// Agents of one engine, as many as are asked for, one after the other.
import Engine
import Glibc
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

    /// An engine behind an agent of its own, which starts when the engine boots.
    public func engine(named name: String) -> AgentEngine {
        let identity = EngineIdentity(
            name: name,
            version: version,
            summary: definition.summary,
            environment: record.lines
        )
        var options = AgentOptions()
        options.isolates = definition.isolates
        options.ownsRoot = !definition.replay.isEmpty
        options.isEmulated = definition.emulator != nil
        options.isDisposable = definition.disposable
        options.startTimeout = Int(definition.startTimeout * 1000)
        if let patience = definition.patience { options.patience = patience }
        let scratch = try? ScratchFolder()
        if let scratch { options.rootPath = engine.rootPath(in: scratch) }
        return AgentEngine(identity: identity, options: options) { () throws(EngineFailure) in
            do throws(LaunchError) {
                if let scratch {
                    // An agent that has ended has taken it with it.
                    mkdir(scratch.path, 0o700)
                    return try self.agent(in: scratch)
                }
                return try self.agent(in: try ScratchFolder())
            } catch { throw EngineFailure(error.description) }
        }
    }

    private func agent(in scratch: ScratchFolder) throws(LaunchError) -> any AgentTransport {
        if let guest = engine.guest, !guest.line.isOpen { engine = try engine.again() }
        return try engine.agent(agentPath, in: scratch)
    }
}
