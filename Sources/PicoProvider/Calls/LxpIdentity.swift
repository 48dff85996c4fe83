// Who a process is: ids, groups, capabilities, sessions and process groups.
import Engine
import LinuxABI

func addIdentityCalls(_ table: inout LxpSyscallTable) {
    table.supported("getpid") { c in Int64(c.group.id(in: c.group.pidNamespace)) }
    table.supported("gettid") { c in Int64(c.thread.ownID) }
    table.supported("getppid") { c in Int64(LxpParentID(c)) }
    table.supported("getuid") { c in Int64(c.thread.credentials.uid) }
    table.supported("geteuid") { c in Int64(c.thread.credentials.euid) }
    table.supported("getgid") { c in Int64(c.thread.credentials.gid) }
    table.supported("getegid") { c in Int64(c.thread.credentials.egid) }
    table.supported("getpgrp") { c in
        Int64(LxpVisibleID(c.group.processGroup.identifier, c.group.pidNamespace, c.engine))
    }
    table.supported("getpgid") { c throws(LxFailure) in
        Int64(LxpVisibleID(try LxpGroupByID(c, c.int(0)).processGroup.identifier, c.group.pidNamespace, c.engine))
    }
    table.supported("getsid") { c throws(LxFailure) in
        Int64(LxpVisibleID(try LxpGroupByID(c, c.int(0)).session.identifier, c.group.pidNamespace, c.engine))
    }
    table.supported("setpgid", LxpSyscall_SETPGID)
    table.supported("setsid", LxpSyscall_SETSID)
    table.supported("setuid") { c throws(LxFailure) in
        let uid = c.uint(0)
        return try LxpSetUsers(c) { credentials throws(LxFailure) in
            if credentials.has(.setuid) {
                credentials.uid = uid
                credentials.suid = uid
            } else if uid != credentials.uid, uid != credentials.suid {
                throw .errno(.EPERM)
            }
            credentials.euid = uid
        }
    }
    table.supported("setreuid") { c throws(LxFailure) in
        let (real, effective) = (c.uint(0), c.uint(1))
        return try LxpSetUsers(c) { credentials throws(LxFailure) in
            let old = credentials
            if !old.has(.setuid) {
                guard real == .max || real == old.uid || real == old.euid else { throw .errno(.EPERM) }
                guard effective == .max || [old.uid, old.euid, old.suid].contains(effective) else {
                    throw .errno(.EPERM)
                }
            }
            if real != .max { credentials.uid = real }
            if effective != .max { credentials.euid = effective }
            if real != .max || (effective != .max && effective != old.uid) { credentials.suid = credentials.euid }
        }
    }
    table.supported("setresuid") { c throws(LxFailure) in
        let wanted = [c.uint(0), c.uint(1), c.uint(2)]
        return try LxpSetUsers(c) { credentials throws(LxFailure) in
            let allowed = [UInt32.max, credentials.uid, credentials.euid, credentials.suid]
            guard credentials.has(.setuid) || wanted.allSatisfy({ allowed.contains($0) }) else { throw .errno(.EPERM) }
            if wanted[0] != .max { credentials.uid = wanted[0] }
            if wanted[1] != .max { credentials.euid = wanted[1] }
            if wanted[2] != .max { credentials.suid = wanted[2] }
        }
    }
    table.supported("setfsuid") { c in
        let old = c.thread.credentials.fsuid
        let uid = c.uint(0)
        let own = c.thread.credentials
        if own.has(.setuid) || [own.uid, own.euid, own.suid, own.fsuid].contains(uid), uid != .max {
            c.thread.credentials.fsuid = uid
            LxpFileCapabilities(&c.thread.credentials, from: old)
        }
        return Int64(old)
    }
    table.supported("getresuid") { c throws(LxFailure) in
        let own = c.thread.credentials
        for (index, value) in [own.uid, own.euid, own.suid].enumerated() { try c.writeInteger(c[index], value) }
        return 0
    }
    addGroupIdentityCalls(&table)
}

