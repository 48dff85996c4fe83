// The WSL 1 engine: a model of lxcore, the pico provider, on a model of the NT executive.
public import Engine
public import LinuxABI
import NTKernel

/// WSL 1 of one build: every call is served by a provider routine or answers as lxcore's table does.
///
/// Single-threaded. Nothing of the host is touched: what cannot be known is asked of the environment.
public final class WSL1Engine: Engine {
    public let identity: EngineIdentity
    /// Facts hold by build.
    let build: WSL1Build

    /// Collects NT steps and handler names for every call. Off: only the support mark is kept.
    public var collectsEvidence = true
    /// NT steps are made into text only when they are asked for.
    public var defersEvidence = false

    var environment = Environment()
    /// Paths and names of everything mounted.
    let paths = VfsPathTable()
    /// Nanoseconds since the start of the recording.
    var time: UInt64 = 0
    /// Types that mount(2) accepts, by name.
    var fileSystems: [String: any VfsFileSystemType] = [:]
    /// By task number.
    var threads: [LxThread?] = []
    /// Whether a thread has been and is forgotten, by task number.
    private var forgotten: [Bool] = []
    var anonymous = LxAnonymousSuperblock(type: "anon_inodefs", device: 13, source: "anon_inodefs")
    var pipes = LxAnonymousSuperblock(type: "pipefs", device: 12, source: "pipefs")
    var sockets = LxAnonymousSuperblock(type: "sockfs", device: 8, source: "sockfs")
    /// Counts everything that may let a parked call finish.
    var events: UInt64 = 0
    let table: LxpSyscallTable
    private let slots: LxpSyscallSlots
    var initialPidNamespace = LxPidNamespace(identifier: 0, parent: nil)
    var lastNamespace: UInt64 = 4_026_531_834
    var lastCookie: UInt32 = 0
    var lastMount = 20
    var lastDevice: UInt64 = 40
    var lastPeerGroup = 0
    var futexes = LxpFutexTable()
    var terminals = LxTerminalTable()
    var cgroups = LxCgroupHierarchy()
    var keyrings: [LxKeyring] = []
    /// binfmt_misc; init registers the first one (INIT).
    var binaryFormats = [LxBinaryFormat(interop: ())]
    var areFormatsEnabled = true
    var network = LxNetworkState()
    /// Some thread is or was traced.
    var hasTraces = false
    var isBooted = false
    /// Where the root task's paths start.
    var initialRoot: VfsLocation?
    /// Positions in the environment's files, by path.
    var knownFiles: [String: Int] = [:]
    /// Directories that were made because something is mounted on or below them.
    var placed: Set<String> = []
    /// Pipes that existed before, by the environment's id.
    var outsidePipes: [UInt64: (pipe: LxPipe, inode: VfsInode)] = [:]
    /// Files of the environment with several names.
    var populated: [FileIdentity: VfsInode] = [:]
    /// The type of the root file system: wslfs in distributions made or upgraded since 1903, lxfs before.
    var rootType: String
    var mountNamespaces: [LxWeak<LxMountNamespace>] = []
    /// Processes with an armed timer, and the earliest deadline of them all.
    var timedGroups: [ObjectIdentifier: LxThreadGroup] = [:]
    var nextTimer: UInt64?
    /// The Windows machine that it runs on; its own unless several instances share one.
    let machine: LxMachine
    /// For what may outlive it.
    let link = LxLink<WSL1Engine>()
    let kernel: NTExecutive
    /// The token of who started the instance.
    var user: AccessToken
    /// What /init was told when the instance started; without a session, what wsl.conf's defaults say.
    var session = LxInstanceSettings()
    /// The call in hand; one object serves them all.
    var call: LxpCall { calls.unsafelyUnwrapped.takeUnretainedValue() }
    /// Made with the engine, and let go of with it.
    private(set) var calls: Unmanaged<LxpCall>?

    /// - Parameter build: a build of Windows, by default the last that had no other WSL 1 after it.
    public convenience init(build number: Int = WSL1Build.latest.number) {
        self.init(machine: LxMachine(build: WSL1Build(number)))
    }

