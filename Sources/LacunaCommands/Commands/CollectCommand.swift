// lacuna collect: the report of a compiled replay that ran elsewhere.
import ArgumentParser
import Engine
import FoundationEssentials
import LiveEngine
import Replay
import Report
import TraceLog

struct CollectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collect",
        abstract: "Compare the results of a compiled replay, as 'lacuna replay' does.",
        discussion: """
            The trace is compiled again, with the same options, and its calls are looked up in the results. After a \
            divergence the program went on as 'lacuna compile' had foreseen; what it did in another way than a replay \
            would have is not judged.

            EXAMPLES
              lacuna collect git.lacuna results
              lacuna collect git.lacuna results --for gvisor --name box

            EXIT STATUS
              0  every judged call was the same
              1  calls diverged
              2  wrong usage
              3  the log or the results cannot be read, or the program did not come to its end
            """
    )

    @OptionGroup var trace: TraceArgument
    @Argument(help: "What lacuna-agent wrote.", completion: .file())
    var results: String
    @OptionGroup var target: ProgramTarget
    @Option(help: "What the report calls the machine.")
    var name = "program"
    @Flag(help: "List every call that is not plainly the same: also followers, given and unjudged ones.")
    var all = false
    @Flag(help: "The whole result as one JSON object; equal results are equal bytes.")
    var json = false

    func run() throws {
        let trace = try trace.load()
        let program = try target.compile(trace, self.trace.file)
        let bytes: Data
        do { bytes = try Data(contentsOf: URL(filePath: results)) } catch {
            throw CommandFailure("\(results): cannot be read")
        }
        let engine: CollectedEngine
        do throws(EngineFailure) {
            engine = try CollectedEngine(results: Array(bytes), of: program, name: name, options: try options())
        } catch { throw CommandFailure("\(results): \(error.description)") }
        let result = Replayer(trace: trace).run(on: engine)
        if json {
            try StandardOutput.print(String(decoding: try result.canonicalJSON(), as: UTF8.self) + "\n")
        } else {
            try StandardOutput.print(ReplayReport(result, of: trace, style: Terminal.style).render(all: all))
        }
        if let failure = result.failure {
            throw CommandFailure("\(results): call \(failure.call): \(failure.reason)")
        }
        if result.counts.divergences > 0 { throw ExitCode(ExitStatus.found) }
    }

    private func options() throws(EngineFailure) -> AgentOptions {
        do { return try target.options() } catch { throw EngineFailure("\(error)") }
    }
}
