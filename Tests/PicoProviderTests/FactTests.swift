// The sourced facts, each asked of the engine: holes, namespaces, mounts, cgroups.
import Engine
import LinuxABI
import Testing

@testable import PicoProvider

@Suite struct FactTests {
    @Test(arguments: LxpSyscallFact.all.filter { $0.status == .unsupported || $0.status == .unknown })
    func aCallWithoutEntryAnswersItsErrno(_ fact: LxpSyscallFact) throws {
        let guest = try Guest()
        let answer = try guest.call(number: fact.number, [], task: guest.root)
        #expect(answer.errno == fact.errno)
        #expect(answer.result.evidence.support == .hole)
        #expect(answer.result.evidence.source == fact.source)
    }

    @Test func numbersBeyondTheTableAreHoles() throws {
        let guest = try Guest()
        for number in [463, 500, 5000, 335, 423, -1] {
            let answer = try guest.call(number: number, [], task: guest.root)
            #expect(answer.errno == .ENOSYS)
            #expect(answer.result.evidence.support == .hole)
        }
    }

    @Test func callsThatWslHasAndTheModelLacksAreNotCounted() throws {
        // Whatever is supported or partial has a handler, or says that the model lacks it.
        let lacking = LxpSyscallFact.all.filter {
            ($0.status == .supported || $0.status == .partial) && LxpSyscallTable.standard[$0.number].handler == nil
        }
        for fact in lacking {
            #expect(LxpSyscallTable.standard[fact.number].evidence.support == .notModelled, "\(fact.name)")
        }
        #expect(lacking.map(\.name).sorted() == [])
    }

    @Test func typeBitsAreThoseOfTheDescriptions() {
        let bits: [(VfsKind, String)] = [
            (.fifo, "S_IFIFO"), (.characterDevice, "S_IFCHR"), (.directory, "S_IFDIR"), (.blockDevice, "S_IFBLK"),
            (.regular, "S_IFREG"), (.symbolicLink, "S_IFLNK"), (.socket, "S_IFSOCK"),
        ]
        for (kind, name) in bits { #expect(UInt64(kind.rawValue) == ABI.constant(name)) }
    }

    // MARK: - Namespaces

    /// Rows of features.tsv that one call decides.
    @Test(arguments: LxpFeatureFact.all.filter { $0.family == "namespaces" && $0.syscall == "unshare" })
    func unshareRows(_ row: LxpFeatureFact) throws {
        let guest = try Guest()
        let answer = try guest.call("unshare", .flags(row.selector))
        #expect(answer.errno == (row.status == .unsupported ? row.errno : nil))
        if row.status == .unsupported {
            #expect(answer.result.evidence.support == .partial)
            #expect(
                row.source.contains(answer.result.evidence.source) || answer.result.evidence.source.contains(row.source)
            )
        }
    }

    @Test(arguments: LxpFeatureFact.all.filter { $0.family == "namespaces" && $0.syscall == "clone" })
    func cloneRows(_ row: LxpFeatureFact) throws {
        let guest = try Guest()
        var flags = row.selector.split(separator: "+").reduce(UInt64(0)) { $0 | ABI.constant(String($1)) }
        if row.selector.contains("CLONE_THREAD") {
            flags |= ABI.constant("CLONE_SIGHAND") | ABI.constant("CLONE_VM")
        } else {
            flags |= 17
        }
        let answer = try guest.call("clone", .number(Int64(bitPattern: flags)), 0, 0, 0, 0)
        #expect(answer.errno == (row.status == .supported ? nil : row.errno))
        #expect(guest.engine.checkInvariants() == [])
    }

    @Test func aChildOfANewPidNamespaceIsOne() throws {
        let guest = try Guest()
        let child = TaskID(rawValue: 1)
        let flags = Argument.number(Int64(ABI.constant("CLONE_NEWPID")) | 17)
        #expect(try guest.call("clone", flags, 0, 0, 0, 0).value == 101)
        #expect(try guest.call("getpid", task: child).value == 1)
        #expect(try guest.call("getppid", task: child).value == 0)
        #expect(try guest.call("getpgrp", task: child).value == 0)
        let grandchild = try guest.fork(task: child)
        #expect(try guest.call("getpid", task: grandchild).value == 2)
        // Pid 1 takes everybody along.
        #expect(try guest.call("kill", 101, 9).value == 0)
        #expect(try guest.call("getpid", task: child).hasExited)
        #expect(try guest.call("getpid", task: grandchild).hasExited)
        #expect(try guest.call("wait4", -1, 0, 0, 0).value == 101)
        #expect(guest.engine.checkInvariants() == [])
    }

    @Test func afterUnsharePidThereAreNoThreads() throws {
        let guest = try Guest()
        #expect(try guest.call("unshare", .flags("CLONE_NEWPID")).value == 0)
        let flags = Argument.flags("CLONE_VM", "CLONE_SIGHAND", "CLONE_THREAD")
        #expect(try guest.call("clone", flags, 0, 0, 0, 0).errno == .EINVAL)
        let child = try guest.fork()
        #expect(try guest.call("getpid", task: child).value == 1)
    }

