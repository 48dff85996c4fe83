// lacuna facts: does an engine do what is known of the system that it models?
import ArgumentParser
import Engine
import Facts
import PicoProvider
import Report

struct FactsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "facts",
        abstract: "Check an engine against the facts that are known of its system.",
        discussion: """
            corpora/facts/wsl1 holds what is known of WSL 1, row by row with its source; the files below checks there \
            hold calls that show it. Each check runs on the newest build on which its fact holds; wsl1@BUILD runs \
            those of one build.

            EXAMPLES
              lacuna facts wsl1
              lacuna facts wsl1@16299
              lacuna facts wsl1 --json | jq 'select(.state == "failed")'

            EXIT STATUS
              0  no documented or observed row fails
              1  one does
              2  wrong usage
            """
    )

    @ArgumentParser.Argument(help: "wsl1, or wsl1@BUILD.", completion: .list(["wsl1"]))
    var engine: String
    @Flag(help: "Also list the rows that passed, and why others cannot be tested.")
    var all = false
    @Flag(help: "One JSON object per line: a row with its state, or an entry of the NT tables.")
    var json = false

    func run() throws {
        let chosen = try EngineRegistry.build(of: engine)
        let survey = try FactSurvey(builds: WSL1Engine.builds, chosen: chosen) { build, world throws(EngineFailure) in
            let engine = WSL1Engine(build: build)
            try engine.boot(world)
            return engine
        }
        if json {
            var output = StandardOutput()
            for line in FactJSON().lines(survey) { try output.line(line) }
            try output.flush()
        } else {
            try StandardOutput.print(FactReport(survey, style: Terminal.style).render(all: all))
        }
        if survey.hasFailure { throw ExitCode(ExitStatus.found) }
    }
}
