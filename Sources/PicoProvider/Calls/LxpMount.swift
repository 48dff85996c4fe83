// mount, umount2, pivot_root, chroot, chdir, fchdir, getcwd.
import Engine
import LinuxABI

func addMountCalls(_ table: inout LxpSyscallTable) {
    table.partial("mount", "the file systems of lxcore and bind mounts; no block devices", LxpSyscall_MOUNT)
    table.partial("umount2", "MNT_FORCE is ignored since 18277", LxpSyscall_UMOUNT2)
    table.supported("pivot_root", LxpSyscall_PIVOT_ROOT)
    table.supported("chroot") { c throws(LxFailure) in
        let location = try LxpDirectory(c, try c.path(0))
        guard c.credentials.has(.sysChroot) else { throw .errno(.EPERM) }
        c.thread.fs.root = location
        return 0
    }
    table.supported("chdir") { c throws(LxFailure) in
        c.thread.fs.workingDirectory = try LxpDirectory(c, try c.path(0))
        return 0
    }
    table.supported("fchdir") { c throws(LxFailure) in
        let file = try c.anyFile(0)
        guard file.inode.isDirectory, let location = file.location else { throw .errno(.ENOTDIR) }
        try location.inode.permission(VfsPermission.execute, c)
        c.thread.fs.workingDirectory = location
        return 0
    }
    table.supported("getcwd") { c throws(LxFailure) in
        let here = c.thread.fs.workingDirectory
        if here.entry.isDeleted { throw .errno(.ENOENT) }
        let path = VfsWalk.path(of: here, root: c.thread.fs.root) ?? LxpUnreachable(here)
        let bytes = Array(path.utf8) + [0]
        guard UInt64(bytes.count) <= c[1] else { throw .errno(.ERANGE) }
        try c.write(c[0], bytes)
        return Int64(bytes.count)
    }
}

/// A working directory outside the root shows its path with a mark (getcwd(3)).
private func LxpUnreachable(_ location: VfsLocation) -> String {
    guard let bottom = location.mount.namespace.root else { return "(unreachable)" }
    let path = VfsWalk.path(of: location, root: VfsLocation(mount: bottom, entry: bottom.root))
    return "(unreachable)" + (path ?? "/")
}

private func LxpDirectory(_ c: LxpCall, _ path: VfsPath) throws(LxFailure) -> VfsLocation {
    let location = try c.walk(path, from: c.cwd, follow: true)
    guard location.inode.isDirectory else { throw .errno(.ENOTDIR) }
    try location.inode.permission(VfsPermission.execute, c)
    return location
}

private let mountMagic: UInt64 = 0xC0ED_0000

func LxpSyscall_MOUNT(_ c: LxpCall) throws(LxFailure) -> Int64 {
    var flags = c[3]
    if flags & 0xffff_0000 == mountMagic { flags &= 0xffff }
    let source = c[0] == 0 ? nil : try c.readString(c[0])
    let type = c[2] == 0 ? nil : try c.readString(c[2])
    let data = c[4] == 0 ? "" : ((try? c.readString(c[4], cutting: true)) ?? "")
    let target = try c.walk(try c.path(1), from: c.cwd, follow: true)
    guard c.credentials.has(.sysAdmin) else { throw .errno(.EPERM) }
    if flags & (MountFlag.remount | MountFlag.bind) == MountFlag.remount | MountFlag.bind {
        try LxpCheckMountRoot(target)
        target.mount.flags = flags & MountFlag.kept
        return 0
    }
    if flags & MountFlag.remount != 0 { return try LxpRemount(c, target, flags, data) }
    if flags & MountFlag.bind != 0 { return try LxpBind(c, source, target, flags) }
    let propagation = MountFlag.shared | MountFlag.isPrivate | MountFlag.slave | MountFlag.unbindable
    if flags & propagation != 0 { return try LxpSetPropagation(c, target, flags, flags & propagation) }
    if flags & MountFlag.move != 0 { return try LxpMoveMount(c, source, target) }
    // Seen with a new mount; calls that only change a mount ignore their source.
    if source == "" {
        throw .unsupported(.EINVAL, note: "an empty source is refused", source: "UT:wslpath.c")
    }
    return try LxpNewMount(c, source ?? "none", type, target, flags, data)
}

private func LxpCheckMountRoot(_ location: VfsLocation) throws(LxFailure) {
    guard location.entry === location.mount.root else { throw .errno(.EINVAL) }
}

