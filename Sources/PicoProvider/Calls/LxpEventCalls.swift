// eventfd, timerfd_*, signalfd, inotify_*.
import Engine
import LinuxABI

private let eventSemaphore = abi32("EFD_SEMAPHORE")
private let timerAbsolute = abi32("TFD_TIMER_ABSTIME")
private let timerCancel = abi32("TFD_TIMER_CANCEL_ON_SET")

func addEventCalls(_ table: inout LxpSyscallTable) {
    table.supported("eventfd") { c throws(LxFailure) in try LxpMakeEvent(c, flags: 0) }
    table.supported("eventfd2") { c throws(LxFailure) in try LxpMakeEvent(c, flags: c.uint(1)) }
    table.supported("timerfd_create", LxpSyscall_TIMERFD_CREATE)
    table.supported("timerfd_settime", LxpSyscall_TIMERFD_SETTIME)
    table.supported("timerfd_gettime", LxpSyscall_TIMERFD_GETTIME)
    table.supported("signalfd") { c throws(LxFailure) in try LxpMakeSignalFile(c, flags: 0) }
    table.supported("signalfd4") { c throws(LxFailure) in try LxpMakeSignalFile(c, flags: c.uint(3)) }
    table.supported("inotify_init") { c throws(LxFailure) in try LxpMakeInotify(c, flags: 0) }
    table.supported("inotify_init1") { c throws(LxFailure) in try LxpMakeInotify(c, flags: c.uint(0)) }
    table.supported("inotify_add_watch", LxpSyscall_INOTIFY_ADD_WATCH)
    table.supported("inotify_rm_watch", LxpSyscall_INOTIFY_RM_WATCH)
}

/// The inode of an eventfd, epoll set and so on: mode 0600 without a type.
func LxpAnonymousInode(_ c: LxpCall) -> VfsInode { LxAnonymousInode(c.engine, mode: 0o600, credentials: c.credentials) }

/// Gives the new file a number; O_CLOEXEC and O_NONBLOCK as in open (EFD_*, TFD_*, SFD_* are the same bits).
func LxpInstallAnonymous(
    _ c: LxpCall,
    flags: UInt32,
    access: UInt32 = OpenFlag.readWrite,
    _ make: (VfsInode) -> VfsFile
) throws(LxFailure) -> Int64 {
    let fd = try c.thread.files.lowest(from: 0, limit: c.openLimit)
    let file = make(LxpAnonymousInode(c))
    file.flags = flags & OpenFlag.nonBlocking | access
    _ = c.thread.files.put(file, at: fd, closeOnExec: flags & OpenFlag.closeOnExec != 0)
    return Int64(fd)
}

private func LxpMakeEvent(_ c: LxpCall, flags: UInt32) throws(LxFailure) -> Int64 {
    guard flags & ~(OpenFlag.closeOnExec | OpenFlag.nonBlocking | eventSemaphore) == 0 else { throw .errno(.EINVAL) }
    return try LxpInstallAnonymous(c, flags: flags) {
        LxEventFile(inode: $0, initial: UInt64(c.uint(0)), isSemaphore: flags & eventSemaphore != 0)
    }
}

func LxpSyscall_TIMERFD_CREATE(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let clock = c.int(0)
    guard c.uint(1) & ~(OpenFlag.closeOnExec | OpenFlag.nonBlocking) == 0,
        [LxClock.realtime, LxClock.monotonic, LxClock.boottime, LxClock.realtimeAlarm, LxClock.boottimeAlarm]
            .contains(clock)
    else { throw .errno(.EINVAL) }
    return try LxpInstallAnonymous(c, flags: c.uint(1)) { LxTimerFile(inode: $0, clock: clock) }
}

private func LxpTimerFile(_ c: LxpCall) throws(LxFailure) -> LxTimerFile {
    guard let file = try c.file(0) as? LxTimerFile else { throw .errno(.EINVAL) }
    return file
}

func LxpSyscall_TIMERFD_SETTIME(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let flags = c.uint(1)
    guard flags & ~(timerAbsolute | timerCancel) == 0 else { throw .errno(.EINVAL) }
    let interval = try c.readTimespec(c[2])
    let value = try c.readTimespec(c[2] + 16)
    let file = try LxpTimerFile(c)
    if c[3] != 0 { try LxpWriteTimerFile(c, file, c[3]) }
    let now = c.engine.time
    let deadline: UInt64? =
        value == 0 ? nil : flags & timerAbsolute != 0 ? c.engine.engineTime(value, on: file.clock) : now + value
    file.arm(at: deadline, interval: interval)
    return 0
}

func LxpSyscall_TIMERFD_GETTIME(_ c: LxpCall) throws(LxFailure) -> Int64 {
    try LxpWriteTimerFile(c, try LxpTimerFile(c), c[1])
    return 0
}

/// `struct itimerspec` of what is left.
private func LxpWriteTimerFile(_ c: LxpCall, _ file: LxTimerFile, _ address: UInt64) throws(LxFailure) {
    file.update(c.engine.time)
    try c.write(address, c.timespec(file.timer.interval) + c.timespec(file.timer.remaining(c.engine.time)))
}

private func LxpMakeSignalFile(_ c: LxpCall, flags: UInt32) throws(LxFailure) -> Int64 {
    guard flags & ~(OpenFlag.closeOnExec | OpenFlag.nonBlocking) == 0, c[2] == 8 else { throw .errno(.EINVAL) }
    let mask = LxSignalSet(
        bits: try c.readInteger(c[1], as: UInt64.self) & ~LxSignalSet.unblockable.bits
    )
    if c.int(0) == -1 { return try LxpInstallAnonymous(c, flags: flags) { LxSignalFile(inode: $0, mask: mask) } }
    guard let file = try c.file(0) as? LxSignalFile else { throw .errno(.EINVAL) }
    file.mask = mask
    return Int64(c.int(0))
}

// MARK: - inotify

private func LxpMakeInotify(_ c: LxpCall, flags: UInt32) throws(LxFailure) -> Int64 {
    guard flags & ~(OpenFlag.closeOnExec | OpenFlag.nonBlocking) == 0 else { throw .errno(.EINVAL) }
    return try LxpInstallAnonymous(c, flags: flags, access: 0) { LxInotifyFile(inode: $0) }
}

private func LxpInotify(_ c: LxpCall) throws(LxFailure) -> LxInotifyFile {
    guard let file = try c.file(0) as? LxInotifyFile else { throw .errno(.EINVAL) }
    return file
}

private let inotifyOnlyDirectory = abi32("IN_ONLYDIR")
private let inotifyDontFollow = abi32("IN_DONT_FOLLOW")
private let inotifyMaskAdd = abi32("IN_MASK_ADD")

func LxpSyscall_INOTIFY_ADD_WATCH(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let mask = c.uint(2)
    guard mask & 0xfff != 0 || mask & LxInotifyFile.unmount != 0 else { throw .errno(.EINVAL) }
    let file = try LxpInotify(c)
    let location = try c.walk(try c.path(1), from: c.cwd, follow: mask & inotifyDontFollow == 0)
    if mask & inotifyOnlyDirectory != 0, !location.inode.isDirectory { throw .errno(.ENOTDIR) }
    try location.inode.permission(VfsPermission.read, c)
    return Int64(file.watch(location.inode, mask: mask, adds: mask & inotifyMaskAdd != 0))
}

func LxpSyscall_INOTIFY_RM_WATCH(_ c: LxpCall) throws(LxFailure) -> Int64 {
    guard try LxpInotify(c).unwatch(c.int(1)) else { throw .errno(.EINVAL) }
    return 0
}
