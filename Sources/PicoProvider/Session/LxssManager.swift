// LxssManager: the Windows service that owns distributions and instances (pico-interface.md §6 and §7).
public import Engine

/// The service of one user on one machine. Deterministic: time passes only when it is told.
public final class LxssManager {
    public var registry: LxssRegistry
    /// What the service did that belongs to no instance.
    public private(set) var log: [LxssStep] = []
    /// `\\HOSTNAME` of Windows; the default of every instance.
    public let hostname: String

    private let build: WSL1Build
    private let machine: LxMachine
    private var instances: [LxssInstance] = []
    private let startRealtime: UInt64
    /// Nanoseconds since the machine started.
    private var time: UInt64 = 0

    /// - Parameter startRealtime: nanoseconds since the epoch.
    public init(
        build number: Int = WSL1Build.latest.number,
        registry: LxssRegistry = LxssRegistry(),
        hostname: String = "WINDOWS",
        startRealtime: UInt64 = 1_600_000_000_000_000_000
    ) {
        build = WSL1Build(number)
        machine = LxMachine(build: build)
        self.registry = registry
        self.hostname = hostname
        self.startRealtime = startRealtime
    }

    /// Instances that run, in order of their start.
    public var running: [LxssInstance] { instances }

    public func instance(of name: String) -> LxssInstance? {
        instances.first { $0.distribution.guid == registry[name]?.guid }
    }

    /// `CreateLxProcess` asks for an instance: the running one, or a new one.
    ///
    /// - Parameters:
    ///   - isElevated: whether wsl.exe was started as an administrator. Before 17046 there could be only one kind of
    ///     instance at a time (RN:17046).
    ///   - root: reads the distribution's root file system.
    @discardableResult
    public func start<Failure: Error>(
        _ name: String?,
        isElevated: Bool = true,
        root: (LxssDistribution) throws(Failure) -> [Environment.File]
    ) throws -> LxssInstance {
        guard let name = name ?? registry.standard?.name else {
            throw LxssError("there is no distribution; --import NAME FOLDER adds one")
        }
        let distribution = try registry.find(name)
        let same = instances.filter { $0.distribution.guid == distribution.guid }
        if let known = same.first(where: { $0.isElevated == isElevated }) { return known }
        if build < WSL1Build(17046), instances.contains(where: { $0.isElevated != isElevated }) {
            throw LxssError("an elevated and a plain instance cannot run at once before 17046; --shutdown first")
        }
        let files = try root(distribution)
        let instance = LxssInstance(distribution, machine: machine, isElevated: isElevated)
        instance.note(.wsl, "asks the session object for an instance of \(distribution.name)", source: "SRC")
        instance.note(
            .service,
            "makes a job, prepares a \(isElevated ? "" : "restricted ")token, opens root and temp directories",
            source: "SRC"
        )
        instance.note(
            .service,
            "\\Device\\lxss: create instance \(distribution.guid) (0x22006F), root of kind \(distribution.format)",
            source: "AI;BUS"
        )
        instance.note(.service, "set state: start (0x220073)", source: "AI;BUS")
        try instance.boot(files, hostname: hostname, startRealtime: startRealtime &+ time)
        instances.append(instance)
        return instance
    }

    /// `wsl --terminate NAME`.
    public func terminate(_ name: String) throws(LxssError) {
        let distribution = try registry.find(name)
        stop("wsl --terminate", source: "DOC:basic-commands.md") { $0.distribution.guid == distribution.guid }
    }

    /// `wsl --shutdown` (18917).
    public func shutdown() throws(LxssError) {
        guard build >= WSL1Build(18917) else { throw LxssError("--shutdown came with build 18917; use --terminate") }
        stop("wsl --shutdown", source: "DOC:basic-commands.md") { _ in true }
    }

    /// The user logs off: since 20211 that ends instances (RN:20211).
    public func logoff() {
        guard build >= WSL1Build(20211) else {
            log.append(LxssStep(.service, "logoff: instances stay before 20211", source: "RN:20211"))
            return
        }
        stop("user logoff", source: "RN:20211") { _ in true }
    }

    /// `wsl --upgrade NAME` (RN:18305): lxfs to wslfs, while it does not run.
    public func upgrade(_ name: String) throws(LxssError) {
        guard build >= WSL1Build(18305) else { throw LxssError("--upgrade came with build 18305") }
        if instance(of: name) != nil { try terminate(name) }
        try registry.upgrade(name)
    }

    /// `wsl --unregister NAME`: stops it first.
    public func unregister(_ name: String) throws(LxssError) {
        if instance(of: name) != nil { try terminate(name) }
        try registry.unregister(name)
    }

    /// Time passes: timers fire, and since 18267 an instance that is idle for 15 s is stopped (RN:18267).
    public func advance(by nanoseconds: UInt64) {
        time += nanoseconds
        for instance in instances { instance.advance(to: instance.time + nanoseconds) }
        guard build >= WSL1Build(18267) else { return }
        stop("idle for 15 s after its last process", source: "RN:18267") { instance in
            instance.processes.isEmpty
                && instance.idleSince.map { instance.time >= $0 + 15_000_000_000 } ?? false
        }
    }

    private func stop(_ reason: String, source: String, where isMeant: (LxssInstance) -> Bool) {
        for instance in instances where isMeant(instance) {
            instance.stop(reason, source: source)
            log += instance.log.suffix(2)
        }
        instances.removeAll { !$0.isRunning }
    }
}
