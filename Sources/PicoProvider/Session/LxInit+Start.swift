// What /init does between its first instruction and the first session (pico-interface.md §7, point 5).
import Engine
import LinuxABI

extension LxInit {
    /// Mounts, devices, names and generated files; returns wsl.conf as it was read.
    func start(_ distribution: LxssDistribution, hostname: String, build: WSL1Build) throws(EngineFailure) -> WslConf {
        try mountDevices()
        // Archives have both; a bare folder may not.
        for path in ["/sys", "/proc"] { try makeDirectory(path) }
        try call("mount(\"sysfs\", \"/sys\", \"sysfs\", MS_NOSUID|MS_NODEV|MS_NOEXEC|MS_NOATIME, NULL)")
        try call("mount(\"proc\", \"/proc\", \"proc\", MS_NOSUID|MS_NODEV|MS_NOEXEC|MS_NOATIME, NULL)")
        try mountRun()
        let conf = WslConf(read("/etc/wsl.conf") ?? "", build: build)
        if conf.umask != 0o022 { try call("umask(0\(String(conf.umask, radix: 8)))", source: "RN:18945") }
        if conf.mountsCgroups { try mountCgroups() }
        try mountFormats(conf, distribution)
        let name = conf.hostname ?? hostname
        try call("sethostname(\(Self.quote(name)), \(name.utf8.count))")
        if conf.generatesHosts { try writeHosts(name) }
        if conf.generatesResolvConf { try writeResolvConf() }
        if conf.mountsDrives, distribution.flags.contains(.enableDriveMounting) { try mountDrives(conf, distribution) }
        if conf.mountsFstab, build >= WSL1Build(17093) { try mountTable() }
        return conf
    }

    private func mountDevices() throws(EngineFailure) {
        try makeDirectory("/dev")
        try call("mount(\"none\", \"/dev\", \"tmpfs\", MS_NOATIME, \"mode=755\")")
        let nodes: [(String, Int, Int, String)] = [
            ("kmsg", 1, 11, "0644"), ("ptmx", 5, 2, "0666"), ("random", 1, 8, "0666"), ("urandom", 1, 9, "0666"),
            ("null", 1, 3, "0666"), ("zero", 1, 5, "0666"), ("tty", 5, 0, "0666"), ("tty0", 4, 0, "0620"),
            ("lxss", 10, 55, "0666"),
        ]
        for (name, major, minor, mode) in nodes {
            try call("mknod(\"/dev/\(name)\", S_IFCHR|\(mode), makedev(\(major), \(minor)))")
            // The caller's umask must not show.
            try call("chmod(\"/dev/\(name)\", \(mode))")
        }
        for (name, target) in [
            ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"),
        ] { try call("symlink(\"\(target)\", \"/dev/\(name)\")") }
        try makeDirectory("/dev/pts")
        try call(
            "mount(\"devpts\", \"/dev/pts\", \"devpts\", MS_NOSUID|MS_NOEXEC|MS_NOATIME, \"gid=5,mode=620\")"
        )
    }

    private func mountRun() throws(EngineFailure) {
        for (path, mode, flags) in [
            ("/run", "755", "MS_NOSUID|MS_NOEXEC|MS_NOATIME"),
            ("/run/lock", "1777", "MS_NOSUID|MS_NODEV|MS_NOEXEC|MS_NOATIME"),
            ("/run/shm", "1777", "MS_NOSUID|MS_NODEV|MS_NOATIME"),
            ("/run/user", "755", "MS_NOSUID|MS_NODEV|MS_NOEXEC|MS_NOATIME"),
        ] {
            try makeDirectory(path)
            try call("mount(\"none\", \"\(path)\", \"tmpfs\", \(flags), \"mode=\(mode)\")")
        }
        try makeDirectory("/dev/shm")
        try call("mount(\"/run/shm\", \"/dev/shm\", NULL, MS_BIND, NULL)")
        try makeDirectory("/run/WSL")
    }

