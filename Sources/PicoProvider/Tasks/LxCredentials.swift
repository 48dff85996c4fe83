// A thread's Linux identity. The NT token is the launching user's throughout and grants nothing more (DOC:file-permissions.md).
import LinuxABI

struct LxCredentials: Sendable {
    var uid: UInt32 = 0
    var euid: UInt32 = 0
    var suid: UInt32 = 0
    var fsuid: UInt32 = 0
    var gid: UInt32 = 0
    var egid: UInt32 = 0
    var sgid: UInt32 = 0
    var fsgid: UInt32 = 0
    var groups: [UInt32] = []
    /// Capability sets, one bit for each CAP_*.
    var inheritable: UInt64 = 0
    var permitted: UInt64 = LxCredentials.allCapabilities
    var effective: UInt64 = LxCredentials.allCapabilities
    var bounding: UInt64 = LxCredentials.allCapabilities
    var ambient: UInt64 = 0
    var securebits: UInt32 = 0
    var keepCapabilities = false
    var noNewPrivileges = false

    static let allCapabilities: UInt64 = (1 << (ABI.constant("CAP_AUDIT_READ") + 1)) - 1

    func has(_ capability: LxCapability) -> Bool { effective & capability.mask != 0 }

    func isInGroup(_ group: UInt32) -> Bool { fsgid == group || groups.contains(group) }
}

/// CAP_* by number; the kernel of WSL 1 knows those of Linux 4.4 (up to CAP_AUDIT_READ).
struct LxCapability: Sendable {
    let mask: UInt64

    private init(_ name: String) { mask = 1 << ABI.constant(name) }

    static let chown = LxCapability("CAP_CHOWN")
    static let dacOverride = LxCapability("CAP_DAC_OVERRIDE")
    static let dacReadSearch = LxCapability("CAP_DAC_READ_SEARCH")
    static let fowner = LxCapability("CAP_FOWNER")
    static let fsetid = LxCapability("CAP_FSETID")
    static let kill = LxCapability("CAP_KILL")
    static let setgid = LxCapability("CAP_SETGID")
    static let setuid = LxCapability("CAP_SETUID")
    static let setpcap = LxCapability("CAP_SETPCAP")
    static let netBindService = LxCapability("CAP_NET_BIND_SERVICE")
    static let netAdmin = LxCapability("CAP_NET_ADMIN")
    static let netRaw = LxCapability("CAP_NET_RAW")
    static let ipcOwner = LxCapability("CAP_IPC_OWNER")
    static let sysChroot = LxCapability("CAP_SYS_CHROOT")
    static let sysPtrace = LxCapability("CAP_SYS_PTRACE")
    static let sysAdmin = LxCapability("CAP_SYS_ADMIN")
    static let sysBoot = LxCapability("CAP_SYS_BOOT")
    static let sysNice = LxCapability("CAP_SYS_NICE")
    static let sysResource = LxCapability("CAP_SYS_RESOURCE")
    static let sysTime = LxCapability("CAP_SYS_TIME")
    static let mknod = LxCapability("CAP_MKNOD")
}
