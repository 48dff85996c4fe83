// Processes: the calls that make and end them, their groups, limits, scheduling and prctl.
import Engine
import LinuxABI

func addProcessCalls(_ table: inout LxpSyscallTable) {
    table.supported("fork", LxpSyscall_FORK)
    table.supported("vfork", LxpSyscall_VFORK)
    table.partial(
        "clone",
        "no CLONE_NEWUSER, CLONE_NEWCGROUP, CLONE_IO; CLONE_NEWNET only by unshare",
        LxpSyscall_CLONE
    )
    table.partial("execve", "64-bit ELF and PE; unusual layouts are refused", LxpSyscall_EXECVE)
    table.supported("exit", LxpSyscall_EXIT)
    table.supported("exit_group", LxpSyscall_EXIT_GROUP)
    table.partial("wait4", "process groups since 17063", LxpSyscall_WAIT4)
    table.partial("waitid", "no P_PIDFD; some options with WNOHANG are EINVAL", LxpSyscall_WAITID)
    table.partial("prctl", "unknown options are EINVAL: no seccomp, no ambient capabilities", LxpSyscall_PRCTL)
    table.supported("arch_prctl", LxpSyscall_ARCH_PRCTL)
    table.supported("set_tid_address") { c in
        c.thread.clearChildTid = c[0]
        return Int64(c.thread.ownID)
    }
    table.stub("set_robust_list") { c throws(LxFailure) in
        guard c[1] == 24 else { throw .errno(.EINVAL) }
        c.thread.robustList = c[0]
        return 0
    }
    table.partial("get_robust_list", "what was set; nothing is woken by it") { c throws(LxFailure) in
        let target = try LxpThreadByID(c, c.int(0))
        try c.writeInteger(c[2], UInt64(24))
        try c.writeInteger(c[1], target.robustList)
        return 0
    }
    table.partial("personality", "ADDR_NO_RANDOMIZE and READ_IMPLIES_EXEC only") { c throws(LxFailure) in
        let old = c.group.personality
        guard c.uint(0) != .max else { return Int64(old) }
        // ADDR_NO_RANDOMIZE and READ_IMPLIES_EXEC over PER_LINUX.
        guard c.uint(0) & ~0x0440000 == 0 else {
            throw .unsupported(.ENOSYS, note: "only ADDR_NO_RANDOMIZE and READ_IMPLIES_EXEC", source: "LTP:16251")
        }
        if c.uint(0) & 0x040000 != 0 {
            try c.since(15002, .ENOSYS, "ADDR_NO_RANDOMIZE before 15002", "RN:15002")
        }
        if c.uint(0) & 0x400000 != 0 {
            try c.since(17063, .ENOSYS, "READ_IMPLIES_EXEC before 17063", "RN:17063")
        }
        c.group.personality = c.uint(0)
        return Int64(old)
    }
    table.supported("getrlimit") { c throws(LxFailure) in try LxpGetLimit(c, c.group, c.int(0), c[1]) }
    table.partial("setrlimit", "only RLIMIT_NOFILE is enforced") { c throws(LxFailure) in
        try LxpSetLimit(c, c.group, c.int(0), c[1])
    }
    table.partial("prlimit64", "only RLIMIT_NOFILE is enforced; since 16257") { c throws(LxFailure) in
        let group = c.int(0) == 0 ? c.group : try LxpThreadByID(c, c.int(0)).group
        if group !== c.group, let target = group.anyThread?.credentials, !c.credentials.has(.sysResource),
            target.uid != c.credentials.uid || target.euid != c.credentials.uid
        {
            throw .errno(.EPERM)
        }
        if c[3] != 0 { _ = try LxpGetLimit(c, group, c.int(1), c[3]) }
        if c[2] != 0 { _ = try LxpSetLimit(c, group, c.int(1), c[2]) }
        guard (0..<LxResource.count).contains(c.int(1)) else { throw .errno(.EINVAL) }
        return 0
    }
    addSchedulingCalls(&table)
}

/// The thread of that id as the caller sees it; 0 is the caller.
func LxpThreadByID(_ c: LxpCall, _ id: Int32) throws(LxFailure) -> LxThread {
    if id == 0 { return c.thread }
    guard id > 0, let thread = c.group.pidNamespace.threads[id] else { throw .errno(.ESRCH) }
    return thread
}

