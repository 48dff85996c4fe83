// What an environment lets its agent do, and how patient the engine is with it.

/// How an ``AgentEngine`` treats its environment.
public struct AgentOptions: Sendable {
    /// The agent may make namespaces, mounts and a fresh root of its own.
    public var isolates = true
    /// Milliseconds that a call may take before it counts as blocked. A sleeping task is recognised sooner.
    public var budget = 2000
    /// Milliseconds that a call whose completion is due may still take.
    public var patience = 500
    /// Milliseconds until the agent must have greeted: boot time of the environment.
    public var startTimeout = 10_000
    /// Put before the agent's own path when a task executes a program: an emulator that only follows its own children.
    public var executionPrefix: [String] = []

    public init() {}
}
