// How an engine is started and spoken to: the contents of an engine.yaml.

/// One engine that runs programs. Written as YAML; docs/engines.md describes the keys.
public struct EngineDefinition: Codable, Sendable, Hashable {
    /// How lacuna speaks to what the engine runs.
    public enum Line: String, Codable, Sendable, Hashable {
        /// The program's own standard input and output; each program is one start of the engine.
        case stdio
        /// A `lacuna-init serve` at the other end of the start command's standard input and output.
        case served
    }
    /// Which files programs find there.
    public enum Files: String, Codable, Sendable, Hashable {
        /// This host's, at their own places.
        case host
        /// This host's, read-only, below `/host`; what is copied in is at its own place.
        case shared
        /// Only what is copied in.
        case copied
        /// Those of another machine.
        case remote
    }

    /// What a container may do.
    public enum BundleKind: String, Codable, Sendable, Hashable {
        /// Every capability of lacuna's own, no filter.
        case plain
        /// Docker's capabilities and Docker's seccomp profile.
        case docker
    }

    /// What users type.
    public var name: String
    /// One line for people.
    public var summary: String
    /// The start command. `{program}` as a word of its own is the program and its arguments; other placeholders may stand
    /// inside a word, and a word that is nothing but an empty placeholder is left out. Empty where lacuna connects.
    public var start: [String]
    /// The start command of a replay's agent, where it gets a root of its own, the folder `{root}`: for engines in which a
    /// process cannot get one but by chroot, which has consequences of its own.
    public var replay: [String]
    /// A line of shell that undoes what only the engine can, after its end, whatever ended it.
    public var cleanup: String?
    /// Run once before the first start: copies the agent to another machine, say.
    public var prepare: [String]
    /// `unix:PATH` or `tcp:HOST:PORT`: an agent is there already.
    public var connect: String?
    public var line: Line
    /// Bytes that may be under way on a served line; nil: no limit.
    public var window: Int?
    /// `uid:gid` that the engine runs as if lacuna runs as root.
    public var user: String?
    public var files: Files
    /// Where the agent lies in the engine, if not where it lies here.
    public var agent: String?
    /// The kernel has 39 bits of addresses: the agent built for that is used.
    public var lowAddresses: Bool
    /// Milliseconds that a call whose completion is due may still sleep.
    public var patience: Int?
    /// The program that must be executed anew for an execve inside not to leave the engine.
    public var emulator: String?
    /// Files that programs write are not seen on the host.
    public var hiddenWrites: Bool
    /// The agent may make mounts, and a fresh root of its own.
    public var isolates: Bool
    /// Namespaces that the agent makes for itself: CLONE_NEWNS and its like.
    public var namespaces: [String]
    /// Nothing that a replay does to the machine is left of it: calls that change the machine itself are made.
    public var disposable: Bool
    /// The engine runs an OCI bundle, made at `{bundle}`; of which shape.
    public var bundle: BundleKind?
    /// Prints the engine's version.
    public var version: [String]
    /// Programs and files that must be there, if not the first word of `start`.
    public var programs: [String]
    /// Debian packages that have it.
    public var packages: [String]
    /// Debian package of the kernel to boot, unpacked into the cache and never installed.
    public var kernel: String?
    /// Modules of that kernel to load while booting.
    public var modules: [String]
    /// File with what the guest's console said, for error messages.
    public var console: String?
    /// Memory of a guest (512M) and its processors.
    public var memory: String
    /// Size of a guest's disk for the roots of replays; nil: they lie on tmpfs.
    public var disk: String?
    public var processors: Int
    /// Seconds until the engine must have answered.
    public var startTimeout: Double

    enum CodingKeys: String, CodingKey, CaseIterable {
        case name, summary, start, replay, cleanup, prepare, connect, line, window, user, files, agent, emulator
        case lowAddresses = "low-addresses"
        case patience
        case hiddenWrites = "hidden-writes"
        case isolates, namespaces, disposable, bundle, version, programs, packages, kernel, modules, console, memory,
            disk, processors
        case startTimeout = "start-timeout"
    }

    public init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        name = try keys.decode(String.self, forKey: .name)
        summary = try keys.decodeIfPresent(String.self, forKey: .summary) ?? ""
        start = try keys.decodeIfPresent([String].self, forKey: .start) ?? []
        replay = try keys.decodeIfPresent([String].self, forKey: .replay) ?? []
        cleanup = try keys.decodeIfPresent(String.self, forKey: .cleanup)
        prepare = try keys.decodeIfPresent([String].self, forKey: .prepare) ?? []
        connect = try keys.decodeIfPresent(String.self, forKey: .connect)
        line = try keys.decodeIfPresent(Line.self, forKey: .line) ?? .stdio
        window = try keys.decodeIfPresent(Int.self, forKey: .window)
        user = try keys.decodeIfPresent(String.self, forKey: .user)
        files = try keys.decodeIfPresent(Files.self, forKey: .files) ?? .host
        agent = try keys.decodeIfPresent(String.self, forKey: .agent)
        lowAddresses = try keys.decodeIfPresent(Bool.self, forKey: .lowAddresses) ?? false
        patience = try keys.decodeIfPresent(Int.self, forKey: .patience)
        emulator = try keys.decodeIfPresent(String.self, forKey: .emulator)
        hiddenWrites = try keys.decodeIfPresent(Bool.self, forKey: .hiddenWrites) ?? false
        isolates = try keys.decodeIfPresent(Bool.self, forKey: .isolates) ?? true
        namespaces = try keys.decodeIfPresent([String].self, forKey: .namespaces) ?? []
        disposable = try keys.decodeIfPresent(Bool.self, forKey: .disposable) ?? false
        bundle = try keys.decodeIfPresent(BundleKind.self, forKey: .bundle)
        version = try keys.decodeIfPresent([String].self, forKey: .version) ?? []
        programs = try keys.decodeIfPresent([String].self, forKey: .programs) ?? []
        packages = try keys.decodeIfPresent([String].self, forKey: .packages) ?? []
        kernel = try keys.decodeIfPresent(String.self, forKey: .kernel)
        modules = try keys.decodeIfPresent([String].self, forKey: .modules) ?? []
        console = try keys.decodeIfPresent(String.self, forKey: .console)
        memory = try keys.decodeIfPresent(String.self, forKey: .memory) ?? "1G"
        disk = try keys.decodeIfPresent(String.self, forKey: .disk)
        processors = try keys.decodeIfPresent(Int.self, forKey: .processors) ?? 1
        startTimeout = try keys.decodeIfPresent(Double.self, forKey: .startTimeout) ?? 10
    }

    /// An engine that is only a place to connect to.
    init(name: String, summary: String, start: [String] = [], connect: String? = nil) {
        self.name = name
        self.summary = summary
        self.start = start
        self.connect = connect
        replay = []
        prepare = []
        line = .stdio
        files = .remote
        lowAddresses = false
        hiddenWrites = false
        isolates = true
        namespaces = []
        disposable = false
        version = []
        programs = []
        packages = []
        modules = []
        memory = "1G"
        processors = 1
        startTimeout = 10
    }
}
