// process_vm_readv and process_vm_writev: memory of another process, of which the engine knows the ranges only.
import Engine
import LinuxABI
import NTKernel

func addProcessMemoryCalls(_ table: inout LxpSyscallTable) {
    table.supported("process_vm_readv") { c throws(LxFailure) in
        let (local, count) = try LxpTransferRanges(c)
        var left = count
        for range in local where left > 0 {
            let part = min(range.count, left)
            try c.checkWritable(range.address)
            c.writeGiven(range.address, part, "memory of another process")
            left -= part
        }
        return Int64(count)
    }
    table.supported("process_vm_writev") { c throws(LxFailure) in
        let (local, count) = try LxpTransferRanges(c)
        for range in local where range.count > 0 { _ = try c.readData(range.address, range.count) }
        return Int64(count)
    }
}

private struct LxpRange {
    var address: UInt64
    var count: Int
}

/// The local ranges and how many bytes can be moved: as far as the remote ranges are mapped.
private func LxpTransferRanges(_ c: LxpCall) throws(LxFailure) -> (local: [LxpRange], count: Int) {
    guard c[5] == 0 else { throw .errno(.EINVAL) }
    guard c[2] <= 1024, c[4] <= 1024 else { throw .errno(.EINVAL) }
    let local = try LxpRanges(c, c[1], c[2])
    let remote = try LxpRanges(c, c[3], c[4])
    guard let target = c.group.pidNamespace.threads[c.int(0)], !target.isDead else { throw .errno(.ESRCH) }
    guard LxpMayTrace(c.credentials, target.credentials) else { throw .errno(.EPERM) }
    var wanted = local.reduce(0) { $0 + $1.count }
    var count = 0
    for range in remote where wanted > 0 && range.count > 0 {
        // What no mapping made may be part of the image: only what cannot be mapped is a fault for sure.
        let part = min(range.count, wanted)
        if let process = target.group.address.ntProcess {
            let size = UInt64(part)
            let status = c.engine.kernel.MmCopyVirtualMemory(with: process, address: range.address, size: size)
            guard status != .STATUS_PARTIAL_COPY else {
                if count == 0 { throw .errno(.EFAULT) }
                break
            }
        }
        count += part
        wanted -= part
    }
    return (local, count)
}

private func LxpRanges(_ c: LxpCall, _ address: UInt64, _ count: UInt64) throws(LxFailure) -> [LxpRange] {
    var ranges: [LxpRange] = []
    for index in 0..<count {
        let base = try c.readInteger(address + index * 16, as: UInt64.self)
        let length = try c.readInteger(address + index * 16 + 8, as: UInt64.self)
        guard let size = Int(exactly: length) else { throw .errno(.EINVAL) }
        ranges.append(LxpRange(address: base, count: size))
    }
    return ranges
}

/// ptrace's rule: the same user throughout, or CAP_SYS_PTRACE (man 2 ptrace).
func LxpMayTrace(_ caller: LxCredentials, _ target: LxCredentials) -> Bool {
    caller.has(.sysPtrace)
        || (caller.uid == target.euid && caller.uid == target.suid && caller.uid == target.uid
            && caller.gid == target.egid && caller.gid == target.sgid && caller.gid == target.gid)
}