func LxpParentID(_ c: LxpCall) -> Int32 {
    guard let parent = c.group.parent else {
        // The parent of the first task was not recorded, and init's is 0.
        return c.group.globalID == c.environment.process.pid
            ? c.environment.process.parent
            : c.group.pidNamespace.level > 0 ? 0 : 1
    }
    return parent.id(in: c.group.pidNamespace)
}

func LxpGroupByID(_ c: LxpCall, _ id: Int32) throws(LxFailure) -> LxThreadGroup {
    if id == 0 { return c.group }
    guard id > 0, let group = c.group.pidNamespace.groups[id] ?? c.group.pidNamespace.threads[id]?.group else {
        throw .errno(.ESRCH)
    }
    return group
}

func LxpSyscall_SETPGID(_ c: LxpCall) throws(LxFailure) -> Int64 {
    guard c.int(1) >= 0 else { throw .errno(.EINVAL) }
    let target = try LxpGroupByID(c, c.int(0))
    guard target === c.group || target.parent === c.group else { throw .errno(.ESRCH) }
    if target !== c.group {
        guard target.session === c.group.session else { throw .errno(.EPERM) }
        if target.hasExecuted { throw .errno(.EACCES) }
    }
    if target.session.identifier == target.globalID { throw .errno(.EPERM) }
    let own = target.id(in: c.group.pidNamespace)
    let wanted = c.int(1) == 0 ? own : c.int(1)
    let group: LxProcessGroup
    if wanted == own {
        group =
            target.processGroup.identifier == target.globalID
            ? target.processGroup : LxProcessGroup(identifier: target.globalID, session: target.session)
    } else {
        guard let existing = c.engine.processGroup(wanted, in: c.group.pidNamespace),
            existing.session === target.session
        else { throw .errno(.EPERM) }
        group = existing
    }
    c.engine.move(target, to: group)
    return 0
}

func LxpSyscall_SETSID(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let own = c.group.globalID
    guard c.group.processGroup.identifier != own,
        !c.engine.initialPidNamespace.groups.values.contains(where: { $0.processGroup.identifier == own })
    else { throw .errno(.EPERM) }
    c.engine.move(c.group, to: LxProcessGroup(identifier: own, session: LxSession(identifier: own)))
    return Int64(c.group.id(in: c.group.pidNamespace))
}

extension WSL1Engine {
    func move(_ group: LxThreadGroup, to processGroup: LxProcessGroup) {
        group.processGroup.members[ObjectIdentifier(group)] = nil
        group.processGroup = processGroup
        processGroup.members[ObjectIdentifier(group)] = group
    }
}

/// Changes user ids and what capabilities(7) says follows.
private func LxpSetUsers(
    _ c: LxpCall,
    _ change: (inout LxCredentials) throws(LxFailure) -> Void
) throws(LxFailure) -> Int64 {
    let old = c.thread.credentials
    var new = old
    try change(&new)
    new.fsuid = new.euid
    // SECBIT_NO_SETUID_FIXUP is bit 2.
    if new.securebits & 4 == 0 {
        let hadRoot = old.uid == 0 || old.euid == 0 || old.suid == 0
        let hasRoot = new.uid == 0 || new.euid == 0 || new.suid == 0
        if hadRoot, !hasRoot {
            if !new.keepCapabilities {
                new.permitted = 0
                new.effective = 0
            }
            new.ambient = 0
        }
        if old.euid == 0, new.euid != 0 { new.effective = 0 }
        if old.euid != 0, new.euid == 0 { new.effective = new.permitted }
    }
    c.thread.credentials = new
    return 0
}

/// setfsuid moves the file capabilities between effective and off.
private func LxpFileCapabilities(_ credentials: inout LxCredentials, from old: UInt32) {
    let fileSet =
        LxCapability.chown.mask | LxCapability.dacOverride.mask | LxCapability.dacReadSearch.mask
        | LxCapability.fowner.mask | LxCapability.fsetid.mask | LxCapability.mknod.mask
    if old == 0, credentials.fsuid != 0 { credentials.effective &= ~fileSet }
    if old != 0, credentials.fsuid == 0 { credentials.effective |= credentials.permitted & fileSet }
}
