// Links of Windows volumes: junctions and NT's symbolic links beside the provider's own.
import LinuxABI
import NTKernel

extension DrvfsInode {
    /// An NT link where Windows programs can follow it too: the target is relative and there, and the user may make
    /// one (RN:17046). Else the provider's own.
    func drvfsMakeSymbolicLink(
        _ name: String,
        target: String,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsInode {
        guard drvfs.volume.features.contains(.reparsePoints) else {
            throw .unsupported(.EPERM, note: "the volume has no reparse points", source: "UT:drvfs.c")
        }
        let mode = VfsKind.symbolicLink.rawValue | 0o777
        if drvfs.build >= WSL1Build(17046), let found = existing(target, context) {
            let path = target.replacing("/", with: "\\")
            let kind = found.isDirectory ? VfsKind.directory.rawValue : mode
            let point = ReparsePoint.symbolicLink(path, isRelative: true)
            do throws(LxFailure) {
                return try make(name, mode: kind, reparsePoint: point, context)
            } catch {
                // STATUS_PRIVILEGE_NOT_HELD: the file is there already, without being a link.
                guard case .errno(.EPERM) = error else { throw error }
                try remove(name, self)
            }
        }
        return try make(name, mode: mode, reparsePoint: WslfsMetadata.symbolicLink(target), context)
    }

    /// What a relative target names from here; nil for an absolute one, for `..`, and for nothing.
    private func existing(_ target: String, _ context: VfsContext) -> VfsInode? {
        guard !target.hasPrefix("/") else { return nil }
        var inode: VfsInode = self
        for part in target.split(separator: "/") where part != "." {
            guard part != "..", inode.isDirectory, let next = try? inode.lookup(String(part), context) else {
                return nil
            }
            inode = next
        }
        return inode
    }

    /// Junctions since 16215 (RN:16215). A volume's mount point cannot be said in Linux's words (UT:drvfs.c).
    func drvfsWindowsTarget(_ point: ReparsePoint?, _ context: VfsContext) throws(LxFailure) -> String {
        guard let name = point?.substituteName else { throw .errno(.EINVAL) }
        if point?.tag == ReparsePoint.symbolicLinkTag, !name.hasPrefix("\\") {
            return name.replacing("\\", with: "/")
        }
        let path = name.hasPrefix("\\??\\") ? String(name.dropFirst(4)) : name
        guard context.engine.build >= WSL1Build(16215), let thread = context.thread,
            let target = context.engine.linuxPath(of: path, thread)
        else {
            throw .unsupported(.EIO, note: "the target is no place below a mounted drive", source: "UT:drvfs.c")
        }
        return target
    }
}
