// The xattr family (complete since RN:16226).
import Engine
import LinuxABI

private enum Place { case path, link, descriptor }

private func LxpAttributed(_ c: LxpCall, _ place: Place) throws(LxFailure) -> (inode: VfsInode, location: VfsLocation?)
{
    switch place {
    case .descriptor:
        let file = try c.file(0)
        return (file.inode, file.location)
    case .path, .link:
        let location = try c.walk(try c.path(0), from: c.cwd, follow: place == .path)
        return (location.inode, location)
    }
}

func addExtendedAttributeCalls(_ table: inout LxpSyscallTable) {
    let note = "of the name spaces user, trusted and security are stored"
    let places: [(String, Place)] = [("", .path), ("l", .link), ("f", .descriptor)]
    for (prefix, place) in places {
        table.partial(prefix + "setxattr", note) { c throws(LxFailure) in try LxpSetAttribute(c, place) }
        table.partial(prefix + "getxattr", note) { c throws(LxFailure) in try LxpGetAttribute(c, place) }
        table.supported(prefix + "listxattr") { c throws(LxFailure) in try LxpListAttributes(c, place) }
        table.partial(prefix + "removexattr", note) { c throws(LxFailure) in try LxpRemoveAttribute(c, place) }
    }
}

private func LxpAttributeName(_ c: LxpCall) throws(LxFailure) -> String {
    let name: String
    do throws(LxFailure) { name = try c.readString(c[1], limit: 256) } catch {
        if case .errno(.ENAMETOOLONG) = error { throw .errno(.ERANGE) }
        throw error
    }
    guard !name.isEmpty else { throw .errno(.ERANGE) }
    return name
}

/// Who may read or write which name space (xattr(7)).
private func LxpCheckAttribute(_ c: LxpCall, _ inode: VfsInode, _ name: String, write: Bool) throws(LxFailure) {
    if name.hasPrefix("trusted.") {
        guard c.credentials.has(.sysAdmin) else { throw .errno(write ? .EPERM : .ENODATA) }
        return
    }
    if name.hasPrefix("user.") {
        guard inode.kind == .regular || inode.isDirectory else { throw .errno(write ? .EPERM : .ENODATA) }
        if write, inode.isDirectory, inode.mode & 0o1000 != 0, c.credentials.fsuid != inode.uid,
            !c.credentials.has(.fowner)
        {
            throw .errno(.EPERM)
        }
        try inode.permission(write ? VfsPermission.write : VfsPermission.read, c)
        return
    }
    if name.hasPrefix("security.") || name == "system.wsl_case_sensitive" {
        if write, !c.credentials.has(.sysAdmin) { throw .errno(.EPERM) }
        return
    }
    throw .unsupported(.EOPNOTSUPP, note: "this name space is not stored", source: "inferred")
}

private func LxpSetAttribute(_ c: LxpCall, _ place: Place) throws(LxFailure) -> Int64 {
    guard c.uint(4) & ~3 == 0 else { throw .errno(.EINVAL) }
    let name = try LxpAttributeName(c)
    guard c[3] <= 65536 else { throw .errno(.E2BIG) }
    let value = try c.read(c[2], Int(c[3]))
    let (inode, location) = try LxpAttributed(c, place)
    if let location { try LxpCheckWritableMount(location) }
    try LxpCheckAttribute(c, inode, name, write: true)
    try inode.setExtendedAttribute(name, value, flags: c.uint(4), c)
    if let entry = location?.entry { LxpNotify(c, entry, .attributes) }
    return 0
}

private func LxpGetAttribute(_ c: LxpCall, _ place: Place) throws(LxFailure) -> Int64 {
    let name = try LxpAttributeName(c)
    let inode = try LxpAttributed(c, place).inode
    try LxpCheckAttribute(c, inode, name, write: false)
    return try LxpReturn(c, try inode.extendedAttribute(name, c))
}

private func LxpListAttributes(_ c: LxpCall, _ place: Place) throws(LxFailure) -> Int64 {
    let inode = try LxpAttributed(c, place).inode
    var names: [UInt8] = []
    for name in try inode.extendedAttributeNames(c)
    where !name.hasPrefix("trusted.") || c.credentials.has(.sysAdmin) {
        names += Array(name.utf8) + [0]
    }
    let (address, size) = (c[1], c[2])
    if size == 0 { return Int64(names.count) }
    guard size >= names.count else { throw .errno(.ERANGE) }
    try c.write(address, names)
    return Int64(names.count)
}

private func LxpReturn(_ c: LxpCall, _ value: [UInt8]) throws(LxFailure) -> Int64 {
    if c[3] == 0 { return Int64(value.count) }
    guard c[3] >= value.count else { throw .errno(.ERANGE) }
    try c.write(c[2], value)
    return Int64(value.count)
}

private func LxpRemoveAttribute(_ c: LxpCall, _ place: Place) throws(LxFailure) -> Int64 {
    let name = try LxpAttributeName(c)
    let (inode, location) = try LxpAttributed(c, place)
    if let location { try LxpCheckWritableMount(location) }
    try LxpCheckAttribute(c, inode, name, write: true)
    try inode.removeExtendedAttribute(name, c)
    if let entry = location?.entry { LxpNotify(c, entry, .attributes) }
    return 0
}
