// poll, ppoll, select, pselect6, epoll_*: waiting for descriptors.
import Engine
import LinuxABI

private let epollAdd = abiInt("EPOLL_CTL_ADD")
private let epollDelete = abiInt("EPOLL_CTL_DEL")
private let epollModify = abiInt("EPOLL_CTL_MOD")

func addPollCalls(_ table: inout LxpSyscallTable) {
    table.supported(
        "poll",
        { c throws(LxFailure) in
            try LxpPollWait(c, timeout: c.int(2) < 0 ? nil : UInt64(c.int(2)) * 1_000_000)
        },
        .restartBlock
    )
    table.supported("ppoll", LxpSyscall_PPOLL, .restartNoHand)
    table.supported(
        "select",
        { c throws(LxFailure) in
            try LxpSelect(c, timeout: c[4] == 0 ? nil : try c.readTimeval(c[4]), wide: false)
        },
        .restartNoHand
    )
    table.supported("pselect6", LxpSyscall_PSELECT6, .restartNoHand)
    table.supported("epoll_create") { c throws(LxFailure) in
        guard c.int(0) > 0 else { throw .errno(.EINVAL) }
        return try LxpInstallAnonymous(c, flags: 0) { LxEpollFile(inode: $0) }
    }
    table.supported("epoll_create1") { c throws(LxFailure) in
        guard c.uint(0) & ~OpenFlag.closeOnExec == 0 else { throw .errno(.EINVAL) }
        return try LxpInstallAnonymous(c, flags: c.uint(0)) { LxEpollFile(inode: $0) }
    }
    table.supported("epoll_ctl", LxpSyscall_EPOLL_CTL)
    table.supported("epoll_wait", LxpEpollWait, .intr)
    table.supported(
        "epoll_pwait",
        { c throws(LxFailure) in
            try LxpTemporaryMask(c, c[4], c[5])
            return try LxpEpollWait(c)
        },
        .intr
    )
}

/// Parks until `timeout` (nanoseconds; nil: forever); returns when it has passed.
func LxpWaitUntilTimeout(_ c: LxpCall, _ timeout: UInt64?) throws(LxFailure) {
    if let timeout {
        if timeout == 0 { return }
        let waiting = c.waiting
        if waiting.deadline == nil { waiting.deadline = c.engine.time &+ timeout }
        if let deadline = waiting.deadline, c.engine.time >= deadline { return }
    }
    throw .wouldBlock
}

/// ppoll, pselect6, epoll_pwait: the mask for the time of the call; restored at delivery or return.
func LxpTemporaryMask(_ c: LxpCall, _ address: UInt64, _ size: UInt64) throws(LxFailure) {
    guard address != 0, c.thread.signals.savedMask == nil else { return }
    guard size == 8 else { throw .errno(.EINVAL) }
    let bits = try c.readInteger(address, as: UInt64.self) & ~LxSignalSet.unblockable.bits
    c.thread.signals.savedMask = c.thread.signals.mask
    c.thread.signals.mask = LxSignalSet(bits: bits)
}

func LxpSyscall_PPOLL(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let timeout = c[2] == 0 ? nil : try c.readTimespec(c[2])
    try LxpTemporaryMask(c, c[3], c[4])
    defer { if c[2] != 0 { LxpWriteRemaining(c, c[2], timeout, isTimeval: false) } }
    return try LxpPollWait(c, timeout: timeout)
}

/// ppoll and pselect6 leave in the timeout what was not slept.
private func LxpWriteRemaining(_ c: LxpCall, _ address: UInt64, _ timeout: UInt64?, isTimeval: Bool) {
    guard let timeout else { return }
    let deadline = c.parked?.deadline ?? c.engine.time + timeout
    let left = deadline > c.engine.time ? deadline - c.engine.time : 0
    try? c.write(address, isTimeval ? c.timeval(left) : c.timespec(left))
}

func LxpPollWait(_ c: LxpCall, timeout: UInt64?) throws(LxFailure) -> Int64 {
    guard c[1] <= UInt64(max(c.openLimit, 1024)) else { throw .errno(.EINVAL) }
    let count = Int(c[1])
    var ready: Int64 = 0
    var outside = false
    // The whole array is written, as poll does.
    var array = try c.read(c[0], count * 8)
    for index in 0..<count {
        let field = index * 8
        let fd = Int32(
            truncatingIfNeeded: (0..<4).reduce(UInt32(0)) { $0 | UInt32(array[field + $1]) << (8 * UInt32($1)) }
        )
        let wanted = UInt32(array[field + 4]) | UInt32(array[field + 5]) << 8
        var events: UInt32 = 0
        if fd >= 0 {
            if let slot = c.thread.files[Int(fd)], slot.file.flags & OpenFlag.path == 0 {
                let always = PollEvents.error.union(.hangUp).rawValue
                events = slot.file.poll(c).rawValue & (wanted | always)
                if wanted & PollEvents.readable.rawValue != 0, slot.file.isFedFromOutside { outside = true }
            } else {
                events = PollEvents.invalid.rawValue
            }
        }
        if events != 0 { ready += 1 }
        array[field + 6] = UInt8(truncatingIfNeeded: events)
        array[field + 7] = UInt8(truncatingIfNeeded: events >> 8)
    }
    if outside, ready == 0, let given = try LxpOutsideReadiness(c, timeout) {
        c.writeGiven(c[0], array.count, "readiness of a descriptor fed from outside")
        return given
    }
    if ready == 0 { try LxpWaitUntilTimeout(c, timeout) }
    if count > 0 { try c.write(c[0], array) }
    return ready
}

