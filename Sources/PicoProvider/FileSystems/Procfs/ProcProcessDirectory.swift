// /proc/<pid>: the files of one process.
import LinuxABI

final class ProcProcessDirectory: PseudoDirectory {
    unowned let proc: ProcSuperblock
    /// A name may be held longer than the process lives.
    var group: LxThreadGroup? { link.object }
    private let link: LxLink<LxThreadGroup>
    /// The files hold the directory, not the other way round.
    private var made: [String: Weak] = [:]

    private struct Weak { weak var inode: PseudoInode? }

    /// Present in every build that matters here; order is that of creation in this model.
    static let names = [
        "auxv", "cgroup", "cmdline", "comm", "cwd", "environ", "exe", "fd", "fdinfo", "limits", "maps", "mountinfo",
        "mounts", "mountstats", "net", "ns", "oom_adj", "oom_score", "oom_score_adj", "root", "stat", "statm", "status",
        "task",
    ]
    /// Names of current kernels of which no source says whether WSL 1 has them (smaps: features.tsv, unknown).
    static let unsourced: Set<String> = [
        "arch_status", "autogroup", "clear_refs", "coredump_filter", "cpuset", "cpu_resctrl_groups", "io", "loginuid",
        "map_files", "mem", "numa_maps", "personality", "projid_map", "sched", "schedstat", "sessionid", "smaps",
        "smaps_rollup", "stack", "syscall", "timens_offsets", "timers", "timerslack_ns", "wchan",
    ]

    init(_ superblock: ProcSuperblock, _ group: LxThreadGroup) {
        proc = superblock
        link = group.link
        super.init(superblock)
        refreshOwner()
    }

    /// The files belong to the process's effective ids.
    private func refreshOwner() {
        guard let credentials = group?.anyThread?.credentials else { return }
        uid = credentials.euid
        gid = credentials.egid
    }

    func living() throws(LxFailure) -> LxThreadGroup {
        guard let group, group.state != .dead else { throw .errno(.ESRCH) }
        return group
    }

    override func attributes(_ context: VfsContext) throws(LxFailure) -> VfsAttributes {
        refreshOwner()
        return try super.attributes(context)
    }

    override func entries(_ context: VfsContext) throws(LxFailure) -> [(name: String, inode: PseudoInode)] {
        Self.names.compactMap { name in file(name).map { (name, $0) } }
    }

    override func lookup(_ name: String, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        guard group?.state != .dead else { throw .errno(.ENOENT) }
        if let file = file(name) { return file }
        if Self.unsourced.contains(name) { throw .notModelled("no source says whether WSL 1 has /proc/<pid>/\(name)") }
        throw .errno(.ENOENT)
    }

    private func file(_ name: String) -> PseudoInode? {
        refreshOwner()
        if let known = made[name]?.inode {
            known.uid = uid
            known.gid = gid
            return known
        }
        guard let inode = make(name) else { return nil }
        inode.uid = uid
        inode.gid = gid
        made[name] = Weak(inode: inode)
        return inode
    }

    private func make(_ name: String) -> PseudoInode? {
        switch name {
        case "cwd": placeLink { ($0.anyThread?.fs.workingDirectory, nil) }
        case "root": placeLink { ($0.anyThread?.fs.root, nil) }
        case "exe": placeLink { ($0.executableLocation, $0.executable) }
        case "fd": ProcDescriptorDirectory(self, isInformation: false)
        case "fdinfo": ProcDescriptorDirectory(self, isInformation: true)
        case "ns": ProcNamespaceDirectory(self)
        case "net": ProcNetwork.directory(proc)
        case "task": ProcTaskDirectory(self)
        default: ProcProcessText.file(name, self)
        }
    }

    /// A link to a place of the process, printed as the reader's root shows it.
    private func placeLink(
        _ place: @escaping (LxThreadGroup) -> (VfsLocation?, String?)
    ) -> PseudoLink {
        PseudoLink(
            proc,
            text: { [self] context throws(LxFailure) in
                let (location, text) = place(try living())
                if let location { return ProcPath.text(of: location, context) }
                guard let text, !text.isEmpty else { throw .errno(.ENOENT) }
                return text
            },
            target: { [self] _ throws(LxFailure) in
                guard let location = place(try living()).0 else { return nil }
                return .location(location)
            }
        )
    }
}

enum ProcPath {
    /// The path of a place as the reader sees it; names that are gone say so.
    static func text(of location: VfsLocation, _ context: VfsContext) -> String {
        let path =
            VfsWalk.path(of: location, root: context.thread.fs.root)
            ?? VfsWalk.path(of: location, root: top(of: location)) ?? "/"
        return location.entry.isDeleted ? path + " (deleted)" : path
    }

    /// The root of the tree that the place is in: another namespace's, or one outside the reader's root.
    private static func top(of location: VfsLocation) -> VfsLocation {
        var mount = location.mount
        while let point = mount.point { mount = point.mount }
        return VfsLocation(mount: mount, entry: mount.root)
    }
}

/// /proc/<pid>/task: the same files for each thread.
final class ProcTaskDirectory: PseudoDirectory {
    private let process: ProcProcessDirectory

    init(_ process: ProcProcessDirectory) {
        self.process = process
        super.init(process.proc)
    }

    override func entries(_ context: VfsContext) throws(LxFailure) -> [(name: String, inode: PseudoInode)] {
        let group = try process.living()
        return group.threads.map { $0.id(in: process.proc.namespace) }.filter { $0 > 0 }.sorted()
            .map { (String($0), process as PseudoInode) }
    }

    override func lookup(_ name: String, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        let group = try process.living()
        guard let id = ProcRoot.identifier(name),
            group.threads.contains(where: { $0.id(in: process.proc.namespace) == id })
        else { throw .errno(.ENOENT) }
        return process
    }
}

/// /proc/<pid>/net: the files that WSL 1 has; tcp, udp and unix are missing (features.tsv).
enum ProcNetwork {
    private static func interfaces(_ namespace: LxNetNamespace) -> String {
        let zeros = String(repeating: "       0", count: 16)
        return "Inter-|   Receive                                                |  Transmit\n"
            + " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo"
            + " colls carrier compressed\n"
            + namespace.interfaces.map { interface in
                String(repeating: " ", count: 6 - interface.name.utf8.count) + interface.name + ":" + zeros + "\n"
            }.joined()
    }

    static func directory(_ superblock: ProcSuperblock) -> PseudoFixedDirectory {
        let directory = PseudoFixedDirectory(
            superblock,
            unsourced: [
                "arp", "dev_mcast", "fib_trie", "fib_triestat", "icmp", "igmp", "netlink", "netstat", "packet",
                "protocols", "psched", "ptype", "raw", "rt_cache", "snmp", "snmp6", "sockstat", "sockstat6",
                "softnet_stat", "wireless",
            ]
        )
        let build = superblock.engine.build
        let files: [(name: String, since: Int, text: (LxNetNamespace) -> String)] = [
            ("dev", 14965, interfaces), ("if_inet6", 0, { _ in "" }), ("ipv6_route", 15025, { _ in "" }),
            ("route", 15002, { _ in "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n" }),
        ]
        for file in files where build >= WSL1Build(file.since) {
            directory.add(
                file.name,
                PseudoText(
                    superblock,
                    .given(what: "contents of /proc/net/" + file.name) { file.text($0.thread.namespaces.net) }
                )
            )
        }
        return directory
    }
}
