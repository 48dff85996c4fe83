// rt_sig*, kill, tkill, tgkill, sigaltstack, pause.
import Engine
import LinuxABI

func addSignalCalls(_ table: inout LxpSyscallTable) {
    table.supported("rt_sigaction", LxpSyscall_RT_SIGACTION)
    table.supported("rt_sigprocmask", LxpSyscall_RT_SIGPROCMASK)
    table.supported("rt_sigreturn", LxpSyscall_RT_SIGRETURN)
    table.supported("rt_sigpending") { c throws(LxFailure) in
        guard c[1] <= 8 else { throw .errno(.EINVAL) }
        let pending = c.thread.pendingSet.bits & c.thread.signals.mask.bits
        try c.write(c[0], Array(withUnsafeBytes(of: pending.littleEndian) { Array($0) }.prefix(Int(c[1]))))
        return 0
    }
    table.supported("rt_sigtimedwait", LxpSyscall_RT_SIGTIMEDWAIT, .intr)
    table.supported(
        "rt_sigsuspend",
        { c throws(LxFailure) in
            guard c[1] == 8 else { throw .errno(.EINVAL) }
            try LxpTemporaryMask(c, c[0], c[1])
            throw .wouldBlock
        },
        .restartNoHand
    )
    table.supported("pause", { _ throws(LxFailure) in throw .wouldBlock }, .restartNoHand)
    table.supported("sigaltstack", LxpSyscall_SIGALTSTACK)
    table.supported("kill", LxpSyscall_KILL)
    table.supported("tkill") { c throws(LxFailure) in try LxpThreadKill(c, group: nil, id: c.int(0), signal: c.int(1)) }
    table.supported("tgkill") { c throws(LxFailure) in
        guard c.int(0) > 0 else { throw .errno(.EINVAL) }
        return try LxpThreadKill(c, group: c.int(0), id: c.int(1), signal: c.int(2))
    }
    table.supported("restart_syscall", LxpSyscall_RESTART_SYSCALL, .restartBlock)
}

/// Other bits are not kept.
private let actionFlags = [
    "SA_NOCLDSTOP", "SA_NOCLDWAIT", "SA_SIGINFO", "SA_RESTORER", "SA_ONSTACK", "SA_RESTART", "SA_NODEFER",
    "SA_RESETHAND",
].reduce(UInt64(0)) { $0 | ABI.constant($1) }

func LxpSyscall_RT_SIGACTION(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let signal = c.int(0)
    guard c[3] == 8 else { throw .errno(.EINVAL) }
    var wanted: LxSignalAction?
    if c[1] != 0 {
        let words = try c.readFourWords(c[1])
        wanted = LxSignalAction(
            handler: words[0],
            flags: words[1],
            restorer: words[2],
            mask: LxSignalSet(bits: words[3])
        )
    }
    guard (1...64).contains(signal) else { throw .errno(.EINVAL) }
    if wanted != nil, signal == LxSignal.kill || signal == LxSignal.stop { throw .errno(.EINVAL) }
    let handlers = c.group.handlers
    if c[2] != 0 {
        let old = handlers[signal]
        let words = (old.handler, old.flags, old.restorer, old.mask.bits)
        try c.write(c[2], withUnsafeBytes(of: words) { Array($0) })
    }
    guard var action = wanted else { return 0 }
    action.mask.bits &= ~LxSignalSet.unblockable.bits
    action.flags &= actionFlags
    handlers[signal] = action
    // Setting a signal to be ignored throws away those that wait.
    if action.isIgnored || (action.isDefault && WSL1Engine.defaultAction(signal) == .ignore) {
        let set = LxSignalSet(bits: LxSignalSet.bit(signal))
        c.group.pendingSignals.discard(set)
        for thread in c.group.threads { thread.signals.pending.discard(set) }
    }
    return 0
}

func LxpSyscall_RT_SIGPROCMASK(_ c: LxpCall) throws(LxFailure) -> Int64 {
    guard c[3] == 8 else { throw .errno(.EINVAL) }
    let old = c.thread.signals.mask
    if c[1] != 0 {
        let set = try c.readInteger(c[1], as: UInt64.self) & ~LxSignalSet.unblockable.bits
        switch c.int(0) {
        case 0: c.thread.signals.mask.bits |= set
        case 1: c.thread.signals.mask.bits &= ~set
        case 2: c.thread.signals.mask.bits = set
        default: throw .errno(.EINVAL)
        }
    }
    if c[2] != 0 { try c.writeInteger(c[2], old.bits) }
    return 0
}

func LxpSyscall_RT_SIGRETURN(_ c: LxpCall) throws(LxFailure) -> Int64 {
    // Without a frame of ours the program made one itself (makecontext, a longjmp'd handler): nothing to restore.
    guard let frame = c.thread.signals.frames.popLast() else { return c.thread.signals.lastResult }
    c.thread.signals.mask = frame.mask
    return frame.result
}

