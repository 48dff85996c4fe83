// mmap, munmap, mprotect, mremap, brk, msync, mlock.
import Engine
import LinuxABI
import NTKernel

private enum MapFlag {
    static let shared = ABI.constant("MAP_SHARED")
    static let isPrivate = ABI.constant("MAP_PRIVATE")
    static let fixed = ABI.constant("MAP_FIXED")
    static let anonymous = ABI.constant("MAP_ANONYMOUS")
    static let refused: [(UInt64, StaticString, StaticString)] = [
        (ABI.constant("MAP_LOCKED"), "MAP_LOCKED is refused", "GH:4857;LTP:16251"),
        (ABI.constant("MAP_GROWSDOWN"), "MAP_GROWSDOWN is refused", "GH:8095"),
        (ABI.constant("MAP_FIXED_NOREPLACE"), "MAP_FIXED_NOREPLACE is refused", "GH:10102"),
        (ABI.constant("MAP_HUGETLB"), "MAP_HUGETLB is refused", "inferred"),
        (ABI.constant("MAP_UNINITIALIZED"), "MAP_UNINITIALIZED is refused", "GH:4060"),
    ]
    static let anyRefused = refused.reduce(0) { $0 | $1.0 }
    static let typeMask: UInt64 = 0xf
}

private let remapMayMove = ABI.constant("MREMAP_MAYMOVE")
private let remapFixed = ABI.constant("MREMAP_FIXED")

func addMemoryCalls(_ table: inout LxpSyscallTable) {
    table.partial(
        "mmap",
        "unknown flags, MAP_LOCKED and MAP_GROWSDOWN are refused; no section of an empty file",
        LxpSyscall_MMAP
    )
    table.partial("munmap", "not a part of a SysV segment", LxpSyscall_MUNMAP)
    table.supported("mprotect", LxpSyscall_MPROTECT)
    table.partial("mremap", "SysV segments do not move", LxpSyscall_MREMAP)
    table.supported("brk", LxpSyscall_BRK)
    table.partial("madvise", "some unknown advice is taken", LxpSyscall_MADVISE)
    table.partial("msync", "nothing beyond what mmap allows") { c throws(LxFailure) in
        guard c[0] % LxAddressSpace.pageSize == 0, c.uint(2) & ~7 == 0, c.uint(2) & 5 != 5 else {
            throw .errno(.EINVAL)
        }
        let length = LxpPages(c[1])
        guard length <= LxAddressSpace.highest, c[0] <= LxAddressSpace.highest - length else { throw .errno(.ENOMEM) }
        c.engine.ntFlush(c.group.address, c[0], length)
        if c.group.address.hasHole(c[0], c[0] + length) { throw .errno(.ENOMEM) }
        return 0
    }
    table.stub("mlock") { _ in 0 }
    table.stub("munlock") { _ in 0 }
}

/// Bytes rounded up to pages.
func LxpPages(_ length: UInt64) -> UInt64 { (length &+ 4095) & ~4095 }

func LxpSyscall_MMAP(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let (hint, flags) = (c[0], c[3])
    let length = LxpPages(c[1])
    guard c[1] > 0 else { throw .errno(.EINVAL) }
    guard length > 0, length < LxAddressSpace.highest else { throw .errno(.ENOMEM) }
    if flags & MapFlag.anyRefused != 0 {
        for (flag, note, source) in MapFlag.refused where flags & flag != 0 {
            throw .unsupported(.EOPNOTSUPP, note: note, source: source)
        }
    }
    let isFixed = flags & MapFlag.fixed != 0
    if isFixed {
        guard hint % LxAddressSpace.pageSize == 0 else { throw .errno(.EINVAL) }
        if hint > LxAddressSpace.highest - length {
            throw .unsupported(
                .EINVAL,
                note: "a fixed address beyond user space (Linux: ENOMEM)",
                source: "LTP:16251(mmap15)"
            )
        }
    }
    let isShared: Bool
    switch flags & MapFlag.typeMask {
    case MapFlag.shared, 3: isShared = true
    case MapFlag.isPrivate: isShared = false
    default: throw .errno(.EINVAL)
    }
    let protection = c.uint(2)
    var region = LxRegion(start: 0, end: length, protection: protection, isShared: isShared)
    if flags & MapFlag.anonymous == 0 { try LxpMapFile(c, &region, isFixed: isFixed, length: length) }
    let space = c.group.address
    let start = try LxpPlace(c, space, hint, length, isFixed: isFixed)
    region.start = start
    region.end = start + length
    if isFixed { space.remove(start, region.end) }
    guard c.engine.ntMap(space, region) else { throw .errno(.ENOMEM) }
    space.insert(region)
    return Int64(start)
}

