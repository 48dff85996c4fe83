// Calls that a task cannot make just as they were recorded, and what follows from those that it has made.
import Engine
import LinuxABI

/// Linux's constants that the engine needs.
enum Linux {
    static let mapFixed = ABI.constant("MAP_FIXED")
    static let mapFixedNoReplace = ABI.constant("MAP_FIXED_NOREPLACE")
    static let mapPrivate = ABI.constant("MAP_PRIVATE")
    static let mapAnonymous = ABI.constant("MAP_ANONYMOUS")
    static let remapMayMove = ABI.constant("MREMAP_MAYMOVE")
    static let remapFixed = ABI.constant("MREMAP_FIXED")
    static let cloneMemory = ABI.constant("CLONE_VM")
    static let cloneVfork = ABI.constant("CLONE_VFORK")
    static let cloneFiles = ABI.constant("CLONE_FILES")
    static let cloneClear = ABI.constant("CLONE_CHILD_CLEARTID")
    static let cloneThread = ABI.constant("CLONE_THREAD")
    /// Files, working directory, semaphore undo lists, parent.
    static let cloneOthers =
        cloneThread | ABI.constant("CLONE_FS") | ABI.constant("CLONE_FILES") | ABI.constant("CLONE_SYSVSEM")
        | ABI.constant("CLONE_PARENT")
    static let cloneHandlers = ABI.constant("CLONE_SIGHAND")
    static let clonePid = ABI.constant("CLONE_NEWPID")
    static let clearHandlers: UInt64 = 0x1_0000_0000
    static let unshareRange = ABI.constant("CLOSE_RANGE_UNSHARE")
    static let pageMask: UInt64 = 4095
    static let epollDelete = ABI.constant("EPOLL_CTL_DEL")
    /// EINTR, ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK.
    static let interruptions: Set<Int64> = [-Int64(Errno.EINTR.rawValue), -512, -513, -514, -516]
    /// `CANCEL_SIGNAL` of the agent.
    static let cancelSignal: UInt64 = 62
    static let closeRange = ABI.call(named: "close_range")?.numbers.x86_64 ?? 436
    static let mmap = ABI.call(named: "mmap")?.numbers.x86_64 ?? 9
    static let munmap = ABI.call(named: "munmap")?.numbers.x86_64 ?? 11
}

extension AgentEngine {
    /// Changes the request where the call needs it. An answer if the task need not make it.
    func prepare(
        _ name: String,
        _ call: GuestCall,
        _ state: TaskState,
        _ request: inout AgentRequest
    ) throws(EngineFailure) -> DispatchResult? {
        switch name {
        case "exit", "exit_group": request.flags.insert(.exit)
        case "execve", "execveat": request.flags.insert(.exec)
        case "rt_sigreturn":
            // What has run elsewhere says itself whether a handler did.
            let isLive = try connection.mode == .live
            if isLive, state.handlerDepth == 0, try !hasNews(state) { return notModelled("no handler ran here") }
            request.flags = .signalReturn
            request.inputs = []
            request.outputs = []
        case "clone", "clone3", "fork", "vfork": try prepareClone(name, call, state, &request)
        case "rt_sigaction":
            if call.arguments[0] == Linux.cancelSignal { return ownAction(call, state) }
            try replaceHandler(call, &request)
        case "brk": return try moveBreak(call, state)
        case "mmap", "shmat": placeMapping(name, call, state, &request)
        case "mprotect", "madvise", "mlock", "mlock2", "munlock", "msync", "mremap", "pkey_mprotect", "mincore",
            "mbind", "process_madvise":
            // What the kernel itself maps (a program's image, the first stack) is not here before it is touched.
            let start = call.arguments[0] & ~Linux.pageMask
            guard call.arguments[0] & Linux.pageMask == 0 || name.hasPrefix("ml"), !state.memory.isReleased(start),
                call.arguments[1] < 1 << 32
            else { break }
            request.flags.insert(.ensure)
            request.range = (start, call.arguments[1])
        case "bind": choosePort(call, &request)
        case "futex", "clock_nanosleep", "timerfd_settime", "timer_settime": moveDeadline(name, call, &request)
        case "close_range": return try closeRange(call, state, request)
        case "ptrace":
            isTracing = true
            // A request of the tracee is 0, PTRACE_TRACEME.
            state.isTracer = state.isTracer || call.arguments[0] != 0
            if try !hasTracing() { return DispatchResult(.returned(-Int64(Errno.ENOSYS.rawValue))) }
            return notModelled("a traced task would stop in the agent's own calls")
        case "kill", "tgkill", "tkill":
            // A tracer that is not there would not let it go on.
            if isTracing, call.arguments[name == "tgkill" ? 2 : 1] == 19 {
                return notModelled("a stop that a tracer waits for")
            }
        case "mount", "open", "openat", "openat2":
            guard try isAgentsFile(name, call, state) else { break }
            guard nameProgram(name, state, &request) else {
                return notModelled("the agent runs in the program's place: /proc/self/exe is its file")
            }
        case "readlink", "readlinkat":
            // An emulator answers with the path that it was started with; others are asked.
            guard options.isEmulated, try isAgentsFile(name, call, state) else { break }
            return notModelled("the agent runs in the program's place: /proc/self/exe is its file")
        case "mq_open", "mq_unlink":
            // QEMU gives its own C library the name with the slash that a program's library has left out: the byte before.
            if options.isEmulated, case .absent = call.memory.read(call.arguments[0] &- 1, count: 1) {
                request.inputs.append(.init(address: call.arguments[0] &- 1, bytes: [UInt8(ascii: "/")]))
            }
        case "reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "swapon",
            "swapoff", "settimeofday", "clock_settime", "acct":
            guard options.isDisposable else { return notModelled("\(name) would change this machine") }
        default: request.about = about(name, call, state)
        }
        return nil
    }

