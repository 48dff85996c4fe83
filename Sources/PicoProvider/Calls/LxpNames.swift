// Calls that make, move and remove names: mkdir, rmdir, unlink, link, symlink, mknod, rename.
import Engine
import LinuxABI

func addNameCalls(_ table: inout LxpSyscallTable) {
    table.supported("mkdir") { c throws(LxFailure) in try LxpMakeDirectory(c, try c.path(0), c.cwd, c.uint(1)) }
    table.supported("mkdirat") { c throws(LxFailure) in
        let path = try c.path(1)
        return try LxpMakeDirectory(c, path, try c.base(0, for: path), c.uint(2))
    }
    table.supported("rmdir") { c throws(LxFailure) in try LxpRemove(c, try c.path(0), c.cwd, directory: true) }
    table.supported("unlink") { c throws(LxFailure) in try LxpRemove(c, try c.path(0), c.cwd, directory: false) }
    table.supported("unlinkat") { c throws(LxFailure) in
        guard c.uint(2) & ~AtFlag.removeDirectory == 0 else { throw .errno(.EINVAL) }
        let path = try c.path(1)
        return try LxpRemove(c, path, try c.base(0, for: path), directory: c.uint(2) & AtFlag.removeDirectory != 0)
    }
    table.partial("mknod", "on DrvFs with metadata only") { c throws(LxFailure) in
        try LxpMakeNode(c, try c.path(0), c.cwd, c.uint(1), c[2])
    }
    table.partial("mknodat", "on DrvFs with metadata only") { c throws(LxFailure) in
        let path = try c.path(1)
        return try LxpMakeNode(c, path, try c.base(0, for: path), c.uint(2), c[3])
    }
    table.partial("symlink", "not on FAT") { c throws(LxFailure) in
        try LxpSymbolicLink(c, try c.path(0).text, try c.path(1), c.cwd)
    }
    table.partial("symlinkat", "not on FAT") { c throws(LxFailure) in
        let path = try c.path(2)
        return try LxpSymbolicLink(c, try c.path(0).text, path, try c.base(1, for: path))
    }
    table.partial("link", "EPERM on FAT; a file without names is EACCES") { c throws(LxFailure) in
        let source = try c.walk(try c.path(0), from: c.cwd, follow: false)
        return try LxpLink(c, source, try c.path(1), c.cwd)
    }
    table.partial("linkat", "EPERM on FAT; a file without names is EACCES", LxpSyscall_LINKAT)
    table.partial("rename", "no directory with an open file below it; rename(x, x) of nothing succeeds") {
        c throws(LxFailure) in try LxpRename(c, try c.path(0), c.cwd, try c.path(1), c.cwd)
    }
    table.partial("renameat", "no directory with an open file below it; rename(x, x) of nothing succeeds") {
        c throws(LxFailure) in
        let (old, new) = (try c.path(1), try c.path(3))
        return try LxpRename(c, old, try c.base(0, for: old), new, try c.base(2, for: new))
    }
}

private let nodeCalls = Set(["mknod", "mknodat"].compactMap { ABI.call(named: $0)?.numbers.x86_64 })

extension LxpCall {
    /// mknod in hand, not open.
    var isNodeCall: Bool { nodeCalls.contains(entryNumber) }
    var cwd: VfsLocation { thread.fs.workingDirectory }
}

/// A name that is free, in a directory that may be written.
private func LxpNewName(
    _ c: LxpCall,
    _ path: VfsPath,
    _ base: VfsLocation,
    isDirectory: Bool = false
) throws(LxFailure) -> VfsWalk.Place {
    var walk = VfsWalk(c)
    let place = try walk.parent(path, from: base)
    if !place.name.isOrdinary { throw .errno(.EEXIST) }
    do throws(LxFailure) {
        _ = try walk.step(place.directory, place.name)
    } catch {
        guard error.saysMissing else { throw error }
        if place.hasTrailingSlash, !isDirectory { throw .errno(.ENOENT) }
        try LxpCheckCreate(c, place.directory)
        return place
    }
    throw .errno(.EEXIST)
}

private func LxpAdopt(_ c: LxpCall, _ place: VfsWalk.Place, _ inode: VfsInode) -> Int64 {
    _ = place.directory.entry.adopt(place.name, inode)
    LxpNotify(c, place.directory.entry, place.name.text, inode, .create)
    return 0
}

