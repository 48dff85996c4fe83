// chmod, chown, timestamps, truncation, allocation, extended attributes, synchronising.
import Engine
import LinuxABI

func addMetadataCalls(_ table: inout LxpSyscallTable) {
    table.supported("chmod") { c throws(LxFailure) in
        try LxpChangeMode(c, try c.walk(try c.path(0), from: c.cwd, follow: true), c.uint(1))
    }
    table.supported("fchmod") { c throws(LxFailure) in try LxpChangeMode(c, try LxpOpened(c), c.uint(1)) }
    table.supported("fchmodat") { c throws(LxFailure) in
        let path = try c.path(1)
        return try LxpChangeMode(c, try c.walk(path, from: try c.base(0, for: path), follow: true), c.uint(2))
    }
    table.supported("chown") { c throws(LxFailure) in
        try LxpChangeOwner(c, try c.walk(try c.path(0), from: c.cwd, follow: true), c.uint(1), c.uint(2))
    }
    table.supported("lchown") { c throws(LxFailure) in
        try LxpChangeOwner(c, try c.walk(try c.path(0), from: c.cwd, follow: false), c.uint(1), c.uint(2))
    }
    table.supported("fchown") { c throws(LxFailure) in
        try LxpChangeOwner(c, try LxpOpened(c), c.uint(1), c.uint(2))
    }
    table.supported("fchownat") { c throws(LxFailure) in
        guard c.uint(4) & ~(AtFlag.noFollow | AtFlag.emptyPath) == 0 else { throw .errno(.EINVAL) }
        let path = try c.path(1)
        let location: VfsLocation
        if path.isEmpty, c.uint(4) & AtFlag.emptyPath != 0 {
            location = try c.base(0, for: path)
        } else {
            location = try c.walk(path, from: try c.base(0, for: path), follow: c.uint(4) & AtFlag.noFollow == 0)
        }
        return try LxpChangeOwner(c, location, c.uint(2), c.uint(3))
    }
    table.partial("utimensat", "times are rounded to 100 ns", LxpSyscall_UTIMENSAT)
    table.supported("utime", LxpSyscall_UTIME)
    table.supported("utimes", LxpSyscall_UTIMES)
    table.partial("truncate", "not below a live mapping; no RLIMIT_FSIZE") { c throws(LxFailure) in
        let location = try c.walk(try c.path(0), from: c.cwd, follow: true)
        if location.inode.isDirectory { throw .errno(.EISDIR) }
        guard location.inode.kind == .regular, c.long(1) >= 0 else { throw .errno(.EINVAL) }
        try LxpCheckWritableMount(location)
        try location.inode.permission(VfsPermission.write, c)
        try location.inode.setAttributes(VfsAttributeChange(size: c.long(1)), c)
        if c.engine.build >= WSL1Build(17666) { LxpNotify(c, location.entry, .modify) }
        return 0
    }
    table.partial("ftruncate", "not below a live mapping; no RLIMIT_FSIZE") { c throws(LxFailure) in
        let file = try c.file(0)
        guard c.long(1) >= 0, file.inode.kind == .regular, file.isWritable else { throw .errno(.EINVAL) }
        try file.inode.setAttributes(VfsAttributeChange(size: c.long(1)), c)
        // IN_MODIFY of a truncation came with 17666.
        if c.engine.build >= WSL1Build(17666), let entry = file.location?.entry { LxpNotify(c, entry, .modify) }
        return 0
    }
    table.partial("fallocate", "mode 0 and KEEP_SIZE", LxpSyscall_FALLOCATE)
    table.supported("fsync") { c throws(LxFailure) in
        try c.file(0).synchronize(dataOnly: false, c)
        return 0
    }
    table.supported("fdatasync") { c throws(LxFailure) in
        try c.file(0).synchronize(dataOnly: true, c)
        return 0
    }
    table.supported("sync") { c in
        var flushed: Set<ObjectIdentifier> = []
        for mount in c.thread.namespaces.mount.mounts
        where flushed.insert(ObjectIdentifier(mount.superblock)).inserted {
            // What cannot be written is not sync's to report (man 2 sync).
            try? mount.superblock.flush(c)
        }
        return 0
    }
    table.stub("syncfs") { c throws(LxFailure) in
        let file = try c.file(0)
        // A stub at first (RN:17025).
        if c.engine.build >= WSL1Build(17025) { try file.location?.mount.superblock.flush(c) }
        return 0
    }
    table.stub("fadvise64") { _ in 0 }
    table.supported("umask") { c in
        let old = c.thread.fs.umask
        c.thread.fs.umask = c.uint(0) & 0o777
        return Int64(old)
    }
    addExtendedAttributeCalls(&table)
}