    /// Whether the kernel has `ptrace` at all: asked with a process that is not there.
    private func hasTracing() throws(EngineFailure) -> Bool {
        guard try connection.mode == .live else { return true }
        // PTRACE_ATTACH
        let answer = try make("ptrace", .value(16), .value(0x7fff_fff0), .value(0), .value(0))
        return answer.result != -Int64(Errno.ENOSYS.rawValue)
    }

    // MARK: - Tasks

    private func cloneFlags(_ name: String, _ call: GuestCall) -> UInt64 {
        switch name {
        case "clone": return call.arguments[0]
        case "vfork": return Linux.cloneVfork | Linux.cloneMemory
        case "clone3":
            guard case .bytes(let bytes) = call.memory.read(call.arguments[0], count: 8) else { return 0 }
            return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
        default: return 0
        }
    }

    private func prepareClone(
        _ name: String,
        _ call: GuestCall,
        _ state: TaskState,
        _ request: inout AgentRequest
    ) throws(EngineFailure) {
        let flags = cloneFlags(name, call)
        if flags & Linux.cloneClear != 0 {
            // struct clone_args has child_tid at 16.
            let tid = name == "clone3" ? call.memory.read(call.arguments[0] + 16, count: 8) : nil
            if case .bytes(let bytes)? = tid { clearedPlaces[call.childTask] = bytes.word(0) }
            if name == "clone" { clearedPlaces[call.childTask] = call.arguments[3] }
        }
        if tasks[call.childTask] != nil { release(call.childTask) }
        let slot = try takeSlot()
        let child = TaskState(
            slot: slot,
            memory: flags & Linux.cloneMemory != 0 ? state.memory : state.memory.copy(),
            actions: flags & Linux.cloneHandlers != 0 ? state.actions : state.actions.copy()
        )
        if name == "clone3", flags & Linux.clearHandlers != 0 { child.actions.handlers = [:] }
        child.files = flags & Linux.cloneFiles != 0 ? state.files : state.files.copy()
        child.program = state.program
        child.isNested = state.childrenAreNested || state.isNested || flags & Linux.clonePid != 0
        child.childrenAreNested = child.isNested
        child.handlerDepth = 0
        tasks[call.childTask] = child
        request.flags.insert(.clone)
        request.child = slot
        if child.isNested { request.flags.insert(.nested) }
        if flags & Linux.cloneVfork != 0 { request.flags.insert(.vfork) }
        // A first child in a new namespace has a pid in its parent's, too.
        if !state.isNested, let pid = environment.names.offer(.task, for: call.index) {
            try choosePid(Int32(truncatingIfNeeded: pid))
        }
    }

    // MARK: - Signals

    /// The agent's handler in place of the program's; `SA_RESTART` and `SA_ONSTACK` are kept from the kernel, as calls
    /// are made again by the recording and the agent's stack is its own.
    private func replaceHandler(_ call: GuestCall, _ request: inout AgentRequest) throws(EngineFailure) {
        let address = call.arguments[1]
        guard address != 0, case .bytes(var action) = call.memory.read(address, count: 32) else { return }
        guard action.word(0) > 1 else { return }
        let greeting = try connection.greeting
        action.setWord(0, greeting.handler)
        action.setWord(8, action.word(8) & ~0x1800_0000 | 0x0400_0000)
        action.setWord(16, greeting.restorer)
        request.inputs.append(.init(address: address, bytes: action))
        // Not before it is installed, but the mask must be ready when it is.
    }

