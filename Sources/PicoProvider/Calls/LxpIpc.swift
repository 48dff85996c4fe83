// shmget, shmat, shmdt, shmctl, semget, semop, semtimedop, semctl.
import Engine
import LinuxABI
import NTKernel

private let ipcCreate = abi32("IPC_CREAT")
private let ipcExclusive = abi32("IPC_EXCL")
private let ipcNoWait = Int16(truncatingIfNeeded: ABI.constant("IPC_NOWAIT"))
private let ipcRemove = abiInt("IPC_RMID")
private let ipcSet = abiInt("IPC_SET")
private let ipcStat = abiInt("IPC_STAT")
private let shmReadOnly = abi32("SHM_RDONLY")
private let shmRound = abi32("SHM_RND")
private let shmRemap = abi32("SHM_REMAP")
private let shmLock = abiInt("SHM_LOCK")
private let shmUnlock = abiInt("SHM_UNLOCK")
private let semUndo = Int16(truncatingIfNeeded: ABI.constant("SEM_UNDO"))

func addIpcCalls(_ table: inout LxpSyscallTable) {
    table.supported("shmget", LxpSyscall_SHMGET)
    table.partial("shmat", "SHM_REMAP over another segment is refused", LxpSyscall_SHMAT)
    table.supported("shmdt") { c throws(LxFailure) in
        let space = c.group.address
        guard let region = space.overlapping(c[0], c[0] + 1).first, region.start == c[0], let segment = region.segment
        else { throw .errno(.EINVAL) }
        segment.detach(c)
        c.engine.ntUnmap(space, region.start, region.end - region.start)
        space.remove(region.start, region.end)
        return 0
    }
    table.supported("shmctl", LxpSyscall_SHMCTL)
    table.supported("semget", LxpSyscall_SEMGET)
    table.supported("semop", { c throws(LxFailure) in try LxpSemaphoreOperations(c, timeout: nil) }, .intr)
    table.supported(
        "semtimedop",
        { c throws(LxFailure) in
            try LxpSemaphoreOperations(c, timeout: c[3] == 0 ? nil : try c.readTimespec(c[3]))
        },
        .intr
    )
    table.supported("semctl", LxpSyscall_SEMCTL)
}

private func LxpNewIpcIdentifier(_ c: LxpCall, _ isFree: (Int32) -> Bool) -> Int32 {
    if let offered = c.offer(.sysvID).flatMap({ Int32(exactly: $0) }), isFree(offered) { return offered }
    let namespace = c.thread.namespaces.ipc
    while !isFree(namespace.nextIdentifier) { namespace.nextIdentifier += 1 }
    defer { namespace.nextIdentifier += 1 }
    return namespace.nextIdentifier
}

func LxpSyscall_SHMGET(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let (key, size, flags) = (c.int(0), c[1], c.uint(2))
    let namespace = c.thread.namespaces.ipc
    let existing = key == 0 ? nil : namespace.segments.values.first { $0.permissions.key == key && !$0.isRemoved }
    if let existing {
        if flags & ipcCreate != 0, flags & ipcExclusive != 0 { throw .errno(.EEXIST) }
        guard size <= existing.size else { throw .errno(.EINVAL) }
        guard existing.permissions.allows((flags & 0o777) >> 6, c.credentials) else { throw .errno(.EACCES) }
        return Int64(existing.identifier)
    }
    guard key == 0 || flags & ipcCreate != 0 else { throw .errno(.ENOENT) }
    guard size > 0 else { throw .errno(.EINVAL) }
    var section = Handle.null
    try LxpStatus.check(
        c.engine.kernel.NtCreateSection(&section, maximumSize: size, protection: .executeReadWrite, file: .null)
    )
    let identifier = LxpNewIpcIdentifier(c) { namespace.segments[$0] == nil }
    namespace.segments[identifier] = LxSharedSegment(
        identifier: identifier,
        size: size,
        section: section,
        of: c.engine.kernel,
        permissions: LxIpcPermissions(key: key, mode: flags, credentials: c.credentials),
        creator: c.group.globalID,
        time: c.now / 1_000_000_000,
        namespace: namespace
    )
    return Int64(identifier)
}

private func LxpSegment(_ c: LxpCall) throws(LxFailure) -> LxSharedSegment {
    guard let segment = c.thread.namespaces.ipc.segments[c.int(0)] else { throw .errno(.EINVAL) }
    return segment
}

