// The engines that users can name: models, and definitions of live ones. All commands choose here.
import ArgumentParser
import Engine
import EngineLauncher
import LiveEngine
import PicoProvider

struct EngineRegistry {
    struct Entry {
        var name: String
        var make: @Sendable () -> any Engine
    }

    /// Engines that are part of lacuna, without a program of somebody else's.
    static let entries: [Entry] =
        [Entry(name: "wsl1") { WSL1Engine() }]
        + [Entry(name: NativeEngine.name) { NativeEngine.make() }]
        + WSL1Engine.builds.map { build in Entry(name: "wsl1@\(build)") { WSL1Engine(build: build) } }

    /// The build in `wsl1@BUILD`; nil: `wsl1` alone.
    static func build(of name: String) throws -> Int? {
        guard name == "wsl1" || name.hasPrefix("wsl1@"), entries.contains(where: { $0.name == name }) else {
            let builds = WSL1Engine.builds.map(String.init).joined(separator: ", ")
            throw ValidationError("facts are known of wsl1 and of wsl1@BUILD with BUILD of \(builds)")
        }
        return name.split(separator: "@").dropFirst().first.flatMap { Int($0) }
    }

    static func unknown(_ name: String) -> ValidationError {
        let builds = WSL1Engine.builds.map(String.init).joined(separator: ", ")
        let live = EngineCatalog.builtIn.map(\.name).joined(separator: ", ")
        return ValidationError(
            "there is no engine '\(name)'; known are: wsl1, \(live), and wsl1@BUILD with BUILD of \(builds); "
                + "others are looked up as \(EngineCatalog.userFolder)/NAME.yaml"
        )
    }

    /// A maker of engines of that name; each replay gets its own. Starts a live engine to see that it answers.
    static func maker(of name: String, _ configuration: WSLConfiguration) throws -> @Sendable () -> any Engine {
        if let entry = entries.first(where: { $0.name == name }) { return entry.make }
        let engine = try launcher(of: name, configuration).start()
        let agent = engine.definition.lowAddresses ? "lacuna-agent-low" : "lacuna-agent"
        let source = EngineSource(engine, agentPath: try ReplayAgentBinary.path(agent))
        return { source.engine(named: name) }
    }

    /// A launcher of a live engine.
    static func launcher(of name: String, _ configuration: WSLConfiguration) throws -> EngineLauncher {
        guard let definition = try EngineCatalog.find(name) else { throw unknown(name) }
        var launcher = EngineLauncher(definition, configuration: configuration)
        launcher.onProgress = { StandardError.line($0) }
        return launcher
    }
}

/// `--engine NAME`.
struct EngineOption: ParsableArguments {
    @Option(
        help: "The engine to replay on; 'lacuna engines' lists them. Also an engine.yaml, or agent://ADDRESS.",
        completion: .list(["wsl1"] + EngineCatalog.builtIn.map(\.name))
    )
    var engine = "wsl1"
    @OptionGroup var machine: MachineOption

    /// A maker of engines of that name; each replay gets its own.
    var make: @Sendable () -> any Engine {
        get throws { try EngineRegistry.maker(of: engine, try machine.configuration) }
    }
}

/// `--wslconfig FILE`.
struct MachineOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Memory, processors, swap and kernel of wsl2; default: ~/.wslconfig if there is one.",
            valueName: "file"
        ),
        completion: .file()
    )
    var wslconfig: String?

    var configuration: WSLConfiguration {
        get throws { try WSLConfiguration.read(wslconfig) }
    }
}

/// `--engine NAME`, any number of times.
struct EnginesOption: ParsableArguments {
    @Option(
        name: .customLong("engine"),
        help: "The engine to replay on (default: wsl1); may be given several times.",
        completion: .list(["wsl1"] + EngineCatalog.builtIn.map(\.name))
    )
    var engines: [String] = []

    @OptionGroup var machine: MachineOption

    /// Machines that would else boot for each trace; they end with this process.
    var held: [HeldMachine] {
        get throws {
            let configuration = try machine.configuration
            return try names.compactMap { name in
                guard !EngineRegistry.entries.contains(where: { $0.name == name }),
                    let definition = try EngineCatalog.find(name), definition.kernel != nil,
                    try WarmMachine(name).status() == nil
                else { return nil }
                return try WarmMachine(name).hold(definition, configuration) { StandardError.line($0) }
            }
        }
    }

    /// A machine that is kept warm serves one replay at a time.
    static func isSerial(_ name: String) throws -> Bool { try EngineCatalog.find(name)?.kernel != nil }

    /// `wsl1@all` stands for every build of WSL 1, oldest first.
    var names: [String] {
        guard !engines.isEmpty else { return ["wsl1"] }
        return engines.flatMap { $0 == "wsl1@all" ? WSL1Engine.builds.map { "wsl1@\($0)" } : [$0] }
    }

    var identities: [(name: String, identity: EngineIdentity)] {
        get throws {
            try names.map { name in
                (name, try EngineRegistry.maker(of: name, try machine.configuration)().identity)
            }
        }
    }

    func validate() throws {
        if Set(names).count < names.count { throw ValidationError("the same --engine twice") }
    }
}