    /// The action of the signal that the agent has for itself: kept by the engine alone.
    private func ownAction(_ call: GuestCall, _ state: TaskState) -> DispatchResult {
        let signal = Int32(Linux.cancelSignal)
        var result = DispatchResult(.returned(0))
        result.evidence.note = "the action of signal 62 is kept by the engine"
        if call.arguments[2] != 0 {
            let old = state.actions.handlers[signal] ?? [UInt8](repeating: 0, count: 32)
            result.writes = [.init(address: call.arguments[2], bytes: old)]
        }
        if call.arguments[1] != 0, case .bytes(let new) = call.memory.read(call.arguments[1], count: 32) {
            state.actions.handlers[signal] = new
        }
        return result
    }

    // MARK: - Memory

    private func placeMapping(_ name: String, _ call: GuestCall, _ state: TaskState, _ request: inout AgentRequest) {
        let addressIndex = name == "mmap" ? 0 : 1
        guard let offered = environment.names.offer(.address, for: call.index), offered & Linux.pageMask == 0 else {
            return
        }
        let length = name == "mmap" ? (call.arguments[1] &+ Linux.pageMask) & ~Linux.pageMask : 0
        let fixed = Linux.mapFixed | Linux.mapFixedNoReplace
        if name == "mmap", call.arguments[3] & fixed != 0 { return }
        guard length < 1 << 46 else { return }
        if call.arguments[addressIndex] == 0 || name == "mmap" { request.arguments[addressIndex] = offered }
        if length > 0, state.memory.isFree(offered..<(offered + length)) {
            request.flags.insert(.clear)
            request.range = (offered, length)
        }
    }

    /// The program break: kept by the engine in mappings of its own, as no kernel puts the heap where it was recorded.
    private func moveBreak(_ call: GuestCall, _ state: TaskState) throws(EngineFailure) -> DispatchResult {
        func answer(_ value: UInt64) -> DispatchResult {
            var result = DispatchResult(.returned(Int64(bitPattern: value)))
            result.evidence.note = "the heap is a mapping of the engine's"
            return result
        }
        let wanted = call.arguments[0]
        guard let current = state.memory.programBreak else {
            let start = environment.names.offer(.programBreak, for: call.index) ?? 0x5555_5560_0000
            state.memory.programBreak = (start, start)
            return answer(start)
        }
        guard wanted >= current.start, wanted < current.start + 1 << 40 else { return answer(current.current) }
        let old = (current.current + Linux.pageMask) & ~Linux.pageMask
        let new = (wanted + Linux.pageMask) & ~Linux.pageMask
        var request = AgentRequest(slot: state.slot)
        request.handled = state.actions.mask
        if new > old {
            request.number = Linux.mmap
            let flags = Linux.mapPrivate | Linux.mapAnonymous | Linux.mapFixed
            request.arguments = SyscallArguments(old, new - old, 3, flags, UInt64.max, 0)
        } else if new < old {
            request.number = Linux.munmap
            request.arguments = SyscallArguments(new, old - new)
        } else {
            state.memory.programBreak?.current = wanted
            return answer(wanted)
        }
        let reply = try callTask(request, state)
        guard reply.result >= 0 || reply.result < -4095 else { return answer(current.current) }
        state.memory.programBreak?.current = wanted
        return answer(wanted)
    }

    // MARK: - Descriptors

    /// Around the two descriptors that are the agent's.
    private func closeRange(
        _ call: GuestCall,
        _ state: TaskState,
        _ request: AgentRequest
    ) throws(EngineFailure) -> DispatchResult? {
        let own = try connection.greeting.descriptors
        let (first, last) = (call.arguments[0] & 0xffff_ffff, call.arguments[1] & 0xffff_ffff)
        guard first <= own.lowerBound, last >= own.lowerBound, first <= last else { return nil }
        var below = request
        below.arguments[1] = own.lowerBound - 1
        let reply = try connection.call(below, milliseconds: options.budget)
        guard reply.result == 0, last > own.upperBound else {
            return closed(reply, reply.signals, state)
        }
        var above = request
        above.arguments[0] = own.upperBound + 1
        above.arguments[2] &= ~Linux.unshareRange
        let rest = try connection.call(above, milliseconds: options.budget)
        return closed(rest, reply.signals + rest.signals, state)
    }

    private func closed(_ reply: AgentReply, _ signals: [Int32], _ state: TaskState) -> DispatchResult {
        var result = DispatchResult(.returned(reply.result))
        take(signals, state, &result)
        return result
    }
}

extension [UInt8] {
    func word(_ offset: Int) -> UInt64 {
        guard offset + 8 <= count else { return 0 }
        return self[offset..<(offset + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func setWord(_ offset: Int, _ value: UInt64) {
        for index in 0..<8 { self[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(index * 8)) }
    }
}