/// Whether somebody outside made a descriptor ready; nil: the engine's own answer stands.
private func LxpOutsideReadiness(_ c: LxpCall, _ timeout: UInt64?) throws(LxFailure) -> Int64? {
    let what = "readiness of a descriptor fed from outside"
    guard let count = c.environment.given.number(.available(what: what), for: c.index), count > 0 else { return nil }
    c.given.append(GivenUse(name: what, part: .result))
    return count
}

// MARK: - select

func LxpSyscall_PSELECT6(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let timeout = c[4] == 0 ? nil : try c.readTimespec(c[4])
    if c[5] != 0 {
        let mask = try c.readInteger(c[5], as: UInt64.self)
        let size = try c.readInteger(c[5] + 8, as: UInt64.self)
        try LxpTemporaryMask(c, mask, size)
    }
    return try LxpSelect(c, timeout: timeout, wide: true)
}

private func LxpSelect(_ c: LxpCall, timeout: UInt64?, wide: Bool) throws(LxFailure) -> Int64 {
    guard c.int(0) >= 0 else { throw .errno(.EINVAL) }
    // Bits beyond the table are not looked at.
    let count = min(Int(c.int(0)), max(c.thread.files.files.count, 64))
    let bytes = (count + 63) / 64 * 8
    let wanted: [PollEvents] = [
        [.readable, .readNormal, .hangUp, .error], [.writable, .writeNormal, .error], [.priority],
    ]
    var ready: Int64 = 0
    var outside = false
    var output: [(address: UInt64, bytes: [UInt8])] = []
    for set in 0..<3 {
        let address = c[set + 1]
        guard address != 0 else { continue }
        let input = try c.read(address, bytes)
        var result = [UInt8](repeating: 0, count: bytes)
        for fd in 0..<count where input[fd / 8] & (1 << UInt8(fd % 8)) != 0 {
            guard let slot = c.thread.files[fd] else { throw .errno(.EBADF) }
            if slot.file.poll(c).isDisjoint(with: wanted[set]) {
                if set == 0, slot.file.isFedFromOutside { outside = true }
                continue
            }
            result[fd / 8] |= 1 << UInt8(fd % 8)
            ready += 1
        }
        output.append((address, result))
    }
    defer { if c[4] != 0 { LxpWriteRemaining(c, c[4], timeout, isTimeval: !wide) } }
    if outside, ready == 0, let given = try LxpOutsideReadiness(c, timeout) {
        for set in output { c.writeGiven(set.address, set.bytes.count, "readiness of a descriptor fed from outside") }
        return given
    }
    if ready == 0 { try LxpWaitUntilTimeout(c, timeout) }
    for set in output { try c.write(set.address, set.bytes) }
    return ready
}

// MARK: - epoll

private func LxpEpollFile(_ c: LxpCall) throws(LxFailure) -> LxEpollFile {
    guard let file = try c.file(0) as? LxEpollFile else { throw .errno(.EINVAL) }
    return file
}

func LxpSyscall_EPOLL_CTL(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let operation = c.int(1)
    var events: UInt32 = 0
    var data: UInt64 = 0
    if operation != epollDelete {
        events = try c.readInteger(c[3], as: UInt32.self)
        data = try c.readInteger(c[3] + 4, as: UInt64.self)
    }
    let anyEpoll = try c.file(0)
    let target = try c.file(2)
    guard target.isPollable else { throw .errno(.EPERM) }
    guard let epoll = anyEpoll as? LxEpollFile, target !== epoll else { throw .errno(.EINVAL) }
    if events & LxEpollFile.exclusive != 0 {
        // Served as if it were there: a refusal would be a guess that everything after it depends on.
        c.support = .notModelled
        c.note = "no source says whether EPOLLEXCLUSIVE exists; it came with Linux 4.5"
    }
    let interest = epoll.interest(fd: c.int(2), file: target)
    switch operation {
    case epollAdd:
        guard interest == nil else { throw .errno(.EEXIST) }
        if let nested = target as? LxEpollFile, nested.reaches(epoll) { throw .errno(.ELOOP) }
        epoll.add(LxEpollInterest(epoll: epoll, fd: c.int(2), file: target, events: events, data: data))
    case epollDelete:
        guard let interest else { throw .errno(.ENOENT) }
        epoll.remove(interest)
    case epollModify:
        guard let interest else { throw .errno(.ENOENT) }
        interest.events = events
        interest.data = data
        interest.isDisabled = false
        interest.seenInput = nil
    default: throw .errno(.EINVAL)
    }
    return 0
}

func LxpEpollWait(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let limit = Int(c.int(2))
    guard limit > 0, limit <= Int(Int32.max) / 12 else { throw .errno(.EINVAL) }
    try c.checkWritable(c[1])
    let epoll = try LxpEpollFile(c)
    let timeout: UInt64? = c.int(3) < 0 ? nil : UInt64(c.int(3)) * 1_000_000
    let events = epoll.take(limit, c)
    if events.isEmpty {
        if epoll.isFedFromOutside, let given = try LxpOutsideReadiness(c, timeout) {
            c.writeGiven(c[1], Int(given) * 12, "readiness of a descriptor fed from outside")
            return given
        }
        try LxpWaitUntilTimeout(c, timeout)
        return 0
    }
    var out = LxpBytes()
    for event in events {
        out.add(event.events)
        out.add(event.data)
    }
    try c.write(c[1], out.bytes)
    return Int64(events.count)
}