private func LxpMakeDirectory(
    _ c: LxpCall,
    _ path: VfsPath,
    _ base: VfsLocation,
    _ mode: UInt32
) throws(LxFailure) -> Int64 {
    let place = try LxpNewName(c, path, base, isDirectory: true)
    var bits = VfsKind.directory.rawValue | mode & 0o1777 & ~c.thread.fs.umask
    bits |= place.directory.inode.mode & 0o2000
    return LxpAdopt(c, place, try place.directory.inode.makeDirectory(place.name.text, mode: bits, c))
}

private func LxpSymbolicLink(
    _ c: LxpCall,
    _ target: String,
    _ path: VfsPath,
    _ base: VfsLocation
) throws(LxFailure) -> Int64 {
    if target.isEmpty { throw .errno(.ENOENT) }
    let place = try LxpNewName(c, path, base)
    return LxpAdopt(c, place, try place.directory.inode.makeSymbolicLink(place.name.text, target: target, c))
}

private func LxpMakeNode(
    _ c: LxpCall,
    _ path: VfsPath,
    _ base: VfsLocation,
    _ mode: UInt32,
    _ device: UInt64
) throws(LxFailure) -> Int64 {
    let type = mode & 0o170000 == 0 ? VfsKind.regular.rawValue : mode & 0o170000
    guard let kind = VfsKind(rawValue: type) else { throw .errno(.EINVAL) }
    if kind == .directory { throw .errno(.EPERM) }
    if kind == .symbolicLink { throw .errno(.EINVAL) }
    let place = try LxpNewName(c, path, base)
    let bits = type | mode & 0o7777 & ~c.thread.fs.umask
    if kind == .characterDevice || kind == .blockDevice, !c.credentials.has(.mknod) { throw .errno(.EPERM) }
    if kind == .regular { return LxpAdopt(c, place, try place.directory.inode.create(place.name.text, mode: bits, c)) }
    return LxpAdopt(c, place, try place.directory.inode.makeNode(place.name.text, mode: bits, device: device, c))
}

func LxpSyscall_LINKAT(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let flags = c.uint(4)
    guard flags & ~(AtFlag.follow | AtFlag.emptyPath) == 0 else { throw .errno(.EINVAL) }
    let (old, new) = (try c.path(1), try c.path(3))
    let source: VfsLocation
    if old.isEmpty, flags & AtFlag.emptyPath != 0 {
        guard let location = try c.anyFile(0).location else { throw .errno(.ENOENT) }
        source = location
    } else {
        source = try c.walk(old, from: try c.base(0, for: old), follow: flags & AtFlag.follow != 0)
    }
    return try LxpLink(c, source, new, try c.base(2, for: new))
}

private func LxpLink(
    _ c: LxpCall,
    _ source: VfsLocation,
    _ path: VfsPath,
    _ base: VfsLocation
) throws(LxFailure) -> Int64 {
    let place = try LxpNewName(c, path, base)
    guard place.directory.mount === source.mount else { throw .errno(.EXDEV) }
    if source.inode.isDirectory { throw .errno(.EPERM) }
    if source.entry.isDeleted, try source.inode.attributes(c).links == 0 {
        throw .unsupported(
            .EACCES,
            note: "linking a file without a name: NTFS access denied leaks (Linux: ENOENT)",
            source: "UT:fscommon.c"
        )
    }
    try place.directory.inode.link(place.name.text, to: source.inode, c)
    // lxcore opens the file for it, and watchers see that: four events instead of two (UT:inotify.c).
    if !source.inode.watches.isEmpty || source.entry.parent?.inode.watches.isEmpty == false {
        LxpNotify(c, source.entry, .open)
        LxpNotify(c, source.entry, .attributes)
        defer { LxpNotify(c, source.entry, .closeNoWrite) }
        return LxpAdopt(c, place, source.inode)
    }
    return LxpAdopt(c, place, source.inode)
}

/// The right to remove `inode` from `directory`: write permission, and the sticky bit.
private func LxpCheckRemove(_ c: LxpCall, _ directory: VfsLocation, _ inode: VfsInode) throws(LxFailure) {
    if directory.mount.flags & MountFlag.readOnly != 0 { throw .errno(.EROFS) }
    try directory.inode.permission(VfsPermission.write | VfsPermission.execute, c)
    guard directory.inode.mode & 0o1000 != 0 else { return }
    let owner = c.credentials.fsuid
    if owner != inode.uid, owner != directory.inode.uid, !c.credentials.has(.fowner) { throw .errno(.EPERM) }
}

