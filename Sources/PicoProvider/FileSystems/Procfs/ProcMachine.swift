// The files of /proc that belong to no process, as far as WSL 1 has them (behaviours.md §9, features.tsv).
import Engine
import LinuxABI

enum ProcMachine {
    /// Names that current kernels have and of which no source says whether WSL 1 has them.
    private static let unsourced: Set<String> = [
        "buddyinfo", "consoles", "cpu", "crypto", "devices", "diskstats", "dma", "driver", "execdomains", "fb", "fs",
        "iomem", "ioports", "irq", "key-users", "keys", "kmsg", "kpagecount", "latency_stats", "loadavg_avg", "locks",
        "mdstat", "misc", "mtrr", "pagetypeinfo", "partitions", "pressure", "sched_debug", "schedstat", "scsi",
        "slabinfo", "softirqs", "sysvipc", "thread-self", "timer_list", "vmallocinfo", "vmstat", "zoneinfo",
    ]

    static func directory(_ superblock: ProcSuperblock) -> PseudoFixedDirectory {
        let root = PseudoFixedDirectory(superblock, unsourced: unsourced)
        func text(
            _ name: String,
            note: LxNote? = nil,
            _ make: @escaping (VfsContext) throws(LxFailure) -> String
        ) {
            root.add(name, PseudoText(superblock, .text(make), note: note))
        }
        func given(_ name: String, _ otherwise: @escaping (VfsContext) throws(LxFailure) -> String) {
            root.add(name, PseudoText(superblock, .given(what: "contents of /proc/" + name, otherwise: otherwise)))
        }
        text("cgroups") { context in
            let groups = context.engine.cgroups
            return "#subsys_name\thierarchy\tnum_cgroups\tenabled\ndevices\t1\t\(groups.groupCount)\t1\n"
        }
        text("cmdline") { _ in "BOOT_IMAGE=/kernel init=/init ro\n" }
        given("cpuinfo") { context in
            (0..<context.environment.cpuCount).map { "processor\t: \($0)\n\n" }.joined()
        }
        text("filesystems", note: LxNote("lists the file systems that WSL 1 mounts", "inferred")) { context in
            context.engine.fileSystems.keys.sorted().map { "nodev\t\($0)\n" }.joined()
        }
        given("interrupts") { _ in "" }
        given("loadavg") { context in
            // sysinfo's constants, scaled (UT:sysinfo.c).
            "0.52 0.58 0.59 1/\(context.engine.initialPidNamespace.threads.count) \(context.engine.initialPidNamespace.lastID)\n"
        }
        given("meminfo") { _ in
            "MemTotal:       16777216 kB\nMemFree:         8388608 kB\nMemAvailable:    8388608 kB\n"
        }
        root.add("mounts", PseudoLink(superblock, text: { _ in "self/mounts" }))
        root.add("net", PseudoLink(superblock, text: { _ in "self/net" }))
        root.add(
            "self",
            PseudoLink(
                superblock,
                text: { [unowned superblock] context throws(LxFailure) in
                    let id = context.thread.group.id(in: superblock.namespace)
                    guard id > 0 else { throw .errno(.ENOENT) }
                    return String(id)
                }
            )
        )
        given("stat") { context in
            let cpus = (0..<context.environment.cpuCount).map { "cpu\($0) 0 0 0 0 0 0 0 0 0 0\n" }.joined()
            return "cpu  0 0 0 0 0 0 0 0 0 0\n" + cpus + "btime \(context.environment.startRealtime / 1_000_000_000)\n"
        }
        given("uptime") { context in
            let centiseconds = (context.environment.startMonotonic &+ context.engine.time) / 10_000_000
            let fraction = centiseconds % 100
            return "\(centiseconds / 100).\(fraction < 10 ? "0" : "")\(fraction) 0.00\n"
        }
        text("version") { context in
            // GH:6193, GH:7569; the compiler line and host are lxcore's constants.
            context.engine.build.procVersion
        }
        if superblock.engine.build >= WSL1Build(15025) {
            text("version_signature") { context in "Microsoft \(context.engine.identity.version) 4.4.35\n" }
        }
        let bus = root.directory("bus")
        _ = bus.directory("pci")
        let tty = root.directory("tty")
        tty.add("drivers", PseudoText(superblock, .given(what: "contents of /proc/tty/drivers") { _ in "" }))
        ProcSys.add(to: root, superblock)
        return root
    }
}
