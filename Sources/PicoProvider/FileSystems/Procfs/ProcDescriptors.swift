// /proc/<pid>/fd, fdinfo and ns.
import LinuxABI

/// fd and fdinfo: one name for each open descriptor.
final class ProcDescriptorDirectory: PseudoDirectory {
    private let process: ProcProcessDirectory
    private let isInformation: Bool

    init(_ process: ProcProcessDirectory, isInformation: Bool) {
        self.process = process
        self.isInformation = isInformation
        super.init(process.proc, permissions: 0o500)
    }

    private func table() throws(LxFailure) -> LxFdTable {
        let group = try process.living()
        guard group.isAlive, let files = group.anyThread?.files else { throw .errno(.ENOENT) }
        return files
    }

    override func entries(_ context: VfsContext) throws(LxFailure) -> [(name: String, inode: PseudoInode)] {
        let table = try table()
        return table.open.map { (String($0), make($0, table[$0]?.file)) }
    }

    override func lookup(_ name: String, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        guard let fd = Int(name), String(fd) == name, let slot = try table()[fd] else { throw .errno(.ENOENT) }
        return make(fd, slot.file)
    }

    private func make(_ fd: Int, _ file: VfsFile?) -> PseudoInode {
        let inode: PseudoInode
        if isInformation {
            inode = PseudoText(
                process.proc,
                permissions: 0o400,
                .text { [self] _ throws(LxFailure) in try information(fd) }
            )
        } else {
            let permissions: UInt32 =
                0o100 | (file?.isReadable == true ? 0o400 : 0) | (file?.isWritable == true ? 0o200 : 0)
            inode = ProcDescriptorLink(process.proc, permissions) { [self] () throws(LxFailure) in
                guard let file = try table()[fd]?.file else { throw .errno(.ENOENT) }
                return file
            }
        }
        inode.uid = process.uid
        inode.gid = process.gid
        return inode
    }

    /// `pos`, `flags`, `mnt_id` (proc(5)).
    private func information(_ fd: Int) throws(LxFailure) -> String {
        let table = try table()
        guard let slot = table[fd] else { throw .errno(.ENOENT) }
        let closeOnExec = UInt32(truncatingIfNeeded: ABI.constant("O_CLOEXEC"))
        let flags = slot.file.flags | (slot.closeOnExec ? closeOnExec : 0)
        let mount = slot.file.location?.mount.identifier ?? 0
        return "pos:\t\(slot.file.position)\nflags:\t0\(String(flags, radix: 8))\nmnt_id:\t\(mount)\n"
    }
}

/// A link of /proc/<pid>/fd: leads to the open file itself, whatever its name has become.
final class ProcDescriptorLink: PseudoInode {
    let file: () throws(LxFailure) -> VfsFile

    init(_ superblock: ProcSuperblock, _ permissions: UInt32, file: @escaping () throws(LxFailure) -> VfsFile) {
        self.file = file
        super.init(superblock, mode: VfsKind.symbolicLink.rawValue | permissions)
    }

    override func size(_ context: VfsContext) -> Int64 { 64 }

    override func readLink(_ context: VfsContext) throws(LxFailure) -> String {
        let file = try file()
        return file.location.map { ProcPath.text(of: $0, context) } ?? file.linkText
    }

    override func followLink(_ context: VfsContext) throws(LxFailure) -> VfsLinkTarget? {
        let file = try file()
        return file.location.map(VfsLinkTarget.location) ?? .inode(file.inode)
    }
}

/// ns: the six links that Microsoft tests (UT:namespace.c); no cgroup, no time.
final class ProcNamespaceDirectory: PseudoDirectory {
    private let process: ProcProcessDirectory

    init(_ process: ProcProcessDirectory) {
        self.process = process
        super.init(process.proc, permissions: 0o511)
    }

    override func entries(_ context: VfsContext) throws(LxFailure) -> [(name: String, inode: PseudoInode)] {
        LxNamespace.Kind.allCases.map { ($0.rawValue, link($0)) }
    }

    override func lookup(_ name: String, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        guard let kind = LxNamespace.Kind(rawValue: name) else {
            let known = ["cgroup", "time", "pid_for_children", "time_for_children"]
            guard known.contains(name) else { throw .errno(.ENOENT) }
            throw .unsupported(
                .ENOENT,
                note: "/proc/<pid>/ns has no cgroup, time or _for_children links",
                source: "UT:namespace.c"
            )
        }
        return link(kind)
    }

    private func link(_ kind: LxNamespace.Kind) -> PseudoLink {
        let namespace: () throws(LxFailure) -> LxNamespace = { [self] () throws(LxFailure) in
            guard let thread = try process.living().anyThread else { throw .errno(.ENOENT) }
            return thread.namespaces[kind]
        }
        let link = PseudoLink(
            process.proc,
            uid: process.uid,
            gid: process.gid,
            text: { _ throws(LxFailure) in try namespace().linkText },
            target: { context throws(LxFailure) in
                .inode(LxNamespaceInode(try namespace(), engine: context.engine))
            }
        )
        return link
    }
}
