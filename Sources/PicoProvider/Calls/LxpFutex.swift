// futex: wait, wake, requeue, wake-op; priority inheritance without priorities (RN:17627).
import Engine
import LinuxABI

private enum FutexOperation {
    static let wait = abiInt("FUTEX_WAIT")
    static let wake = abiInt("FUTEX_WAKE")
    static let requeue = abiInt("FUTEX_REQUEUE")
    static let compareRequeue = abiInt("FUTEX_CMP_REQUEUE")
    static let wakeOperation = abiInt("FUTEX_WAKE_OP")
    static let lockPI = abiInt("FUTEX_LOCK_PI")
    static let unlockPI = abiInt("FUTEX_UNLOCK_PI")
    static let tryLockPI = abiInt("FUTEX_TRYLOCK_PI")
    static let waitBitset = abiInt("FUTEX_WAIT_BITSET")
    static let wakeBitset = abiInt("FUTEX_WAKE_BITSET")
    static let clockRealtime = abiInt("FUTEX_CLOCK_REALTIME")
    static let mask: Int32 = 0x7f
}

func LxpSyscall_FUTEX(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let operation = c.int(1) & FutexOperation.mask
    guard c[0] % 4 == 0 else { throw .errno(.EINVAL) }
    switch operation {
    case FutexOperation.wait: return try LxpFutexWait(c, bitset: .max, isAbsolute: false)
    case FutexOperation.waitBitset:
        guard c.uint(5) != 0 else { throw .errno(.EINVAL) }
        return try LxpFutexWait(c, bitset: c.uint(5), isAbsolute: true)
    case FutexOperation.wake: return LxpFutexWake(c, c[0], count: c.int(2), bitset: .max)
    case FutexOperation.wakeBitset:
        guard c.uint(5) != 0 else { throw .errno(.EINVAL) }
        return LxpFutexWake(c, c[0], count: c.int(2), bitset: c.uint(5))
    case FutexOperation.requeue, FutexOperation.compareRequeue:
        if operation == FutexOperation.compareRequeue {
            guard try c.readInteger(c[0], as: UInt32.self) == c.uint(5) else { throw .errno(.EAGAIN) }
        }
        let space = c.group.address
        let (from, to) = (LxpFutexKey(space, c[0]), LxpFutexKey(space, c[4]))
        let woken = c.engine.futexes.wake(from, count: Int(max(c.int(2), 0)), bitset: .max)
        let moved = c.engine.futexes.requeue(from, to: to, count: Int(max(c.int(3), 0)))
        return Int64(woken + (operation == FutexOperation.compareRequeue ? moved : moved))
    case FutexOperation.wakeOperation: return try LxpFutexWakeOperation(c)
    case FutexOperation.lockPI, FutexOperation.unlockPI, FutexOperation.tryLockPI:
        throw .notModelled("priority-inheriting futexes")
    default: throw .errno(.ENOSYS)
    }
}

private func LxpFutexWake(_ c: LxpCall, _ address: UInt64, count: Int32, bitset: UInt32) -> Int64 {
    // A count of 0 or less still wakes one, as the kernel's loop does.
    let key = LxpFutexKey(c.group.address, address)
    return Int64(c.engine.futexes.wake(key, count: Int(max(count, 1)), bitset: bitset))
}

private func LxpFutexWait(_ c: LxpCall, bitset: UInt32, isAbsolute: Bool) throws(LxFailure) -> Int64 {
    c.interruption = c[3] == 0 ? .restartSys : .restartBlock
    if let waiter = c.parked?.object as? LxpFutexWaiter {
        if waiter.isWoken { return 0 }
        if let deadline = c.waiting.deadline, c.engine.time >= deadline {
            c.engine.futexes.forget(c.thread)
            throw .errno(.ETIMEDOUT)
        }
        throw .wouldBlock
    }
    guard try c.readInteger(c[0], as: UInt32.self) == c.uint(2) else { throw .errno(.EAGAIN) }
    if c[3] != 0 {
        let value = try c.readTimespec(c[3])
        let isRealtime = c.int(1) & FutexOperation.clockRealtime != 0
        let deadline =
            isAbsolute
            ? c.engine.engineTime(value, on: isRealtime ? LxClock.realtime : LxClock.monotonic)
            : c.engine.time &+ value
        if deadline <= c.engine.time { throw .errno(.ETIMEDOUT) }
        c.waiting.deadline = deadline
    }
    let waiter = LxpFutexWaiter(thread: c.thread, bitset: bitset)
    c.waiting.object = waiter
    c.engine.futexes.add(LxpFutexKey(c.group.address, c[0]), waiter)
    throw .wouldBlock
}

/// FUTEX_WAKE_OP: `*uaddr2` is changed and compared in one step.
private func LxpFutexWakeOperation(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let encoded = c.uint(5)
    var argument = Int32(bitPattern: encoded << 8) >> 20
    let comparand = Int32(bitPattern: encoded << 20) >> 20
    if encoded >> 28 & 8 != 0 { argument = 1 << (argument & 31) }
    let old = try c.readInteger(c[4], as: Int32.self)
    let new: Int32
    switch encoded >> 28 & 7 {
    case 0: new = argument
    case 1: new = old &+ argument
    case 2: new = old | argument
    case 3: new = old & ~argument
    case 4: new = old ^ argument
    default: throw .errno(.ENOSYS)
    }
    try c.writeInteger(c[4], new)
    let space = c.group.address
    var woken = c.engine.futexes.wake(LxpFutexKey(space, c[0]), count: Int(max(c.int(2), 1)), bitset: .max)
    let matches: Bool
    switch encoded >> 24 & 0xf {
    case 0: matches = old == comparand
    case 1: matches = old != comparand
    case 2: matches = old < comparand
    case 3: matches = old <= comparand
    case 4: matches = old > comparand
    case 5: matches = old >= comparand
    default: throw .errno(.ENOSYS)
    }
    if matches { woken += c.engine.futexes.wake(LxpFutexKey(space, c[4]), count: Int(max(c.int(3), 1)), bitset: .max) }
    return Int64(woken)
}
