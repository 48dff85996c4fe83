// An engine that has answered: runs programs and the agent.
import Engine
import Glibc
import LiveEngine

public final class RunningEngine {
    public let definition: EngineDefinition
    public internal(set) var record: EngineRecord
    /// The machine and the line to it, for served engines.
    let guest: Guest?

    private let configuration: WSLConfiguration

    public var name: String { definition.name }

    /// The same engine, started anew.
    func again() throws(LaunchError) -> RunningEngine {
        try EngineLauncher(definition, configuration: configuration).start()
    }

    init(
        _ definition: EngineDefinition,
        _ configuration: WSLConfiguration,
        record: EngineRecord,
        guest: Guest?
    ) {
        self.definition = definition
        self.configuration = configuration
        self.record = record
        self.guest = guest
    }

    deinit { stop() }

    /// Ends the engine and all that runs in it; a warm machine is left running.
    public func stop() { guest?.stop() }

    /// The place of `lacuna-init` inside.
    var initPath: String {
        get throws(LaunchError) { guest == nil ? try InitBinary.path() : "/lacuna-init" }
    }

    /// Starts a program inside.
    ///
    /// - Parameters:
    ///   - words: its path there, and its arguments.
    ///   - environment: `NAME=value`s.
    ///   - folder: its working directory there.
    public func open(_ words: [String], environment: [String], folder: String) throws(LaunchError) -> any EngineProgram
    {
        var start = definition.start
        // What the program executes must not leave the emulator; the agent sees to that itself.
        if let emulator = try emulatorPath { start = ["{init}", "through", emulator, "{program}"] }
        return try open(words, by: start, environment: environment, folder: folder, in: ScratchFolder())
    }

    private var emulatorPath: String? {
        get throws(LaunchError) {
            guard let emulator = definition.emulator else { return nil }
            guard let path = ProgramPath.find(emulator) else { throw LaunchError("there is no \(emulator) in PATH") }
            return path
        }
    }

    private func open(
        _ words: [String],
        by start: [String],
        environment: [String],
        folder: String,
        in scratch: ScratchFolder
    ) throws(LaunchError) -> any EngineProgram {
        if let guest { return try ServedProgram(words, environment: environment, folder: folder, on: guest.line) }
        if let user = definition.user { scratch.give(to: user) }
        let values = [
            "scratch": scratch.path, "bundle": scratch.path, "root": scratch.path + "/tree",
            "init": try InitBinary.path(),
        ]
        if let kind = definition.bundle {
            let bundle = OCIBundle(kind: kind, words: words, environment: environment, folder: folder)
            mkdir("\(scratch.path)/root", 0o755)
            try HostFile.write(Array(try bundle.json().utf8), to: "\(scratch.path)/config.json")
        }
        let command = CommandLine(values: values, program: words)
        let cleanup = try definition.cleanup.map { text throws(LaunchError) in try command.fill(text) }
        return try HostProgram(
            try command.words(start),
            user: definition.user,
            folder: folder,
            environment: environment,
            scratch: scratch,
            cleanup: cleanup,
            ownMounts: true
        )
    }

    /// Where an agent may lay out its root.
    func rootPath(in scratch: ScratchFolder) -> String {
        if guest != nil { return "/replay/root" }
        // The rest of a container's files is read-only.
        if definition.bundle != nil { return OCIBundle.rootPath }
        return definition.connect != nil || definition.files == .remote
            ? AgentOptions().rootPath : scratch.path + "/tree"
    }

    /// Starts the agent inside.
    ///
    /// - Parameter path: its file on this host.
    func agent(_ path: String, in scratch: ScratchFolder) throws(LaunchError) -> any AgentTransport {
        if let connect = definition.connect { return try Connection.open(connect) }
        var place = definition.agent ?? path
        if let guest {
            place = "/lacuna-agent"
            try guest.line.put(try HostFile.bytes(path), at: place, mode: 0o755)
        }
        if guest == nil, definition.agent == nil, definition.files == .host {
            // A copy: what a replay does to the file that runs it is done to nothing of ours.
            place = scratch.path + "/lacuna-agent"
            try HostFile.write(try HostFile.bytes(path), to: place)
            chmod(place, 0o755)
        }
        if !definition.replay.isEmpty { place = try ownRoot(path, in: scratch) }
        var words = [place, "serve", "\(AgentOptions.namespaceBits(definition.namespaces))"]
        if let emulator = try emulatorPath { words.append(emulator) }
        let program = try open(
            words,
            by: definition.replay.isEmpty ? definition.start : definition.replay,
            environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            folder: "/",
            in: scratch
        )
        return ProgramTransport(program, of: self)
    }

    /// A root with the agent and nothing else. The agent's place in it.
    private func ownRoot(_ path: String, in scratch: ScratchFolder) throws(LaunchError) -> String {
        let root = scratch.path + "/tree"
        // runsc mounts a tmpfs over an empty /tmp.
        for folder in ["", "/tmp", "/tmp/.lacuna", "/.lacuna"] { mkdir(root + folder, 0o755) }
        try HostFile.write(try HostFile.bytes(path), to: root + "/.lacuna/agent")
        chmod(root + "/.lacuna/agent", 0o755)
        return "/.lacuna/agent"
    }
}
