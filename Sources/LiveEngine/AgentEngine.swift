// An engine behind an agent: every call is made by a real task in some Linux-compatible environment.
public import Engine
public import LinuxABI

/// A kernel or layer in which an agent runs.
///
/// Processes and threads of the recording are real ones there. The engine sends one call at a time to the agent and
/// takes back its result and the memory it wrote.
public final class AgentEngine: SelfPacedEngine {
    public let identity: EngineIdentity
    private let start: () throws(EngineFailure) -> any AgentTransport
    private var transport: (any AgentTransport)?
    let options: AgentOptions
    private(set) var opened: (any AgentChannel)?
    var environment = Environment()
    var tasks: [TaskID: TaskState] = [:]
    private var freeSlots: [UInt32] = []
    /// Nanoseconds of the recording's clock.
    var clock: UInt64 = 0
    /// The far ends of descriptors that lead outside, in the conductor.
    var outside = OutsideEnds()
    /// Where the root is laid out, as the conductor sees it; empty: the environment's own root.
    var rootPath = ""
    /// Whether a file system without a disk is one of the kernel's own, by device.
    var kernelDevices: [UInt64: Bool] = [:]
    /// Signals that came in while the engine made calls of its own, by slot.
    var strayed: [UInt32: [Int32]] = [:]
    /// A task has asked for `ptrace`.
    var isTracing = false
    /// Directories of the root that are there.
    var madeDirectories: Set<String> = []
    /// Where a child that its kernel refused would have had its tid cleared at its end: others wait there.
    var clearedPlaces: [TaskID: UInt64] = [:]
    /// Paths of this machine's control groups that the replay made and has not removed.
    var madeControlGroups: [String] = []
    /// Pids by the recorded ones, where the kernel let nobody choose.
    var pids: [Int64: Int64] = [:]

    /// An engine whose environment runs already.
    public convenience init(
        transport: any AgentTransport,
        identity: EngineIdentity,
        options: AgentOptions = AgentOptions()
    ) {
        self.init(identity: identity, options: options) { () throws(EngineFailure) in transport }
    }

    /// An engine whose environment is started when it boots.
    public init(
        identity: EngineIdentity,
        options: AgentOptions = AgentOptions(),
        start: @escaping () throws(EngineFailure) -> any AgentTransport
    ) {
        self.identity = identity
        self.options = options
        self.start = start
    }

    /// An engine without an agent: its requests are written to a program, or answered from the results of one.
    init(identity: EngineIdentity, options: AgentOptions, channel: any AgentChannel) {
        self.identity = identity
        self.options = options
        start = { () throws(EngineFailure) in throw EngineFailure("there is no agent to start") }
        opened = channel
    }

    deinit {
        removeControlGroups()
        transport?.close()
    }

    var connection: any AgentChannel {
        get throws(EngineFailure) {
            guard let opened else { throw EngineFailure("the engine has not been booted") }
            return opened
        }
    }

    public func boot(_ environment: Environment) throws(EngineFailure) {
        self.environment = environment
        guard opened == nil else {
            let channel = try connection
            freeSlots = (1..<UInt32(channel.greeting.slots)).reversed()
            if let results = channel as? ProgramResults { try resume(results) } else { try bootRoot() }
            return
        }
        do throws(EngineFailure) {
            try bootOnce()
        } catch {
            // Emulators lose a fork now and then, sandboxes a start; twice is a finding.
            transport?.close()
            try bootOnce()
        }
    }

    private func bootOnce() throws(EngineFailure) {
        tasks = [:]
        outside = OutsideEnds()
        madeDirectories = []
        pids = [:]
        strayed = [:]
        let transport = try start()
        self.transport = transport
        let connection = try AgentConnection(transport, startTimeout: options.startTimeout)
        opened = connection
        freeSlots = (1..<UInt32(connection.greeting.slots)).reversed()
        try bootRoot()
    }

    func takeSlot() throws(EngineFailure) -> UInt32 {
        guard let slot = freeSlots.popLast() else { throw EngineFailure("more tasks at once than the agent has slots") }
        return slot
    }

    /// Slots below are taken already.
    func keepSlots(from first: UInt32) { freeSlots.removeAll { $0 < first } }

    func release(_ task: TaskID) {
        guard let state = tasks.removeValue(forKey: task) else { return }
        try? connection.free(state.slot)
        strayed[state.slot] = nil
        freeSlots.insert(state.slot, at: 0)
    }

    // MARK: - Calls

