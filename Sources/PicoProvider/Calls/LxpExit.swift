// exit, exit_group, wait4, waitid.
import Engine
import LinuxABI

func LxpSyscall_EXIT(_ c: LxpCall) throws(LxFailure) -> Int64 {
    c.engine.endThread(c.thread, status: (c.int(0) & 0xff) << 8, c)
    throw .exited
}

func LxpSyscall_EXIT_GROUP(_ c: LxpCall) throws(LxFailure) -> Int64 {
    c.engine.terminate(c.group, status: (c.int(0) & 0xff) << 8, c)
    throw .exited
}

enum WaitFlag {
    static let noHang = abiInt("WNOHANG")
    static let stopped = abiInt("WUNTRACED")
    static let exited = abiInt("WEXITED")
    static let continued = abiInt("WCONTINUED")
    static let noWait = abiInt("WNOWAIT")
    static let thread = abiInt("__WNOTHREAD")
    static let all = abiInt("__WALL")
    static let clone = abiInt("__WCLONE")
}

private enum LxpWaitTarget { case any, process(Int32), processGroup(Int32) }

private struct LxpWaitEvent {
    var group: LxThreadGroup
    /// As wait4 reports it.
    var status: Int32
    /// A traced thread that stopped; nil: a child.
    var traced: LxThread?
}

/// A thread that the caller traces and that has stopped since it was last waited for.
private func LxpFindTraced(
    _ c: LxpCall,
    _ target: LxpWaitTarget,
    _ isEligible: inout Bool
) -> LxpWaitEvent? {
    let namespace = c.group.pidNamespace
    for case let thread? in c.engine.threads where thread.trace != nil && !thread.isDead {
        guard let trace = thread.activeTrace, trace.tracer === c.group else { continue }
        switch target {
        case .any: break
        case .process(let id): if thread.id(in: namespace) != id { continue }
        case .processGroup(let id):
            if LxpVisibleID(thread.group.processGroup.identifier, namespace, c.engine) != id { continue }
        }
        isEligible = true
        c.engine.anticipateEntry(thread)
        if let stop = trace.stop, trace.isUnreported {
            return LxpWaitEvent(group: thread.group, status: stop, traced: thread)
        }
    }
    return nil
}

/// A child that changed state, or nil; ECHILD when there is nothing to wait for.
private func LxpFindChild(_ c: LxpCall, _ target: LxpWaitTarget, _ options: Int32) throws(LxFailure) -> LxpWaitEvent? {
    let namespace = c.group.pidNamespace
    var isEligible = false
    if c.engine.hasTraces, let event = LxpFindTraced(c, target, &isEligible) { return event }
    for child in c.group.children {
        if options & WaitFlag.thread != 0, child.parentThread !== c.thread { continue }
        let isClone = child.exitSignal != LxSignal.child
        if options & WaitFlag.all == 0, isClone != (options & WaitFlag.clone != 0) { continue }
        switch target {
        case .any: break
        case .process(let id): if child.id(in: namespace) != id { continue }
        case .processGroup(let id):
            if LxpVisibleID(child.processGroup.identifier, namespace, c.engine) != id { continue }
        }
        isEligible = true
        switch child.state {
        case .zombie(let status):
            if options & WaitFlag.exited != 0 { return LxpWaitEvent(group: child, status: status) }
        case .stopped(let signal):
            if options & WaitFlag.stopped != 0, let change = child.unreportedChange, change != LxSignal.proceed {
                return LxpWaitEvent(group: child, status: signal << 8 | 0x7f)
            }
        case .running:
            if options & WaitFlag.continued != 0, child.unreportedChange == LxSignal.proceed {
                return LxpWaitEvent(group: child, status: 0xffff)
            }
        case .dead: break
        }
    }
    if !isEligible { throw .errno(.ECHILD) }
    return nil
}

private func LxpConsume(_ c: LxpCall, _ event: LxpWaitEvent, _ options: Int32) {
    guard options & WaitFlag.noWait == 0 else { return }
    if let traced = event.traced {
        traced.trace?.isUnreported = false
        return
    }
    if case .zombie = event.group.state { c.engine.reap(event.group) } else { event.group.unreportedChange = nil }
}

