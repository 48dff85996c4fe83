// The engines that users can name. Adding an engine is one line here.
import ArgumentParser
import Engine
import PicoProvider

struct EngineRegistry {
    struct Entry {
        var name: String
        var make: @Sendable () -> any Engine
    }

    static let entries: [Entry] = [
        Entry(name: "wsl1") { WSL1Engine() }
    ]

    static var names: String { entries.map(\.name).joined(separator: ", ") }
}

/// `--engine NAME`.
struct EngineOption: ParsableArguments {
    @Option(help: "The engine to replay on; 'lacuna engines' lists them.", completion: .list(["wsl1"]))
    var engine = "wsl1"

    /// A maker of engines of that name; each replay gets its own.
    var make: @Sendable () -> any Engine {
        get throws {
            guard let entry = EngineRegistry.entries.first(where: { $0.name == engine }) else {
                throw ValidationError("there is no engine '\(engine)'; known are: \(EngineRegistry.names)")
            }
            return entry.make
        }
    }
}
