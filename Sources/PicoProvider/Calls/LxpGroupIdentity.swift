// Group ids, supplementary groups and capability sets.
import Engine
import LinuxABI

func addGroupIdentityCalls(_ table: inout LxpSyscallTable) {
    table.supported("setgid") { c throws(LxFailure) in
        let gid = c.uint(0)
        return try LxpSetGroups(c) { credentials throws(LxFailure) in
            if credentials.has(.setgid) {
                credentials.gid = gid
                credentials.sgid = gid
            } else if gid != credentials.gid, gid != credentials.sgid {
                throw .errno(.EPERM)
            }
            credentials.egid = gid
        }
    }
    table.supported("setregid") { c throws(LxFailure) in
        let (real, effective) = (c.uint(0), c.uint(1))
        return try LxpSetGroups(c) { credentials throws(LxFailure) in
            let old = credentials
            if !old.has(.setgid) {
                guard real == .max || real == old.gid || real == old.egid else { throw .errno(.EPERM) }
                guard effective == .max || [old.gid, old.egid, old.sgid].contains(effective) else {
                    throw .errno(.EPERM)
                }
            }
            if real != .max { credentials.gid = real }
            if effective != .max { credentials.egid = effective }
            if real != .max || (effective != .max && effective != old.gid) { credentials.sgid = credentials.egid }
        }
    }
    table.supported("setresgid") { c throws(LxFailure) in
        let wanted = [c.uint(0), c.uint(1), c.uint(2)]
        return try LxpSetGroups(c) { credentials throws(LxFailure) in
            let allowed = [UInt32.max, credentials.gid, credentials.egid, credentials.sgid]
            guard credentials.has(.setgid) || wanted.allSatisfy({ allowed.contains($0) }) else { throw .errno(.EPERM) }
            if wanted[0] != .max { credentials.gid = wanted[0] }
            if wanted[1] != .max { credentials.egid = wanted[1] }
            if wanted[2] != .max { credentials.sgid = wanted[2] }
        }
    }
    table.supported("setfsgid") { c in
        let old = c.thread.credentials.fsgid
        let gid = c.uint(0)
        let own = c.thread.credentials
        if own.has(.setgid) || [own.gid, own.egid, own.sgid, own.fsgid].contains(gid), gid != .max {
            c.thread.credentials.fsgid = gid
        }
        return Int64(old)
    }
    table.supported("getresgid") { c throws(LxFailure) in
        let own = c.thread.credentials
        for (index, value) in [own.gid, own.egid, own.sgid].enumerated() { try c.writeInteger(c[index], value) }
        return 0
    }
    table.supported("getgroups") { c throws(LxFailure) in
        let groups = c.thread.credentials.groups
        guard c.int(0) >= 0 else { throw .errno(.EINVAL) }
        if c.int(0) == 0 { return Int64(groups.count) }
        guard Int(c.int(0)) >= groups.count else { throw .errno(.EINVAL) }
        var out = LxpBytes()
        for group in groups { out.add(group) }
        try c.write(c[1], out.bytes)
        return Int64(groups.count)
    }
    table.supported("setgroups") { c throws(LxFailure) in
        guard c.credentials.has(.setgid) else { throw .errno(.EPERM) }
        guard c.uint(0) <= 65536 else { throw .errno(.EINVAL) }
        var groups: [UInt32] = []
        for index in 0..<UInt64(c.uint(0)) { groups.append(try c.readInteger(c[1] + index * 4, as: UInt32.self)) }
        c.thread.credentials.groups = groups.sorted()
        return 0
    }
    table.partial("capget", "capabilities up to CAP_AUDIT_READ", LxpSyscall_CAPGET)
    table.partial("capset", "capabilities up to CAP_AUDIT_READ", LxpSyscall_CAPSET)
}

private func LxpSetGroups(
    _ c: LxpCall,
    _ change: (inout LxCredentials) throws(LxFailure) -> Void
) throws(LxFailure) -> Int64 {
    var new = c.thread.credentials
    try change(&new)
    new.fsgid = new.egid
    c.thread.credentials = new
    return 0
}

private let capabilityVersion1 = abi32("_LINUX_CAPABILITY_VERSION_1")
private let capabilityVersion2 = abi32("_LINUX_CAPABILITY_VERSION_2")
private let capabilityVersion3 = abi32("_LINUX_CAPABILITY_VERSION_3")

/// The number of 32-bit words; an unknown version is answered with the newest.
private func LxpCapabilityWords(_ c: LxpCall) throws(LxFailure) -> Int? {
    switch try c.readInteger(c[0], as: UInt32.self) {
    case capabilityVersion1: return 1
    case capabilityVersion2, capabilityVersion3: return 2
    default:
        var header = LxpBytes()
        header.add(capabilityVersion3)
        header.add(try c.readInteger(c[0] + 4, as: Int32.self))
        try c.write(c[0], header.bytes)
        return nil
    }
}

func LxpSyscall_CAPGET(_ c: LxpCall) throws(LxFailure) -> Int64 {
    guard let words = try LxpCapabilityWords(c) else {
        c.keepsWrites = true
        if c[1] == 0 { return 0 }
        throw .errno(.EINVAL)
    }
    let pid = try c.readInteger(c[0] + 4, as: Int32.self)
    guard pid >= 0 else { throw .errno(.EINVAL) }
    let target = try LxpThreadByID(c, pid).credentials
    if c[1] == 0 { return 0 }
    c.partial("capabilities up to CAP_AUDIT_READ, as in Linux 4.4", "inferred")
    var out = LxpBytes()
    for word in 0..<UInt64(words) {
        for set in [target.effective, target.permitted, target.inheritable] {
            out.add(UInt32(truncatingIfNeeded: set >> (32 * word)))
        }
    }
    try c.write(c[1], out.bytes)
    return 0
}

func LxpSyscall_CAPSET(_ c: LxpCall) throws(LxFailure) -> Int64 {
    guard let words = try LxpCapabilityWords(c) else {
        c.keepsWrites = true
        throw .errno(.EINVAL)
    }
    let pid = try c.readInteger(c[0] + 4, as: Int32.self)
    guard pid == 0 || pid == c.thread.ownID else { throw .errno(.EPERM) }
    var sets: [UInt64] = [0, 0, 0]
    for word in 0..<words {
        for set in 0..<3 {
            let value = try c.readInteger(c[1] + UInt64(word * 12 + set * 4), as: UInt32.self)
            sets[set] |= UInt64(value) << (32 * UInt64(word))
        }
    }
    var new = c.thread.credentials
    let effective = sets[0] & LxCredentials.allCapabilities
    let permitted = sets[1] & LxCredentials.allCapabilities
    let inheritable = sets[2] & LxCredentials.allCapabilities
    guard permitted & ~new.permitted == 0, effective & ~permitted == 0,
        inheritable & ~(new.inheritable | new.bounding) == 0,
        new.has(.setpcap) || inheritable & ~(new.inheritable | new.permitted) == 0
    else { throw .errno(.EPERM) }
    new.permitted = permitted
    new.effective = effective
    new.inheritable = inheritable
    new.ambient &= permitted & inheritable
    c.thread.credentials = new
    return 0
}