/// The file part of mmap: rights, the section, and what NT cannot map.
private func LxpMapFile(
    _ c: LxpCall,
    _ region: inout LxRegion,
    isFixed: Bool,
    length: UInt64
) throws(LxFailure) {
    let offset = c.long(5)
    guard offset >= 0, offset % 4096 == 0 else { throw .errno(.EINVAL) }
    let file: VfsFile
    guard let slot = c.thread.files[Int(c.int(4))], slot.file.flags & OpenFlag.path == 0 else { throw .errno(.EBADF) }
    file = slot.file
    guard file.isReadable else { throw .errno(.EACCES) }
    if region.isShared, region.protection & 2 != 0 {
        guard file.isWritable, file.flags & OpenFlag.append == 0 else { throw .errno(.EACCES) }
    }
    if region.protection & 4 != 0, let mount = file.location?.mount, mount.flags & MountFlag.noExec != 0 {
        throw .errno(.EPERM)
    }
    if isFixed, !region.isShared, offset % 0x10000 != 0, c.group.address.isUnknown(c[0], c[0] + length) {
        throw .unsupported(
            .ENOMEM,
            note: "MAP_PRIVATE at a fixed address with an offset that is not a multiple of 64 KiB",
            source: "GH:7569"
        )
    }
    let request = VfsMapRequest(
        offset: offset,
        length: length,
        protection: region.protection,
        isShared: region.isShared
    )
    let mapping = try file.map(request, c)
    mapping.inode = file.inode
    region.mapping = mapping
    region.offset = offset
    region.path = file.location?.entry.name.text ?? ""
}

/// Where the mapping goes. Only identity matters: a free address that the environment offers is as good as any.
private func LxpPlace(
    _ c: LxpCall,
    _ space: LxAddressSpace,
    _ hint: UInt64,
    _ length: UInt64,
    isFixed: Bool
) throws(LxFailure) -> UInt64 {
    if isFixed { return hint }
    if let offered = c.offer(.address), offered % LxAddressSpace.pageSize == 0, offered >= 0x10000,
        offered <= LxAddressSpace.highest - length, space.isFree(offered, offered + length)
    {
        return offered
    }
    let wanted = hint & ~4095
    if wanted >= 0x10000, wanted <= LxAddressSpace.highest - length, space.isFree(wanted, wanted + length) {
        return wanted
    }
    guard let start = space.place(length) else { throw c.engine.ntNoRoom(space, length) }
    return start
}

extension LxAddressSpace {
    /// A range that no mapping of this address space covers: a fixed mapping there is not a part of an earlier one.
    ///
    /// Loaders reserve the whole image first and map its segments over the reservation; those maps work on WSL 1.
    func isUnknown(_ start: UInt64, _ end: UInt64) -> Bool { isFree(start, end) }
}

func LxpSyscall_MUNMAP(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let start = c[0]
    guard start % LxAddressSpace.pageSize == 0, c[1] > 0, start <= LxAddressSpace.highest,
        c[1] <= LxAddressSpace.highest - start
    else { throw .errno(.EINVAL) }
    let end = start + LxpPages(c[1])
    let space = c.group.address
    for region in space.segments(start, end) {
        if region.start < start || region.end > end {
            throw .unsupported(.EINVAL, note: "a part of a SysV segment cannot be unmapped", source: "UT:shm.c")
        }
    }
    LxpUnmap(c, space, start, end)
    return 0
}

private func LxpUnmap(_ c: LxpCall, _ space: LxAddressSpace, _ start: UInt64, _ end: UInt64) {
    for region in space.segments(start, end) { region.segment?.detach(c) }
    c.engine.ntUnmap(space, start, end - start)
    space.remove(start, end)
}