func LxpSyscall_RT_SIGTIMEDWAIT(_ c: LxpCall) throws(LxFailure) -> Int64 {
    guard c[3] == 8 else { throw .errno(.EINVAL) }
    let set = LxSignalSet(bits: try c.readInteger(c[0], as: UInt64.self) & ~LxSignalSet.unblockable.bits)
    let timeout = c[2] == 0 ? nil : try c.readTimespec(c[2])
    if let info = c.thread.takePending(set) {
        if c[1] != 0 { try c.write(c[1], LxpSignalInfoBytes(info)) }
        return Int64(info.signal)
    }
    if timeout == 0 { throw .errno(.EAGAIN) }
    try LxpWaitUntilTimeout(c, timeout)
    throw .errno(.EAGAIN)
}

/// `siginfo_t` with sender and status.
func LxpSignalInfoBytes(_ info: LxSignalInfo) -> [UInt8] {
    var out = LxpBytes()
    out.add(info.signal)
    out.add(Int32(0))
    out.add(info.code)
    out.add(Int32(0))
    out.add(info.pid)
    out.add(info.uid)
    out.add(info.value)
    out.pad(to: 128)
    return out.bytes
}

func LxpSyscall_SIGALTSTACK(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let old = c.thread.signals.alternateStack
    if c[0] != 0 {
        let address = try c.readInteger(c[0], as: UInt64.self)
        let flags = try c.readInteger(c[0] + 8, as: Int32.self)
        let size = try c.readInteger(c[0] + 16, as: UInt64.self)
        guard flags & ~3 == 0, flags != 3 else { throw .errno(.EINVAL) }
        if flags == 2 {
            c.thread.signals.alternateStack = (0, 0, 2)
        } else {
            guard size >= 2048 else { throw .errno(.ENOMEM) }
            c.thread.signals.alternateStack = (address, size, 0)
        }
    }
    if c[1] != 0 {
        var out = LxpBytes()
        out.add(old.address)
        out.add(old.flags)
        out.add(Int32(0))
        out.add(old.size)
        try c.write(c[1], out.bytes)
    }
    return 0
}

// MARK: - kill

/// Whether the caller may signal the target (kill(2)).
private func LxpMaySignal(_ c: LxpCall, _ target: LxThread, _ signal: Int32) -> Bool {
    if target.group === c.group || c.credentials.has(.kill) { return true }
    let own = c.thread.credentials
    let other = target.credentials
    if own.euid == other.suid || own.euid == other.uid || own.uid == other.suid || own.uid == other.uid { return true }
    return signal == LxSignal.proceed && target.group.session === c.group.session
}

private func LxpOwnInfo(_ c: LxpCall, _ signal: Int32, code: Int32, for target: LxThreadGroup) -> LxSignalInfo {
    LxSignalInfo(signal: signal, code: code, pid: c.group.id(in: target.pidNamespace), uid: c.thread.credentials.uid)
}

func LxpSyscall_KILL(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let id = c.int(0)
    let signal = c.int(1)
    guard (0...64).contains(signal) else { throw .errno(.EINVAL) }
    let namespace = c.group.pidNamespace
    var targets: [LxThreadGroup]
    if id > 0 {
        guard let target = namespace.groups[id] ?? namespace.threads[id]?.group, target.state != .dead else {
            throw .errno(.ESRCH)
        }
        targets = [target]
    } else if id == -1 {
        targets = namespace.groups.values.filter { $0 !== c.group && $0.id(in: namespace) > 1 && $0.state != .dead }
            .sorted { $0.globalID < $1.globalID }
    } else {
        let group = id == 0 ? c.group.processGroup : c.engine.processGroup(-id, in: namespace)
        targets = (group?.members.values.filter { $0.state != .dead } ?? []).sorted { $0.globalID < $1.globalID }
    }
    guard !targets.isEmpty else { throw .errno(.ESRCH) }
    var isAllowed = false
    for target in targets {
        guard let thread = target.anyThread, LxpMaySignal(c, thread, signal) else { continue }
        isAllowed = true
        if signal > 0, target.isAlive { c.engine.post(LxpOwnInfo(c, signal, code: 0, for: target), to: target) }
    }
    guard isAllowed else { throw .errno(.EPERM) }
    return 0
}

private func LxpThreadKill(_ c: LxpCall, group: Int32?, id: Int32, signal: Int32) throws(LxFailure) -> Int64 {
    guard id > 0, (0...64).contains(signal) else { throw .errno(.EINVAL) }
    let namespace = c.group.pidNamespace
    guard let target = namespace.threads[id], !target.isDead,
        group == nil || target.group.id(in: namespace) == group
    else { throw .errno(.ESRCH) }
    guard LxpMaySignal(c, target, signal) else { throw .errno(.EPERM) }
    // SI_TKILL
    if signal > 0 { c.engine.post(LxpOwnInfo(c, signal, code: -6, for: target.group), to: target) }
    return 0
}

/// What a stop and continue interrupted goes on where it was.
func LxpSyscall_RESTART_SYSCALL(_ c: LxpCall) throws(LxFailure) -> Int64 {
    guard let restart = c.thread.restart, let handler = c.engine.table[restart.number].handler else {
        throw .errno(.EINTR)
    }
    c.goOn(with: restart.call)
    if c.parked == nil { c.parked = restart.parked }
    let result = try handler(c)
    c.thread.restart = nil
    return result
}
