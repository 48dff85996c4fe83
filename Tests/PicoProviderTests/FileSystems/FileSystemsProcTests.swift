// procfs, sysfs, cgroupfs, devpts and /dev as programs see them.
import Engine
import LinuxABI
import Testing

@testable import PicoProvider

@Suite struct FileSystemsProcTests {
    private func guest(_ change: (inout Environment) -> Void = { _ in }) throws -> Guest {
        try Guest { environment in
            environment.engineServed = ["/dev", "/proc", "/sys"]
            environment.process.arguments = ["test", "-v"]
            environment.process.environment = ["A=1", "B=2"]
            change(&environment)
        }
    }

    private func text(_ guest: Guest, _ path: String, task: TaskID? = nil) throws -> String {
        let fd = try guest.open(path, task: task)
        let answer = try guest.read(fd, task: task)
        try guest.call("close", .number(fd), task: task)
        let count = try #require(answer.value)
        try #require(count >= 0, "\(path) answered \(count)")
        return answer.text(1, Int(count))
    }

    private func link(_ guest: Guest, _ path: String, task: TaskID? = nil) throws -> String {
        let answer = try guest.call("readlink", .string(path), .room(256), 256, task: task)
        let count = try #require(answer.value)
        try #require(count >= 0, "readlink of \(path) answered \(count)")
        return answer.text(1, Int(count))
    }