    init(machine: LxMachine) {
        let build = machine.build
        let number = build.number
        self.machine = machine
        kernel = machine.kernel
        user = machine.user
        self.build = build
        rootType = build < Self.firstWithWslfs ? LxfsSuperblock.name : "wslfs"
        table = LxpSyscallTable.standard(build)
        slots = LxpSyscallSlots(table)
        identity = EngineIdentity(
            name: build == .latest ? "wsl1" : "wsl1@\(number)",
            version: build.release,
            summary: "WSL 1: lxcore's pico provider on the NT executive"
        )
        link.object = self
        calls = Unmanaged.passRetained(LxpCall(engine: self))
    }

    deinit {
        calls?.release()
        link.object = nil
    }

    /// 1903.
    static let firstWithWslfs = WSL1Build(18362)

    /// The builds that the engine knows, oldest first.
    public static let builds = WSL1Build.released.map(\.number)

    /// The entry of a call number.
    func slot(_ number: Int) -> UnsafePointer<LxpSyscallSlot> { slots.slot(number) }

    /// Nanoseconds since the epoch.
    var realtime: Int64 { Int64(bitPattern: environment.startRealtime &+ time) }

    func thread(_ task: TaskID) -> LxThread? {
        let index = Int(task.rawValue)
        return index < threads.count ? threads[index] : nil
    }

    func setThread(_ task: TaskID, _ thread: LxThread?) {
        let index = Int(task.rawValue)
        while threads.count <= index { threads.append(nil) }
        threads[index] = thread
    }

    func group(globalID: Int32) -> LxThreadGroup? { initialPidNamespace.groups[globalID] }

    func nextCookie() -> UInt32 {
        lastCookie += 1
        return lastCookie
    }

    public func cancel(_ task: TaskID) {
        guard let thread = thread(task) else { return }
        futexes.forget(thread)
        if let nt = thread.ntThread { kernel.KeRemoveFromWait(nt) }
        thread.parked = nil
        if let saved = thread.signals.savedMask {
            thread.signals.mask = saved
            thread.signals.savedMask = nil
        }
    }

    public func advance(to time: UInt64) {
        guard time > self.time else { return }
        self.time = time
        kernel.KeUpdateSystemTime(interruptTime: (environment.startMonotonic &+ time) / 100)
        events += 1
        fireTimers()
    }

    public func postSignal(_ signal: Int32, to task: TaskID) {
        guard let thread = thread(task), !thread.isDead, (1...64).contains(signal) else { return }
        events += 1
        // SI_KERNEL: a terminal or another program sent it.
        post(LxSignalInfo(signal: signal, code: 0x80), to: thread)
    }

    public func hold(_ signals: UInt64, for task: TaskID) {
        guard let thread = thread(task) else { return }
        events += 1
        thread.signals.released = LxSignalSet(bits: thread.signals.held.bits & ~signals)
        thread.signals.held = LxSignalSet(bits: signals)
    }

    public func taskEnded(_ task: TaskID, status: Int32?) {
        guard let thread = thread(task), !thread.isDead else { return }
        events += 1
        let context = quietContext(thread)
        if let status, thread.group.threads.allSatisfy({ $0 === thread }) { thread.group.groupExitStatus = status }
        endThread(thread, status: thread.group.groupExitStatus ?? status ?? 0, context)
    }

    public func forget(_ task: TaskID) {
        guard let thread = thread(task), thread.isDead else { return }
        setThread(task, nil)
        let index = Int(task.rawValue)
        if forgotten.count <= index { forgotten += [Bool](repeating: false, count: index + 1 - forgotten.count) }
        forgotten[index] = true
    }

    /// Threads that are held, dead ones included.
    package var heldThreads: Int { threads.reduce(0) { $0 + ($1 == nil ? 0 : 1) } }

    /// Whether there was such a task, and it ended.
    func isForgotten(_ task: TaskID) -> Bool {
        let index = Int(task.rawValue)
        return index < forgotten.count && forgotten[index]
    }

    /// A context for work that no call asked for.
    func quietContext(_ thread: LxThread?) -> VfsContext {
        let context = VfsContext(engine: self)
        context.thread = thread
        if let thread { context.credentials = thread.credentials }
        return context
    }
}
