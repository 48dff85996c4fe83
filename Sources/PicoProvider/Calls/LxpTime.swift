// Clocks, sleeping and timers.
import Engine
import LinuxABI
import NTKernel

func addTimeCalls(_ table: inout LxpSyscallTable) {
    table.partial("clock_gettime", "of the clocks, CLOCK_TAI is refused", LxpSyscall_CLOCK_GETTIME)
    table.partial("clock_getres", "a null result is EFAULT for CLOCK_REALTIME", LxpSyscall_CLOCK_GETRES)
    table.supported("gettimeofday") { c throws(LxFailure) in
        if c[0] != 0 { try LxpGivenTime(c, LxClock.realtime, at: c[0], isTimeval: true) }
        if c[1] != 0 { try c.write(c[1], [UInt8](repeating: 0, count: 8)) }
        return 0
    }
    table.supported("time") { c throws(LxFailure) in
        c.engine.kernel.KeQuerySystemTimePrecise()
        let reading = c.givenNumber(.clock(id: LxClock.realtime), "clock reading")
        let seconds = reading.map { $0 / 1_000_000_000 } ?? c.engine.realtime / 1_000_000_000
        if c[0] != 0 {
            try c.writeInteger(c[0], seconds)
            c.given.append(GivenUse(name: "clock reading", part: .memory(address: c[0], count: 8)))
        }
        return seconds
    }
    table.stub("settimeofday") { c throws(LxFailure) in
        guard c.credentials.has(.sysTime) else { throw .errno(.EPERM) }
        return 0
    }
    table.supported(
        "nanosleep",
        { c throws(LxFailure) in
            try LxpSleep(c, for: try c.readTimespec(c[0]), remainder: c[1])
        },
        .restartBlock
    )
    table.partial("clock_nanosleep", "CLOCK_REALTIME since 19041", LxpSyscall_CLOCK_NANOSLEEP, .restartBlock)
    table.supported("alarm") { c in
        let now = c.engine.time
        let old = c.group.timers.real.deadline == nil ? 0 : c.group.timers.real.remaining(now)
        c.group.timers.real.arm(at: c.uint(0) == 0 ? nil : now + UInt64(c.uint(0)) * 1_000_000_000, interval: 0)
        c.engine.timersChanged(c.group)
        // Rounded, and never 0 for an alarm that was pending.
        return old == 0 ? 0 : max(1, Int64((old + 500_000_000) / 1_000_000_000))
    }
    table.supported("getitimer") { c throws(LxFailure) in
        try LxpWriteInterval(c, try LxpInterval(c), c[1])
        return 0
    }
    table.supported("setitimer", LxpSyscall_SETITIMER)
    table.supported("timer_create", LxpSyscall_TIMER_CREATE)
    table.partial("timer_settime", "times that are over fire since 17686", LxpSyscall_TIMER_SETTIME)
    table.supported("timer_gettime") { c throws(LxFailure) in
        try LxpWriteTimer(c, try LxpTimer(c).timer, c[1])
        return 0
    }
    table.stub("timer_getoverrun") { c throws(LxFailure) in
        // Listed as a stub; that it answers 0 is inferred.
        _ = try LxpTimer(c)
        return 0
    }
    table.supported("timer_delete") { c throws(LxFailure) in
        _ = try LxpTimer(c)
        c.group.timers.posix[c.int(0)] = nil
        return 0
    }
}

private let clocksKnown: Set<Int32> = [
    LxClock.realtime, LxClock.monotonic, LxClock.processTime, LxClock.threadTime, LxClock.monotonicRaw,
    LxClock.realtimeCoarse, LxClock.monotonicCoarse, LxClock.boottime,
]

/// Negative ids are the cpu clocks of other processes.
private func LxpCheckClock(_ clock: Int32) throws(LxFailure) {
    guard clock < 0 || clocksKnown.contains(clock) else {
        if clock == LxClock.tai {
            throw .unsupported(.EINVAL, note: "CLOCK_TAI: no source says that it exists", source: "inferred")
        }
        throw .errno(.EINVAL)
    }
}

