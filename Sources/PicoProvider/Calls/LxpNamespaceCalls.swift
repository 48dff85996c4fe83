// unshare and setns: mnt, uts, ipc, pid and net exist; user, cgroup and time do not (UT:namespace.c).
import Engine
import LinuxABI
import NTKernel

func addNamespaceCalls(_ table: inout LxpSyscallTable) {
    table.partial("unshare", "no CLONE_NEWUSER, no CLONE_NEWCGROUP; mnt since 14915", LxpSyscall_UNSHARE)
    table.partial("setns", "no user namespaces", LxpSyscall_SETNS)
    addMountCalls(&table)
}

extension WSL1Engine {
    func nextNamespace() -> UInt64 {
        lastNamespace += 1
        return lastNamespace
    }
}

/// Gives `namespaces` fresh members for the CLONE_NEW* bits; `fs` moves along into a new mount tree.
func LxpNewNamespaces(
    _ c: VfsContext,
    _ flags: UInt64,
    _ namespaces: inout LxNamespaces,
    _ fs: LxFsContext
) throws(LxFailure) {
    let engine = c.engine
    if flags & CloneFlag.newUts != 0 {
        namespaces.uts = LxUtsNamespace(
            identifier: engine.nextNamespace(),
            hostname: namespaces.uts.hostname,
            domainname: namespaces.uts.domainname
        )
    }
    if flags & CloneFlag.newIpc != 0 { namespaces.ipc = LxIpcNamespace(identifier: engine.nextNamespace()) }
    if flags & CloneFlag.newNet != 0 {
        namespaces.net = LxNetNamespace(
            identifier: engine.nextNamespace(),
            compartment: engine.kernel.NsiCreateCompartment()
        )
    }
    if flags & CloneFlag.newMount != 0 { namespaces.mount = engine.copyMounts(namespaces.mount, fs) }
}

func LxpSyscall_UNSHARE(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let flags = c[0]
    if flags & CloneFlag.newUser != 0 {
        throw .unsupported(.EINVAL, note: "CLONE_NEWUSER is not implemented", source: "GH:2981;UT:namespace.c")
    }
    if flags & CloneFlag.newCgroup != 0 {
        throw .unsupported(.EINVAL, note: "CLONE_NEWCGROUP is not implemented", source: "GH:1005;UT:namespace.c")
    }
    if flags & CloneFlag.newTime != 0 {
        throw .unsupported(.EINVAL, note: "CLONE_NEWTIME is not implemented", source: "inferred")
    }
    let sharing = CloneFlag.fs | CloneFlag.files | CloneFlag.semaphoreUndo
    let single = CloneFlag.thread | CloneFlag.memory | CloneFlag.handlers
    guard flags & ~(CloneFlag.newNamespaces | sharing | single) == 0 else { throw .errno(.EINVAL) }
    if flags & single != 0, c.group.threads.count > 1 { throw .errno(.EINVAL) }
    if flags & CloneFlag.newNamespaces != 0, !c.credentials.has(.sysAdmin) { throw .errno(.EPERM) }
    // A mount namespace of one's own needs a cwd and root of one's own.
    if flags & (CloneFlag.fs | CloneFlag.newMount) != 0 { c.thread.fs = c.thread.fs.copy() }
    if flags & CloneFlag.files != 0, c.thread.files.users > 1 {
        c.thread.files.users -= 1
        c.thread.files = c.thread.files.copy()
    }
    try LxpNewNamespaces(c, flags, &c.thread.namespaces, c.thread.fs)
    if flags & CloneFlag.newPid != 0 {
        c.thread.namespaces.pidForChildren = LxPidNamespace(
            identifier: c.engine.nextNamespace(),
            parent: c.thread.namespaces.pid
        )
    }
    return 0
}

func LxpSyscall_SETNS(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let file = try c.file(0)
    guard let namespace = (file as? LxNamespaceFile)?.namespace else { throw .errno(.EINVAL) }
    let wanted = c.uint(1)
    if namespace.kind == .user {
        throw .unsupported(
            .EINVAL,
            note: "the user namespace's file opens and cannot be entered",
            source: "UT:namespace.c"
        )
    }
    guard wanted == 0 || UInt64(wanted) == namespace.kind.flag else { throw .errno(.EINVAL) }
    guard c.credentials.has(.sysAdmin) else { throw .errno(.EPERM) }
    switch namespace {
    case let uts as LxUtsNamespace: c.thread.namespaces.uts = uts
    case let ipc as LxIpcNamespace: c.thread.namespaces.ipc = ipc
    case let net as LxNetNamespace: c.thread.namespaces.net = net
    case let pid as LxPidNamespace:
        guard pid.isBelowOrSame(as: c.thread.namespaces.pid) else { throw .errno(.EINVAL) }
        c.thread.namespaces.pidForChildren = pid
    case let mount as LxMountNamespace:
        guard c.credentials.has(.sysChroot) else { throw .errno(.EPERM) }
        guard let root = mount.root else { throw .errno(.EINVAL) }
        c.thread.fs = c.thread.fs.copy()
        c.thread.namespaces.mount = mount
        let place = VfsWalk.across(VfsLocation(mount: root, entry: root.root))
        c.thread.fs.root = place
        c.thread.fs.workingDirectory = place
    default: throw .errno(.EINVAL)
    }
    return 0
}
