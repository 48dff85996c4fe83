// What an environment lets its agent do, and how patient the engine is with it.
import LinuxABI

/// How an ``AgentEngine`` treats its environment.
public struct AgentOptions: Sendable {
    /// The agent may make mounts, and a fresh root of its own.
    public var isolates = true
    /// The directory that becomes the root, as the agent sees it; made by the engine.
    public var rootPath = "/tmp/lacuna-root"
    /// The environment's own root is there for the replay alone: it is laid out as it is, and entered by nobody.
    public var ownsRoot = false
    /// An emulator runs every program: it is what the kernel has executed.
    public var isEmulated = false
    /// A machine that is thrown away after the replay: calls that change the machine itself are made.
    public var isDisposable = false
    /// Milliseconds that a call may take before it counts as blocked. A sleeping task is recognised sooner.
    public var budget = 2000
    /// Milliseconds that a call whose completion is due may still sleep.
    public var patience = 20
    /// Milliseconds until the agent must have greeted: boot time of the environment.
    public var startTimeout = 10_000

    public init() {}

    /// The argument that tells an agent which namespaces to make for itself.
    public static func namespaceBits(_ names: [String]) -> UInt64 { names.reduce(0) { $0 | ABI.constant($1) } }
}