func LxpSyscall_MPROTECT(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let (start, protection) = (c[0], c.uint(2))
    guard start % LxAddressSpace.pageSize == 0 else { throw .errno(.EINVAL) }
    let length = LxpPages(c[1])
    if length == 0 { return 0 }
    guard start <= LxAddressSpace.highest, length <= LxAddressSpace.highest - start else { throw .errno(.ENOMEM) }
    let space = c.group.address
    try LxpStatus.check(c.engine.ntProtect(space, start, length, protection))
    space.protect(start, start + length, protection & 0x7)
    if space.hasHole(start, start + length) { throw .errno(.ENOMEM) }
    return 0
}

func LxpSyscall_MREMAP(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let (old, flags) = (c[0], c[3])
    let oldLength = LxpPages(c[1])
    let newLength = LxpPages(c[2])
    guard flags & ~(remapMayMove | remapFixed) == 0, old % LxAddressSpace.pageSize == 0, newLength > 0,
        flags & remapFixed == 0 || flags & remapMayMove != 0
    else { throw .errno(.EINVAL) }
    let space = c.group.address
    guard let region = space.overlapping(old, old + 1).first else { throw .errno(.EFAULT) }
    if region.segment != nil {
        throw .unsupported(.EINVAL, note: "SysV segments cannot be moved", source: "UT:shm.c")
    }
    guard old + oldLength <= region.end else { throw .errno(.EFAULT) }
    if oldLength == 0 { throw .errno(.EINVAL) }
    if flags & remapFixed == 0, newLength <= oldLength {
        if newLength < oldLength { LxpUnmap(c, space, old + newLength, old + oldLength) }
        return Int64(old)
    }
    var moved = region
    moved.offset += Int64(old - region.start)
    let target: UInt64
    if flags & remapFixed != 0 {
        guard c[4] % LxAddressSpace.pageSize == 0 else { throw .errno(.EINVAL) }
        target = c[4]
        space.remove(target, target + newLength)
    } else if let offered = c.offer(.address), offered == old, space.isFree(old + oldLength, old + newLength) {
        target = old
    } else if flags & remapMayMove != 0 {
        let offered = c.offer(.address)
        if let offered, offered % LxAddressSpace.pageSize == 0, offered >= 0x10000,
            space.isFree(offered, offered + newLength)
        {
            target = offered
        } else if space.isFree(old + oldLength, old + newLength) {
            target = old
        } else {
            guard let free = space.place(newLength) else { throw .errno(.ENOMEM) }
            target = free
        }
    } else {
        guard space.isFree(old + oldLength, old + newLength) else { throw .errno(.ENOMEM) }
        target = old
    }
    c.engine.ntUnmap(space, old, oldLength)
    space.remove(old, old + oldLength)
    moved.start = target
    moved.end = target + newLength
    _ = c.engine.ntMap(space, moved)
    space.insert(moved)
    return Int64(target)
}

func LxpSyscall_BRK(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let space = c.group.address
    if space.programBreak == 0 {
        // The first question: the image ends wherever its loader put it.
        let start = c.offer(.programBreak) ?? 0x5555_5580_0000
        space.breakStart = start
        space.programBreak = start
    }
    let wanted = c[0]
    guard wanted >= space.breakStart, wanted < LxAddressSpace.highest else { return Int64(space.programBreak) }
    let oldEnd = LxpPages(space.programBreak)
    let newEnd = LxpPages(wanted)
    if newEnd > oldEnd {
        guard space.isFree(oldEnd, newEnd) else { return Int64(space.programBreak) }
        let heap = LxRegion(start: oldEnd, end: newEnd, protection: 3, isShared: false, path: "[heap]")
        guard c.engine.ntMap(space, heap) else { return Int64(space.programBreak) }
        space.insert(heap)
    } else if newEnd < oldEnd {
        c.engine.ntUnmap(space, newEnd, oldEnd - newEnd)
        space.remove(newEnd, oldEnd)
    }
    space.programBreak = wanted
    return Int64(wanted)
}