private func LxpRemove(
    _ c: LxpCall,
    _ path: VfsPath,
    _ base: VfsLocation,
    directory wantsDirectory: Bool
) throws(LxFailure) -> Int64 {
    var walk = VfsWalk(c)
    let place = try walk.parent(path, from: base)
    if wantsDirectory {
        switch place.name.kind {
        case .empty: throw .errno(.EBUSY)
        case .dot: throw .errno(.EINVAL)
        case .dotDot: throw .errno(.ENOTEMPTY)
        default: break
        }
    } else if !place.name.isOrdinary {
        throw .errno(.EISDIR)
    }
    let target = try walk.step(place.directory, place.name)
    if !wantsDirectory, place.hasTrailingSlash {
        throw target.inode.isDirectory ? .errno(.EISDIR) : .errno(.ENOTDIR)
    }
    let isMountPoint = !(target.mount === place.directory.mount)
    if !isMountPoint || place.directory.mount.flags & MountFlag.readOnly != 0 {
        try LxpCheckRemove(c, place.directory, target.inode)
    }
    if wantsDirectory {
        guard target.inode.isDirectory else { throw .errno(.ENOTDIR) }
        if isMountPoint || place.directory.mount.namespace.isMountPoint(target.entry) { throw .errno(.EBUSY) }
        if target == c.thread.fs.root { throw .errno(.EBUSY) }
        try place.directory.inode.removeDirectory(place.name.text, target.inode, c)
    } else {
        if target.inode.isDirectory { throw .errno(.EISDIR) }
        if isMountPoint { throw .errno(.EBUSY) }
        try place.directory.inode.unlink(place.name.text, target.inode, c)
    }
    place.directory.entry.remove(place.name)
    LxpNotify(c, place.directory.entry, place.name.text, target.inode, .delete)
    LxpNotifyRemoved(c, target.inode)
    return 0
}

func LxpRename(
    _ c: LxpCall,
    _ old: VfsPath,
    _ oldBase: VfsLocation,
    _ new: VfsPath,
    _ newBase: VfsLocation
) throws(LxFailure) -> Int64 {
    var walk = VfsWalk(c)
    let from = try walk.parent(old, from: oldBase)
    let to = try walk.parent(new, from: newBase)
    guard from.directory.mount === to.directory.mount else { throw .errno(.EXDEV) }
    for name in [from.name, to.name] where !name.isOrdinary { throw .errno(.EBUSY) }
    if from.directory.entry === to.directory.entry, from.name === to.name {
        // Reported before anything is looked up, also for a missing name.
        if (try? walk.step(from.directory, from.name)) == nil {
            c.partial("rename(x, x) of a missing name reports success (Linux: ENOENT)", "GH:5505;GH:13110")
        }
        return 0
    }
    let source = try walk.step(from.directory, from.name)
    var target: VfsLocation?
    do throws(LxFailure) {
        target = try walk.step(to.directory, to.name)
    } catch {
        guard error.saysMissing else { throw error }
    }
    if !source.inode.isDirectory, from.hasTrailingSlash || (to.hasTrailingSlash && target == nil) {
        throw .errno(.ENOTDIR)
    }
    if source.inode.isDirectory, to.directory.entry.isBelowOrSame(as: source.entry) { throw .errno(.EINVAL) }
    if let target, from.directory.entry.isBelowOrSame(as: target.entry) { throw .errno(.ENOTEMPTY) }
    guard source.mount === from.directory.mount, target.map({ $0.mount === to.directory.mount }) ?? true else {
        throw .errno(.EBUSY)
    }
    try LxpCheckRemove(c, from.directory, source.inode)
    if let target {
        if target.inode === source.inode { return 0 }
        try LxpCheckRemove(c, to.directory, target.inode)
        if source.inode.isDirectory, !target.inode.isDirectory { throw .errno(.ENOTDIR) }
        if !source.inode.isDirectory, target.inode.isDirectory { throw .errno(.EISDIR) }
    } else {
        try LxpCheckCreate(c, to.directory)
    }
    // Moving a directory to another parent rewrites its "..".
    if source.inode.isDirectory, !(from.directory.entry === to.directory.entry) {
        try source.inode.permission(VfsPermission.write, c)
    }
    try from.directory.inode.rename(
        from.name.text,
        source.inode,
        to: to.directory.inode,
        to.name.text,
        replacing: target?.inode,
        c
    )
    from.directory.entry.move(from.name, to: to.directory.entry, to.name)
    LxpNotifyMoved(c, from, to, source.inode)
    if let target { LxpNotifyRemoved(c, target.inode) }
    return 0
}
