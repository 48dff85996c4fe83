// sysfs: the tree that WSL 1 has, mostly empty (UT:sysfs.c).
import Engine
import LinuxABI

/// `mount -t sysfs`.
final class SysFileSystem: VfsFileSystemType {
    let name = "sysfs"
    private var superblock: PseudoSuperblock?

    func mount(
        source: String,
        data: String,
        flags: UInt64,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsSuperblock {
        if let superblock { return superblock }
        let made = PseudoSuperblock(
            type: "sysfs",
            device: context.engine.nextDevice(),
            source: source,
            magic: ABI.constantIfKnown("SYSFS_MAGIC") ?? 0x6265_6572,
            now: context.now
        )
        made.absence = LxNote("the sysfs of WSL 1 is small, and this is not in it", "UT:sysfs.c")
        made.root = Self.tree(made, cpus: context.environment.cpuCount)
        superblock = made
        return made
    }

    private static func tree(_ superblock: PseudoSuperblock, cpus: Int) -> PseudoFixedDirectory {
        let root = PseudoFixedDirectory(superblock)
        for name in ["block", "bus"] { _ = root.directory(name) }
        let classes = root.directory("class")
        addLoopback(classes.directory("net"), superblock)
        let dev = root.directory("dev")
        for name in ["block", "char"] { _ = dev.directory(name) }
        addProcessors(root.directory("devices").directory("system").directory("cpu"), superblock, cpus)
        _ = root.directory("firmware")
        _ = root.directory("fs").directory("cgroup")
        let kernel = root.directory("kernel")
        kernel.absences = [
            "mm": LxNote("there are no huge pages, and so no settings of them", "LTP:16273"),
            "security": LxNote("there are no security modules", "inferred"),
        ]
        let tracing = kernel.directory("debug").directory("tracing")
        // The file exists and takes what is written; nothing comes of it (UT:sysfs.c).
        tracing.add(
            "trace_marker",
            PseudoText(superblock, permissions: 0o222, .text { _ in "" }, store: { _, _ in })
        )
        for name in ["module", "power"] { _ = root.directory(name) }
        return root
    }

    private static func addProcessors(_ directory: PseudoFixedDirectory, _ superblock: PseudoSuperblock, _ cpus: Int) {
        let range = cpus > 1 ? "0-\(cpus - 1)\n" : "0\n"
        for name in ["online", "possible", "present"] { directory.add(name, PseudoText(superblock, constant: range)) }
        for cpu in 0..<cpus {
            let topology = directory.directory("cpu\(cpu)").directory("topology")
            for name in ["core_id", "core_siblings", "physical_package_id", "thread_siblings", "thread_siblings_list"] {
                let what = "contents of /sys/devices/system/cpu/cpu\(cpu)/topology/\(name)"
                topology.add(name, PseudoText(superblock, .given(what: what) { _ in "\(cpu)\n" }))
            }
        }
    }

    /// Interfaces of the machine are given; lo is always there.
    private static func addLoopback(_ net: PseudoFixedDirectory, _ superblock: PseudoSuperblock) {
        let loopback = net.directory("lo")
        let values = [
            ("address", "00:00:00:00:00:00\n"), ("flags", "0x9\n"), ("ifindex", "1\n"), ("mtu", "1500\n"),
        ]
        for (name, value) in values { loopback.add(name, PseudoText(superblock, constant: value)) }
    }
}