    @Test func hostnamesArePerNamespace() throws {
        let guest = try Guest()
        let child = try guest.fork()
        #expect(try guest.call("unshare", .flags("CLONE_NEWUTS"), task: child).value == 0)
        #expect(try guest.call("sethostname", "inner", 5, task: child).value == 0)
        #expect(try guest.call("uname", .room(390), task: child).bytes(0, 390)[65..<70] == Array("inner".utf8)[...])
        #expect(try guest.call("uname", .room(390)).bytes(0, 390)[65..<69] == Array("host".utf8)[...])
        #expect(try guest.call("uname", .room(390)).text(0, 390).contains("4.4.0-19041-Microsoft"))
    }

    @Test func setnsWantsANamespace() throws {
        let guest = try Guest()
        let fd = try guest.open("/etc/hosts")
        #expect(try guest.call("setns", .number(fd), 0).errno == .EINVAL)
        #expect(try guest.call("setns", 77, 0).errno == .EBADF)
        let thread = try #require(guest.engine.thread(guest.root))
        for kind in LxNamespace.Kind.allCases {
            let namespace = thread.namespaces[kind]
            let file = LxNamespaceFile(
                inode: LxNamespaceInode(namespace, engine: guest.engine),
                namespace: namespace
            )
            _ = thread.files.put(file, at: 9, closeOnExec: false)
            #expect(try guest.call("setns", 9, 0).errno == (kind == .user ? .EINVAL : nil), "\(kind)")
            #expect(try guest.call("setns", 9, .flags("CLONE_NEWUSER")).errno == .EINVAL, "\(kind)")
            let own = Argument.number(Int64(bitPattern: kind.flag))
            #expect(try guest.call("setns", 9, own).errno == (kind == .user ? .EINVAL : nil), "\(kind)")
        }
    }

    // MARK: - Mounts

    private func mount(
        _ guest: Guest,
        _ source: String,
        _ target: String,
        _ type: String,
        _ flags: Argument = 0,
        _ data: String = ""
    ) throws -> Answer {
        try guest.call("mount", .string(source), .string(target), .string(type), flags, .string(data))
    }

    @Test(arguments: [
        "ext4", "xfs", "btrfs", "fuse", "nfs", "cifs", "squashfs", "iso9660", "devtmpfs", "mqueue", "securityfs",
        "hugetlbfs",
        "9p", "cgroup2", "debugfs",
    ])
    func typesThatAreNotRegistered(_ type: String) throws {
        let guest = try Guest()
        let answer = try mount(guest, "none", "/tmp", type)
        #expect(answer.errno == .ENODEV)
        #expect(answer.result.evidence.support == .partial)
    }

    @Test func tmpfsHidesAndUmountShows() throws {
        let guest = try Guest()
        _ = try guest.open("/tmp/under", .flags("O_CREAT"))
        _ = try guest.call("close", 0)
        #expect(try mount(guest, "none", "/tmp", "tmpfs", .flags("MS_NOSUID"), "mode=755").value == 0)
        #expect(try guest.call("access", "/tmp/under", 0).errno == .ENOENT)
        #expect(try guest.call("chdir", "/tmp").value == 0)
        #expect(try guest.call("umount2", "/tmp", 0).errno == .EBUSY)
        #expect(try guest.call("chdir", "/").value == 0)
        #expect(try guest.call("rmdir", "/tmp").errno == .EBUSY)
        #expect(try guest.call("umount2", "/tmp", 0).value == 0)
        #expect(try guest.call("access", "/tmp/under", 0).value == 0)
        #expect(try guest.call("umount2", "/tmp", 0).errno == .EINVAL)
        #expect(try mount(guest, "", "/tmp", "tmpfs").errno == .EINVAL)
        #expect(guest.engine.checkInvariants() == [])
    }

    @Test func bindMountsShowAndReadOnlyHolds() throws {
        let guest = try Guest()
        #expect(try guest.call("mkdir", "/tmp/b", 0o755).value == 0)
        #expect(try mount(guest, "/etc", "/tmp/b", "", .flags("MS_BIND")).value == 0)
        #expect(try guest.open("/tmp/b/hosts") == 0)
        let flags = Argument.flags("MS_BIND", "MS_REMOUNT", "MS_RDONLY")
        #expect(try mount(guest, "none", "/tmp/b", "", flags).value == 0)
        #expect(try guest.call("open", "/tmp/b/hosts", .flags("O_WRONLY")).errno == .EROFS)
        #expect(try guest.call("mkdir", "/tmp/b/x", 0o755).errno == .EROFS)
        #expect(try guest.call("rename", "/etc/hosts", "/tmp/b/hosts2").errno == .EXDEV)
        #expect(try guest.call("open", "/etc/hosts", .flags("O_WRONLY")).errno == nil)
    }

