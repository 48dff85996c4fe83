// One program, run on this host and in an engine, compared by what anyone sees of it.
import FoundationEssentials
import Glibc

/// A program to run, the same wherever it is run.
public struct ProgramRun: Sendable {
    public var words: [String]
    public var environment: [String]
    public var input: [UInt8] = []
    /// A folder that each run gets a fresh copy of, as its working directory; nil: the current one.
    public var folder: String?
    /// Run before the program in that copy, on this host, by bash.
    public var prepare: String?
    /// Further files that the program needs where the host's are not seen.
    public var files: [String] = []
    public var seconds: Double

    public init(words: [String], environment: [String], seconds: Double) {
        self.words = words
        self.environment = environment
        self.seconds = seconds
    }

    /// Copies are made here: the same path on both sides, as it may be printed.
    public static let place = "/tmp/lacuna-run.\(getpid())"

    /// Runs it as a process of this host.
    public func onHost() throws(LaunchError) -> ProgramResult {
        try inFreshCopy { folder throws(LaunchError) in
            try HostProgram(words, folder: folder, environment: environment).collect(input: input, seconds: seconds)
        }
    }

    /// Runs it in an engine.
    public func inside(_ engine: RunningEngine) throws(LaunchError) -> ProgramResult {
        try inFreshCopy { folder throws(LaunchError) in
            var words = words
            switch engine.definition.files {
            case .host: break
            case .shared:
                // The host's files are there, but for those of /tmp.
                var needed = try treesAndFiles(folder) { $0.hasPrefix("/tmp/") }
                if let path = ProgramPath.find(words[0]), path.hasPrefix("/tmp/") { try needed.add(file: path) }
                if folder.hasPrefix("/tmp/") { needed.folder = folder }
                try engine.copy(needed)
                words = ["/lacuna-init", "enter", "/host", folder] + words
            case .copied:
                var needed = try treesAndFiles(folder)
                needed.folder = folder
                words[0] = try needed.add(program: words[0])
                try engine.copy(needed)
            case .remote: throw LaunchError("\(engine.name): only replays traces: no program can be copied there")
            }
            // qemu-user and others take a path, not a name.
            if engine.definition.files == .host, let path = ProgramPath.find(words[0]) { words[0] = path }
            let inside = engine.definition.files == .shared ? "/" : folder
            return try engine.open(words, environment: environment, folder: inside)
                .collect(input: input, seconds: seconds)
        }
    }

    private func treesAndFiles(
        _ folder: String,
        where isHidden: (String) -> Bool = { _ in true }
    ) throws(LaunchError) -> ProgramFiles {
        var needed = ProgramFiles()
        if self.folder != nil { try needed.add(file: folder) }
        for file in files where isHidden(file) { try needed.add(file: file) }
        return needed
    }

    private func inFreshCopy(_ body: (String) throws(LaunchError) -> ProgramResult) throws(LaunchError) -> ProgramResult
    {
        guard let folder else { return try body(FileManager.default.currentDirectoryPath) }
        let script = """
            rm -rf "$1" && mkdir -p "$1" && cp -R "$2/." "$1" && rm -f "$1/trace.lacuna" && chmod -R a+rwX "$1" && cd "$1" && eval "$3"
            """
        let copied = try HostProgram.run(
            ["/bin/bash", "-c", script, "bash", ProgramRun.place, folder, prepare ?? "true"],
            environment: environment,
            seconds: 60
        )
        guard copied.status == 0 else {
            throw LaunchError("\(folder): cannot be prepared: \(lastLine(copied.errors) ?? "no reason given")")
        }
        defer { try? FileManager.default.removeItem(atPath: ProgramRun.place) }
        return try body(ProgramRun.place)
    }
}

/// How two runs of one program differ.
public struct RunComparison: Sendable, Hashable, Codable {
    public var engine: String
    public var isSame: Bool { sameStatus && sameOutput && sameErrors }
    /// `0`, `1`, `signal 11`, `time limit`.
    public var hostStatus: String
    public var engineStatus: String
    public var sameStatus: Bool
    public var sameOutput: Bool
    public var sameErrors: Bool
    public var hostSeconds: Double
    public var engineSeconds: Double
    /// The first line of output, and of errors, that is not the same: the host's and the engine's.
    public var firstOutput: [String]?
    public var firstErrors: [String]?

    public init(engine: String, host: ProgramResult, inside: ProgramResult) {
        self.engine = engine
        hostStatus = RunComparison.text(host.status)
        engineStatus = RunComparison.text(inside.status)
        sameStatus = host.status == inside.status
        sameOutput = host.output == inside.output
        sameErrors = host.errors == inside.errors
        hostSeconds = host.seconds
        engineSeconds = inside.seconds
        firstOutput = RunComparison.firstDifference(host.output, inside.output)
        firstErrors = RunComparison.firstDifference(host.errors, inside.errors)
    }

    static func text(_ status: Int32?) -> String {
        guard let status else { return "time limit" }
        return status & 0x7f != 0 ? "signal \(status & 0x7f)" : "\((status >> 8) & 0xff)"
    }

    private static func firstDifference(_ host: [UInt8], _ inside: [UInt8]) -> [String]? {
        guard host != inside else { return nil }
        let ours = host.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let theirs = inside.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let index = zip(ours, theirs).prefix { $0 == $1 }.count
        return [ours, theirs].map { index < $0.count ? String(decoding: $0[index], as: UTF8.self) : "" }
    }
}
