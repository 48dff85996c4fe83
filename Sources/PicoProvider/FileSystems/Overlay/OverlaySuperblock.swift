// overlay: a writable layer over others that stay as they are (UT:overlayfs.c).
import LinuxABI

final class OverlaySuperblock: VfsSuperblock {
    /// False without an upper layer.
    let isWritable: Bool

    init(upper: VfsInode?, lowers: [VfsInode], source: String, options: String, device: UInt64) {
        isWritable = upper != nil
        super.init(type: "overlay", device: device, source: source, options: options, cachesNames: false)
        root = OverlayInode(self, parent: nil, name: "", upper: upper, lowers: lowers)
    }

    override func statistics(_ context: VfsContext) throws(LxFailure) -> VfsStatistics {
        guard let real = (root as? OverlayInode)?.real else { return VfsStatistics() }
        var statistics = try real.superblock.statistics(context)
        statistics.type = ABI.constantIfKnown("OVERLAYFS_SUPER_MAGIC") ?? 0x794c_7630
        return statistics
    }
}

/// `mount -t overlay -o lowerdir=A:B,upperdir=U,workdir=W`.
final class OverlayFileSystem: VfsFileSystemType {
    let name = "overlay"

    func mount(
        source: String,
        data: String,
        flags: UInt64,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsSuperblock {
        var lowers: [VfsInode] = []
        var upper: VfsInode?
        var work: VfsInode?
        for option in data.split(separator: ",") {
            let parts = option.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw .errno(.EINVAL) }
            switch parts[0] {
            case "lowerdir":
                for path in parts[1].split(separator: ":") { lowers.append(try layer(String(path), context)) }
            case "upperdir": upper = try layer(parts[1], context)
            case "workdir": work = try layer(parts[1], context)
            default: throw .errno(.EINVAL)
            }
        }
        // An upper layer needs a work directory on the same file system (man 8 mount).
        guard !lowers.isEmpty, (upper == nil) == (work == nil) else { throw .errno(.EINVAL) }
        if let upper, let work, upper.superblock !== work.superblock || upper === work { throw .errno(.EINVAL) }
        return OverlaySuperblock(
            upper: upper,
            lowers: lowers,
            source: source,
            options: data,
            device: context.engine.nextDevice()
        )
    }

    private func layer(_ path: String, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        guard let thread = context.thread else { throw .errno(.ENOENT) }
        var walk = VfsWalk(context)
        let start = path.hasPrefix("/") ? thread.fs.root : thread.fs.workingDirectory
        let inode = try walk.resolve(context.paths.path(path), from: start, follow: true).inode
        guard inode.isDirectory else { throw .errno(.ENOTDIR) }
        if inode.superblock is DrvfsSuperblock {
            throw .notModelled("overlay over DrvFs layers: no source says what it does")
        }
        return inode
    }
}
