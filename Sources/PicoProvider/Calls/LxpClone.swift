// fork, vfork, clone: a pico process cloned from its parent, or a thread with the full register file.
import Engine
import LinuxABI
import NTKernel

enum CloneFlag {
    static let memory = ABI.constant("CLONE_VM")
    static let fs = ABI.constant("CLONE_FS")
    static let files = ABI.constant("CLONE_FILES")
    static let handlers = ABI.constant("CLONE_SIGHAND")
    static let vfork = ABI.constant("CLONE_VFORK")
    static let parent = ABI.constant("CLONE_PARENT")
    static let thread = ABI.constant("CLONE_THREAD")
    static let semaphoreUndo = ABI.constant("CLONE_SYSVSEM")
    static let setTLS = ABI.constant("CLONE_SETTLS")
    static let parentSetTid = ABI.constant("CLONE_PARENT_SETTID")
    static let childClearTid = ABI.constant("CLONE_CHILD_CLEARTID")
    static let childSetTid = ABI.constant("CLONE_CHILD_SETTID")
    static let newMount = ABI.constant("CLONE_NEWNS")
    static let newUts = ABI.constant("CLONE_NEWUTS")
    static let newIpc = ABI.constant("CLONE_NEWIPC")
    static let newUser = ABI.constant("CLONE_NEWUSER")
    static let newPid = ABI.constant("CLONE_NEWPID")
    static let newNet = ABI.constant("CLONE_NEWNET")
    static let newCgroup = ABI.constant("CLONE_NEWCGROUP")
    static let newTime = ABI.constant("CLONE_NEWTIME")
    static let untraced = ABI.constant("CLONE_UNTRACED")
    static let io = ABI.constant("CLONE_IO")
    static let pidfd = ABI.constant("CLONE_PIDFD")
    static let newNamespaces = newMount | newUts | newIpc | newPid | newNet
}

func LxpSyscall_FORK(_ c: LxpCall) throws(LxFailure) -> Int64 {
    try LxpClone(c, flags: 0, exitSignal: LxSignal.child)
}

func LxpSyscall_VFORK(_ c: LxpCall) throws(LxFailure) -> Int64 {
    try LxpClone(c, flags: CloneFlag.memory | CloneFlag.vfork, exitSignal: LxSignal.child)
}

func LxpSyscall_CLONE(_ c: LxpCall) throws(LxFailure) -> Int64 {
    if c.parked != nil { return try LxpAwaitVfork(c) }
    let flags = c[0] & ~0xff
    let signal = Int32(c[0] & 0xff)
    try LxpCheckCloneFlags(c, flags, signal)
    return try LxpClone(
        c,
        flags: flags,
        exitSignal: signal,
        parentTid: c[2],
        childTid: c[3],
        tls: c[4]
    )
}

