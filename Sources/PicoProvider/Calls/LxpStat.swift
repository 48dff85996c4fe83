// stat, lstat, fstat, newfstatat, access, readlink, statfs.
import Engine
import LinuxABI

func addPathCalls(_ table: inout LxpSyscallTable) {
    table.partial("stat", "st_nlink of a directory is made up") { c throws(LxFailure) in
        try LxpStat(c, try LxpWorkingPath(c, 0, follow: true), into: c[1])
    }
    table.partial("lstat", "st_nlink of a directory is made up") { c throws(LxFailure) in
        try LxpStat(c, try LxpWorkingPath(c, 0, follow: false), into: c[1])
    }
    table.partial("fstat", "st_nlink of a directory is made up") { c throws(LxFailure) in
        try LxpStat(c, try c.anyFile(0).inode, into: c[1])
    }
    table.partial("newfstatat", "st_nlink of a directory is made up", LxpSyscall_NEWFSTATAT)
    table.partial("access", "procfs and sysfs are small") { c throws(LxFailure) in
        try LxpAccess(c, try c.path(0), c.thread.fs.workingDirectory, c.uint(1))
    }
    table.partial("faccessat", "procfs and sysfs are small") { c throws(LxFailure) in
        let path = try c.path(1)
        return try LxpAccess(c, path, try c.base(0, for: path), c.uint(2))
    }
    table.partial("readlink", "links to places that are no path here are EIO") { c throws(LxFailure) in
        let location = try c.walk(try c.path(0), from: c.thread.fs.workingDirectory, follow: false)
        return try LxpReadLink(c, location, into: c[1], c.int(2))
    }
    table.partial("readlinkat", "links to places that are no path here are EIO") { c throws(LxFailure) in
        let path = try c.path(1)
        let base = try c.base(0, for: path)
        // An empty path reads the O_PATH link itself.
        let location = path.isEmpty ? base : try c.walk(path, from: base, follow: false)
        if path.isEmpty, !location.inode.isSymbolicLink { throw .errno(.ENOENT) }
        return try LxpReadLink(c, location, into: c[2], c.int(3))
    }
    table.partial("statfs", "f_type and counts of files are made up") { c throws(LxFailure) in
        let location = try c.walk(try c.path(0), from: c.thread.fs.workingDirectory, follow: true)
        return try LxpStatistics(c, location.inode, location.mount.flags, into: c[1])
    }
    table.partial("fstatfs", "not of a pipe; f_type and counts of files are made up") { c throws(LxFailure) in
        let file = try c.anyFile(0)
        guard let location = file.location else {
            throw .unsupported(.EINVAL, note: "fstatfs of a pipe is refused", source: "LTP:16251")
        }
        return try LxpStatistics(c, file.inode, location.mount.flags, into: c[1])
    }
    addNameCalls(&table)
}

func LxpWorkingPath(_ c: LxpCall, _ index: Int, follow: Bool) throws(LxFailure) -> VfsInode {
    try c.walk(try c.path(index), from: c.thread.fs.workingDirectory, follow: follow).inode
}

func LxpSyscall_NEWFSTATAT(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let flags = c.uint(3)
    guard flags & ~(AtFlag.noFollow | AtFlag.emptyPath | AtFlag.noAutomount) == 0 else { throw .errno(.EINVAL) }
    return try LxpStat(c, try LxpAtInode(c, flags), into: c[2])
}

/// The inode of an *at call with AT_EMPTY_PATH and AT_SYMLINK_NOFOLLOW.
func LxpAtInode(_ c: LxpCall, _ flags: UInt32) throws(LxFailure) -> VfsInode {
    let path = try c.path(1)
    if path.isEmpty, flags & AtFlag.emptyPath != 0 {
        if c.int(0) == AtFlag.workingDirectory { return c.thread.fs.workingDirectory.inode }
        return try c.anyFile(0).inode
    }
    return try c.walk(path, from: try c.base(0, for: path), follow: flags & AtFlag.noFollow == 0).inode
}

func LxpStat(_ c: LxpCall, _ inode: VfsInode, into address: UInt64) throws(LxFailure) -> Int64 {
    let attributes = try inode.attributes(c)
    if inode.isDirectory, attributes.links == 1 {
        c.partial("st_nlink of a directory does not count its subdirectories", "RN:14946;inferred")
    }
    try c.write(address, LxpStatBytes(attributes))
    return 0
}