    /// One mount for each controller that /proc/cgroups shows as enabled.
    private func mountCgroups() throws(EngineFailure) {
        guard let table = read("/proc/cgroups"), !table.isEmpty else { return }
        var controllers: [String] = []
        for line in table.split(separator: "\n") where !line.hasPrefix("#") {
            let fields = line.split { $0 == "\t" || $0 == " " }.map(String.init)
            if fields.count > 3, fields[3] == "1" { controllers.append(fields[0]) }
        }
        try makeDirectory("/sys/fs/cgroup")
        try call("mount(\"tmpfs\", \"/sys/fs/cgroup\", \"tmpfs\", MS_NOSUID|MS_NODEV|MS_NOEXEC, \"mode=755\")")
        if let thread = engine.thread(task) {
            engine.place("/sys/fs/cgroup", thread)?.mount.superblock.absence = WSL1Engine.missingController
        }
        for name in controllers {
            try makeDirectory("/sys/fs/cgroup/\(name)")
            try call(
                "mount(\"cgroup\", \"/sys/fs/cgroup/\(name)\", \"cgroup\", MS_NOSUID|MS_NODEV|MS_NOEXEC, \"\(name)\")"
            )
        }
    }

    private func mountFormats(_ conf: WslConf, _ distribution: LxssDistribution) throws(EngineFailure) {
        let point = "/proc/sys/fs/binfmt_misc"
        guard try succeeds("mount(\"binfmt_misc\", \"\(point)\", \"binfmt_misc\", MS_NOATIME, NULL)"), conf.hasInterop,
            distribution.flags.contains(.enableInterop)
        else { return }
        let format = ":WSLInterop:M::MZ::/init:P"
        let fd = try call("open(\"\(point)/register\", O_WRONLY)")
        guard fd >= 0 else { return }
        try call("write(\(fd), \"\(format)\", \(format.utf8.count))")
        try call("close(\(fd))")
    }

    private func writeHosts(_ hostname: String) throws(EngineFailure) {
        try makeDirectory("/etc")
        try write(
            """
            # This file was automatically generated by WSL. To stop automatic generation of this file, add the following \
            entry to /etc/wsl.conf:
            # [network]
            # generateHosts = false
            127.0.0.1\tlocalhost
            127.0.1.1\t\(hostname)

            """,
            to: "/etc/hosts",
            source: "DOC:wsl-config.md"
        )
    }

    private func writeResolvConf() throws(EngineFailure) {
        try makeDirectory("/etc")
        try write(
            """
            # This file was automatically generated by WSL. To stop automatic generation of this file, add the following \
            entry to /etc/wsl.conf:
            # [network]
            # generateResolvConf = false
            nameserver 192.168.1.1

            """,
            to: "/etc/resolv.conf",
            source: "RN:14332;DOC:wsl-config.md"
        )
    }

    /// Fixed drives: C: here; D: is a removable one.
    private func mountDrives(_ conf: WslConf, _ distribution: LxssDistribution) throws(EngineFailure) {
        let owner = "uid=\(distribution.defaultUserID),gid=\(distribution.defaultUserID)"
        let options = conf.options.isEmpty ? owner : "\(owner),\(conf.options)"
        let point = conf.root + "c"
        try makeDirectory(conf.root)
        try makeDirectory(point)
        try call("mount(\"C:\", \(Self.quote(point)), \"drvfs\", MS_NOATIME, \(Self.quote(options)))")
    }

    /// /etc/fstab (RN:17093).
    private func mountTable() throws(EngineFailure) {
        for line in (read("/etc/fstab") ?? "").split(separator: "\n") where !line.hasPrefix("#") {
            let fields = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
            guard fields.count >= 3, fields[1].hasPrefix("/") else { continue }
            let plain = fields.count > 3 ? fields[3].split(separator: ",").filter { $0 != "defaults" } : []
            let data = plain.isEmpty ? "NULL" : Self.quote(plain.joined(separator: ","))
            let words = fields[..<3].map { Self.quote($0) }
            try makeDirectory(fields[1])
            try call("mount(\(words[0]), \(words[1]), \(words[2]), 0, \(data))", source: "RN:17093")
        }
    }

    /// Made with all above it; what is there already stays.
    func makeDirectory(_ path: String) throws(EngineFailure) {
        var made = ""
        for part in path.split(separator: "/") {
            made += "/" + part
            guard try call("access(\(Self.quote(made)), F_OK)") < 0 else { continue }
            try call("mkdir(\(Self.quote(made)), 0755)")
        }
    }
}