    public func dispatch(_ call: GuestCall, on task: TaskID) throws(EngineFailure) -> DispatchResult {
        guard let state = tasks[task] else { throw EngineFailure("there is no task \(task.rawValue)") }
        guard call.architecture == .x86_64 else { return notModelled("the agent makes 64-bit calls only") }
        try connection.attend(to: call.index, isDue: false)
        if state.isStale {
            let reply = try connection.wait(state.slot, milliseconds: min(options.patience, 50))
            if reply.status == .exited { return ended(task) }
            guard reply.status == .returned else { return notModelled("an earlier call of the task cannot be ended") }
            state.isStale = false
        }
        let description = ABI.call(call.number, call.architecture)
        var request = AgentRequest(slot: state.slot, number: call.number, arguments: call.arguments)
        request.handled = state.actions.mask
        request.held = state.held
        request.inputs = call.memory.chunks
        if let description {
            let variant = description.variant(for: call.arguments)
            request.outputs = CallMemory.outputs(of: variant, call.arguments, call.memory)
        }
        let name = description?.name ?? ""
        if let answer = try prepare(name, call, state, &request) { return answer }
        var made = ParkedCall(call: call, request: request, start: .now, time: clock)
        if try racesWithReader(call, state) {
            made.isWithdrawn = true
            state.parked = made
            return DispatchResult(.blocked)
        }
        let result = try answer(try callTask(request, state), made, name, task, state)
        if result.outcome == .blocked { try withdrawIfWatched(call, state) }
        return result
    }

    /// Milliseconds that a tracer's call which is due may still sleep: enough for a child's end.
    private static let tracersPatience = 20

    public func retry(_ task: TaskID) throws(EngineFailure) -> DispatchResult {
        guard let state = tasks[task], let parked = state.parked else {
            throw EngineFailure("task \(task.rawValue) has no call that waits")
        }
        try connection.attend(to: parked.call.index, isDue: true)
        let name = ABI.name(parked.call.number, parked.call.architecture)
        if parked.isWithdrawn { return try answer(try makeDue(parked, state), parked, name, task, state) }
        let isLive = try connection.mode == .live
        let elapsed = isLive ? Int((ContinuousClock.now - parked.start) / .milliseconds(1)) : 0
        let recorded = Int(clock - min(clock, parked.time)) / 1_000_000
        let patience = state.isTracer ? min(options.patience, Self.tracersPatience) : options.patience
        let reply = try connection.wait(state.slot, milliseconds: patience + max(0, recorded - elapsed))
        return try answer(reply, parked, name, task, state)
    }

    private func answer(
        _ reply: AgentReply,
        _ parked: ParkedCall,
        _ name: String,
        _ task: TaskID,
        _ state: TaskState
    ) throws(EngineFailure) -> DispatchResult {
        var reply = unfolded(reply, parked.call, state)
        if reply.status == .returned, isOvertaken(parked, reply) { reply.result = -Int64(Errno.EINTR.rawValue) }
        switch reply.status {
        case .blocked:
            state.parked = parked
            return DispatchResult(.blocked)
        case .exited: return ended(task)
        case .failed:
            guard try connection.mode == .collecting else { throw EngineFailure("the agent could not make \(name)") }
            state.parked = nil
            return notModelled("the program made this call in another way than the replay would have")
        case .returned:
            state.parked = nil
            let signals = (strayed.removeValue(forKey: state.slot) ?? []) + reply.signals
            var result = DispatchResult(.returned(reply.result), writes: reply.writes)
            take(signals, state, &result)
            if call(parked, hasNoHandler: reply) { return notModelled("no handler ran here") }
            let file = FileNature(&result.writes)
            try settle(name, parked, file, task, state, &result)
            return result
        }
    }

    private func call(_ parked: ParkedCall, hasNoHandler reply: AgentReply) -> Bool {
        parked.request.flags.contains(.signalReturn) && reply.result == -Int64(Errno.ENOSYS.rawValue)
    }

    private func ended(_ task: TaskID) -> DispatchResult {
        release(task)
        return DispatchResult(.exited)
    }

    func notModelled(_ note: String) -> DispatchResult {
        var result = DispatchResult(.returned(-Int64(Errno.ENOSYS.rawValue)))
        result.evidence.support = .notModelled
        result.evidence.note = note
        return result
    }

    public func cancel(_ task: TaskID) {
        guard let state = tasks[task], let parked = state.parked else { return }
        state.parked = nil
        guard !parked.isWithdrawn, let reply = try? connection.cancel(state.slot, milliseconds: 200) else { return }
        switch reply.status {
        case .returned: break
        case .exited: release(task)
        case .blocked, .failed: state.isStale = true
        }
    }

    // MARK: - Time, signals, ends

    public func advance(to time: UInt64) { clock = max(clock, time) }

    public func postSignal(_ signal: Int32, to task: TaskID) {
        guard let state = tasks[task] else { return }
        _ = try? connection.signal(state.slot, signal)
    }

    public func hold(_ signals: UInt64, for task: TaskID) { tasks[task]?.held = signals }

    public func taskEnded(_ task: TaskID, status: Int32?) {
        guard let state = tasks[task] else { return }
        try? connection.attend(to: nil, isDue: false)
        // Whatever ended it in the recording may be on its way here too.
        if let reply = try? connection.wait(state.slot, milliseconds: 5), reply.status == .exited {
            release(task)
            return
        }
        let signal = status.map { $0 & 0x7f } ?? 0
        _ = try? connection.signal(state.slot, signal == 0 ? 9 : signal)
        if signal != 0, signal != 9 { _ = try? connection.signal(state.slot, 9) }
        _ = try? connection.wait(state.slot, milliseconds: 200)
        release(task)
    }

    public func graft(_ graft: Graft, on task: TaskID) -> Bool {
        guard let state = tasks[task], state.parked == nil, !state.isStale else { return false }
        return (try? put(graft, state)) ?? false
    }
}