/// Flags that lxcore refuses as a whole (GH:1005, UT:namespace.c), then Linux's own rules (man 2 clone).
private func LxpCheckCloneFlags(_ c: LxpCall, _ flags: UInt64, _ signal: Int32) throws(LxFailure) {
    let both: (UInt64, UInt64) -> Bool = { flags & $0 != 0 && flags & $1 != 0 }
    if both(CloneFlag.newMount, CloneFlag.fs) || both(CloneFlag.newPid, CloneFlag.thread)
        || both(CloneFlag.newIpc, CloneFlag.semaphoreUndo)
    {
        throw .errno(.EINVAL)
    }
    if flags & CloneFlag.handlers != 0, flags & CloneFlag.memory == 0 { throw .errno(.EINVAL) }
    if flags & CloneFlag.thread != 0, flags & CloneFlag.handlers == 0 { throw .errno(.EINVAL) }
    if flags & CloneFlag.newUser != 0 {
        throw .unsupported(.EINVAL, note: "CLONE_NEWUSER is not implemented", source: "UT:namespace.c;GH:1005")
    }
    if flags & CloneFlag.newCgroup != 0 {
        throw .unsupported(.EINVAL, note: "CLONE_NEWCGROUP is not implemented", source: "GH:1005;UT:namespace.c")
    }
    if flags & CloneFlag.newNet != 0 {
        throw .unsupported(.EINVAL, note: "CLONE_NEWNET is refused by clone (unshare takes it)", source: "GH:1005")
    }
    if flags & CloneFlag.io != 0 {
        throw .unsupported(.EINVAL, note: "CLONE_IO is refused", source: "GH:1005")
    }
    if flags & CloneFlag.pidfd != 0 {
        throw .unsupported(.EINVAL, note: "CLONE_PIDFD: there are no pidfds", source: "inferred")
    }
    if flags & CloneFlag.parentSetTid != 0, flags & (CloneFlag.thread | CloneFlag.memory) == 0 {
        throw .unsupported(
            .EINVAL,
            note: "CLONE_PARENT_SETTID is refused for a fork-like clone",
            source: "LTP:16251;UT:fork.c"
        )
    }
    if flags & CloneFlag.memory != 0, flags & CloneFlag.vfork != 0 {
        try c.since(15042, .EINVAL, "CLONE_VM with CLONE_VFORK before 15042", "GH:1005;RN:17046")
    }
    if flags & CloneFlag.untraced != 0 {
        try c.since(17093, .EINVAL, "CLONE_UNTRACED before 17093", "RN:17093;GH:2781")
    }
    if flags & CloneFlag.thread == 0, signal != LxSignal.child {
        try c.since(17093, .EINVAL, "an exit signal other than SIGCHLD before 17093", "RN:17093;GH:2781")
    }
    if flags & CloneFlag.newMount != 0 { try c.since(14915, .EINVAL, "CLONE_NEWNS before 14915", "RN:14915") }
    if flags & CloneFlag.newNamespaces != 0, !c.credentials.has(.sysAdmin) { throw .errno(.EPERM) }
    // Only CLONE_THREAD carries no signal; others may have any (RN:17093).
    guard signal <= 64 else { throw .errno(.EINVAL) }
    // After unshare(CLONE_NEWPID) there can be no more threads.
    if flags & (CloneFlag.thread | CloneFlag.newPid) != 0,
        c.thread.namespaces.pidForChildren !== c.thread.namespaces.pid
    {
        throw .errno(.EINVAL)
    }
}

func LxpClone(
    _ c: LxpCall,
    flags: UInt64,
    exitSignal: Int32,
    parentTid: UInt64 = 0,
    childTid: UInt64 = 0,
    tls: UInt64 = 0
) throws(LxFailure) -> Int64 {
    if c.parked != nil { return try LxpAwaitVfork(c) }
    let engine = c.engine
    let parent: LxThread = c.thread
    if parent.namespaces.pidForChildren.isDead { throw .errno(.ENOMEM) }
    let isThread = flags & CloneFlag.thread != 0
    var namespaces = parent.namespaces
    let fs = flags & CloneFlag.fs != 0 ? parent.fs : parent.fs.copy()
    if flags & CloneFlag.newNamespaces != 0 { try LxpNewNamespaces(c, flags, &namespaces, fs) }
    if flags & CloneFlag.newPid != 0 {
        namespaces.pidForChildren = LxPidNamespace(identifier: engine.nextNamespace(), parent: namespaces.pid)
    }
    namespaces.pid = namespaces.pidForChildren
    let pidNamespace = isThread ? parent.group.pidNamespace : namespaces.pid
    let ids = LxpNewIDs(c, pidNamespace)
    let group: LxThreadGroup
    if isThread {
        group = parent.group
    } else {
        group = try LxpNewGroup(c, parent, flags, ids, pidNamespace, exitSignal)
    }
    let files: LxFdTable
    if flags & CloneFlag.files != 0 {
        files = parent.files
        files.users += 1
    } else {
        files = parent.files.copy()
    }
    let child = LxThread(
        task: c.childTask,
        ids: ids,
        group: group,
        credentials: parent.credentials,
        fs: fs,
        files: files,
        namespaces: namespaces,
        name: parent.name
    )
    child.signals.mask = parent.signals.savedMask ?? parent.signals.mask
    child.signals.frames = parent.signals.frames
    child.signals.alternateStack =
        flags & CloneFlag.memory != 0 && flags & CloneFlag.vfork == 0
        ? (0, 0, 2) : parent.signals.alternateStack
    child.schedule = parent.schedule
    child.fsBase = flags & CloneFlag.setTLS != 0 ? tls : parent.fsBase
    child.gsBase = parent.gsBase
    if flags & CloneFlag.childClearTid != 0 { child.clearChildTid = childTid }
    group.threads.append(child)
    if !isThread {
        group.leader = child
        if pidNamespace.initGroup == nil { pidNamespace.initGroup = group }
    }
    engine.register(child, isLeader: !isThread)
    engine.ntCreate(child, cloning: isThread ? nil : parent.group)
    let result = Int64(child.id(in: parent.namespaces.pid))
    if flags & CloneFlag.parentSetTid != 0 { try c.writeInteger(parentTid, Int32(truncatingIfNeeded: result)) }
    if flags & CloneFlag.vfork != 0 {
        group.vforkParent = parent
        c.waiting.object = group
        c.waiting.value = result
        throw .wouldBlock
    }
    return result
}

