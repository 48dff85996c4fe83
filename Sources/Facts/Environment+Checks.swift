// The world that every check starts in: an instance as /init leaves it, with one process of root's.
public import Engine

extension Environment {
    /// Pid 100 in session 100, descriptors none, all capabilities, at `/`.
    public static let ofChecks: Environment = {
        var environment = Environment()
        environment.process.pid = 100
        environment.process.parent = 1
        environment.process.processGroup = 100
        environment.process.session = 100
        environment.process.executable = "/bin/test"
        environment.process.arguments = ["test"]
        environment.process.environment = ["HOME=/root"]
        environment.process.capabilities = [0, .max, .max, .max, 0]
        environment.process.limits = [
            6: Limit(soft: 1000, hard: 2000),  // RLIMIT_NPROC
            7: Limit(soft: 64, hard: 128),  // RLIMIT_NOFILE
        ]
        environment.hostname = "host"
        environment.cpuCount = 2
        environment.startRealtime = 1_700_000_000_000_000_000
        environment.startMonotonic = 5_000_000_000
        environment.given = DeclaredAnswers()
        environment.engineServed = ["/dev", "/proc", "/sys"]
        environment.mounts = [
            Mount(point: "/", type: "wslfs", source: "rootfs", options: "rw,noatime"),
            Mount(point: "/dev", type: "tmpfs", source: "none", options: "rw,noatime,mode=755"),
            Mount(point: "/dev/pts", type: "devpts", source: "devpts", options: "rw,nosuid,noexec,gid=5,mode=620"),
            Mount(point: "/proc", type: "proc", source: "proc", options: "rw,nosuid,nodev,noexec,noatime"),
            Mount(point: "/sys", type: "sysfs", source: "sysfs", options: "rw,nosuid,nodev,noexec,noatime"),
            Mount(point: "/run", type: "tmpfs", source: "none", options: "rw,nosuid,noexec,noatime,mode=755"),
            Mount(point: "/run/shm", type: "tmpfs", source: "none", options: "rw,nosuid,nodev,noatime"),
            Mount(
                point: "/proc/sys/fs/binfmt_misc",
                type: "binfmt_misc",
                source: "binfmt_misc",
                options: "rw,noatime"
            ),
        ]
        environment.files = [
            File(path: "/bin", kind: .directory, mode: 0o755), program("/bin/test"),
            File(path: "/etc", kind: .directory, mode: 0o755), text("/etc/hosts", "127.0.0.1 localhost\n"),
            text("/etc/resolv.conf", "nameserver 192.168.1.1\n"),
            File(path: "/mnt", kind: .directory, mode: 0o755), File(path: "/root", kind: .directory, mode: 0o700),
            File(path: "/tmp", kind: .directory, mode: 0o1777),
        ]
        return environment
    }()

    private static func text(_ path: String, _ text: String) -> File {
        var file = File(path: path, kind: .regular, mode: 0o644)
        file.content = [Extent(offset: 0, bytes: Array(text.utf8))]
        file.size = Int64(text.utf8.count)
        return file
    }

    /// An ELF64 program for x86-64.
    private static func program(_ path: String) -> File {
        var file = File(path: path, kind: .regular, mode: 0o755)
        var head: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9)
        head += [2, 0, 62, 0]
        file.content = [Extent(offset: 0, bytes: head + [UInt8](repeating: 0, count: 256 - head.count))]
        file.size = 256
        return file
    }
}

/// A machine of which little is known: zero bytes, no numbers from outside, clocks by the engine's own time.
private struct DeclaredAnswers: GivenSource {
    func bytes(_ name: GivenName, for call: UInt64) -> [UInt8]? {
        if case .bytes(_, let count, _) = name { [UInt8](repeating: 0, count: count) } else { nil }
    }
    func number(_ name: GivenName, for call: UInt64) -> Int64? { nil }
}