func LxpSyscall_SHMAT(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let segment = try LxpSegment(c)
    let flags = c.uint(2)
    guard segment.permissions.allows(flags & shmReadOnly != 0 ? 4 : 6, c.credentials) else { throw .errno(.EACCES) }
    let space = c.group.address
    let length = LxpPages(segment.size)
    var start = c[1]
    if start != 0 {
        if start % 4096 != 0 {
            guard flags & shmRound != 0 else { throw .errno(.EINVAL) }
            start &= ~4095
        }
        if !space.isFree(start, start + length) {
            if flags & shmRemap != 0 {
                throw .unsupported(.EINVAL, note: "SHM_REMAP over an existing segment fails", source: "UT:shm.c")
            }
            throw .errno(.EINVAL)
        }
    } else if let offered = c.offer(.address), offered % 4096 == 0, offered >= 0x10000,
        space.isFree(offered, offered + length)
    {
        start = offered
    } else {
        guard let free = space.place(length) else { throw .errno(.ENOMEM) }
        start = free
    }
    let region = LxRegion(
        start: start,
        end: start + length,
        protection: flags & shmReadOnly != 0 ? 1 : 3,
        isShared: true,
        segment: segment
    )
    guard c.engine.ntMap(space, region) else { throw .errno(.ENOMEM) }
    space.insert(region)
    segment.attachments += 1
    segment.attachTime = c.now / 1_000_000_000
    segment.lastProcess = c.group.globalID
    return Int64(start)
}

func LxpSyscall_SHMCTL(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let segment = try LxpSegment(c)
    switch c.int(1) {
    case ipcRemove:
        guard segment.permissions.isOwner(c.credentials) else { throw .errno(.EPERM) }
        segment.isRemoved = true
        segment.permissions.key = 0
        if segment.attachments == 0 { segment.namespace.segments[segment.identifier] = nil }
        return 0
    case ipcSet:
        guard segment.permissions.isOwner(c.credentials) else { throw .errno(.EPERM) }
        segment.permissions.uid = try c.readInteger(c[2] + 4, as: UInt32.self)
        segment.permissions.gid = try c.readInteger(c[2] + 8, as: UInt32.self)
        segment.permissions.mode = try c.readInteger(c[2] + 20, as: UInt32.self) & 0o777
        segment.changeTime = c.now / 1_000_000_000
        return 0
    case ipcStat:
        guard segment.permissions.allows(4, c.credentials) else { throw .errno(.EACCES) }
        var out = LxpBytes()
        out.add(segment.permissions.bytes)
        out.add(segment.size)
        out.add(segment.attachTime)
        out.add(segment.detachTime)
        out.add(segment.changeTime)
        out.add(LxpVisibleID(segment.creator, c.group.pidNamespace, c.engine))
        out.add(LxpVisibleID(segment.lastProcess, c.group.pidNamespace, c.engine))
        out.add(UInt64(segment.attachments))
        out.pad(to: 112)
        try c.write(c[2], out.bytes)
        return 0
    case shmLock, shmUnlock:
        guard segment.permissions.isOwner(c.credentials) else { throw .errno(.EPERM) }
        return 0
    default: throw .errno(.EINVAL)
    }
}

// MARK: - Semaphores

func LxpSyscall_SEMGET(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let (key, count, flags) = (c.int(0), Int(c.int(1)), c.uint(2))
    let namespace = c.thread.namespaces.ipc
    guard (0...32000).contains(count) else { throw .errno(.EINVAL) }
    if key != 0, let existing = namespace.semaphoreSets.values.first(where: { $0.permissions.key == key }) {
        if flags & ipcCreate != 0, flags & ipcExclusive != 0 { throw .errno(.EEXIST) }
        guard count <= existing.values.count else { throw .errno(.EINVAL) }
        guard existing.permissions.allows((flags & 0o777) >> 6, c.credentials) else { throw .errno(.EACCES) }
        return Int64(existing.identifier)
    }
    guard key == 0 || flags & ipcCreate != 0 else { throw .errno(.ENOENT) }
    guard count > 0 else { throw .errno(.EINVAL) }
    let identifier = LxpNewIpcIdentifier(c) { namespace.semaphoreSets[$0] == nil }
    namespace.semaphoreSets[identifier] = LxSemaphoreSet(
        identifier: identifier,
        count: count,
        permissions: LxIpcPermissions(key: key, mode: flags, credentials: c.credentials),
        time: c.now / 1_000_000_000
    )
    return Int64(identifier)
}