/// The parent of a vfork goes on when the child executes a program or ends.
private func LxpAwaitVfork(_ c: LxpCall) throws(LxFailure) -> Int64 {
    guard let child = c.waiting.object as? LxThreadGroup else { return c.waiting.value }
    if child.vforkParent === c.thread, child.isAlive {
        // Only a fatal signal ends this wait.
        c.isUninterruptible = true
        throw .wouldBlock
    }
    return c.waiting.value
}

private func LxpNewIDs(_ c: LxpCall, _ namespace: LxPidNamespace) -> [Int32] {
    var ids: [Int32] = []
    var chain: [LxPidNamespace] = []
    var current: LxPidNamespace? = namespace
    while let next = current {
        chain.insert(next, at: 0)
        current = next.parent
    }
    let offered = c.wantedID ?? c.offer(.task).flatMap { Int32(exactly: $0) }
    for level in chain {
        // The offer is a number as the caller sees it.
        ids.append(c.engine.allocateID(in: level, offered: level === c.group.pidNamespace ? offered : nil))
    }
    return ids
}

private func LxpNewGroup(
    _ c: LxpCall,
    _ parent: LxThread,
    _ flags: UInt64,
    _ ids: [Int32],
    _ namespace: LxPidNamespace,
    _ exitSignal: Int32
) throws(LxFailure) -> LxThreadGroup {
    let old = parent.group
    let address: LxAddressSpace
    if flags & CloneFlag.memory != 0 {
        address = old.address
        address.users += 1
    } else {
        address = old.address.copy()
    }
    let real = flags & CloneFlag.parent != 0 ? old.parent : old
    let group = LxThreadGroup(
        ids: ids,
        pidNamespace: namespace,
        parent: real,
        exitSignal: flags & CloneFlag.parent != 0 ? old.exitSignal : exitSignal,
        processGroup: old.processGroup,
        handlers: flags & CloneFlag.handlers != 0 ? old.handlers : old.handlers.copy(),
        address: address
    )
    group.parentThread = flags & CloneFlag.parent != 0 ? old.parentThread : parent
    group.limits = old.limits
    group.executable = old.executable
    group.executableLocation = old.executableLocation
    group.arguments = old.arguments
    group.environmentList = old.environmentList
    group.personality = old.personality
    group.isDumpable = old.isDumpable
    group.oomScoreAdjustment = old.oomScoreAdjustment
    group.cgroupPath = old.cgroupPath
    real?.children.append(group)
    group.processGroup.members[ObjectIdentifier(group)] = group
    return group
}