/// Writes a clock reading, which only the environment knows.
private func LxpGivenTime(_ c: LxpCall, _ clock: Int32, at address: UInt64, isTimeval: Bool) throws(LxFailure) {
    let own: UInt64
    switch clock {
    case LxClock.realtime, LxClock.realtimeCoarse:
        c.engine.kernel.KeQuerySystemTimePrecise()
        own = UInt64(bitPattern: c.engine.realtime)
    case LxClock.processTime, LxClock.threadTime:
        c.ntQueryTimes(clock == LxClock.processTime ? .times : .threadTimes)
        own = 1_000_000
    case LxClock.boottime:
        c.engine.kernel.KeQueryInterruptTimePrecise()
        own = c.environment.startMonotonic + c.engine.time
    default:
        // What the machine slept is not part of it (RN:17738).
        c.engine.kernel.KeQueryUnbiasedInterruptTime()
        own = c.environment.startMonotonic + c.engine.time
    }
    let reading = c.environment.given.number(.clock(id: clock), for: c.index).map { UInt64(bitPattern: $0) } ?? own
    try c.write(address, isTimeval ? c.timeval(reading) : c.timespec(reading))
    c.given.append(GivenUse(name: "clock reading", part: .memory(address: address, count: 16)))
}

func LxpSyscall_CLOCK_GETTIME(_ c: LxpCall) throws(LxFailure) -> Int64 {
    try LxpCheckClock(c.int(0))
    try LxpGivenTime(c, c.int(0), at: c[1], isTimeval: false)
    return 0
}

func LxpSyscall_CLOCK_GETRES(_ c: LxpCall) throws(LxFailure) -> Int64 {
    try LxpCheckClock(c.int(0))
    if c[1] == 0, c.int(0) == LxClock.realtime {
        throw .unsupported(.EFAULT, note: "a null result pointer for CLOCK_REALTIME", source: "LTP:16251")
    }
    if c[1] != 0 {
        let isCoarse = c.int(0) == LxClock.realtimeCoarse || c.int(0) == LxClock.monotonicCoarse
        try c.write(c[1], c.timespec(isCoarse ? 4_000_000 : 1))
    }
    return 0
}

/// Sleeps for a time that is fixed at the first attempt.
private func LxpSleep(_ c: LxpCall, for duration: UInt64, remainder: UInt64) throws(LxFailure) -> Int64 {
    if duration == 0 { return 0 }
    do throws(LxFailure) {
        try LxpDelay(c, until: c.parked?.deadline ?? c.engine.time &+ duration)
    } catch {
        if c.isInterrupted, remainder != 0 {
            let deadline = c.parked?.deadline ?? c.engine.time + duration
            let left = deadline > c.engine.time ? deadline - c.engine.time : 0
            try c.write(remainder, c.timespec(left))
        }
        throw error
    }
    return 0
}

/// The wait below a sleep: for an event that nobody sets. A signal ends it as a user APC does (nt-mapping.tsv).
private func LxpDelay(_ c: LxpCall, until deadline: UInt64) throws(LxFailure) {
    let (engine, waiting) = (c.engine, c.waiting)
    let isDue = engine.time >= deadline
    let begins = waiting.object == nil
    waiting.deadline = deadline
    guard let thread = c.thread.ntThread, begins || isDue || c.isInterrupted else {
        if isDue { return }
        throw .wouldBlock
    }
    let event = waiting.object as? KEvent ?? KEvent(.notification)
    waiting.object = event
    if !begins, !isDue { engine.kernel.KeInsertQueueApc(thread) }
    let left = deadline > engine.time ? max(1, (deadline - engine.time) / 100) : 0
    _ = engine.kernel.KeWaitForSingleObject(event, thread: thread, alertable: true, timeout: left)
    guard isDue else { throw .wouldBlock }
    engine.kernel.KeRemoveFromWait(thread)
}

func LxpSyscall_CLOCK_NANOSLEEP(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let clock = c.int(0)
    guard [LxClock.realtime, LxClock.monotonic, LxClock.boottime, LxClock.processTime].contains(clock) || clock < 0
    else { throw .errno(.EINVAL) }
    let value = try c.readTimespec(c[2])
    if clock == LxClock.realtime {
        // Fixed after 18363 (GH:4898): sleep(1) of glibc 2.31 fails up to there.
        try c.since(18364, .EINVAL, "clock_nanosleep(CLOCK_REALTIME) is refused through 18363", "GH:4898;GH:2503")
    }
    guard c.int(1) & 1 != 0 else { return try LxpSleep(c, for: value, remainder: c[3]) }
    c.interruption = .restartNoHand
    let deadline = c.engine.engineTime(value, on: clock)
    if deadline <= c.engine.time, c.parked == nil { return 0 }
    try LxpDelay(c, until: deadline)
    return 0
}

// MARK: - Interval timers

