// Namespace objects: mnt, uts, ipc, pid and net exist; user is a link without function; cgroup and time do not (UT:namespace.c).
import LinuxABI

/// What a /proc/<pid>/ns link leads to.
class LxNamespace {
    enum Kind: String, CaseIterable, Sendable {
        case ipc, mnt, net, pid, user, uts

        /// CLONE_NEW* bit.
        var flag: UInt64 { Kind.flags[self] ?? 0 }

        private static let flags: [Kind: UInt64] = [
            .ipc: ABI.constant("CLONE_NEWIPC"), .mnt: ABI.constant("CLONE_NEWNS"), .net: ABI.constant("CLONE_NEWNET"),
            .pid: ABI.constant("CLONE_NEWPID"), .user: ABI.constant("CLONE_NEWUSER"),
            .uts: ABI.constant("CLONE_NEWUTS"),
        ]
    }

    final let kind: Kind
    /// The inode number in `mnt:[4026531840]`.
    final let identifier: UInt64

    init(kind: Kind, identifier: UInt64) {
        self.kind = kind
        self.identifier = identifier
    }

    /// What readlink of the ns link says.
    final var linkText: String { "\(kind.rawValue):[\(identifier)]" }
}

final class LxUtsNamespace: LxNamespace {
    var hostname: String
    var domainname: String

    init(identifier: UInt64, hostname: String, domainname: String) {
        self.hostname = hostname
        self.domainname = domainname
        super.init(kind: .uts, identifier: identifier)
    }
}

final class LxIpcNamespace: LxNamespace {
    var segments: [Int32: LxSharedSegment] = [:]
    var semaphoreSets: [Int32: LxSemaphoreSet] = [:]
    var nextIdentifier: Int32 = 0

    init(identifier: UInt64) { super.init(kind: .ipc, identifier: identifier) }
}

final class LxPidNamespace: LxNamespace {
    let parent: LxPidNamespace?
    /// 0 for the initial one.
    let level: Int
    var threads: [Int32: LxThread] = [:]
    /// By the leader's id, from birth until reaped.
    var groups: [Int32: LxThreadGroup] = [:]
    /// Its pid 1; orphans go there and its death ends the namespace.
    var initGroup: LxThreadGroup? {
        get { initLink?.object }
        set { initLink = newValue?.link }
    }
    private var initLink: LxLink<LxThreadGroup>?
    var lastID: Int32 = 0
    /// Its pid 1 died: no more processes.
    var isDead = false

    init(identifier: UInt64, parent: LxPidNamespace?) {
        self.parent = parent
        level = parent.map { $0.level + 1 } ?? 0
        super.init(kind: .pid, identifier: identifier)
    }

    func isBelowOrSame(as other: LxPidNamespace) -> Bool {
        var current: LxPidNamespace? = self
        while let namespace = current {
            if namespace === other { return true }
            current = namespace.parent
        }
        return false
    }
}

/// A Windows network compartment (UT:namespace.c, UT:vnet.c).
final class LxNetNamespace: LxNamespace {
    /// AF_UNIX abstract names bound here.
    var abstractNames: [String: LxUnixSocket] = [:]
    /// NT compartment number.
    let compartment: UInt32

    init(identifier: UInt64, compartment: UInt32) {
        self.compartment = compartment
        super.init(kind: .net, identifier: identifier)
    }
}

/// Present as a /proc/<pid>/ns/user link only; setns on it is EINVAL (UT:namespace.c).
final class LxUserNamespace: LxNamespace {
    init(identifier: UInt64) { super.init(kind: .user, identifier: identifier) }
}

/// A thread's set.
struct LxNamespaces {
    var mount: LxMountNamespace
    var uts: LxUtsNamespace
    var ipc: LxIpcNamespace
    var pid: LxPidNamespace
    /// Where the next child goes (unshare(CLONE_NEWPID), setns of a pid namespace).
    var pidForChildren: LxPidNamespace
    var net: LxNetNamespace
    var user: LxUserNamespace

    subscript(kind: LxNamespace.Kind) -> LxNamespace {
        switch kind {
        case .ipc: ipc
        case .mnt: mount
        case .net: net
        case .pid: pid
        case .user: user
        case .uts: uts
        }
    }
}