private func LxpSemaphoreOperations(_ c: LxpCall, timeout: UInt64?) throws(LxFailure) -> Int64 {
    guard c[2] > 0 else { throw .errno(.EINVAL) }
    guard c[2] <= 500 else { throw .errno(.E2BIG) }
    guard let set = c.thread.namespaces.ipc.semaphoreSets[c.int(0)] else {
        throw c.parked == nil ? .errno(.EINVAL) : .errno(.EIDRM)
    }
    var operations: [(index: Int, amount: Int16, flags: Int16)] = []
    for index in 0..<c[2] {
        let number = try c.readInteger(c[1] + index * 6, as: UInt16.self)
        let amount = try c.readInteger(c[1] + index * 6 + 2, as: Int16.self)
        let flags = try c.readInteger(c[1] + index * 6 + 4, as: Int16.self)
        guard Int(number) < set.values.count else { throw .errno(.EFBIG) }
        operations.append((Int(number), amount, flags))
    }
    let alters = operations.contains { $0.amount != 0 }
    guard set.permissions.allows(alters ? 2 : 4, c.credentials) else { throw .errno(.EACCES) }
    var values = set.values
    for operation in operations {
        let value = values[operation.index] + Int32(operation.amount)
        if operation.amount == 0 ? values[operation.index] != 0 : value < 0 {
            if operation.flags & ipcNoWait != 0 { throw .errno(.EAGAIN) }
            c.waiting.object = LxSemaphoreWait(set: set, index: operation.index, isForZero: operation.amount == 0)
            try LxpWaitUntilTimeout(c, timeout)
            throw .errno(.EAGAIN)
        }
        guard value <= 32767 else { throw .errno(.ERANGE) }
        values[operation.index] = value
    }
    set.values = values
    for operation in operations {
        set.lastProcess[operation.index] = c.group.globalID
        if operation.flags & semUndo != 0 {
            c.group.semaphoreUndo[set.identifier, default: [:]][operation.index, default: 0] -= Int(operation.amount)
        }
    }
    set.operationTime = c.now / 1_000_000_000
    return 0
}

private enum SemaphoreCommand {
    static let getValue = abiInt("GETVAL")
    static let setValue = abiInt("SETVAL")
    static let getAll = abiInt("GETALL")
    static let setAll = abiInt("SETALL")
    static let getPid = abiInt("GETPID")
    static let getWaiting = abiInt("GETNCNT")
    static let getZeroWaiting = abiInt("GETZCNT")
}

func LxpSyscall_SEMCTL(_ c: LxpCall) throws(LxFailure) -> Int64 {
    guard let set = c.thread.namespaces.ipc.semaphoreSets[c.int(0)] else { throw .errno(.EINVAL) }
    let command = c.int(2)
    let needsWrite = command == SemaphoreCommand.setValue || command == SemaphoreCommand.setAll
    if command == ipcRemove || command == ipcSet {
        guard set.permissions.isOwner(c.credentials) else { throw .errno(.EPERM) }
    } else if !set.permissions.allows(needsWrite ? 2 : 4, c.credentials) {
        throw .errno(.EACCES)
    }
    let index = Int(c.int(1))
    switch command {
    case ipcRemove:
        c.thread.namespaces.ipc.semaphoreSets[set.identifier] = nil
        return 0
    case ipcSet:
        set.permissions.uid = try c.readInteger(c[3] + 4, as: UInt32.self)
        set.permissions.gid = try c.readInteger(c[3] + 8, as: UInt32.self)
        set.permissions.mode = try c.readInteger(c[3] + 20, as: UInt32.self) & 0o777
        return 0
    case ipcStat:
        var out = LxpBytes()
        out.add(set.permissions.bytes)
        out.add(set.operationTime)
        out.add(UInt64(0))
        out.add(set.changeTime)
        out.add(UInt64(0))
        out.add(UInt64(set.values.count))
        out.pad(to: 104)
        try c.write(c[3], out.bytes)
        return 0
    case SemaphoreCommand.getAll:
        var out = LxpBytes()
        for value in set.values { out.add(UInt16(truncatingIfNeeded: value)) }
        try c.write(c[3], out.bytes)
        return 0
    case SemaphoreCommand.setAll:
        var values: [Int32] = []
        for position in 0..<UInt64(set.values.count) {
            values.append(Int32(try c.readInteger(c[3] + position * 2, as: UInt16.self)))
        }
        guard values.allSatisfy({ $0 <= 32767 }) else { throw .errno(.ERANGE) }
        set.values = values
        return 0
    default: break
    }
    guard set.values.indices.contains(index) else { throw .errno(.EINVAL) }
    switch command {
    case SemaphoreCommand.getValue: return Int64(set.values[index])
    case SemaphoreCommand.setValue:
        guard (0...32767).contains(c.int(3)) else { throw .errno(.ERANGE) }
        set.values[index] = c.int(3)
        set.lastProcess[index] = c.group.globalID
        return 0
    case SemaphoreCommand.getPid:
        return Int64(LxpVisibleID(set.lastProcess[index], c.group.pidNamespace, c.engine))
    case SemaphoreCommand.getWaiting, SemaphoreCommand.getZeroWaiting:
        let isForZero = command == SemaphoreCommand.getZeroWaiting
        let waits = c.engine.threads.compactMap { $0?.parked?.object as? LxSemaphoreWait }
        return Int64(waits.count { $0.set === set && $0.index == index && $0.isForZero == isForZero })
    default: throw .errno(.EINVAL)
    }
}
