// What the system says of itself: uname, sysinfo, times, random bytes, reboot; and keyrings, ptrace, process memory.
import Engine
import LinuxABI
import NTKernel

func addSystemCalls(_ table: inout LxpSyscallTable) {
    table.supported("uname", LxpSyscall_UNAME)
    table.supported("sethostname") { c throws(LxFailure) in
        c.thread.namespaces.uts.hostname = try LxpUtsName(c)
        return 0
    }
    table.supported("setdomainname") { c throws(LxFailure) in
        c.thread.namespaces.uts.domainname = try LxpUtsName(c)
        return 0
    }
    table.partial("sysinfo", "loads and high memory are constants", LxpSyscall_SYSINFO)
    table.supported("times") { c throws(LxFailure) in
        c.ntQueryTimes(.times)
        if c[0] != 0 { c.writeGiven(c[0], 32, "cpu time") }
        return c.givenNumber(.number(what: "clock ticks"), "clock ticks") ?? Int64(c.engine.time / 10_000_000)
    }
    table.partial("getrusage", "system time is coarse") { c throws(LxFailure) in
        guard [-1, 0, 1].contains(c.int(0)) else { throw .errno(.EINVAL) }
        try c.checkWritable(c[1])
        c.ntQueryTimes(c.int(0) == 1 ? .threadTimes : .times)
        c.ntQueryTimes(.virtualMemoryCounters)
        c.writeGiven(c[1], 144, "resource usage")
        return 0
    }
    table.supported("getrandom") { c throws(LxFailure) in
        guard c.uint(2) & ~3 == 0 else { throw .errno(.EINVAL) }
        let count = Int(min(c[1], 33_554_431))
        guard count > 0 else { return 0 }
        try c.checkWritable(c[0])
        c.engine.kernel.SystemPrng(count: count)
        c.writeGiven(c[0], count, "random bytes")
        return Int64(count)
    }
    table.partial("reboot", "no CAD_ON or CAD_OFF below the first pid namespace", LxpSyscall_REBOOT)
    table.partial("futex", "requeueing since 16273; PI since 17627, without priorities", LxpSyscall_FUTEX)
    table.partial("set_thread_area", "ENOSYS, as on 64-bit Linux") { _ throws(LxFailure) in
        throw .unsupported(.ENOSYS, note: "32-bit thread areas; 64-bit Linux answers the same", source: "LTP:16251")
    }
    table.partial("get_thread_area", "ENOSYS, as on 64-bit Linux") { _ throws(LxFailure) in
        throw .unsupported(.ENOSYS, note: "32-bit thread areas; 64-bit Linux answers the same", source: "LTP:16251")
    }
    table.partial("sync_file_range", "ENOSYS although it is listed") { _ throws(LxFailure) in
        throw .unsupported(.ENOSYS, note: "listed as implemented, yet the raw call is not there", source: "LTP:16251")
    }
    table.stub("perf_event_open") { _ throws(LxFailure) in
        throw .unsupported(
            .ENOSYS,
            note: "listed as a stub; its errno is not documented",
            source: "SYS:15014(stub);LTP:16251"
        )
    }
    table.partial("keyctl", "a few operations on session keyrings", LxpSyscall_KEYCTL)
    addProcessMemoryCalls(&table)
    table.partial("ptrace", "no PTRACE_SEIZE; registers are not changed at an entry", LxpSyscall_PTRACE)
}

func LxpSyscall_UNAME(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let uts = c.thread.namespaces.uts
    let fields = [
        "Linux", uts.hostname, c.engine.build.release, c.engine.build.version, "x86_64", uts.domainname,
    ]
    var out = LxpBytes()
    for (index, field) in fields.enumerated() {
        out.add(Array(field.utf8.prefix(64)))
        out.pad(to: (index + 1) * 65)
    }
    try c.write(c[0], out.bytes)
    return 0
}

private func LxpUtsName(_ c: LxpCall) throws(LxFailure) -> String {
    guard c.credentials.has(.sysAdmin) else { throw .errno(.EPERM) }
    guard c.long(1) >= 0, c.long(1) <= 64 else { throw .errno(.EINVAL) }
    return String(decoding: try c.read(c[0], Int(c[1])).prefix { $0 != 0 }, as: UTF8.self)
}

/// Loads, high memory, shared and buffer memory are constants (UT:sysinfo.c); the rest is the machine's.
func LxpSyscall_SYSINFO(_ c: LxpCall) throws(LxFailure) -> Int64 {
    try c.checkWritable(c[0])
    let what = "system statistics"
    var constant = LxpBytes()
    for load in [33984, 37856, 38400] as [UInt64] { constant.add(load) }
    c.writeGiven(c[0], 8, what)
    try c.write(c[0] + 8, constant.bytes)
    c.writeGiven(c[0] + 32, 16, what)
    try c.write(c[0] + 48, [UInt8](repeating: 0, count: 16))
    c.writeGiven(c[0] + 64, 24, what)
    var high = LxpBytes()
    high.add(UInt64(139_208 << 10))
    high.add(UInt64(272 << 10))
    high.add(UInt64(1))
    try c.write(c[0] + 88, high.bytes)
    c.partial("load averages, high, shared and buffer memory are constants", "UT:sysinfo.c")
    return 0
}

private let rebootMagic = abi32("LINUX_REBOOT_MAGIC1")
private let rebootMagic2: Set<UInt32> = [
    abi32("LINUX_REBOOT_MAGIC2"), abi32("LINUX_REBOOT_MAGIC2A"), abi32("LINUX_REBOOT_MAGIC2B"),
    abi32("LINUX_REBOOT_MAGIC2C"),
]
private let rebootCADOn = abi32("LINUX_REBOOT_CMD_CAD_ON")
private let rebootCADOff = abi32("LINUX_REBOOT_CMD_CAD_OFF")
private let rebootRestart: Set<UInt32> = [
    abi32("LINUX_REBOOT_CMD_RESTART"), abi32("LINUX_REBOOT_CMD_RESTART2"),
]
private let rebootHalt: Set<UInt32> = [abi32("LINUX_REBOOT_CMD_HALT"), abi32("LINUX_REBOOT_CMD_POWER_OFF")]

func LxpSyscall_REBOOT(_ c: LxpCall) throws(LxFailure) -> Int64 {
    guard c.credentials.has(.sysBoot) else { throw .errno(.EPERM) }
    guard c.uint(0) == rebootMagic, rebootMagic2.contains(c.uint(1)) else { throw .errno(.EINVAL) }
    let command = c.uint(2)
    let namespace = c.group.pidNamespace
    guard namespace.level > 0 else {
        guard
            command == rebootCADOn || command == rebootCADOff || rebootRestart.contains(command)
                || rebootHalt.contains(command)
        else { throw .errno(.EINVAL) }
        c.stub("nothing happens to the machine", "nt-mapping.tsv")
        return 0
    }
    // In a child namespace: pid 1 dies by SIGINT or SIGHUP (UT:namespace.c, man 2 reboot).
    guard rebootRestart.contains(command) || rebootHalt.contains(command) else { throw .errno(.EINVAL) }
    let signal = rebootHalt.contains(command) ? LxSignal.interrupt : LxSignal.hangUp
    if let first = namespace.initGroup { c.engine.terminate(first, status: signal, c) }
    if c.thread.isDead { throw .exited }
    return 0
}
