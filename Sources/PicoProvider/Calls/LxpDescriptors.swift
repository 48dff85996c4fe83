// Descriptor tables: dup, close, fcntl, flock, ioctl.
import Engine
import LinuxABI

func addDescriptorCalls(_ table: inout LxpSyscallTable) {
    table.supported("close") { c throws(LxFailure) in
        guard let file = c.thread.files.take(Int(c.int(0))) else { throw .errno(.EBADF) }
        LxpClose(c, file)
        return 0
    }
    table.supported("dup") { c throws(LxFailure) in try c.install(try c.anyFile(0), closeOnExec: false) }
    table.supported("dup2") { c throws(LxFailure) in
        let file = try c.anyFile(0)
        if c.int(0) == c.int(1) { return Int64(c.int(1)) }
        return try LxpDuplicate(c, file, onto: c.int(1), closeOnExec: false)
    }
    table.supported("dup3") { c throws(LxFailure) in
        guard c.uint(2) & ~OpenFlag.closeOnExec == 0, c.int(0) != c.int(1) else { throw .errno(.EINVAL) }
        return try LxpDuplicate(c, try c.anyFile(0), onto: c.int(1), closeOnExec: c.uint(2) != 0)
    }
    table.partial("fcntl", "no leases, no F_OFD locks; record locks are real since 16299", LxpSyscall_FCNTL)
    table.supported("flock", LxpSyscall_FLOCK)
    table.partial("ioctl", "what the devices that exist have; no FIEMAP, FITRIM, FICLONE", LxpSyscall_IOCTL)
}

private func LxpDuplicate(
    _ c: LxpCall,
    _ file: VfsFile,
    onto fd: Int32,
    closeOnExec: Bool
) throws(LxFailure) -> Int64 {
    guard fd >= 0, Int(fd) < c.openLimit else { throw .errno(.EBADF) }
    if let previous = c.thread.files.put(file, at: Int(fd), closeOnExec: closeOnExec) { LxpClose(c, previous) }
    return Int64(fd)
}

/// A descriptor of the calling process is gone.
func LxpClose(_ c: VfsContext, _ file: VfsFile) {
    file.flush(c)
    if let thread = c.thread, file.inode.locks != nil, file.flags & OpenFlag.path == 0 {
        file.inode.locks?.removeRecords(of: ObjectIdentifier(thread.files))
    }
    LxpDropReference(c, file)
}

/// A reference is gone: a descriptor, or a description in flight in a message.
func LxpDropReference(_ c: VfsContext, _ file: VfsFile) {
    file.references -= 1
    guard file.references <= 0 else { return }
    for interest in file.interests { interest.epoll?.forget(interest) }
    file.interests = []
    file.inode.locks?.removeFlock(of: file)
    if file.flags & OpenFlag.path == 0 {
        if let entry = file.location?.entry {
            LxpNotify(c, entry, file.isWritable ? .closeWrite : .closeNoWrite)
        }
        file.release(c)
    }
}

/// F_* numbers.
private enum Command {
    static let duplicate = abiInt("F_DUPFD")
    static let duplicateCloseOnExec = abiInt("F_DUPFD_CLOEXEC")
    static let getDescriptor = abiInt("F_GETFD")
    static let setDescriptor = abiInt("F_SETFD")
    static let getFlags = abiInt("F_GETFL")
    static let setFlags = abiInt("F_SETFL")
    static let getLock = abiInt("F_GETLK")
    static let setLock = abiInt("F_SETLK")
    static let setLockWait = abiInt("F_SETLKW")
    static let setOwner = abiInt("F_SETOWN")
    static let getOwner = abiInt("F_GETOWN")
    static let setSignal = abiInt("F_SETSIG")
    static let getSignal = abiInt("F_GETSIG")
    static let setPipeSize = abiInt("F_SETPIPE_SZ")
    static let getPipeSize = abiInt("F_GETPIPE_SZ")
    static let openDescriptionLocks: Set<Int32> = [
        abiInt("F_OFD_GETLK"), abiInt("F_OFD_SETLK"), abiInt("F_OFD_SETLKW"),
    ]
    static let leases: Set<Int32> = [abiInt("F_SETLEASE"), abiInt("F_GETLEASE"), abiInt("F_NOTIFY")]
}

