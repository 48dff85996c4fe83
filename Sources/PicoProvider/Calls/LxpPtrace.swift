// ptrace as far as it went: TRACEME, ATTACH, CONT, SYSCALL, signals and registers; no SEIZE (GH:3031).
import Engine
import LinuxABI

private enum Request {
    static let traceMe = abiInt("PTRACE_TRACEME")
    static let attach = abiInt("PTRACE_ATTACH")
    static let detach = abiInt("PTRACE_DETACH")
    static let seize = abiInt("PTRACE_SEIZE")
    static let proceed = abiInt("PTRACE_CONT")
    static let call = abiInt("PTRACE_SYSCALL")
    static let kill = abiInt("PTRACE_KILL")
    static let peeks: Set<Int32> = [abiInt("PTRACE_PEEKTEXT"), abiInt("PTRACE_PEEKDATA"), abiInt("PTRACE_PEEKUSR")]
    static let pokes: Set<Int32> = [abiInt("PTRACE_POKETEXT"), abiInt("PTRACE_POKEDATA")]
    static let pokeUser = abiInt("PTRACE_POKEUSR")
    static let getRegisters = abiInt("PTRACE_GETREGS")
    static let setRegisters = abiInt("PTRACE_SETREGS")
    static let getFloating = abiInt("PTRACE_GETFPREGS")
    static let getSet = abiInt("PTRACE_GETREGSET")
    static let setOptions = abiInt("PTRACE_SETOPTIONS")
    /// PTRACE_OLDSETOPTIONS (linux/ptrace.h of Linux 2.4).
    static let oldSetOptions: Int32 = 21
    static let getSignal = abiInt("PTRACE_GETSIGINFO")
    static let getCall = abiInt("PTRACE_GET_SYSCALL_INFO")
    static let getMessage = abiInt("PTRACE_GETEVENTMSG")
    /// `offsetof(struct user, u_debugreg)`.
    static let debugRegisters: UInt64 = 848
}

private enum Option {
    static let exit = ABI.constant("PTRACE_O_TRACEEXIT")
    static let forks =
        ABI.constant("PTRACE_O_TRACEFORK") | ABI.constant("PTRACE_O_TRACEVFORK")
        | ABI.constant("PTRACE_O_TRACECLONE") | ABI.constant("PTRACE_O_TRACEVFORKDONE")
    static let known = LxTrace.goodOption | LxTrace.execOption | exit | forks
}

func LxpSyscall_PTRACE(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let request = c.int(0)
    switch request {
    case Request.seize: throw .unsupported(.EINVAL, note: "PTRACE_SEIZE is not there", source: "GH:3031")
    case Request.traceMe:
        if c.thread.activeTrace != nil || c.group.tracedByParent { throw .errno(.EPERM) }
        if let parent = c.group.parent {
            c.thread.trace = LxTrace(tracer: parent)
            c.engine.hasTraces = true
        } else {
            // The parent was not recorded.
            c.group.tracedByParent = true
        }
        return 0
    case Request.attach: return try LxpAttach(c)
    default: break
    }
    // A tracee that the engine does not have as one follows from a request that was refused before.
    guard let thread = c.group.pidNamespace.threads[c.int(1)], let trace = thread.activeTrace,
        trace.tracer === c.group
    else { throw .notModelled("a request about a thread that is not traced") }
    if request == Request.kill {
        c.engine.terminate(thread.group, status: LxSignal.kill, c)
        return 0
    }
    guard trace.stop != nil else { throw .errno(.ESRCH) }
    if let answer = try LxpResume(c, request, thread, trace) { return answer }
    return try LxpInspect(c, request, trace)
}

private func LxpAttach(_ c: LxpCall) throws(LxFailure) -> Int64 {
    guard let thread = c.group.pidNamespace.threads[c.int(1)], !thread.isDead else { throw .errno(.ESRCH) }
    guard thread.group !== c.group, thread.activeTrace == nil,
        LxpMayTrace(c.credentials, thread.credentials)
    else { throw .errno(.EPERM) }
    thread.trace = LxTrace(tracer: c.group)
    c.engine.hasTraces = true
    let sender = LxSignalInfo(signal: LxSignal.stop, code: 0, pid: c.group.globalID, uid: c.credentials.uid)
    c.engine.post(sender, to: thread)
    return 0
}