    @Test func mountNamespacesAndPropagation() throws {
        let guest = try Guest()
        let child = try guest.fork()
        #expect(try guest.call("unshare", .flags("CLONE_NEWNS"), task: child).value == 0)
        #expect(try guest.call("mount", "none", "/tmp", "tmpfs", 0, 0, task: child).value == 0)
        #expect(try guest.call("open", "/tmp/x", .flags("O_CREAT"), 0o600, task: child).value == 0)
        #expect(try guest.call("access", "/tmp/x", 0).errno == .ENOENT)
        // Shared mounts propagate.
        #expect(try mount(guest, "none", "/etc", "tmpfs").value == 0)
        #expect(try mount(guest, "none", "/etc", "", .flags("MS_SHARED")).value == 0)
        #expect(try guest.call("mkdir", "/etc/m", 0o755).value == 0)
        let second = try guest.fork()
        #expect(try guest.call("unshare", .flags("CLONE_NEWNS"), task: second).value == 0)
        #expect(try guest.call("mount", "none", "/etc/m", "tmpfs", 0, 0, task: second).value == 0)
        #expect(try guest.call("open", "/etc/m/y", .flags("O_CREAT"), 0o600, task: second).value == 0)
        #expect(try guest.call("access", "/etc/m/y", 0).value == 0)
        #expect(guest.engine.checkInvariants() == [])
    }

    @Test func pivotRootSwapsTheTree() throws {
        let guest = try Guest()
        #expect(try guest.call("unshare", .flags("CLONE_NEWNS")).value == 0)
        #expect(try mount(guest, "none", "/tmp", "tmpfs").value == 0)
        #expect(try guest.call("mkdir", "/tmp/old", 0o755).value == 0)
        #expect(try guest.call("pivot_root", "/etc", "/etc").errno == .EINVAL)
        #expect(try guest.call("pivot_root", "/tmp", "/tmp/old").value == 0)
        #expect(try guest.call("access", "/old/etc/hosts", 0).value == 0)
        #expect(try guest.call("access", "/etc/hosts", 0).errno == .ENOENT)
        #expect(try guest.call("chdir", "/").value == 0)
        #expect(try guest.call("umount2", "/old", .flags("MNT_DETACH")).value == 0)
        #expect(try guest.call("access", "/old/etc/hosts", 0).errno == .ENOENT)
        #expect(guest.engine.checkInvariants() == [])
    }

    @Test func chrootHoldsDotDot() throws {
        let guest = try Guest()
        #expect(try guest.call("chroot", "/tmp").value == 0)
        #expect(try guest.call("chdir", "/").value == 0)
        #expect(try guest.call("open", "../../etc/hosts", 0).errno == .ENOENT)
    }

    // MARK: - cgroups

    @Test(
        arguments: LxpFeatureFact.all.filter {
            $0.family == "cgroups" && $0.syscall == "mount" && $0.selector.hasPrefix("-o ")
        }
    )
    func controllersThatAreNotThere(_ row: LxpFeatureFact) throws {
        let guest = try Guest()
        let option = String(row.selector.dropFirst(3))
        let answer = try mount(guest, "cgroup", "/tmp", "cgroup", 0, option)
        #expect(answer.errno == row.errno)
    }

    @Test func theDevicesHierarchy() throws {
        let guest = try Guest()
        #expect(try mount(guest, "cgroup", "/tmp", "cgroup", 0, "devices").value == 0)
        #expect(try mount(guest, "cgroup", "/tmp", "cgroup", 0, "devices").errno == .EBUSY)
        for name in ["tasks", "notify_on_release", "release_agent", "cgroup.clone_children", "cgroup.event_control"] {
            #expect(try guest.call("open", .string("/tmp/" + name), 0).errno == .ENOENT, "\(name)")
        }
        let list = try guest.open("/tmp/devices.list")
        #expect(try guest.read(list).text(1, 10) == "a *:* rwm\n")
        #expect(try guest.call("mkdir", "/tmp/g", 0o755).value == 0)
        let procs = try guest.open("/tmp/g/cgroup.procs", .flags("O_RDWR"))
        #expect(try guest.write(procs, "0").value == 1)
        #expect(try guest.call("pread64", .number(procs), .room(16), 16, 0).text(1, 4) == "100\n")
        #expect(try guest.call("rmdir", "/tmp/g").errno == .EBUSY)
        let child = try guest.fork()
        #expect(guest.engine.thread(child)?.group.cgroupPath == "/g")
        let top = try guest.open("/tmp/cgroup.procs", .flags("O_RDWR"))
        _ = try guest.write(top, "0")
        _ = try guest.write(top, "101")
        #expect(try guest.call("rmdir", "/tmp/g").value == 0)
        #expect(try guest.call("mkdir", "/tmp/h", 0o755).value == 0)
        for fd in [list, procs, top] { _ = try guest.call("close", .number(fd)) }
        _ = try guest.call("exit_group", 0, task: child)
        #expect(try guest.call("umount2", "/tmp", 0).value == 0)
        #expect(try guest.call("mkdir", "/tmp/again", 0o755).value == 0)
        #expect(try mount(guest, "cgroup", "/tmp/again", "cgroup").value == 0)
        #expect(try guest.call("access", "/tmp/again/h", 0).value == 0)
    }
}