private func LxpRemount(
    _ c: LxpCall,
    _ target: VfsLocation,
    _ flags: UInt64,
    _ data: String
) throws(LxFailure) -> Int64 {
    try LxpCheckMountRoot(target)
    try target.mount.superblock.remount(data, flags: flags, c)
    target.mount.flags = flags & MountFlag.kept
    return 0
}

private func LxpNewMount(
    _ c: LxpCall,
    _ source: String,
    _ type: String?,
    _ target: VfsLocation,
    _ flags: UInt64,
    _ data: String
) throws(LxFailure) -> Int64 {
    guard let type else { throw .errno(.EINVAL) }
    guard let fileSystem = c.engine.fileSystems[type] else {
        throw .unsupported(.ENODEV, note: "this file system type is not registered with lxcore", source: "features.tsv")
    }
    let superblock = try fileSystem.mount(source: source, data: data, flags: flags, c)
    guard let root = c.engine.rootEntry(of: superblock) else { throw .errno(.EIO) }
    guard root.inode.isDirectory == target.inode.isDirectory else { throw .errno(.ENOTDIR) }
    // The same file system on the same place twice.
    if target.entry === target.mount.root, target.mount.superblock === superblock, target.mount.root === root {
        throw .errno(.EBUSY)
    }
    let mount = c.engine.makeMount(superblock, root: root, flags: flags & MountFlag.kept, c.thread.namespaces.mount)
    c.engine.attach(mount, at: target)
    return 0
}

private func LxpBind(
    _ c: LxpCall,
    _ source: String?,
    _ target: VfsLocation,
    _ flags: UInt64
) throws(LxFailure) -> Int64 {
    guard let source else { throw .errno(.EINVAL) }
    let origin = try c.walk(c.paths.path(source), from: c.cwd, follow: true)
    if origin.mount.isUnbindable { throw .errno(.EINVAL) }
    guard origin.inode.isDirectory == target.inode.isDirectory else { throw .errno(.ENOTDIR) }
    let below =
        flags & MountFlag.recursive != 0 ? LxpTree(below: origin.entry, in: origin.mount) : []
    let copy = LxpCopyMount(c, origin.mount, root: origin.entry)
    c.engine.attach(copy, at: target)
    // In order of mounting, so that parents come first.
    var twins: [ObjectIdentifier: VfsMount] = [ObjectIdentifier(origin.mount): copy]
    for mount in below {
        guard let point = mount.point, let parent = twins[ObjectIdentifier(point.mount)] else { continue }
        let twin = LxpCopyMount(c, mount, root: mount.root)
        twins[ObjectIdentifier(mount)] = twin
        c.engine.attach(twin, at: VfsLocation(mount: parent, entry: point.entry))
    }
    return 0
}

private func LxpCopyMount(_ c: LxpCall, _ mount: VfsMount, root: VfsEntry) -> VfsMount {
    let copy = c.engine.makeMount(mount.superblock, root: root, flags: mount.flags, c.thread.namespaces.mount)
    copy.peerGroup = mount.peerGroup
    copy.master = mount.master
    return copy
}

/// Mounts at or below an entry, parents first.
private func LxpTree(below entry: VfsEntry, in mount: VfsMount) -> [VfsMount] {
    var result: [VfsMount] = []
    var queue = mount.namespace.children(of: mount).filter { $0.point?.entry.isBelowOrSame(as: entry) ?? false }
    while !queue.isEmpty {
        let next = queue.removeFirst()
        if next.isUnbindable { continue }
        result.append(next)
        queue += next.namespace.children(of: next)
    }
    return result
}

private func LxpSetPropagation(
    _ c: LxpCall,
    _ target: VfsLocation,
    _ flags: UInt64,
    _ kind: UInt64
) throws(LxFailure) -> Int64 {
    try LxpCheckMountRoot(target)
    guard flags & ~(MountFlag.recursive | MountFlag.silent | kind) == 0, kind.nonzeroBitCount == 1 else {
        throw .errno(.EINVAL)
    }
    var mounts = [target.mount]
    if flags & MountFlag.recursive != 0 { mounts += LxpTree(below: target.mount.root, in: target.mount) }
    for mount in mounts {
        switch kind {
        case MountFlag.shared: mount.peerGroup = mount.peerGroup ?? c.engine.nextPeerGroup()
        case MountFlag.slave:
            if let group = mount.peerGroup {
                mount.master = c.engine.hasPeers(mount) ? group : mount.master
                mount.peerGroup = nil
            }
        default:
            mount.peerGroup = nil
            mount.master = nil
        }
        mount.isUnbindable = kind == MountFlag.unbindable
    }
    return 0
}