extension LxThreadGroup {
    func limit(_ resource: LxResource) -> Environment.Limit { limit(number: resource.number) }

    func limit(number: Int32) -> Environment.Limit {
        if let limit = limits[number] { return limit }
        if number == LxResource.nofile.number { return Environment.Limit(soft: 1024, hard: 4096) }
        if number == LxResource.stack.number { return Environment.Limit(soft: 8 << 20, hard: .max) }
        return Environment.Limit(soft: .max, hard: .max)
    }
}

private func LxpGetLimit(
    _ c: LxpCall,
    _ group: LxThreadGroup,
    _ resource: Int32,
    _ address: UInt64
) throws(LxFailure) -> Int64 {
    guard (0..<LxResource.count).contains(resource) else { throw .errno(.EINVAL) }
    let limit = group.limit(number: resource)
    var out = LxpBytes()
    out.add(limit.soft)
    out.add(limit.hard)
    try c.write(address, out.bytes)
    return 0
}

/// Only NOFILE is enforced; the others are stored (RN:16257, UT:resourcelimits.c).
private func LxpSetLimit(
    _ c: LxpCall,
    _ group: LxThreadGroup,
    _ resource: Int32,
    _ address: UInt64
) throws(LxFailure) -> Int64 {
    guard (0..<LxResource.count).contains(resource) else { throw .errno(.EINVAL) }
    let wanted = Environment.Limit(
        soft: try c.readInteger(address, as: UInt64.self),
        hard: try c.readInteger(address + 8, as: UInt64.self)
    )
    guard wanted.soft <= wanted.hard else { throw .errno(.EINVAL) }
    if wanted.hard > group.limit(number: resource).hard, !c.credentials.has(.sysResource) { throw .errno(.EPERM) }
    // More than /proc/sys/fs/nr_open descriptors cannot be had.
    if resource == LxResource.nofile.number, wanted.hard > 1 << 20 { throw .errno(.EPERM) }
    group.limits[resource] = wanted
    return 0
}

private enum Prctl {
    static let setDeathSignal = abiInt("PR_SET_PDEATHSIG")
    static let getDeathSignal = abiInt("PR_GET_PDEATHSIG")
    static let getDumpable = abiInt("PR_GET_DUMPABLE")
    static let setDumpable = abiInt("PR_SET_DUMPABLE")
    static let getKeepCaps = abiInt("PR_GET_KEEPCAPS")
    static let setKeepCaps = abiInt("PR_SET_KEEPCAPS")
    static let setName = abiInt("PR_SET_NAME")
    static let getName = abiInt("PR_GET_NAME")
    static let readBounding = abiInt("PR_CAPBSET_READ")
    static let dropBounding = abiInt("PR_CAPBSET_DROP")
    static let getSecurebits = abiInt("PR_GET_SECUREBITS")
    static let setSecurebits = abiInt("PR_SET_SECUREBITS")
    static let setNoNewPrivileges = abiInt("PR_SET_NO_NEW_PRIVS")
    static let getNoNewPrivileges = abiInt("PR_GET_NO_NEW_PRIVS")
    static let setSubreaper = abiInt("PR_SET_CHILD_SUBREAPER")
    static let getSubreaper = abiInt("PR_GET_CHILD_SUBREAPER")
    static let getTidAddress = abiInt("PR_GET_TID_ADDRESS")
    static let setPtracer = abiInt("PR_SET_PTRACER")
    static let setSeccomp = abiInt("PR_SET_SECCOMP")
    static let getSeccomp = abiInt("PR_GET_SECCOMP")
    static let ambient = abiInt("PR_CAP_AMBIENT")
}

