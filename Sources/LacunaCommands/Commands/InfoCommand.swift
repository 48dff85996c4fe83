// lacuna info: what a log says of itself.
import ArgumentParser
import Compat
import Report
import TraceLog

struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Say what a log holds: program, host, how it was recorded, how it ended.",
        discussion: """
            EXAMPLES
              lacuna info bash.lacuna
              lacuna info bash.lacuna --json | jq .calls
            """
    )

    @OptionGroup var trace: TraceArgument
    @Flag(help: "One JSON object.")
    var json = false

    func run() throws {
        let trace = try trace.load()
        let summary = TraceSummary(trace)
        try StandardOutput.print(json ? summary.json + "\n" : summary.text)
    }
}