/// Requests that end a stop; nil: it is another one.
private func LxpResume(
    _ c: LxpCall,
    _ request: Int32,
    _ thread: LxThread,
    _ trace: LxTrace
) throws(LxFailure) -> Int64? {
    guard [Request.proceed, Request.call, Request.detach].contains(request) else { return nil }
    guard c[3] <= 64 else { throw .errno(.EIO) }
    let signal = c.int(3)
    trace.resume(request == Request.call ? .calls : .plain)
    if signal != 0 {
        trace.passing.insert(signal)
        c.engine.post(LxSignalInfo(signal: signal, code: 0, pid: c.group.globalID, uid: c.credentials.uid), to: thread)
    }
    if request == Request.detach { thread.trace = nil }
    c.engine.events += 1
    return 0
}

private func LxpInspect(_ c: LxpCall, _ request: Int32, _ trace: LxTrace) throws(LxFailure) -> Int64 {
    let what = "registers or memory of a traced thread"
    if Request.peeks.contains(request) {
        try c.checkWritable(c[3])
        c.writeGiven(c[3], 8, what)
        return 0
    }
    if Request.pokes.contains(request) { return 0 }
    switch request {
    case Request.pokeUser:
        guard c[2] < Request.debugRegisters else {
            throw .unsupported(.EIO, note: "there are no hardware watchpoints", source: "GH:4589;inferred errno")
        }
        return 0
    case Request.getRegisters, Request.getFloating:
        try c.checkWritable(c[3])
        c.writeGiven(c[3], request == Request.getRegisters ? 216 : 512, what)
        return 0
    case Request.setRegisters:
        c.partial("registers set at the entry of a call have no effect on it", "GH:3978")
        return 0
    case Request.getSet:
        try c.since(16251, .EINVAL, "PTRACE_GETREGSET before 16251", "RN:16251;GH:2216")
        // NT_PRSTATUS and NT_FPREGSET.
        guard c[2] == 1 || c[2] == 2 else { throw .errno(.EINVAL) }
        let base = try c.readInteger(c[3], as: UInt64.self)
        let room = try c.readInteger(c[3] + 8, as: UInt64.self)
        let count = min(Int(clamping: room), c[2] == 1 ? 216 : 512)
        c.writeGiven(base, count, what)
        try c.writeInteger(c[3] + 8, UInt64(count))
        return 0
    case Request.setOptions, Request.oldSetOptions: return try LxpSetOptions(c, request, trace)
    case Request.getSignal:
        try c.since(15002, .EINVAL, "PTRACE_GETSIGINFO before 15002", "RN:15002")
        try c.write(c[3], LxpSignalInfoBytes(trace.information))
        return 0
    case Request.getMessage:
        try c.writeInteger(c[3], trace.message)
        return 0
    case Request.getCall:
        throw .notModelled("no source says what PTRACE_GET_SYSCALL_INFO answers, which is newer than Linux 4.4")
    default: throw .notModelled("this ptrace request")
    }
}

private func LxpSetOptions(_ c: LxpCall, _ request: Int32, _ trace: LxTrace) throws(LxFailure) -> Int64 {
    if request == Request.oldSetOptions {
        try c.since(16170, .EIO, "PTRACE_OLDSETOPTIONS before 16170", "RN:16170")
    }
    guard c[3] & ~Option.known == 0 else {
        throw .unsupported(.EINVAL, note: "this ptrace option is not there", source: "inferred")
    }
    if c[3] & Option.exit != 0 {
        try c.since(16251, .EINVAL, "PTRACE_O_TRACEEXIT before 16251", "RN:16251;GH:555")
    }
    if c[3] & Option.forks != 0 { throw .notModelled("events of traced forks") }
    trace.options = c[3]
    return 0
}
