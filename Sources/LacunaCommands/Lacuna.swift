// The root command.
public import ArgumentParser
import Glibc
import Recorder

/// `lacuna`: records system calls, replays them elsewhere, names what is missing.
public struct Lacuna: ParsableCommand {
    static let version = "0.1.0"
    /// What scorecards and logs name as their maker.
    static let tool = "lacuna \(version)"

    public static let configuration = CommandConfiguration(
        commandName: "lacuna",
        abstract: "Record the system calls of programs, replay them elsewhere, name what is missing.",
        discussion: """
            EXAMPLES
              lacuna record -o ls.lacuna -- ls /proc/self/ns
              lacuna show ls.lacuna
              lacuna replay ls.lacuna --engine wsl1
              lacuna score corpora --engine wsl1 --out report

            EXIT STATUS
              0  success
              1  found: divergences, a regression, a damaged log
              2  wrong usage
              3  something could not be done; one line on standard error says what
              'lacuna record' exits as the recorded program does; see its help.
            """,
        version: tool,
        groupedSubcommands: [
            CommandGroup(name: "Recording", subcommands: [RecordCommand.self, DoctorCommand.self]),
            CommandGroup(
                name: "Traces",
                subcommands: [ShowCommand.self, InfoCommand.self, VerifyCommand.self, CellsCommand.self]
            ),
            CommandGroup(
                name: "Engines",
                subcommands: [
                    ReplayCommand.self, ExplainCommand.self, ScoreCommand.self, FactsCommand.self, EnginesCommand.self,
                    RunCommand.self, VMCommand.self, WslCommand.self, PredictCommand.self, CompileCommand.self,
                    CollectCommand.self,
                ]
            ),
            CommandGroup(name: "Corpora", subcommands: [CorpusCommand.self]),
        ]
    )

    public init() {}

    /// Runs the command line and returns the exit status. Every failure is one line on standard error.
    public static func status(of arguments: [String]) -> Int32 {
        // The workload waits for it: before the command line is understood.
        if arguments.first == RecordCommand.configuration.commandName { Recorder.prepare() }
        do {
            var command = try parseAsRoot(arguments)
            try command.run()
            return ExitStatus.success
        } catch {
            return status(of: error, arguments)
        }
    }

    private static func status(of error: any Error, _ arguments: [String]) -> Int32 {
        if let failure = CommandFailure(error) {
            if !failure.message.isEmpty { StandardError.line(failure.message) }
            return failure.status
        }
        if let code = error as? ExitCode { return code.rawValue }
        let code = exitCode(for: error)
        guard code.isSuccess else {
            let message = message(for: error).split(separator: "\n").joined(separator: " ")
            guard code == .validationFailure else {
                StandardError.line(message)
                return ExitStatus.failure
            }
            StandardError.line("\(message) (see 'lacuna \(known(arguments))--help')")
            return ExitStatus.wrongUsage
        }
        // Help, the version, a completion script.
        do throws(CommandFailure) {
            try StandardOutput.print(fullMessage(for: error) + "\n")
            return ExitStatus.success
        } catch {
            return status(of: error, arguments)
        }
    }

    /// The subcommand that the arguments name, with a space; empty if they name none.
    private static func known(_ arguments: [String]) -> String {
        let names = configuration.subcommands + configuration.groupedSubcommands.flatMap(\.subcommands)
        guard let first = arguments.first, names.contains(where: { $0.configuration.commandName == first }) else {
            return ""
        }
        return first + " "
    }
}
