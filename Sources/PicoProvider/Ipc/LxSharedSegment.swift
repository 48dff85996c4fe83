// SysV shared memory (RN:15002): a page-file backed section for each segment.
import Engine
import LinuxABI
import NTKernel

/// `struct ipc_perm`.
struct LxIpcPermissions {
    var key: Int32
    var uid: UInt32
    var gid: UInt32
    var creatorUid: UInt32
    var creatorGid: UInt32
    var mode: UInt32
    var sequence: Int32 = 0

    init(key: Int32, mode: UInt32, credentials: LxCredentials) {
        self.key = key
        uid = credentials.euid
        gid = credentials.egid
        creatorUid = uid
        creatorGid = gid
        self.mode = mode & 0o777
    }

    func allows(_ wanted: UInt32, _ credentials: LxCredentials) -> Bool {
        if credentials.has(.ipcOwner) { return true }
        let bits: UInt32 =
            if credentials.euid == uid || credentials.euid == creatorUid {
                mode >> 6
            } else if credentials.isInGroup(gid) || credentials.isInGroup(creatorGid) {
                mode >> 3
            } else {
                mode
            }
        return bits & wanted == wanted
    }

    func isOwner(_ credentials: LxCredentials) -> Bool {
        credentials.euid == uid || credentials.euid == creatorUid || credentials.has(.sysAdmin)
    }

    /// `struct ipc64_perm`, 48 bytes.
    var bytes: [UInt8] {
        var out = LxpBytes()
        out.add(key)
        out.add(uid)
        out.add(gid)
        out.add(creatorUid)
        out.add(creatorGid)
        out.add(mode)
        out.add(UInt16(truncatingIfNeeded: sequence))
        out.pad(to: 48)
        return out.bytes
    }
}

final class LxSharedSegment {
    let identifier: Int32
    let size: UInt64
    var permissions: LxIpcPermissions
    var attachments = 0
    var isRemoved = false
    var creator: Int32
    var lastProcess: Int32 = 0
    var attachTime: Int64 = 0
    var detachTime: Int64 = 0
    var changeTime: Int64
    unowned let namespace: LxIpcNamespace
    /// Backed by the page file.
    let section: Handle
    private let nt: NTExecutive

    init(
        identifier: Int32,
        size: UInt64,
        section: Handle,
        of nt: NTExecutive,
        permissions: LxIpcPermissions,
        creator: Int32,
        time: Int64,
        namespace: LxIpcNamespace
    ) {
        self.identifier = identifier
        self.size = size
        self.section = section
        self.nt = nt
        self.permissions = permissions
        self.creator = creator
        changeTime = time
        self.namespace = namespace
    }

    // The views keep the section until they go too.
    deinit { nt.NtClose(section) }

    func detach(_ c: VfsContext) {
        attachments -= 1
        detachTime = c.now / 1_000_000_000
        lastProcess = c.thread?.group.globalID ?? lastProcess
        if attachments <= 0, isRemoved { namespace.segments[identifier] = nil }
    }
}