extension WSL1Engine {
    func hasPeers(_ mount: VfsMount) -> Bool {
        mountNamespaces.compactMap(\.object).contains { namespace in
            namespace.mounts.contains { $0 !== mount && $0.peerGroup == mount.peerGroup }
        }
    }
}

private func LxpMoveMount(_ c: LxpCall, _ source: String?, _ target: VfsLocation) throws(LxFailure) -> Int64 {
    guard let source else { throw .errno(.EINVAL) }
    let origin = try c.walk(c.paths.path(source), from: c.cwd, follow: true)
    try LxpCheckMountRoot(origin)
    let mount = origin.mount
    guard let point = mount.point, point.mount.peerGroup == nil else { throw .errno(.EINVAL) }
    guard origin.inode.isDirectory == target.inode.isDirectory else { throw .errno(.ENOTDIR) }
    var above: VfsMount? = target.mount
    while let current = above {
        if current === mount { throw .errno(.ELOOP) }
        above = current.point?.mount
    }
    mount.namespace.detach(mount)
    c.engine.attach(mount, at: target)
    return 0
}

private enum UnmountFlag {
    static let force = abiInt("MNT_FORCE")
    static let detach = abiInt("MNT_DETACH")
    static let expire = abiInt("MNT_EXPIRE")
    static let noFollow = abiInt("UMOUNT_NOFOLLOW")
}

func LxpSyscall_UMOUNT2(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let flags = c.int(1)
    let all = UnmountFlag.force | UnmountFlag.detach | UnmountFlag.expire | UnmountFlag.noFollow
    guard flags & ~all == 0 else { throw .errno(.EINVAL) }
    let target = try c.walk(try c.path(0), from: c.cwd, follow: flags & UnmountFlag.noFollow == 0)
    guard c.credentials.has(.sysAdmin) else { throw .errno(.EPERM) }
    try LxpCheckMountRoot(target)
    guard target.mount.namespace === c.thread.namespaces.mount else { throw .errno(.EINVAL) }
    if flags & UnmountFlag.expire != 0 {
        guard flags & (UnmountFlag.force | UnmountFlag.detach) == 0 else { throw .errno(.EINVAL) }
        throw .errno(.EAGAIN)
    }
    if flags & UnmountFlag.force != 0 { c.partial("MNT_FORCE is ignored", "RN:18277") }
    guard target.mount.point != nil else { throw .errno(.EINVAL) }
    if flags & UnmountFlag.detach == 0, c.engine.isBusy(target.mount) { throw .errno(.EBUSY) }
    c.engine.detach(target.mount, c)
    return 0
}

func LxpSyscall_PIVOT_ROOT(_ c: LxpCall) throws(LxFailure) -> Int64 {
    guard c.credentials.has(.sysAdmin) else { throw .errno(.EPERM) }
    let new = try LxpDirectory(c, try c.path(0))
    let old = try LxpDirectory(c, try c.path(1))
    let root = c.thread.fs.root
    guard new.entry === new.mount.root, root.entry === root.mount.root, new.mount.point != nil else {
        throw .errno(.EINVAL)
    }
    if new.mount === root.mount || old.mount === root.mount { throw .errno(.EBUSY) }
    guard new.mount.point?.mount.peerGroup == nil, root.mount.point?.mount.peerGroup == nil,
        new.mount.peerGroup == nil || old.mount.peerGroup == nil
    else { throw .errno(.EINVAL) }
    guard VfsWalk.path(of: old, root: new) != nil else { throw .errno(.EINVAL) }
    let namespace = new.mount.namespace
    let oldRoot = root.mount
    let place = oldRoot.point
    namespace.detach(new.mount)
    namespace.detach(oldRoot)
    if let place { namespace.attach(new.mount, at: place) } else { namespace.attach(new.mount, at: nil) }
    namespace.attach(oldRoot, at: old)
    for case let thread? in c.engine.threads where !thread.isDead {
        if thread.fs.root == root { thread.fs.root = new }
        if thread.fs.workingDirectory == root { thread.fs.workingDirectory = new }
    }
    return 0
}