private func LxpInterval(_ c: LxpCall) throws(LxFailure) -> LxTimer {
    switch c.int(0) {
    case 0: return c.group.timers.real
    case 1: return c.group.timers.virtual
    case 2: return c.group.timers.profiling
    default: throw .errno(.EINVAL)
    }
}

/// `struct itimerval`.
private func LxpWriteInterval(_ c: LxpCall, _ timer: LxTimer, _ address: UInt64) throws(LxFailure) {
    let left = timer.remaining(c.engine.time)
    // Never 0 for an armed timer: at least a microsecond is left.
    try c.write(address, c.timeval(timer.interval) + c.timeval(left == 0 ? 0 : max(left, 1000)))
}

func LxpSyscall_SETITIMER(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let old = try LxpInterval(c)
    var new = LxTimer()
    if c[1] != 0 {
        let interval = try c.readTimeval(c[1])
        let value = try c.readTimeval(c[1] + 16)
        new.arm(at: value == 0 ? nil : c.engine.time + value, interval: interval)
    }
    if c[2] != 0 { try LxpWriteInterval(c, old, c[2]) }
    switch c.int(0) {
    case 0: c.group.timers.real = new
    case 1: c.group.timers.virtual = new
    default: c.group.timers.profiling = new
    }
    c.engine.timersChanged(c.group)
    return 0
}

// MARK: - POSIX timers

private func LxpTimer(_ c: LxpCall) throws(LxFailure) -> LxPosixTimer {
    guard let timer = c.group.timers.posix[c.int(0)] else { throw .errno(.EINVAL) }
    return timer
}

/// `struct itimerspec`.
private func LxpWriteTimer(_ c: LxpCall, _ timer: LxTimer, _ address: UInt64) throws(LxFailure) {
    try c.write(address, c.timespec(timer.interval) + c.timespec(timer.remaining(c.engine.time)))
}

func LxpSyscall_TIMER_CREATE(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let clock = c.int(0)
    guard
        clock < 0
            || [
                LxClock.realtime, LxClock.monotonic, LxClock.boottime, LxClock.processTime,
                LxClock.threadTime,
            ].contains(clock)
    else { throw .errno(.EINVAL) }
    var timer = LxPosixTimer(clock: clock, notification: 0, signal: LxSignal.alarm, value: 0)
    if c[1] != 0 {
        timer.value = try c.readInteger(c[1], as: UInt64.self)
        timer.signal = try c.readInteger(c[1] + 8, as: Int32.self)
        timer.notification = try c.readInteger(c[1] + 12, as: Int32.self)
        guard [0, 1, 2, 4].contains(timer.notification) else { throw .errno(.EINVAL) }
        if timer.notification != 1, !(1...64).contains(timer.signal) { throw .errno(.EINVAL) }
        if timer.notification == 4 {
            let id = try c.readInteger(c[1] + 16, as: Int32.self)
            guard let target = c.group.pidNamespace.threads[id], target.group === c.group else {
                throw .errno(.EINVAL)
            }
            timer.target = target
        }
    }
    try c.checkWritable(c[2])
    let identifier = c.group.timers.add(timer, offered: c.offer(.timerID).flatMap { Int32(exactly: $0) })
    if c[1] == 0 { c.group.timers.posix[identifier]?.value = UInt64(UInt32(bitPattern: identifier)) }
    try c.writeInteger(c[2], identifier)
    return 0
}

func LxpSyscall_TIMER_SETTIME(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let interval = try c.readTimespec(c[2])
    let value = try c.readTimespec(c[2] + 16)
    var timer = try LxpTimer(c)
    if c[3] != 0 { try LxpWriteTimer(c, timer.timer, c[3]) }
    let now = c.engine.time
    let isAbsolute = c.int(1) & 1 != 0
    if isAbsolute, value != 0, c.engine.build < WSL1Build(17686),
        c.engine.engineTime(value, on: timer.clock) <= now
    {
        // It never fires.
        c.partial("an absolute time in the past did not fire before 17686", "RN:17686")
        timer.timer.arm(at: .max, interval: 0)
        c.group.timers.posix[c.int(0)] = timer
        return 0
    }
    timer.timer.arm(
        at: value == 0 ? nil : isAbsolute ? c.engine.engineTime(value, on: timer.clock) : now + value,
        interval: interval
    )
    timer.overruns = 0
    c.group.timers.posix[c.int(0)] = timer
    c.engine.timersChanged(c.group)
    // An absolute time in the past fires at once (RN:17686).
    c.engine.fireTimers()
    return 0
}
