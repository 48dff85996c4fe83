// open, openat, creat: the path to an open file description.
import Engine
import LinuxABI

func LxpSyscall_OPEN(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let path = try c.path(0)
    return try LxpOpen(c, path, from: c.thread.fs.workingDirectory, flags: c.uint(1), mode: c.uint(2))
}

func LxpSyscall_CREAT(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let flags = OpenFlag.create | OpenFlag.writeOnly | OpenFlag.truncate
    return try LxpOpen(c, try c.path(0), from: c.thread.fs.workingDirectory, flags: flags, mode: c.uint(1))
}

func LxpSyscall_OPENAT(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let path = try c.path(1)
    if path.isEmpty { throw .errno(.ENOENT) }
    return try LxpOpen(c, path, from: c.base(0, for: path), flags: c.uint(2), mode: c.uint(3))
}

func LxpOpen(
    _ c: LxpCall,
    _ path: VfsPath,
    from base: VfsLocation,
    flags requested: UInt32,
    mode: UInt32
) throws(LxFailure) -> Int64 {
    var flags = requested
    if flags & OpenFlag.path != 0 {
        flags &= OpenFlag.path | OpenFlag.directory | OpenFlag.noFollow | OpenFlag.closeOnExec
    }
    // The number is taken first: EMFILE comes before anything about the path.
    let fd = try c.thread.files.lowest(from: 0, limit: c.openLimit)
    let file = try LxpOpenFile(c, path, from: base, flags: flags, mode: mode)
    _ = c.thread.files.put(file, at: fd, closeOnExec: flags & OpenFlag.closeOnExec != 0)
    return Int64(fd)
}

private func LxpOpenFile(
    _ c: LxpCall,
    _ path: VfsPath,
    from base: VfsLocation,
    flags: UInt32,
    mode: UInt32
) throws(LxFailure) -> VfsFile {
    if flags & OpenFlag.temporary != 0 {
        throw .unsupported(.EOPNOTSUPP, note: "O_TMPFILE: LTP's tests report it as not configured", source: "LTP:16273")
    }
    let follow = flags & OpenFlag.noFollow == 0
    if flags & OpenFlag.create == 0 {
        let location = try c.walk(path, from: base, follow: follow)
        return try LxpOpenLocation(c, location, flags: flags, isNew: false)
    }
    var walk = VfsWalk(c)
    var place = try walk.parent(path, from: base)
    // A dangling link as last component: the file is made where it points.
    for _ in 0..<40 {
        if !place.name.isOrdinary || place.hasTrailingSlash {
            throw .errno(.EISDIR)
        }
        let existing: VfsLocation
        do throws(LxFailure) {
            existing = try walk.step(place.directory, place.name)
        } catch {
            guard error.saysMissing else { throw error }
            return try LxpCreateFile(c, place, flags: flags, mode: mode)
        }
        if flags & OpenFlag.exclusive != 0 {
            if existing.inode is DrvfsInode, LxpHasOtherCase(place) {
                throw .unsupported(
                    .EEXIST,
                    note: "the name is there in other letters, and this drive takes both for one",
                    source: "DOC:case-sensitivity.md"
                )
            }
            throw .errno(.EEXIST)
        }
        guard existing.inode.isSymbolicLink, follow else {
            return try LxpOpenLocation(c, existing, flags: flags, isNew: false)
        }
        if try existing.inode.followLink(c) != nil {
            return try LxpOpenLocation(c, try walk.last(place, follow: true), flags: flags, isNew: false)
        }
        place = try walk.parent(c.paths.path(try existing.inode.readLink(c)), from: place.directory)
    }
    throw .errno(.ELOOP)
}

/// Another spelling of the name has been seen in the directory, and leads to the same file.
private func LxpHasOtherCase(_ place: VfsWalk.Place) -> Bool {
    let directory = place.directory.entry
    guard let own = directory.child(place.name)?.inode else { return false }
    let folded = place.name.text.lowercased()
    return directory.known.contains {
        $0.name !== place.name && $0.name.text.lowercased() == folded && $0.inode === own
    }
}

