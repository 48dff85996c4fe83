// The engines that users can name. Adding an engine is one line here.
import ArgumentParser
import Engine
import LiveEngine
import PicoProvider

struct EngineRegistry {
    struct Entry {
        var name: String
        var make: @Sendable () -> any Engine
    }

    static let entries: [Entry] =
        [Entry(name: "wsl1") { WSL1Engine() }]
        + [Entry(name: NativeEngine.name) { NativeEngine.make() }]
        + WSL1Engine.builds.map { build in Entry(name: "wsl1@\(build)") { WSL1Engine(build: build) } }

    /// The build in `wsl1@BUILD`; nil: `wsl1` alone.
    static func build(of name: String) throws -> Int? {
        guard entries.contains(where: { $0.name == name }) else { throw unknown(name) }
        return name.split(separator: "@").dropFirst().first.flatMap { Int($0) }
    }

    static func unknown(_ name: String) -> ValidationError {
        let builds = WSL1Engine.builds.map(String.init).joined(separator: ", ")
        return ValidationError(
            "there is no engine '\(name)'; known are: native, wsl1, and wsl1@BUILD with BUILD of \(builds)"
        )
    }
}

/// `--engine NAME`.
struct EngineOption: ParsableArguments {
    @Option(help: "The engine to replay on; 'lacuna engines' lists them.", completion: .list(["wsl1", "native"]))
    var engine = "wsl1"

    /// A maker of engines of that name; each replay gets its own.
    var make: @Sendable () -> any Engine {
        get throws {
            guard let entry = EngineRegistry.entries.first(where: { $0.name == engine }) else {
                throw EngineRegistry.unknown(engine)
            }
            return entry.make
        }
    }
}

/// `--engine NAME`, any number of times.
struct EnginesOption: ParsableArguments {
    @Option(
        name: .customLong("engine"),
        help: "The engine to replay on (default: wsl1); may be given several times.",
        completion: .list(["wsl1", "native"])
    )
    var engines: [String] = []

    var names: [String] { engines.isEmpty ? ["wsl1"] : engines }

    var identities: [(name: String, identity: EngineIdentity)] {
        get throws {
            try names.map { name in
                guard let entry = EngineRegistry.entries.first(where: { $0.name == name }) else {
                    throw EngineRegistry.unknown(name)
                }
                return (name, entry.make().identity)
            }
        }
    }

    func validate() throws {
        if Set(names).count < names.count { throw ValidationError("the same --engine twice") }
    }
}
