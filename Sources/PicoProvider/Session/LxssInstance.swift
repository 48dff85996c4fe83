// A running instance: one engine whose first process is /init, and the programs that run in it.
public import Engine
import LinuxABI
import NTKernel

/// Instances share the machine and nothing of Linux. One is made by ``LxssManager/start(_:)``.
public final class LxssInstance {
    public let distribution: LxssDistribution
    public let isElevated: Bool
    /// `starting`, `running`, `stopped`.
    public internal(set) var isRunning = false
    /// Everything since the start.
    public internal(set) var log: [LxssStep] = []

    let engine: WSL1Engine
    private let initProcess: LxInit
    private(set) var conf = WslConf()
    /// The job that all its pico processes are in.
    private var job = Handle.null
    /// Tasks of init's own; programs get numbers from here on.
    static let reservedTasks: UInt32 = 8
    private var nextTask = reservedTasks
    /// Nanoseconds of the instance's life.
    private(set) var time: UInt64 = 0
    /// When its last program ended; nil while one runs.
    var idleSince: UInt64?

    init(_ distribution: LxssDistribution, machine: LxMachine, isElevated: Bool) {
        self.distribution = distribution
        self.isElevated = isElevated
        engine = WSL1Engine(machine: machine)
        initProcess = LxInit(engine, task: TaskID(rawValue: 0))
        engine.session.distribution = distribution.name
        if distribution.format == .lxfs { engine.rootType = LxfsSuperblock.name }
        engine.user = machine.token(isElevated: isElevated)
    }

    // MARK: - Start and stop

    /// - Parameter files: the root file system.
    func boot(_ files: [Environment.File], hostname: String, startRealtime: UInt64) throws(EngineFailure) {
        var world = Environment()
        world.process.pid = 1
        world.process.parent = 0
        world.process.processGroup = 1
        world.process.session = 1
        world.process.executable = "/init"
        world.process.arguments = ["/init"]
        world.process.capabilities = [0, .max, .max, .max, 0]
        world.hostname = hostname
        world.startRealtime = startRealtime
        // lxcore brings /init: it is in no distribution's archive (INIT).
        world.files = files.filter { $0.path != "/init" } + [Self.initFile]
        engine.binaryFormats = []
        try engine.boot(world)
        let kernel = engine.kernel
        _ = kernel.NtCreateJobObject(handle: &job)
        if let process = engine.thread(initProcess.task)?.group.address.ntProcess {
            _ = kernel.NtAssignProcessToJobObject(job, process)
        }
        note(.lxcore, "creates the first pico process and executes /init as pid 1", source: "SRC;AI")
        note(.initProcess, "connects to the service's server port (it waits 30 s at most)", source: "SRC")
        note(.service, "sends the initialise message: drives, time zone, plan 9 socket", source: "SRC")
        conf = try initProcess.start(distribution, hostname: hostname, build: engine.build)
        log += initProcess.takeLog()
        for key in conf.ignored { note(.initProcess, "ignores \(key)", source: "DOC:wsl-config.md") }
        engine.session.hasInterop = conf.hasInterop && distribution.flags.contains(.enableInterop)
        isRunning = true
        idleSince = 0
    }

