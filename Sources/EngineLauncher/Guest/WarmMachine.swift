// A machine that stays up between commands: `lacuna vm`.
import FoundationEssentials
import Glibc

/// A guest kept warm under its engine's name; one per user and engine.
public struct WarmMachine {
    /// What is known of a machine that is up.
    public struct Status: Codable, Sendable, Hashable {
        public var engine: String
        /// The process that keeps it; ending it ends the machine.
        public var keeper: Int32
        /// Start time of the keeper in clock ticks: another process may get its number.
        var ticks: UInt64
        /// Seconds from the start command to the first answer of the guest.
        public var bootSeconds: Double
        public var memory: String
        public var processors: String
        public var accelerator: String
        public var kernel: String
        /// Resident memory of the machine on this host now, bytes.
        public var residentBytes: UInt64 = 0
        /// Seconds since it was started.
        public var upSeconds: Double = 0
    }

    let name: String

    public init(_ engine: String) { name = engine }

    private var folder: String {
        get throws(LaunchError) {
            let parent = variable("XDG_RUNTIME_DIR").map { "\($0)/lacuna" } ?? "/tmp/lacuna-\(geteuid())"
            if mkdir(parent, 0o700) != 0, errno != EEXIST {
                throw LaunchError("\(parent): \(String(cString: strerror(errno)))")
            }
            var status = stat()
            guard lstat(parent, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid(),
                status.st_mode & 0o077 == 0
            else { throw LaunchError("\(parent): belongs to others or is open to them; remove it") }
            return "\(parent)/\(name)"
        }
    }

    /// The machine's state; nil if none is up.
    public func status() throws(LaunchError) -> Status? {
        guard let bytes = FileManager.default.contents(atPath: try folder + "/state.json"),
            var status = try? JSONDecoder().decode(Status.self, from: bytes),
            let keeper = ProcessEntry(status.keeper), keeper.startTicks == status.ticks
        else { return nil }
        let perSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
        var now = timespec()
        clock_gettime(CLOCK_BOOTTIME, &now)
        status.upSeconds = Double(now.tv_sec) + Double(now.tv_nsec) / 1e9 - Double(status.ticks) / perSecond
        status.residentBytes = ProcessEntry.children(of: status.keeper).reduce(0) { $0 + $1.residentBytes }
        return status
    }

    /// A line to the machine; nil if none is up or another command uses it.
    func connect(window: Int?) throws(LaunchError) -> Guest? {
        guard try status() != nil else { return nil }
        let lock = Glibc.open(try folder + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { return nil }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0, let socket = try? Connection.unix(try folder + "/line") else {
            close(lock)
            return nil
        }
        let line = ServedLine(reader: socket, writer: socket, window: window)
        guard line.greet(seconds: 5) else {
            close(socket)
            close(lock)
            return nil
        }
        return Guest(line: line, process: nil, descriptors: [socket, lock])
    }

    /// Boots a machine that outlives this process.
    public func start(
        _ definition: EngineDefinition,
        _ configuration: WSLConfiguration,
        onProgress: @escaping (String) -> Void = { _ in }
    ) throws(LaunchError) -> Status {
        let (status, _) = try boot(definition, configuration, onProgress) { words, folder throws(LaunchError) in
            (try DetachedProcess.start(words, folder: folder, errors: "\(folder)/errors"), nil)
        }
        return status
    }

    /// Boots a machine that ends with this process, at the latest.
    public func hold(
        _ definition: EngineDefinition,
        _ configuration: WSLConfiguration,
        onProgress: @escaping (String) -> Void = { _ in }
    ) throws(LaunchError) -> HeldMachine {
        let (_, process) = try boot(definition, configuration, onProgress) { words, folder throws(LaunchError) in
            let process = try KeptProcess(words, folder: folder)
            return (process.keeper, process)
        }
        return HeldMachine(process, folder: try folder)
    }

    private func boot(
        _ definition: EngineDefinition,
        _ configuration: WSLConfiguration,
        _ onProgress: @escaping (String) -> Void,
        start: ([String], String) throws(LaunchError) -> (pid_t, KeptProcess?)
    ) throws(LaunchError) -> (Status, KeptProcess?) {
        guard definition.kernel != nil else {
            throw LaunchError(
                "\(name): is no virtual machine: it starts anew for each command; 'lacuna vm' is for wsl2"
            )
        }
        if let hint = EngineInstallation(of: definition).hint { throw LaunchError("\(name) is not installed; \(hint)") }
        if try status() != nil { throw LaunchError("\(name) is up already; 'lacuna vm status' tells of it") }
        let folder = try folder
        try? FileManager.default.removeItem(atPath: folder)
        guard mkdir(folder, 0o700) == 0 else { throw LaunchError("\(folder): \(String(cString: strerror(errno)))") }
        let boot = GuestBoot(definition: definition, configuration: configuration, onProgress: onProgress)
        let accelerator = try boot.accelerator()
        let line = "socket,id=line,path=\(folder)/line,server=on,wait=off"
        let words = try boot.command(in: folder, line: line, accelerator: accelerator)
        let begin = ContinuousClock.now
        let (keeper, process) = try start(words, folder)
        func option(_ name: String) -> String {
            words.firstIndex(of: name).flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil } ?? ""
        }
        var status = Status(
            engine: name,
            keeper: keeper,
            ticks: ProcessEntry(keeper)?.startTicks ?? 0,
            bootSeconds: 0,
            memory: option("-m"),
            processors: option("-smp"),
            accelerator: option("-accel"),
            kernel: option("-kernel")
        )
        guard answers(folder, window: definition.window, seconds: definition.startTimeout) else {
            if let process { process.stop() } else { end(keeper) }
            let said = [definition.console.map { _ in "\(folder)/console" }, "\(folder)/errors"].compactMap { $0 }
            let reason = said.lazy.compactMap { (try? HostFile.bytes($0)).flatMap(lastLine) }.first ?? "no answer"
            throw LaunchError("\(name): does not boot: \(reason)")
        }
        status.bootSeconds = (ContinuousClock.now - begin) / .seconds(1)
        let json = (try? JSONEncoder().encode(status)) ?? Data()
        try HostFile.write([UInt8](json), to: "\(folder)/state.json")
        return (try self.status() ?? status, process)
    }

    private func answers(_ folder: String, window: Int?, seconds: Double) -> Bool {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < deadline {
            guard let socket = try? Connection.unix("\(folder)/line") else {
                usleep(20_000)
                continue
            }
            defer { close(socket) }
            let left = (deadline - ContinuousClock.now) / .seconds(1)
            return ServedLine(reader: socket, writer: socket, window: window).greet(seconds: left)
        }
        return false
    }

    /// Ends the machine and removes what it left. False if none was up.
    public func stop() throws(LaunchError) -> Bool {
        guard let status = try status() else { return false }
        end(status.keeper)
        try? FileManager.default.removeItem(atPath: try folder)
        return true
    }

    private func end(_ keeper: pid_t) {
        kill(keeper, SIGTERM)
        // The keeper is nobody's child any more, or this process' own.
        for _ in 0..<500 where kill(keeper, 0) == 0 {
            if waitpid(keeper, nil, WNOHANG) == keeper { return }
            usleep(10_000)
        }
    }
}

/// A machine of this process.
public final class HeldMachine {
    private let process: KeptProcess?
    private let folder: String

    init(_ process: KeptProcess?, folder: String) {
        self.process = process
        self.folder = folder
    }

    deinit { end() }

    public func end() {
        process?.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }
}
