// An engine that has answered: runs programs and the agent.
import Engine
import Glibc
public import LiveEngine

public final class RunningEngine {
    public let definition: EngineDefinition
    public internal(set) var record: EngineRecord
    let scratch: ScratchFolder
    let commandLine: CommandLine
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
        scratch: ScratchFolder,
        commandLine: CommandLine,
        guest: Guest?
    ) {
        self.definition = definition
        self.configuration = configuration
        self.record = record
        self.scratch = scratch
        self.commandLine = commandLine
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
        if let guest { return try ServedProgram(words, environment: environment, folder: folder, on: guest.line) }
        var command = commandLine
        command.program = words
        if let kind = definition.bundle {
            let bundle = OCIBundle(kind: kind, words: words, environment: environment, folder: folder)
            mkdir("\(scratch.path)/root", 0o755)
            try HostFile.write(Array(try bundle.json().utf8), to: "\(scratch.path)/config.json")
        }
        return try HostProgram(
            try command.words(definition.start),
            user: definition.user,
            folder: folder,
            environment: environment,
            scratch: scratch
        )
    }

    /// Starts the agent inside.
    ///
    /// - Parameter path: its file on this host.
    public func agent(_ path: String) throws(LaunchError) -> any AgentTransport {
        if let connect = definition.connect { return try Connection.open(connect) }
        var place = definition.agent ?? path
        if let guest {
            place = "/lacuna-agent"
            try guest.line.put(try HostFile.bytes(path), at: place, mode: 0o755)
        }
        let program = try open(
            [place, "serve", "\(AgentOptions.namespaceBits(definition.namespaces))"],
            environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            folder: "/"
        )
        return ProgramTransport(program, of: self)
    }
}

enum HostFile {
    static func bytes(_ path: String) throws(LaunchError) -> [UInt8] {
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw LaunchError("\(path): \(String(cString: strerror(errno)))") }
        defer { close(file) }
        var status = stat()
        fstat(file, &status)
        let size = Int(status.st_size)
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                let got = read(file, buffer.baseAddress.map { $0 + count }, size - count)
                guard got > 0 else { return }
                count += got
            }
        }
    }

    static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o644) throws(LaunchError) {
        let file = Glibc.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard file >= 0 else { throw LaunchError("\(path): \(String(cString: strerror(errno)))") }
        defer { close(file) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            guard written > 0 else { throw LaunchError("\(path): \(String(cString: strerror(errno)))") }
            rest = rest.dropFirst(written)
        }
    }
}
