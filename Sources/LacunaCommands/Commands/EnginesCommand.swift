// lacuna engines: what a trace can be replayed on.
import ArgumentParser
import Engine
import Report

struct EnginesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "engines",
        abstract: "List the engines that traces can be replayed on.",
        discussion: """
            EXAMPLES
              lacuna engines
              lacuna engines --json
            """
    )

    @Flag(help: "One JSON object per line: name, version, summary.")
    var json = false

    func run() throws {
        var output = StandardOutput()
        for entry in EngineRegistry.entries where entry.make().identity.name == entry.name {
            let identity = entry.make().identity
            if json {
                var line = JSONLine()
                line.add("name", identity.name)
                line.add("version", identity.version)
                line.add("summary", identity.summary)
                try output.line(line.finished)
            } else {
                try output.line("\(identity.name)  \(identity.version)  \(identity.summary)")
            }
        }
        try output.flush()
    }
}
