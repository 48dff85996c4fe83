// lacuna engines: what a trace can be replayed on.
import ArgumentParser
import Engine
import EngineLauncher
import Report

struct EnginesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "engines",
        abstract: "List the engines that traces can be replayed on, and how to get those that are missing.",
        discussion: """
            Besides the built-in ones, NAME is looked up as NAME.yaml in $XDG_CONFIG_HOME/lacuna/engines, and --engine \
            takes the path of an engine.yaml or agent://ADDRESS; docs/engines.md describes both.

            EXAMPLES
              lacuna engines
              lacuna engines --json | jq -r 'select(.installed | not) | .hint'

            EXIT STATUS
              0  success; 'not installed' is no failure
              3  one of the user's own definitions is broken
            """
    )

    @Flag(help: "One JSON object per line: name, summary, installed, version, hint.")
    var json = false

    func run() throws {
        let model = EngineRegistry.entries[0].make().identity
        var rows = [
            EngineInstallation(name: model.name, summary: model.summary, isInstalled: true, version: model.version)
        ]
        rows += EngineCatalog.builtIn.map { EngineInstallation(of: $0) }
        var problems: [LaunchError] = []
        for definition in EngineCatalog.ofUser() {
            switch definition {
            case .success(let definition): rows.append(EngineInstallation(of: definition))
            case .failure(let problem): problems.append(problem)
            }
        }
        var output = StandardOutput()
        if json {
            for row in rows { try output.line(line(row)) }
        } else {
            var table = TextTable([
                .init(title: "ENGINE"), .init(title: "INSTALLED"), .init(title: "WHAT IT IS"),
                .init(title: "VERSION", gives: true),
            ])
            for row in rows {
                table.rows.append([
                    .init(row.name), .init(row.isInstalled ? "yes" : "no", row.isInstalled ? .good : .faint),
                    .init(row.summary), .init(row.version ?? row.hint ?? ""),
                ])
            }
            for line in table.lines(Terminal.style) { try output.line(line) }
        }
        try output.flush()
        guard problems.isEmpty else {
            for problem in problems.dropLast() { StandardError.line(problem.description) }
            throw CommandFailure(problems.last?.description ?? "")
        }
    }

    private func line(_ row: EngineInstallation) -> String {
        var line = JSONLine()
        line.add("name", row.name)
        line.add("summary", row.summary)
        line.add("installed", row.isInstalled)
        if let version = row.version { line.add("version", version) }
        if let hint = row.hint { line.add("hint", hint) }
        return line.finished
    }
}