    private func names(_ guest: Guest, _ path: String, task: TaskID? = nil) throws -> [String] {
        let fd = try guest.open(path, .flags("O_DIRECTORY"), task: task)
        let answer = try guest.call("getdents64", .number(fd), .room(32768), 32768, task: task)
        let bytes = answer.bytes(1, Int(try #require(answer.value)))
        var result: [String] = []
        var offset = 0
        while offset < bytes.count {
            let length = Int(bytes[offset + 16]) | Int(bytes[offset + 17]) << 8
            let name = bytes[(offset + 19)..<(offset + length)].prefix { $0 != 0 }
            result.append(String(decoding: name, as: UTF8.self))
            offset += length
        }
        try guest.call("close", .number(fd), task: task)
        return result.filter { $0 != "." && $0 != ".." }
    }

    private func open(_ guest: Guest, _ path: String, _ flags: Argument = 0) throws -> Errno? {
        try guest.call("open", .string(path), flags, 0).errno
    }

    // MARK: - Processes

    @Test func selfLeadsToTheCaller() throws {
        let guest = try guest()
        #expect(try link(guest, "/proc/self") == "100")
        #expect(try text(guest, "/proc/self/cmdline") == "test\0-v\0")
        #expect(try text(guest, "/proc/self/environ") == "A=1\0B=2\0")
        #expect(try text(guest, "/proc/100/comm") == "test\n")
        #expect(try link(guest, "/proc/self/exe") == "/bin/test")
        #expect(try guest.call("chdir", "/tmp").value == 0)
        #expect(try link(guest, "/proc/self/cwd") == "/tmp")
        #expect(try link(guest, "/proc/self/root") == "/")
        #expect(try open(guest, "/proc/99/comm") == .ENOENT)
    }

    @Test func descriptorLinksLeadToTheOpenFile() throws {
        let guest = try guest()
        let fd = try guest.open("/tmp/a", .flags("O_CREAT", "O_RDWR"))
        _ = try guest.write(fd, "text")
        #expect(try link(guest, "/proc/self/fd/\(fd)") == "/tmp/a")
        #expect(try names(guest, "/proc/self/fd").contains(String(fd)))
        #expect(try text(guest, "/proc/self/fdinfo/\(fd)").hasPrefix("pos:\t4\nflags:\t0100002\n"))
        #expect(try guest.call("unlink", "/tmp/a").value == 0)
        #expect(try link(guest, "/proc/self/fd/\(fd)") == "/tmp/a (deleted)")
        #expect(try text(guest, "/proc/self/fd/\(fd)") == "text", "the file, not its name")
        let pipe = try guest.pipe()
        #expect(try link(guest, "/proc/self/fd/\(pipe.read)").hasPrefix("pipe:["))
        let again = try guest.open("/proc/self/fd/\(pipe.read)")
        _ = try guest.write(pipe.write, "through")
        #expect(try guest.read(again).text(1, 7) == "through", "another end of the same pipe")
        #expect(try open(guest, "/proc/self/fd/77") == .ENOENT)
    }

    @Test func thereAreSixNamespaceLinks() throws {
        let guest = try guest()
        #expect(Set(try names(guest, "/proc/self/ns")) == ["ipc", "mnt", "net", "pid", "user", "uts"])
        #expect(try link(guest, "/proc/self/ns/mnt").hasPrefix("mnt:[40265"))
        for name in ["cgroup", "time"] { #expect(try open(guest, "/proc/self/ns/" + name) == .ENOENT) }
        let before = try link(guest, "/proc/self/ns/uts")
        let fd = try guest.open("/proc/self/ns/uts")
        #expect(try guest.call("unshare", .flags("CLONE_NEWUTS")).value == 0)
        #expect(try link(guest, "/proc/self/ns/uts") != before)
        #expect(try guest.call("setns", .number(fd), 0).value == 0)
        #expect(try link(guest, "/proc/self/ns/uts") == before)
    }

    @Test func whatWSL1LacksIsNotThere() throws {
        let guest = try guest()
        let absent = [
            "/proc/self/uid_map", "/proc/self/gid_map", "/proc/self/setgroups", "/proc/self/pagemap",
            "/proc/self/attr/current", "/proc/kallsyms", "/proc/modules", "/proc/config.gz", "/proc/sysrq-trigger",
            "/proc/swaps", "/proc/net/tcp", "/proc/net/unix", "/proc/sys/kernel/msgmni", "/proc/sys/vm/drop_caches",
            "/proc/sys/fs/lease-break-time", "/proc/sys/fs/protected_hardlinks", "/sys/kernel/cgroup/delegate",
            "/sys/kernel/mm/transparent_hugepage", "/sys/kernel/security", "/dev/full", "/dev/mem", "/dev/kvm",
            "/dev/fuse", "/dev/net/tun",
        ]
        for path in absent { #expect(try open(guest, path) == .ENOENT, "\(path)") }
    }

    @Test func whatNoSourceSettlesIsMarked() throws {
        let guest = try guest()
        let answer = try guest.call("open", "/proc/self/smaps", 0, 0)
        #expect(answer.result.evidence.support == .notModelled)
    }

    @Test func contentThatOnlyTheMachineKnowsIsGiven() throws {
        struct Machine: GivenSource {
            func bytes(_ name: GivenName, for call: UInt64) -> [UInt8]? { nil }
            func number(_ name: GivenName, for call: UInt64) -> Int64? {
                name == .available(what: "contents of /proc/meminfo") ? 1300 : nil
            }
        }
        let guest = try guest { $0.given = Machine() }
        let fd = try guest.open("/proc/meminfo")
        let answer = try guest.read(fd)
        #expect(answer.value == 1300)
        #expect(answer.result.given.contains { $0.name == "contents of /proc/meminfo" })
        let alone = try self.guest()
        #expect(try text(alone, "/proc/meminfo").hasPrefix("MemTotal:"))
        #expect(try text(alone, "/proc/version").hasPrefix("Linux version 4.4.0-19041-Microsoft (Microsoft@"))
    }

    // MARK: - Settings

    @Test func settingsAnswerAndTakeWritesAsRecorded() throws {
        let guest = try guest()
        #expect(try text(guest, "/proc/sys/kernel/hostname") == "host\n")
        let hostname = try guest.open("/proc/sys/kernel/hostname", .flags("O_WRONLY"))
        #expect(try guest.write(hostname, "other\n").value == 6)
        #expect(try text(guest, "/proc/sys/kernel/hostname") == "other\n")
        #expect(try text(guest, "/proc/sys/kernel/osrelease") == "4.4.0-19041-Microsoft\n")
        #expect(try text(guest, "/proc/sys/vm/overcommit_memory") == "0\n")
        for path in ["/proc/sys/kernel/pid_max", "/proc/sys/fs/inotify/max_user_watches"] {
            let fd = try guest.open(path, .flags("O_WRONLY"))
            #expect(try guest.write(fd, "1000").errno == .EPERM, "\(path)")
        }
        let adjustment = try guest.open("/proc/self/oom_score_adj", .flags("O_RDWR"))
        #expect(try guest.write(adjustment, "-500").value == 4)
        #expect(try text(guest, "/proc/self/oom_score_adj") == "-500\n")
    }

    // MARK: - Mounts and control groups

    @Test func mountsAreListedAsTheReaderSeesThem() throws {
        let guest = try guest()
        #expect(try guest.call("mkdir", "/tmp/my dir", 0o755).value == 0)
        let mounted = try guest.call(
            "mount",
            "none",
            "/tmp/my dir",
            "tmpfs",
            .flags("MS_NOSUID", "MS_NOEXEC"),
            "mode=700"
        )
        #expect(mounted.value == 0)
        let lines = try text(guest, "/proc/mounts").split(separator: "\n")
        #expect(lines.first == "rootfs / wslfs rw,noatime 0 0")
        #expect(lines.contains("none /tmp/my\\040dir tmpfs rw,nosuid,noexec,mode=700 0 0"))
        let information = try text(guest, "/proc/self/mountinfo").split(separator: "\n")
        #expect(information.count == lines.count)
        let line = try #require(information.first { $0.contains("my\\040dir") }).split(separator: " ")
        #expect(line[3] == "/" && line[4] == "/tmp/my\\040dir" && line[5] == "rw,nosuid,noexec")
        #expect(line.suffix(4) == ["-", "tmpfs", "none", "rw,mode=700"])
    }

    @Test func theDevicesControllerIsTheOnlyOne() throws {
        let guest = try guest()
        #expect(try text(guest, "/proc/cgroups") == "#subsys_name\thierarchy\tnum_cgroups\tenabled\ndevices\t1\t1\t1\n")
        #expect(try guest.call("mkdir", "/tmp/c", 0o755).value == 0)
        #expect(try guest.call("mount", "cgroup", "/tmp/c", "cgroup", 0, "memory").errno == .EINVAL)
        #expect(try guest.call("mount", "cgroup2", "/tmp/c", "cgroup2", 0, 0).errno == .ENODEV)
        #expect(try guest.call("mount", "cgroup", "/tmp/c", "cgroup", 0, "devices").value == 0)
        #expect(try guest.call("mkdir", "/tmp/c/g", 0o755).value == 0)
        let processes = try guest.open("/tmp/c/g/cgroup.procs", .flags("O_RDWR"))
        #expect(try guest.write(processes, "0\n").value == 2)
        #expect(try text(guest, "/proc/self/cgroup") == "1:devices:/g\n")
        #expect(try text(guest, "/tmp/c/g/devices.list") == "a *:* rwm\n")
        #expect(try open(guest, "/tmp/c/tasks") == .ENOENT)
    }

    @Test func aProcMountedInAPidNamespaceShowsOnlyItsProcesses() throws {
        let guest = try guest()
        #expect(try guest.call("unshare", .flags("CLONE_NEWPID", "CLONE_NEWNS")).value == 0)
        let child = try guest.fork()
        #expect(try guest.call("mount", "proc", "/proc", "proc", 0, 0, task: child).value == 0)
        let processes = try names(guest, "/proc", task: child).filter { Int($0) != nil }
        #expect(processes == ["1"])
        #expect(try link(guest, "/proc/self", task: child) == "1")
    }

    // MARK: - sysfs, /dev

    @Test func sysfsIsThereAndMostlyEmpty() throws {
        let guest = try guest { $0.cpuCount = 4 }
        let expected: Set = [
            "block", "bus", "class", "dev", "devices", "firmware", "fs", "kernel", "module", "power",
        ]
        #expect(Set(try names(guest, "/sys")) == expected)
        #expect(try names(guest, "/sys/block").isEmpty)
        #expect(try text(guest, "/sys/devices/system/cpu/online") == "0-3\n")
        #expect(try names(guest, "/sys/class/net") == ["lo"])
    }

    @Test func devicesReadAsTheyShould() throws {
        let guest = try guest()
        let null = try guest.open("/dev/null", .flags("O_RDWR"))
        #expect(try guest.write(null, "gone").value == 4)
        #expect(try guest.read(null).value == 0)
        let zero = try guest.open("/dev/zero")
        #expect(try guest.read(zero, 10).bytes(1, 10) == [UInt8](repeating: 0, count: 10))
        let random = try guest.open("/dev/urandom")
        let answer = try guest.read(random, 16)
        #expect(answer.value == 16)
        #expect(answer.result.given.contains { $0.name == "random bytes" })
        #expect(try open(guest, "/dev/tty0") == .EIO)
    }

    @Test func aMasterGetsItsNodeInDevpts() throws {
        let guest = try guest {
            $0.mounts = [
                Environment.Mount(point: "/dev", type: "tmpfs", source: "tmpfs", options: "rw"),
                Environment.Mount(point: "/dev/pts", type: "devpts", source: "devpts", options: "rw,gid=5,mode=620"),
            ]
        }
        #expect(try names(guest, "/dev/pts") == ["ptmx"])
        let master = try guest.open("/dev/ptmx", .flags("O_RDWR", "O_NOCTTY"))
        let slave = try #require(try names(guest, "/dev/pts").first { $0 != "ptmx" })
        let answer = try guest.call("stat", .string("/dev/pts/" + slave), .room(144))
        #expect(answer.value == 0)
        #expect(answer.int32(1, at: 24) == 0o020620)
        #expect(answer.int32(1, at: 32) == 5)
        try guest.call("close", .number(master))
        #expect(try names(guest, "/dev/pts") == ["ptmx"])
    }
}