func LxpCheckWritableMount(_ location: VfsLocation) throws(LxFailure) {
    if location.mount.flags & MountFlag.readOnly != 0 { throw .errno(.EROFS) }
}

/// The place of descriptor 0; files without a place (pipes, sockets) get one of their own.
private func LxpOpened(_ c: LxpCall) throws(LxFailure) -> VfsLocation {
    let file = try c.file(0)
    if let location = file.location { return location }
    return VfsLocation(
        mount: c.thread.fs.root.mount,
        entry: VfsEntry(name: c.paths.names.name(file.linkText), parent: nil, inode: file.inode)
    )
}

private func LxpChangeMode(_ c: LxpCall, _ location: VfsLocation, _ mode: UInt32) throws(LxFailure) -> Int64 {
    try LxpCheckWritableMount(location)
    let inode = location.inode
    guard c.credentials.fsuid == inode.uid || c.credentials.has(.fowner) else { throw .errno(.EPERM) }
    if inode.isSymbolicLink { throw .errno(.EOPNOTSUPP) }
    var bits = mode & 0o7777
    if !inode.isDirectory, bits & 0o2000 != 0, !c.credentials.isInGroup(inode.gid), !c.credentials.has(.fsetid) {
        bits &= ~0o2000
    }
    try inode.setAttributes(VfsAttributeChange(permissions: bits), c)
    LxpNotify(c, location.entry, .attributes)
    return 0
}

private func LxpChangeOwner(
    _ c: LxpCall,
    _ location: VfsLocation,
    _ uid: UInt32,
    _ gid: UInt32
) throws(LxFailure) -> Int64 {
    try LxpCheckWritableMount(location)
    let inode = location.inode
    var change = VfsAttributeChange()
    if uid != .max {
        if !c.credentials.has(.chown), c.credentials.fsuid != inode.uid || uid != inode.uid { throw .errno(.EPERM) }
        change.uid = uid
    }
    if gid != .max {
        if !c.credentials.has(.chown), c.credentials.fsuid != inode.uid || !c.credentials.isInGroup(gid) {
            throw .errno(.EPERM)
        }
        change.gid = gid
    }
    // Set-id bits go when the owner changes; root keeps them only for directories.
    if !inode.isDirectory, inode.mode & 0o6000 != 0 {
        var bits = inode.mode & 0o7777 & ~0o4000
        if bits & 0o010 != 0 { bits &= ~0o2000 }
        change.permissions = bits
    }
    try inode.setAttributes(change, c)
    LxpNotify(c, location.entry, .attributes)
    return 0
}

private func LxpSetTimes(
    _ c: LxpCall,
    _ location: VfsLocation,
    _ access: Int64?,
    _ modification: Int64?,
    bothNow: Bool
) throws(LxFailure) -> Int64 {
    try LxpCheckWritableMount(location)
    let inode = location.inode
    if c.credentials.fsuid != inode.uid, !c.credentials.has(.fowner) {
        guard bothNow else { throw .errno(.EPERM) }
        try inode.permission(VfsPermission.write, c)
    }
    try inode.setAttributes(VfsAttributeChange(accessTime: access, modificationTime: modification), c)
    LxpNotify(c, location.entry, .attributes)
    return 0
}