/// `struct stat` of x86-64.
func LxpStatBytes(_ attributes: VfsAttributes) -> [UInt8] {
    var words = InlineArray<18, UInt64>(repeating: 0)
    words[0] = attributes.device
    words[1] = attributes.inode
    words[2] = attributes.links
    words[3] = UInt64(attributes.mode) | UInt64(attributes.uid) << 32
    words[4] = UInt64(attributes.gid)
    words[5] = attributes.specialDevice
    words[6] = UInt64(bitPattern: attributes.size)
    words[7] = UInt64(bitPattern: attributes.blockSize)
    words[8] = UInt64(bitPattern: attributes.blocks)
    (words[9], words[10]) = LxpTimeWords(attributes.accessTime)
    (words[11], words[12]) = LxpTimeWords(attributes.modificationTime)
    (words[13], words[14]) = LxpTimeWords(attributes.changeTime)
    return withUnsafeBytes(of: words) { Array($0) }
}

private func LxpTimeWords(_ nanoseconds: Int64) -> (UInt64, UInt64) {
    let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    return (UInt64(bitPattern: seconds), UInt64(bitPattern: rest))
}

private func LxpAccess(
    _ c: LxpCall,
    _ path: VfsPath,
    _ base: VfsLocation,
    _ mode: UInt32
) throws(LxFailure) -> Int64 {
    guard mode & ~7 == 0 else { throw .errno(.EINVAL) }
    // access asks for the real ids; the capabilities are those the real user would have.
    let saved = c.credentials
    defer { c.credentials = saved }
    c.credentials.fsuid = saved.uid
    c.credentials.fsgid = saved.gid
    c.credentials.effective = saved.uid == 0 ? saved.permitted : 0
    let location = try c.walk(path, from: base, follow: true)
    if mode & VfsPermission.write != 0, location.mount.flags & MountFlag.readOnly != 0 {
        switch location.inode.kind {
        case .regular, .directory, .symbolicLink: throw .errno(.EROFS)
        default: break
        }
    }
    if mode & VfsPermission.execute != 0, location.inode.kind == .regular,
        location.mount.flags & MountFlag.noExec != 0
    {
        throw .errno(.EACCES)
    }
    try location.inode.permission(mode, c)
    return 0
}

private func LxpReadLink(
    _ c: LxpCall,
    _ location: VfsLocation,
    into address: UInt64,
    _ size: Int32
) throws(LxFailure) -> Int64 {
    guard size > 0 else { throw .errno(.EINVAL) }
    guard location.inode.isSymbolicLink else { throw .errno(.EINVAL) }
    let text = Array(try location.inode.readLink(c).utf8.prefix(Int(size)))
    try c.write(address, text)
    return Int64(text.count)
}

/// `struct statfs`; what only the machine knows (free space) is the environment's.
private func LxpStatistics(
    _ c: LxpCall,
    _ inode: VfsInode,
    _ mountFlags: UInt64,
    into address: UInt64
) throws(LxFailure) -> Int64 {
    let statistics = try inode.superblock.statistics(c)
    if statistics.type == WslfsSuperblock.magic {
        c.partial("f_type is one of WSL's own; f_files and f_ffree are made up", "GH:3451")
    }
    var out = LxpBytes()
    out.add(statistics.type)
    out.add(statistics.blockSize)
    out.add(statistics.blocks)
    out.add(statistics.freeBlocks)
    out.add(statistics.availableBlocks)
    out.add(statistics.files)
    out.add(statistics.freeFiles)
    out.add(inode.superblock.device)
    out.add(statistics.nameLength)
    out.add(statistics.blockSize)
    // ST_VALID | the mount's ST_* flags: the MS_* numbers but for ST_RELATIME (statfs(2)).
    let same = MountFlag.kept & 0xf | MountFlag.noAccessTime | MountFlag.noDirectoryAccessTime
    let relative = mountFlags & MountFlag.relativeAccessTime != 0 ? ABI.constant("ST_RELATIME") : 0
    out.add(ABI.constant("ST_VALID") | mountFlags & same | relative)
    out.pad(to: 120)
    try c.write(address, out.bytes)
    if statistics.typeIsGiven { c.writeGiven(address, 8, "type of the file system") }
    if statistics.countsAreGiven { c.writeGiven(address + 16, 24, "free space of the volume") }
    return 0
}