func LxpSyscall_FCNTL(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let fd = Int(c.int(0))
    let file = try c.anyFile(0)
    let command = c.int(1)
    switch command {
    case Command.duplicate, Command.duplicateCloseOnExec:
        let minimum = Int(c.int(2))
        guard minimum >= 0, minimum < c.openLimit else { throw .errno(.EINVAL) }
        let new = try c.thread.files.lowest(from: minimum, limit: c.openLimit)
        _ = c.thread.files.put(file, at: new, closeOnExec: command == Command.duplicateCloseOnExec)
        return Int64(new)
    case Command.getDescriptor: return c.thread.files[fd]?.closeOnExec == true ? 1 : 0
    case Command.setDescriptor:
        c.thread.files.setCloseOnExec(fd, c[2] & 1 != 0)
        return 0
    case Command.getFlags: return Int64(file.flags)
    default: break
    }
    if file.flags & OpenFlag.path != 0 { throw .errno(.EBADF) }
    switch command {
    case Command.setFlags:
        file.flags = file.flags & ~OpenFlag.settable | c.uint(2) & OpenFlag.settable
        return 0
    case Command.getLock: return try LxpGetRecordLock(c, file)
    case Command.setLock: return try LxpSetRecordLock(c, file, waits: false)
    case Command.setLockWait: return try LxpSetRecordLock(c, file, waits: true)
    case Command.setOwner:
        if !(file is LxSocket), !(file is LxTerminalFile) {
            throw .unsupported(.EINVAL, note: "F_SETOWN on what is no socket or terminal", source: "LTP:16251;RN:15025")
        }
        file.owner = c.int(2)
        return 0
    case Command.getOwner: return Int64(file.owner)
    case Command.setSignal:
        guard (0...64).contains(c.int(2)) else { throw .errno(.EINVAL) }
        file.ownerSignal = c.int(2)
        return 0
    case Command.getSignal: return Int64(file.ownerSignal)
    case Command.setPipeSize, Command.getPipeSize:
        guard let pipe = (file as? LxPipeFile)?.pipe else { throw .errno(.EBADF) }
        if command == Command.setPipeSize {
            try pipe.resize(c[2], isPrivileged: c.credentials.has(.sysResource))
        }
        return Int64(pipe.capacity)
    default: break
    }
    if Command.openDescriptionLocks.contains(command) {
        throw .unsupported(.EINVAL, note: "open file description locks are refused", source: "LTP:16251(fcntl34)")
    }
    if Command.leases.contains(command) {
        throw .unsupported(.EINVAL, note: "leases and dnotify are refused", source: "LTP:16251")
    }
    throw .errno(.EINVAL)
}

func LxpSyscall_FLOCK(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let file = try c.file(0)
    let operation = c.int(1)
    let kind = operation & ~4
    let locks = file.inode.lockList
    switch kind {
    case 8: locks.removeFlock(of: file)
    case 1, 2:
        guard locks.setFlock(of: file, exclusive: kind == 2) else {
            if operation & 4 != 0 { throw .errno(.EAGAIN) }
            throw .wouldBlock
        }
    default: throw .errno(.EINVAL)
    }
    return 0
}

private let ioctlCloseOnExec = abi32("FIOCLEX")
private let ioctlNoCloseOnExec = abi32("FIONCLEX")
private let ioctlNonBlocking = abi32("FIONBIO")
private let ioctlAsync = abi32("FIOASYNC")
private let ioctlReadable = abi32("FIONREAD")

func LxpSyscall_IOCTL(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let file = try c.file(0)
    let request = c.uint(1)
    switch request {
    case ioctlCloseOnExec, ioctlNoCloseOnExec:
        c.thread.files.setCloseOnExec(Int(c.int(0)), request == ioctlCloseOnExec)
        return 0
    case ioctlNonBlocking, ioctlAsync:
        let flag = request == ioctlNonBlocking ? OpenFlag.nonBlocking : OpenFlag.async
        let on = try c.readInteger(c[2], as: Int32.self) != 0
        file.flags = on ? file.flags | flag : file.flags & ~flag
        return 0
    case ioctlReadable where file.inode.kind == .regular:
        try c.writeInteger(c[2], Int32(clamping: try file.inode.attributes(c).size - file.position))
        return 0
    default: return try file.ioctl(request, c[2], c)
    }
}