    private static let initFile: Environment.File = {
        var file = Environment.File(path: "/init", kind: .regular, mode: 0o755)
        file.content = [Environment.Extent(offset: 0, bytes: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])]
        file.size = 591_344
        return file
    }()

    /// Ends every pico process through the job: programs see SIGKILL.
    func stop(_ reason: String, source: String) {
        guard isRunning else { return }
        let kernel = engine.kernel
        note(.service, "stops the instance: \(reason)", source: source)
        _ = kernel.NtTerminateJobObject(job, status: .STATUS_CONTROL_C_EXIT)
        kernel.NtClose(job)
        note(.service, "every pico process is ended through the job", source: "SRC")
        _ = kernel.drainTrace()
        isRunning = false
    }

    func note(_ actor: LxssStep.Actor, _ text: String, result: String = "", source: String) {
        log.append(LxssStep(actor, text, result: result, source: source, steps: engine.takeSteps()))
    }

    func advance(to time: UInt64) {
        guard time > self.time else { return }
        self.time = time
        engine.advance(to: time)
    }

    // MARK: - Sessions

    /// Linux processes besides init's own.
    public var processes: [String] {
        engine.threads.dropFirst(Int(Self.reservedTasks)).compactMap { $0 }.filter { !$0.isDead }
            .filter { $0.group.leader === $0 }.map { "\($0.group.globalID) \($0.name)" }
    }

    /// What `mount` without arguments prints.
    public var mounts: [String] {
        (initProcess.read("/proc/self/mounts") ?? "").split(separator: "\n").map(String.init)
    }

    public func file(_ path: String) -> String? { initProcess.read(path) }

    public func checkInvariants() -> [String] { engine.checkInvariants() }

    /// A program of the instance, for a replay to run: its first process is a child of a new session leader.
    ///
    /// What the recording proves of files is laid over the distribution's; the rest of the distribution is there too.
    ///
    /// - Parameters:
    ///   - user: `--user`; nil: whoever the recording's was.
    ///   - folder: `--cd`; nil: where the recording began.
    public func program(user: String? = nil, folder: String? = nil) -> any Engine {
        LxssProgram(self, user: user, folder: folder)
    }

    /// init forks a session leader, which forks the process that executes the program (pico-interface.md §7, point 6).
    func launch(
        _ environment: Environment,
        tasks: UInt32,
        user: String? = nil,
        folder: String? = nil
    ) throws(EngineFailure) -> LxThread {
        let account: LxssAccount? = try user == nil && folder == nil ? nil : self.account(user)
        note(.service, "marshals standard handles, console and a fork token to a session leader", source: "SRC;AI")
        let leader = TaskID(rawValue: 1)
        if engine.thread(leader) == nil {
            try initProcess.call("fork()", child: leader, source: "SRC;AI")
            let session = LxInit(engine, task: leader)
            try session.call("setsid()", source: "SRC;AI")
            log += initProcess.takeLog() + session.takeLog()
        }
        engine.environment = environment
        engine.environment.startRealtime = environment.startRealtime &- time
        engine.environment.startMonotonic = environment.startMonotonic &- time
        engine.knownFiles = [:]
        for (index, file) in environment.files.enumerated() { engine.knownFiles[file.path] = index }
        let root = TaskID(rawValue: environment.process.task.rawValue + tasks)
        guard
            engine.graft(.child(task: root, pid: environment.process.pid, flags: UInt64(LxSignal.child)), on: leader),
            let thread = engine.thread(root)
        else { throw EngineFailure("the session leader could not fork") }
        engine.become(environment.process, thread)
        let context = engine.quietContext(thread)
        context.credentials = LxCredentials()
        for path in environment.absent { _ = engine.graft(.absent(path: path), on: leader) }
        for file in environment.files { engine.populate(file, context) }
        engine.openDescriptors(thread)
        if let directory = engine.place(environment.process.workingDirectory, thread) {
            thread.fs.workingDirectory = directory
        }
        if user != nil, let account { thread.credentials = LxCredentials(account) }
        if let folder, let account {
            let path = self.folder(folder, of: account)
            guard let place = engine.place(path, thread, follow: true), place.inode.isDirectory else {
                throw EngineFailure("--cd: the instance has no folder \(path)")
            }
            thread.fs.workingDirectory = place
        }
        thread.group.executable = environment.process.executable
        thread.group.executableLocation = engine.place(environment.process.executable, thread, follow: true)
        thread.isFreshGraft = false
        note(
            .initProcess,
            "forks, adopts the token, sets uid, gid and groups\(user.map { " of \($0)" } ?? ""), and executes \(environment.process.executable)",
            source: "SRC;AI"
        )
        idleSince = nil
        return thread
    }

    /// Numbers for the tasks of one more program.
    func takeTasks() -> UInt32 {
        nextTask = max(nextTask, UInt32(engine.threads.count))
        return nextTask
    }

    /// The session leader waits for what ended; with nothing left the instance is idle.
    public func programEnded() {
        engine.defersEvidence = false
        let leader = LxInit(engine, task: TaskID(rawValue: 1))
        while let ended = try? leader.call("wait4(-1, NULL, WNOHANG, NULL)", source: "SRC"), ended > 0 {}
        if processes.isEmpty { idleSince = time }
    }
}
