// /proc/sys: the values that the release notes and tests name (features.tsv, family other).
import Engine
import LinuxABI

enum ProcSys {
    private static let unsourcedKernel: Set<String> = [
        "acct", "auto_msgmni", "bootloader_type", "bootloader_version", "core_pattern", "core_pipe_limit",
        "core_uses_pid", "ctrl-alt-del", "dmesg_restrict", "hotplug", "io_delay_type", "keys", "kptr_restrict",
        "modprobe", "modules_disabled", "msgmax", "msgmnb", "numa_balancing", "overflowgid", "overflowuid", "panic",
        "panic_on_oops", "perf_event_max_sample_rate", "printk", "pty", "randomize_va_space", "real-root-dev",
        "sched_child_runs_first", "sched_rr_timeslice_ms", "sched_rt_period_us", "sched_rt_runtime_us", "sem_next_id",
        "shm_rmid_forced", "sysctl_writes_strict", "sysrq", "tainted", "unprivileged_bpf_disabled", "watchdog",
    ]
    private static let unsourcedVM: Set<String> = [
        "admin_reserve_kbytes", "block_dump", "compact_memory", "dirty_background_bytes", "dirty_background_ratio",
        "dirty_bytes", "dirty_expire_centisecs", "dirty_ratio", "dirty_writeback_centisecs", "hugetlb_shm_group",
        "laptop_mode", "legacy_va_layout", "lowmem_reserve_ratio", "max_map_count", "mmap_min_addr", "nr_hugepages",
        "nr_overcommit_hugepages", "oom_dump_tasks", "oom_kill_allocating_task", "overcommit_kbytes",
        "overcommit_ratio", "page-cluster", "panic_on_oom", "stat_interval", "user_reserve_kbytes",
        "vfs_cache_pressure", "zone_reclaim_mode",
    ]
    private static let unsourcedFS: Set<String> = [
        "aio-max-nr", "aio-nr", "dentry-state", "dir-notify-enable", "epoll", "file-nr", "inode-nr", "inode-state",
        "leases-enable", "mount-max", "mqueue", "nr_open", "overflowgid", "overflowuid", "pipe-max-size",
        "pipe-user-pages-hard", "pipe-user-pages-soft", "protected_symlinks", "protected_fifos", "protected_regular",
        "quota", "suid_dumpable",
    ]

    static func add(to root: PseudoFixedDirectory, _ superblock: ProcSuperblock) {
        let sys = root.directory("sys", unsourced: ["abi", "crypto", "debug", "dev", "user", "sunrpc"])
        addKernel(sys.directory("kernel", unsourced: unsourcedKernel), superblock)
        let vm = sys.directory("vm", unsourced: unsourcedVM)
        let writable: [(String, String)] = [
            ("min_free_kbytes", "67584"), ("overcommit_memory", "0"), ("swappiness", "60"),
        ]
        for (name, value) in writable where name != "overcommit_memory" || superblock.engine.build >= WSL1Build(15002) {
            vm.add(name, number(superblock, value))
        }
        let fs = sys.directory("fs", unsourced: unsourcedFS)
        _ = fs.directory("binfmt_misc")
        let build = superblock.engine.build
        if build >= WSL1Build(17723) {
            fs.add("file-max", PseudoText(superblock, permissions: 0o644, constant: "1048576\n"))
        }
        if build >= WSL1Build(17093) { addInotify(fs.directory("inotify"), superblock) }
        let net = sys.directory("net", unsourced: ["bridge", "ipv4", "ipv6", "netfilter", "nf_conntrack_max", "unix"])
        let core = net.directory(
            "core",
            unsourced: [
                "default_qdisc", "netdev_max_backlog", "optmem_max", "rmem_default", "rmem_max", "wmem_default",
                "wmem_max",
            ]
        )
        if build >= WSL1Build(15019) {
            core.add("somaxconn", number(superblock, "128", LxNote("128, as before Linux 5.4", "RN:15019;inferred")))
        }
    }

    private static func addInotify(_ inotify: PseudoFixedDirectory, _ superblock: ProcSuperblock) {
        inotify.add("max_queued_events", number(superblock, "16384"))
        for (name, value) in [("max_user_instances", "128"), ("max_user_watches", "524288")] {
            // A stub that may not be written (RN:17093, UT:inotify.c).
            inotify.add(
                name,
                PseudoText(
                    superblock,
                    permissions: 0o644,
                    .text { _ in value + "\n" },
                    store: { _, _ throws(LxFailure) in
                        throw .unsupported(.EPERM, note: "a stub that refuses writes", source: "RN:17093;UT:inotify.c")
                    }
                )
            )
        }
    }

    private static func addKernel(_ kernel: PseudoFixedDirectory, _ superblock: ProcSuperblock) {
        let engine = superblock.engine
        func constant(_ name: String, _ value: String) {
            kernel.add(name, PseudoText(superblock, constant: value + "\n"))
        }
        constant("cap_last_cap", "37")
        kernel.add(
            "domainname",
            PseudoText(
                superblock,
                permissions: 0o644,
                .text { $0.thread.namespaces.uts.domainname + "\n" },
                store: { $1.thread.namespaces.uts.domainname = $0 }
            )
        )
        kernel.add(
            "hostname",
            PseudoText(
                superblock,
                permissions: 0o644,
                .text { $0.thread.namespaces.uts.hostname + "\n" },
                store: { $1.thread.namespaces.uts.hostname = $0 }
            )
        )
        constant("ngroups_max", "65536")
        constant("osrelease", engine.identity.version)
        constant("ostype", "Linux")
        kernel.add(
            "pid_max",
            PseudoText(
                superblock,
                permissions: 0o644,
                .text { _ in "32768\n" },
                store: { _, _ throws(LxFailure) in
                    throw .unsupported(.EPERM, note: "pid_max may not be written", source: "features.tsv: pid_max")
                }
            )
        )
        let random = kernel.directory(
            "random",
            unsourced: [
                "entropy_avail", "poolsize", "read_wakeup_threshold", "urandom_min_reseed_secs",
                "write_wakeup_threshold",
            ]
        )
        for name in ["boot_id", "uuid"] {
            let what = "contents of /proc/sys/kernel/random/" + name
            random.add(
                name,
                PseudoText(superblock, .given(what: what) { _ in "8c9d0d26-6c7f-4d0c-9a5e-000000000001\n" })
            )
        }
        if engine.build >= WSL1Build(15014) {
            kernel.add("sem", number(superblock, "32000\t1024000000\t500\t32000"))
        }
        if engine.build >= WSL1Build(16273) {
            kernel.add("shmall", number(superblock, "18446744073692774399"))
            kernel.add("shmmax", number(superblock, "18446744073692774399"))
            kernel.add("shmmni", number(superblock, "4096"))
            kernel.add("threads-max", PseudoText(superblock, permissions: 0o644, constant: "63704\n"))
        }
        constant("version", engine.build.version)
        if engine.build >= WSL1Build(17046) { kernel.directory("yama").add("ptrace_scope", number(superblock, "1")) }
    }

    /// A setting that keeps what is written.
    private static func number(_ superblock: ProcSuperblock, _ initial: String, _ note: LxNote? = nil) -> PseudoText {
        let cell = Cell(initial)
        return PseudoText(
            superblock,
            permissions: 0o644,
            .text { _ in cell.value + "\n" },
            note: note,
            store: { text, _ throws(LxFailure) in
                guard let first = text.first, first.isNumber || first == "-" else { throw .errno(.EINVAL) }
                cell.value = text
            }
        )
    }

    private final class Cell {
        var value: String
        init(_ value: String) { self.value = value }
    }
}
