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
        try c.since(16273, .ENOSYS, "FUTEX_REQUEUE before 16273", "RN:16273")
        if operation == FutexOperation.compareRequeue {
            guard try c.readInteger(c[0], as: UInt32.self) == c.uint(5) else { throw .errno(.EAGAIN) }
        }
        let space = c.group.address
        let (from, to) = (LxpFutexKey(space, c[0]), LxpFutexKey(space, c[4]))
        let woken = c.engine.futexes.wake(from, count: Int(max(c.int(2), 0)), bitset: .max)
        let moved = c.engine.futexes.requeue(from, to: to, count: Int(max(c.int(3), 0)))
        return Int64(woken + moved)
    case FutexOperation.wakeOperation: return try LxpFutexWakeOperation(c)
    case FutexOperation.lockPI, FutexOperation.unlockPI, FutexOperation.tryLockPI:
        try c.since(17627, .ENOSYS, "priority-inheriting futexes before 17627", "RN:17627")
        c.partial("no priorities stand behind it", "RN:17627")
        return try LxpFutexOwned(c, operation)
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

/// The word holds the owner's thread id; FUTEX_WAITERS says that the kernel must be asked to unlock (man 2 futex).
private func LxpFutexOwned(_ c: LxpCall, _ operation: Int32) throws(LxFailure) -> Int64 {
    let waiters = abi32("FUTEX_WAITERS")
    let identifiers = abi32("FUTEX_TID_MASK")
    let key = LxpFutexKey(c.group.address, c[0])
    let own = UInt32(bitPattern: c.thread.ownID)
    if let waiter = c.parked?.object as? LxpFutexWaiter {
        // The unlocker handed it over.
        if waiter.isWoken { return 0 }
        if let deadline = c.waiting.deadline, c.engine.time >= deadline {
            c.engine.futexes.forget(c.thread)
            throw .errno(.ETIMEDOUT)
        }
        throw .wouldBlock
    }
    let word = try c.readInteger(c[0], as: UInt32.self)
    if operation == FutexOperation.unlockPI {
        guard word & identifiers == own else { throw .errno(.EPERM) }
        guard let next = c.engine.futexes.first(key) else {
            try c.writeInteger(c[0], UInt32(0))
            return 0
        }
        c.engine.futexes.wake(key, count: 1, bitset: .max)
        let more = c.engine.futexes.first(key) == nil ? 0 : waiters
        try c.writeInteger(c[0], UInt32(bitPattern: next.thread.ownID) | more)
        return 0
    }
    if word & identifiers == 0 {
        try c.writeInteger(c[0], own | word & waiters)
        return 0
    }
    guard word & identifiers != own else { throw .errno(.EDEADLK) }
    guard c.group.pidNamespace.threads[Int32(bitPattern: word & identifiers)] != nil else { throw .errno(.ESRCH) }
    if operation == FutexOperation.tryLockPI { throw .errno(.EAGAIN) }
    try c.writeInteger(c[0], word | waiters)
    if c[3] != 0 {
        c.waiting.deadline = c.engine.engineTime(try c.readTimespec(c[3]), on: LxClock.realtime)
    }
    let waiter = LxpFutexWaiter(thread: c.thread, bitset: .max)
    c.waiting.object = waiter
    c.engine.futexes.add(key, waiter)
    throw .wouldBlock
}
