// lacuna compile: a replay as a file, for a machine that only lacuna-agent can be brought to.
import ArgumentParser
import Engine
import EngineLauncher
import FoundationEssentials
import LiveEngine
import Replay
import TraceLog

struct CompileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compile",
        abstract: "Write a replay to a file that lacuna-agent runs by itself, anywhere.",
        discussion: """
            Bring the file and lacuna-agent to the other machine, run it there, and bring back what it wrote:
              lacuna-agent -o results PROGRAM        (-e EMULATOR where an execve must go through an emulator again)
            Then 'lacuna collect' makes the report that a replay makes.

            EXAMPLES
              lacuna compile git.lacuna -o git.program
              lacuna compile git.lacuna -o git.program --for gvisor
            """
    )

    @OptionGroup var trace: TraceArgument
    @Option(name: .shortAndLong, help: ArgumentHelp("The file to write.", valueName: "file"), completion: .file())
    var output: String
    @OptionGroup var target: ProgramTarget

    func run() throws {
        let program = try target.compile(try trace.load(), trace.file)
        try Data(program.bytes).write(to: URL(filePath: output))
        try StandardOutput.print("\(output): \(program.callCount) calls, \(program.bytes.count) bytes\n")
    }
}

/// `--for ENGINE`: what the machine lets an agent do.
struct ProgramTarget: ParsableArguments {
    @Option(
        name: .customLong("for"),
        help: ArgumentHelp(
            "The kind of machine: an engine's name or its engine.yaml says what an agent may do there.",
            valueName: "engine"
        ),
        completion: .list(EngineCatalog.builtIn.map(\.name))
    )
    var kind = "native"
    @Option(
        help: ArgumentHelp("The folder there that becomes the root; made, and removed in the end.", valueName: "path")
    )
    var root: String?

    private func definition() throws -> EngineDefinition {
        guard let definition = try EngineCatalog.find(kind) else { throw EngineRegistry.unknown(kind) }
        return definition
    }

    func options() throws -> AgentOptions {
        let definition = try definition()
        var options = AgentOptions()
        options.isolates = definition.isolates
        options.isDisposable = definition.disposable
        options.patience = definition.patience ?? 200
        options.rootPath = root ?? "/var/tmp/lacuna-program-root"
        return options
    }

    /// Equal for equal traces and options.
    func compile(_ trace: Trace, _ file: String) throws -> ReplayProgram {
        let definition = try definition()
        let agent = try ReplayAgentBinary.path(definition.lowAddresses ? "lacuna-agent-low" : "lacuna-agent")
        let engine = try CompilingEngine(
            trace: trace,
            options: try options(),
            namespaces: AgentOptions.namespaceBits(definition.namespaces),
            agentPath: agent
        )
        let result = Replayer(trace: trace).run(on: engine)
        if let failure = result.failure {
            throw CommandFailure("\(file): cannot be compiled: call \(failure.call): \(failure.reason)")
        }
        guard result.counts.divergences == 0 else {
            let report = result.reports.first { $0.verdict.isDivergence }
            throw CommandFailure(
                "\(file): cannot be compiled: the compiler and the replay do not agree on call \(report?.call ?? 0)"
            )
        }
        return engine.program
    }
}
