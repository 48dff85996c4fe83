// What is mounted before the first call: as the recording had it, and as /init does it.
import Engine
import LinuxABI

extension WSL1Engine {
    /// The mounts of the recording, of types that WSL 1 has, at the same places.
    func mountEverything(_ context: VfsContext) {
        for mount in environment.mounts where mount.point != "/" { _ = mountBoot(mount, context) }
        let points = Set(environment.mounts.map(\.point))
        for (point, type) in [("/proc", "proc"), ("/sys", "sysfs"), ("/dev", "tmpfs")] where !points.contains(point) {
            guard environment.engineServed.contains(point) else { continue }
            _ = mountBoot(Environment.Mount(point: point, type: type, source: type, options: "rw"), context)
        }
        if points.contains("/sys") || environment.engineServed.contains("/sys") { mountCgroups(context) }
        if points.contains("/run/shm"), !points.contains("/dev/shm") { bindSharedMemory(context) }
    }

    /// /dev/shm shows /run/shm (INIT, pico-interface.md §7).
    private func bindSharedMemory(_ context: VfsContext) {
        guard let source = makePlace("/run/shm", context), let target = makePlace("/dev/shm", context) else { return }
        let made = makeMount(
            source.mount.superblock,
            root: source.mount.root,
            flags: source.mount.flags,
            target.mount.namespace
        )
        target.mount.namespace.attach(made, at: target)
    }

    /// Why anything else is missing below /sys/fs/cgroup.
    static let missingController = LxNote(
        "only the controllers that exist are mounted here: devices",
        "INIT;UT:cgroup.c"
    )

    /// /init mounts a tmpfs and below it each enabled controller: `devices` (INIT, pico-interface.md §7).
    private func mountCgroups(_ context: VfsContext) {
        let point = "/sys/fs/cgroup"
        if !environment.mounts.contains(where: { $0.point == point && $0.type == "tmpfs" }) {
            let options = "rw,nosuid,nodev,noexec,mode=755"
            _ = mountBoot(Environment.Mount(point: point, type: "tmpfs", source: "tmpfs", options: options), context)
        }
        if let thread = context.thread { place(point, thread)?.mount.superblock.absence = Self.missingController }
        let devices = Environment.Mount(
            point: point + "/devices",
            type: "cgroup",
            source: "cgroup",
            options: "rw,nosuid,nodev,noexec"
        )
        mountAs("cgroup", devices, context)
    }

    /// Mounts as the environment says; a type that WSL 1 lacks becomes a file system of its own of the root's type.
    func mountBoot(_ mount: Environment.Mount, _ context: VfsContext) -> Bool {
        // Only the devices hierarchy exists, and init mounts it.
        if mount.type == "cgroup" || mount.type == "cgroup2", !isBooted { return true }
        if let known = knownFiles[mount.point], environment.files[known].kind != .directory { return false }
        if isPartOfRoot(mount) { return bindToItself(mount, context) }
        return mountAs(Self.replacements[mount.type] ?? mount.type, mount, context)
    }

    /// Another mount of the volume that the root is on: a bind mount, by the look of it.
    private func isPartOfRoot(_ mount: Environment.Mount) -> Bool {
        guard mount.source.hasPrefix("/dev/") else { return false }
        return environment.mounts.contains { $0.point == "/" && $0.source == mount.source && $0.type == mount.type }
    }

    private func bindToItself(_ mount: Environment.Mount, _ context: VfsContext) -> Bool {
        guard let place = makePlace(mount.point, context) else { return false }
        let flags = Self.flags(mount.options)
        let made = makeMount(place.mount.superblock, root: place.entry, flags: flags, place.mount.namespace)
        place.mount.namespace.attach(made, at: place)
        return true
    }

    @discardableResult
    private func mountAs(_ type: String, _ mount: Environment.Mount, _ context: VfsContext) -> Bool {
        guard let target = makePlace(mount.point, context) else { return false }
        let data = mount.options.split(separator: ",").filter { $0.hasPrefix("mode=") || $0.hasPrefix("gid=") }
            .joined(separator: ",")
        let mounted =
            (try? fileSystems[type]?.mount(source: mount.source, data: data, flags: 0, context))
            ?? (try? fileSystems["tmpfs"]?.mount(source: mount.source, data: "", flags: 0, context))
        guard let superblock = mounted, let entry = rootEntry(of: superblock) else { return false }
        let made = makeMount(superblock, root: entry, flags: Self.flags(mount.options), target.mount.namespace)
        target.mount.namespace.attach(made, at: target)
        if mount.type == "devtmpfs" || mount.point == "/dev" { makeDevices(entry.inode, context) }
        return true
    }

    private static let replacements = ["devtmpfs": "tmpfs", "ramfs": "tmpfs"]

    private static func flags(_ options: String) -> UInt64 {
        var flags: UInt64 = 0
        for option in options.split(separator: ",") {
            switch option {
            case "ro": flags |= MountFlag.readOnly
            case "nosuid": flags |= MountFlag.noSetuid
            case "nodev": flags |= MountFlag.noDevices
            case "noexec": flags |= MountFlag.noExec
            case "noatime": flags |= MountFlag.noAccessTime
            case "nodiratime": flags |= MountFlag.noDirectoryAccessTime
            case "relatime": flags |= MountFlag.relativeAccessTime
            default: break
            }
        }
        return flags
    }

    /// What /init makes in /dev (pico-interface.md §7).
    private func makeDevices(_ directory: VfsInode, _ context: VfsContext) {
        let devices: [(String, UInt64, UInt64, UInt32)] = [
            ("null", 1, 3, 0o666), ("zero", 1, 5, 0o666), ("random", 1, 8, 0o666), ("urandom", 1, 9, 0o666),
            ("kmsg", 1, 11, 0o644), ("tty", 5, 0, 0o666), ("ptmx", 5, 2, 0o666), ("tty0", 4, 0, 0o620),
            ("lxss", 10, 55, 0o666),
        ]
        for (name, major, minor, mode) in devices {
            var file = Environment.File(path: "/dev/" + name, kind: .characterDevice, mode: mode)
            file.specialDevice = LxDeviceNumber.make(major, minor)
            _ = directory.populate(name, file, context)
        }
        let links = [
            ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"),
        ]
        for (name, target) in links {
            var file = Environment.File(path: "/dev/" + name, kind: .symbolicLink, mode: 0o777)
            file.linkTarget = target
            file.size = Int64(target.utf8.count)
            _ = directory.populate(name, file, context)
        }
    }
}