private func LxpCreateFile(
    _ c: LxpCall,
    _ place: VfsWalk.Place,
    flags: UInt32,
    mode: UInt32
) throws(LxFailure) -> VfsFile {
    try LxpCheckCreate(c, place.directory)
    let permissions = mode & 0o7777 & ~c.thread.fs.umask
    let inode = try place.directory.inode.create(
        place.name.text,
        mode: VfsKind.regular.rawValue | permissions,
        c
    )
    let entry = place.directory.entry.adopt(place.name, inode)
    LxpNotify(c, place.directory.entry, place.name.text, inode, .create)
    let location = VfsLocation(mount: place.directory.mount, entry: entry)
    return try LxpOpenLocation(c, location, flags: flags & ~OpenFlag.truncate, isNew: true)
}

/// The right to make a name in `directory`.
func LxpCheckCreate(_ c: LxpCall, _ directory: VfsLocation) throws(LxFailure) {
    if directory.entry.isDeleted { throw .errno(.ENOENT) }
    if directory.mount.flags & MountFlag.readOnly != 0 { throw .errno(.EROFS) }
    try directory.inode.permission(VfsPermission.write | VfsPermission.execute, c)
}

/// Opens what is there.
func LxpOpenLocation(
    _ c: LxpCall,
    _ location: VfsLocation,
    flags: UInt32,
    isNew: Bool
) throws(LxFailure) -> VfsFile {
    let inode = location.inode
    if flags & OpenFlag.path != 0 {
        if flags & OpenFlag.directory != 0, !inode.isDirectory { throw .errno(.ENOTDIR) }
        return LxpFinishOpen(c, VfsFile(inode: inode), location, flags)
    }
    if inode.isSymbolicLink { throw .errno(.ELOOP) }
    let access = flags & OpenFlag.accessMode
    let writes = access != 0
    if inode.isDirectory {
        if writes || flags & OpenFlag.create != 0 { throw .errno(.EISDIR) }
    } else if flags & OpenFlag.directory != 0 {
        throw .errno(.ENOTDIR)
    }
    if !isNew {
        var mask: UInt32 = access == OpenFlag.writeOnly ? 0 : VfsPermission.read
        if writes || flags & OpenFlag.truncate != 0 { mask |= VfsPermission.write }
        try inode.permission(mask, c)
        if flags & OpenFlag.noAccessTime != 0, c.credentials.fsuid != inode.uid, !c.credentials.has(.fowner) {
            throw .errno(.EPERM)
        }
    }
    let file: VfsFile
    switch inode.kind {
    case .regular, .directory:
        if writes || flags & OpenFlag.truncate != 0, location.mount.flags & MountFlag.readOnly != 0 {
            throw .errno(.EROFS)
        }
        if flags & OpenFlag.truncate != 0, inode.kind == .regular {
            try inode.setAttributes(VfsAttributeChange(size: 0), c)
            if !isNew { LxpNotify(c, location.entry, .modify) }
        }
        file = try inode.open(flags, c)
    case .fifo: file = try LxpOpenFifo(c, inode, flags)
    case .characterDevice:
        if location.mount.flags & MountFlag.noDevices != 0 { throw .errno(.EACCES) }
        file = try LxpOpenDevice(c, inode, flags)
    case .blockDevice: throw .unsupported(.ENXIO, note: "no block driver exists on WSL 1", source: "UT:fscommon.c")
    case .socket: throw .errno(.ENXIO)
    case .symbolicLink: throw .errno(.ELOOP)
    }
    let finished = LxpFinishOpen(c, file, location, flags)
    LxpNotify(c, location.entry, .open)
    return finished
}

private func LxpFinishOpen(_ c: LxpCall, _ file: VfsFile, _ location: VfsLocation, _ flags: UInt32) -> VfsFile {
    if file.location == nil { file.location = location }
    file.flags = flags & OpenFlag.kept
    if flags & OpenFlag.path == 0 { file.flags |= OpenFlag.largeFile }
    return file
}