func LxpSyscall_WAIT4(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let options = c.int(2)
    let allowed =
        WaitFlag.noHang | WaitFlag.stopped | WaitFlag.continued | WaitFlag.thread | WaitFlag.all | WaitFlag.clone
    guard options & ~allowed == 0 else { throw .errno(.EINVAL) }
    let id = c.int(0)
    let target: LxpWaitTarget
    switch id {
    case -1: target = .any
    case 0: target = .processGroup(LxpVisibleID(c.group.processGroup.identifier, c.group.pidNamespace, c.engine))
    case 1...: target = .process(id)
    default: target = .processGroup(-id)
    }
    guard let event = try LxpFindChild(c, target, options | WaitFlag.exited) else {
        if options & WaitFlag.noHang != 0 { return 0 }
        throw .wouldBlock
    }
    let result = Int64(event.traced?.id(in: c.group.pidNamespace) ?? event.group.id(in: c.group.pidNamespace))
    if c[1] != 0 { try c.writeInteger(c[1], event.status) }
    if c[3] != 0 { c.writeGiven(c[3], 144, "resource usage") }
    LxpConsume(c, event, options)
    return result
}

func LxpSyscall_WAITID(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let options = c.int(3)
    let events = WaitFlag.exited | WaitFlag.stopped | WaitFlag.continued
    let allowed = events | WaitFlag.noHang | WaitFlag.noWait | WaitFlag.thread | WaitFlag.all | WaitFlag.clone
    guard options & ~allowed == 0, options & events != 0 else { throw .errno(.EINVAL) }
    let id = c.int(1)
    let target: LxpWaitTarget
    switch c.int(0) {
    case 0: target = .any
    case 1:
        guard id > 0 else { throw .errno(.EINVAL) }
        target = .process(id)
    case 2:
        guard id >= 0 else { throw .errno(.EINVAL) }
        let own = LxpVisibleID(c.group.processGroup.identifier, c.group.pidNamespace, c.engine)
        target = .processGroup(id == 0 ? own : id)
    case 3: throw .unsupported(.EINVAL, note: "P_PIDFD: there are no pidfds", source: "inferred")
    default: throw .errno(.EINVAL)
    }
    guard let event = try LxpFindChild(c, target, options) else {
        guard options & WaitFlag.noHang != 0 else { throw .wouldBlock }
        if c[2] != 0 { try LxpWriteSignalInfo(c, signal: 0, code: 0, pid: 0, uid: 0, status: 0) }
        return 0
    }
    let code: Int32
    let status: Int32
    switch event.group.state {
    // CLD_TRAPPED.
    case _ where event.traced != nil: (code, status) = (4, event.status >> 8)
    case .zombie(let value) where value & 0x7f == 0: (code, status) = (1, value >> 8)
    case .zombie(let value): (code, status) = (value & 0x80 != 0 ? 3 : 2, value & 0x7f)
    case .stopped(let signal): (code, status) = (5, signal)
    default: (code, status) = (6, LxSignal.proceed)
    }
    if c[2] != 0 {
        try LxpWriteSignalInfo(
            c,
            signal: LxSignal.child,
            code: code,
            pid: event.traced?.id(in: c.group.pidNamespace) ?? event.group.id(in: c.group.pidNamespace),
            uid: event.group.leader?.credentials.uid ?? 0,
            status: status
        )
    }
    if c[4] != 0 { c.writeGiven(c[4], 144, "resource usage") }
    LxpConsume(c, event, options)
    return 0
}

/// `siginfo_t` as waitid fills it.
private func LxpWriteSignalInfo(
    _ c: LxpCall,
    signal: Int32,
    code: Int32,
    pid: Int32,
    uid: UInt32,
    status: Int32
) throws(LxFailure) {
    let info = LxSignalInfo(signal: signal, code: code, pid: pid, uid: uid, value: Int64(status))
    try c.write(c[2], LxpSignalInfoBytes(info))
}
