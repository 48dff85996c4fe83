// Paths of Linux as Windows has them, and the other way round.
import LinuxABI
import NTKernel

extension WSL1Engine {
    /// `C:\Users`, or nil for what Windows cannot reach.
    ///
    /// What lies on no drive has a name only from 18342 on, when the plan 9 server came: `\\wsl$\Debian\etc` (that
    /// build: RN:18342).
    func windowsPath(of location: VfsLocation) -> String? {
        if let drvfs = location.mount.superblock as? DrvfsSuperblock {
            let names = names(of: location)
            // The root of a drive has a backslash, other folders have none.
            if names.isEmpty, drvfs.windowsRoot.count == 2 { return drvfs.windowsRoot + "\\" }
            return ([drvfs.windowsRoot] + names).joined(separator: "\\")
        }
        guard build >= WSL1Build(18342), let bottom = location.mount.namespace.root else { return nil }
        let root = VfsLocation(mount: bottom, entry: bottom.root)
        guard let path = VfsWalk.path(of: location, root: root) else { return nil }
        return "\\\\wsl$\\\(session.distribution)" + path.replacing("/", with: "\\")
    }

    /// From the top of the drive, also through a bind mount of something below it.
    private func names(of location: VfsLocation) -> [String] {
        var names: [String] = []
        var entry = location.entry
        while let parent = entry.parent {
            names.append(entry.name.text)
            entry = parent
        }
        return names.reversed()
    }

    /// `/mnt/c/Users` for `C:\Users`, if a mount of the thread shows that drive; nil otherwise.
    func linuxPath(of path: String, _ thread: LxThread) -> String? {
        let parts = path.split(separator: "\\").map(String.init)
        guard let drive = parts.first, drive.count == 2, drive.last == ":", let letter = drive.uppercased().first else {
            return nil
        }
        for mount in thread.namespaces.mount.mounts {
            guard let drvfs = mount.superblock as? DrvfsSuperblock, drvfs.letter == letter,
                mount.root === drvfs.rootEntry, drvfs.windowsRoot.count == 2,
                let point = VfsWalk.path(of: VfsLocation(mount: mount, entry: mount.root), root: thread.fs.root)
            else { continue }
            return ([point == "/" ? "" : point] + parts.dropFirst()).joined(separator: "/")
        }
        return nil
    }
}