func LxpSyscall_PRCTL(_ c: LxpCall) throws(LxFailure) -> Int64 {
    switch c.int(0) {
    case Prctl.setDeathSignal:
        try c.since(14965, .EINVAL, "PR_SET_PDEATHSIG before 14965", "RN:14965;GH:1037")
        guard c[1] <= 64 else { throw .errno(.EINVAL) }
        c.group.parentDeathSignal = c.int(1)
    case Prctl.getDeathSignal: try c.writeInteger(c[1], c.group.parentDeathSignal)
    case Prctl.getDumpable: return c.group.isDumpable ? 1 : 0
    case Prctl.setDumpable:
        guard c[1] <= 1 else { throw .errno(.EINVAL) }
        c.group.isDumpable = c[1] == 1
    case Prctl.getKeepCaps: return c.thread.credentials.keepCapabilities ? 1 : 0
    case Prctl.setKeepCaps:
        guard c[1] <= 1 else { throw .errno(.EINVAL) }
        c.thread.credentials.keepCapabilities = c[1] == 1
    case Prctl.setName: c.thread.name = LxpComm(try c.readString(c[1], limit: 16, cutting: true))
    case Prctl.getName:
        var out = LxpBytes()
        out.add(Array(c.thread.name.utf8))
        out.pad(to: 16)
        try c.write(c[1], out.bytes)
    case Prctl.readBounding:
        try LxpCheckCapability(c[1])
        return Int64(c.thread.credentials.bounding >> c[1] & 1)
    case Prctl.dropBounding:
        guard c.credentials.has(.setpcap) else { throw .errno(.EPERM) }
        try LxpCheckCapability(c[1])
        c.thread.credentials.bounding &= ~(1 << c[1])
    case Prctl.getSecurebits: return Int64(c.thread.credentials.securebits)
    case Prctl.setSecurebits:
        guard c.credentials.has(.setpcap) else { throw .errno(.EPERM) }
        c.thread.credentials.securebits = c.uint(1)
    case Prctl.setNoNewPrivileges:
        guard c[1] == 1, c[2] == 0, c[3] == 0, c[4] == 0 else { throw .errno(.EINVAL) }
        c.thread.credentials.noNewPrivileges = true
        throw .notModelled("no source says whether PR_SET_NO_NEW_PRIVS exists")
    case Prctl.getNoNewPrivileges:
        throw .notModelled("no source says whether PR_GET_NO_NEW_PRIVS exists")
    case Prctl.setSubreaper: c.group.isSubreaper = c[1] != 0
    case Prctl.getSubreaper: try c.writeInteger(c[1], Int32(c.group.isSubreaper ? 1 : 0))
    case Prctl.getTidAddress: try c.writeInteger(c[1], c.thread.clearChildTid)
    case Prctl.setPtracer:
        try c.since(17723, .EINVAL, "PR_SET_PTRACER before 17723", "RN:17723;GH:3053")
        return 0
    case Prctl.setSeccomp, Prctl.getSeccomp:
        throw .unsupported(.EINVAL, note: "there is no seccomp", source: "GH:4035")
    case Prctl.ambient:
        throw .unsupported(.EINVAL, note: "no source says that ambient capabilities exist", source: "inferred")
    default: throw .unsupported(.EINVAL, note: "this prctl option is not there", source: "SYS:15014;inferred")
    }
    return 0
}

/// Capabilities that came after Linux 4.4 are not there (features.tsv: the kernel reports 4.4).
private func LxpCheckCapability(_ number: UInt64) throws(LxFailure) {
    guard number < 64 else { throw .errno(.EINVAL) }
    guard LxCredentials.allCapabilities >> number & 1 != 0 else {
        throw .unsupported(.EINVAL, note: "capabilities up to CAP_AUDIT_READ, as in Linux 4.4", source: "inferred")
    }
}

private let archSetGS = abiInt("ARCH_SET_GS")
private let archSetFS = abiInt("ARCH_SET_FS")
private let archGetFS = abiInt("ARCH_GET_FS")
private let archGetGS = abiInt("ARCH_GET_GS")

func LxpSyscall_ARCH_PRCTL(_ c: LxpCall) throws(LxFailure) -> Int64 {
    switch c.int(0) {
    case archSetFS, archSetGS:
        guard c[1] < 0x7fff_ffff_f000 else { throw .errno(.EPERM) }
        if c.int(0) == archSetFS { c.thread.fsBase = c[1] } else { c.thread.gsBase = c[1] }
        c.engine.ntSetDescriptorBase(c.thread, isFS: c.int(0) == archSetFS, c[1])
    case archGetFS: try c.writeInteger(c[1], c.thread.fsBase)
    case archGetGS: try c.writeInteger(c[1], c.thread.gsBase)
    default: throw .errno(.EINVAL)
    }
    return 0
}