private let utimeNow: Int64 = 0x3fff_ffff
private let utimeOmit: Int64 = 0x3fff_fffe

func LxpSyscall_UTIMENSAT(_ c: LxpCall) throws(LxFailure) -> Int64 {
    guard c.uint(3) & ~(AtFlag.noFollow | AtFlag.emptyPath) == 0 else { throw .errno(.EINVAL) }
    var times: [Int64?] = [c.now, c.now]
    var bothNow = c[2] == 0
    if c[2] != 0 {
        var special: [Int64] = []
        for index in 0..<2 {
            let seconds = try c.readInteger(c[2] + UInt64(index) * 16, as: Int64.self)
            let nanoseconds = try c.readInteger(c[2] + UInt64(index) * 16 + 8, as: Int64.self)
            special.append(nanoseconds)
            switch nanoseconds {
            case utimeNow: times[index] = c.now
            case utimeOmit: times[index] = nil
            case 0..<1_000_000_000: times[index] = seconds &* 1_000_000_000 &+ nanoseconds
            default: throw .errno(.EINVAL)
            }
        }
        bothNow = special == [utimeNow, utimeNow]
        if special == [utimeOmit, utimeOmit] { return 0 }
    }
    let location: VfsLocation
    if c[1] == 0 {
        guard c.int(0) != AtFlag.workingDirectory else { throw .errno(.EFAULT) }
        location = try LxpOpened(c)
    } else {
        let path = try c.path(1)
        location = try c.walk(path, from: try c.base(0, for: path), follow: c.uint(3) & AtFlag.noFollow == 0)
    }
    return try LxpSetTimes(c, location, times[0], times[1], bothNow: bothNow)
}

func LxpSyscall_UTIME(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let location = try c.walk(try c.path(0), from: c.cwd, follow: true)
    guard c[1] != 0 else { return try LxpSetTimes(c, location, c.now, c.now, bothNow: true) }
    let access = try c.readInteger(c[1], as: Int64.self) &* 1_000_000_000
    let modification = try c.readInteger(c[1] + 8, as: Int64.self) &* 1_000_000_000
    return try LxpSetTimes(c, location, access, modification, bothNow: false)
}

func LxpSyscall_UTIMES(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let location = try c.walk(try c.path(0), from: c.cwd, follow: true)
    guard c[1] != 0 else { return try LxpSetTimes(c, location, c.now, c.now, bothNow: true) }
    var times: [Int64] = []
    for index in 0..<2 as Range<UInt64> {
        let seconds = try c.readInteger(c[1] + index * 16, as: Int64.self)
        let microseconds = try c.readInteger(c[1] + index * 16 + 8, as: Int64.self)
        guard (0..<1_000_000).contains(microseconds) else { throw .errno(.EINVAL) }
        times.append(seconds &* 1_000_000_000 &+ microseconds * 1000)
    }
    return try LxpSetTimes(c, location, times[0], times[1], bothNow: false)
}

func LxpSyscall_FALLOCATE(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let mode = c.int(1)
    let (offset, length) = (c.long(2), c.long(3))
    let file = try c.file(0)
    guard offset >= 0, length > 0 else { throw .errno(.EINVAL) }
    guard mode & ~1 == 0 else {
        throw .unsupported(.EOPNOTSUPP, note: "only mode 0 and FALLOC_FL_KEEP_SIZE are there", source: "LTP:16273")
    }
    guard file.isWritable else { throw .errno(.EBADF) }
    guard file.isSeekable else { throw .errno(.ESPIPE) }
    guard file.inode.kind == .regular else { throw .errno(.ENODEV) }
    guard !offset.addingReportingOverflow(length).overflow else { throw .errno(.EFBIG) }
    do throws(LxFailure) {
        try file.allocate(mode: mode, offset: offset, length: length, c)
    } catch {
        if case .errno(.ENOSPC) = error {
            try c.since(15014, .EINVAL, "fallocate on a full volume before 15014", "RN:15014")
        }
        throw error
    }
    return 0
}
