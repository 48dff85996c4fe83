// Scheduling: kept and given back, without effect on NT priorities (RN:17627, UT:sched.c).
import Engine
import LinuxABI
import NTKernel

private let policyOther = abiInt("SCHED_NORMAL")
private let policyFifo = abiInt("SCHED_FIFO")
private let policyRoundRobin = abiInt("SCHED_RR")
private let policyBatch = abiInt("SCHED_BATCH")
private let policyIdle = abiInt("SCHED_IDLE")
private let resetOnFork = abiInt("SCHED_RESET_ON_FORK")

func addSchedulingCalls(_ table: inout LxpSyscallTable) {
    table.supported("sched_yield") { c in
        // STATUS_NO_YIELD_PERFORMED is a success.
        c.engine.kernel.ZwYieldExecution()
        return 0
    }
    table.partial("sched_getscheduler", "kept, without effect") { c throws(LxFailure) in
        Int64(try LxpScheduled(c).schedule.policy)
    }
    table.partial("sched_setscheduler", "kept, without effect") { c throws(LxFailure) in
        try LxpSetScheduler(c, policy: c.int(1), try c.readInteger(c[2], as: Int32.self))
    }
    table.partial("sched_getparam", "kept, without effect") { c throws(LxFailure) in
        try c.writeInteger(c[1], try LxpScheduled(c).schedule.priority)
        return 0
    }
    table.partial("sched_setparam", "kept, without effect") { c throws(LxFailure) in
        try LxpSetScheduler(c, policy: try LxpScheduled(c).schedule.policy, try c.readInteger(c[1], as: Int32.self))
    }
    table.supported("sched_get_priority_max") { c throws(LxFailure) in
        try LxpIsRealtime(c.int(0)) ? 99 : 0
    }
    table.supported("sched_get_priority_min") { c throws(LxFailure) in
        try LxpIsRealtime(c.int(0)) ? 1 : 0
    }
    table.partial("sched_getaffinity", "as many bytes as asked for, at most 64") { c throws(LxFailure) in
        // Sizes that are not whole words are refused; at most 64 bytes come back (UT:sched.c).
        guard c[1] % 8 == 0, c[1] * 8 >= UInt64(c.environment.cpuCount) else { throw .errno(.EINVAL) }
        let thread = try LxpThreadByID(c, c.int(0))
        let size = min(Int(c[1]), 64)
        c.partial("as many bytes as asked for, at most 64; Linux gives what its cpu mask has", "UT:sched.c")
        var mask = thread.schedule.affinity
        if mask == 0 { mask = c.environment.cpuCount >= 64 ? .max : 1 << UInt64(c.environment.cpuCount) - 1 }
        var out = LxpBytes()
        out.add(mask)
        out.pad(to: size)
        try c.write(c[2], out.bytes)
        return Int64(size)
    }
    table.stub("sched_setaffinity") { c throws(LxFailure) in
        let thread = try LxpThreadByID(c, c.int(0))
        let bytes = try c.read(c[2], Int(min(c[1], 8)))
        let mask = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let all = c.environment.cpuCount >= 64 ? UInt64.max : 1 << UInt64(c.environment.cpuCount) - 1
        guard mask & all != 0 else { throw .errno(.EINVAL) }
        thread.schedule.affinity = mask & all
        return 0
    }
    table.partial("getpriority", "kept, without effect") { c throws(LxFailure) in
        let nices = try LxpPriorityTargets(c).map(\.schedule.nice)
        return Int64(20 - (nices.min() ?? 0))
    }
    table.partial("setpriority", "kept, without effect") { c throws(LxFailure) in
        let nice = max(-20, min(19, c.int(2)))
        for thread in try LxpPriorityTargets(c) {
            if thread.credentials.uid != c.credentials.euid, thread.credentials.euid != c.credentials.euid,
                !c.credentials.has(.sysNice)
            {
                throw .errno(.EPERM)
            }
            if nice < thread.schedule.nice, !c.credentials.has(.sysNice) { throw .errno(.EACCES) }
            thread.schedule.nice = nice
        }
        return 0
    }
    table.partial("ioprio_get", "kept, without effect") { c throws(LxFailure) in
        guard (1...3).contains(c.int(0)) else { throw .errno(.EINVAL) }
        return Int64(try LxpThreadByID(c, c.int(0) == 1 ? c.int(1) : 0).schedule.ioPriority)
    }
    table.partial("ioprio_set", "kept, without effect") { c throws(LxFailure) in
        guard (1...3).contains(c.int(0)), c.uint(2) >> 13 <= 3 else { throw .errno(.EINVAL) }
        if c.uint(2) >> 13 == 1, !c.credentials.has(.sysAdmin) { throw .errno(.EPERM) }
        try LxpThreadByID(c, c.int(0) == 1 ? c.int(1) : 0).schedule.ioPriority = c.int(2)
        return 0
    }
    table.partial("getcpu", "always the first processor") { c throws(LxFailure) in
        c.engine.kernel.KeGetCurrentProcessorNumberEx()
        if c[0] != 0 { c.writeGiven(c[0], 4, "processor number") }
        if c[1] != 0 { try c.writeInteger(c[1], UInt32(0)) }
        return 0
    }
}

private func LxpScheduled(_ c: LxpCall) throws(LxFailure) -> LxThread {
    guard c.int(0) >= 0 else { throw .errno(.EINVAL) }
    return try LxpThreadByID(c, c.int(0))
}

private func LxpIsRealtime(_ policy: Int32) throws(LxFailure) -> Bool {
    if policy == policyFifo || policy == policyRoundRobin { return true }
    guard policy == policyOther || policy == policyBatch || policy == policyIdle else { throw .errno(.EINVAL) }
    return false
}

private func LxpSetScheduler(_ c: LxpCall, policy: Int32, _ priority: Int32) throws(LxFailure) -> Int64 {
    let plain = policy & ~resetOnFork
    guard try LxpIsRealtime(plain) ? (1...99).contains(priority) : priority == 0 else { throw .errno(.EINVAL) }
    let thread = try LxpScheduled(c)
    if try LxpIsRealtime(plain), !c.credentials.has(.sysNice),
        c.group.limit(.realtimePriority).soft < UInt64(priority)
    {
        throw .errno(.EPERM)
    }
    thread.schedule.policy = plain
    thread.schedule.priority = priority
    c.stub("scheduling is kept, not applied", "RN:17627;UT:sched.c")
    return 0
}

private func LxpPriorityTargets(_ c: LxpCall) throws(LxFailure) -> [LxThread] {
    let id = c.int(1)
    let namespace = c.group.pidNamespace
    let found: [LxThread]
    switch c.int(0) {
    case 0: found = [try LxpThreadByID(c, id)]
    case 1:
        let group = id == 0 ? c.group.processGroup : c.engine.processGroup(id, in: namespace)
        found = group?.members.values.flatMap(\.threads) ?? []
    case 2:
        let uid = id == 0 ? c.credentials.uid : UInt32(bitPattern: id)
        found = namespace.threads.values.filter { $0.credentials.uid == uid }
    default: throw .errno(.EINVAL)
    }
    guard !found.isEmpty else { throw .errno(.ESRCH) }
    return found
}
