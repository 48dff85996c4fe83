// Compiles a replay: runs it against the recording's own answers, and keeps what would have been sent to an agent.
public import Engine
import LinuxABI
public import TraceLog

/// An engine that is not there yet: it agrees with everything, and writes a program of it.
public final class CompilingEngine: AbsentEngine {
    private let compiler: ProgramCompiler
    private let options: AgentOptions
    private let namespaces: UInt64
    private var firstPids: [Int64: Int64] = [:]
    private var rootSlot: UInt32 = 0

    /// - Parameters:
    ///   - options: of the environment that the program is for.
    ///   - namespaces: CLONE_NEW… bits that the agent is to make for itself, if it may.
    ///   - agentPath: an agent of the build that will run the program.
    public init(
        trace: Trace,
        options: AgentOptions,
        namespaces: UInt64,
        agentPath: String
    ) throws(EngineFailure) {
        let transport = try AgentProcess.start([agentPath, "serve", "0"])
        defer { transport.close() }
        var greeting = try AgentConnection(transport, startTimeout: options.startTimeout).greeting
        // An emulator's descriptor is the first, if there is one.
        greeting.descriptors = Self.mailbox - 1...Self.mailbox + 1
        self.options = options
        self.namespaces = namespaces
        compiler = ProgramCompiler(greeting: greeting, recorded: RecordedCourse(trace), patience: options.patience)
        let identity = EngineIdentity(name: "program", version: "", summary: "a replay for a machine that is not here")
        super.init(AgentEngine(identity: identity, options: options, channel: compiler))
    }

    /// The mailbox's descriptor: below every limit that machines have.
    private static let mailbox: UInt64 = 3990

    /// What the replay has come to.
    public var program: ReplayProgram {
        ReplayProgram(
            greeting: compiler.greeting,
            namespaces: namespaces,
            rootPath: options.isolates ? options.rootPath : "",
            body: compiler.body.bytes,
            steps: compiler.lastID,
            entries: compiler.entries,
            firstPids: firstPids,
            rootSlot: rootSlot
        )
    }

    public override func boot(_ environment: Environment) throws(EngineFailure) {
        try super.boot(environment)
        firstPids = engine.pids
        rootSlot = engine.tasks[environment.process.task]?.slot ?? 0
    }

    public override func plan(after call: UInt64, ifFailed: Bool, _ repair: () -> Void) {
        guard let step = compiler.step(of: call) else { return }
        let old = compiler.condition
        compiler.condition = ifFailed ? .ifFailed(step) : .ifSucceeded(step)
        compiler.attend(to: call, isDue: false)
        repair()
        compiler.condition = old
    }
}
