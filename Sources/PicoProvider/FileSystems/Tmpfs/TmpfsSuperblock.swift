// tmpfs: files in the provider's memory.
import LinuxABI
import NTKernel

final class TmpfsSuperblock: VfsSuperblock {
    let nt: NTExecutive
    /// Bytes that files may hold; nil: no limit.
    private(set) var limit: Int64?
    var used: Int64 = 0
    private var lastInode: UInt64 = 1
    private var usedNumbers: Set<UInt64> = [2]

    /// - Parameter data: mount options: `mode=`, `uid=`, `gid=`, `size=`, `nr_inodes=`.
    init(nt: NTExecutive, device: UInt64, source: String, data: String, now: Int64) throws(LxFailure) {
        self.nt = nt
        var mode: UInt32 = 0o1777
        var owner: (uid: UInt32, gid: UInt32) = (0, 0)
        var limit: Int64?
        for option in data.split(separator: ",") {
            let parts = option.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { throw .errno(.EINVAL) }
            switch parts[0] {
            case "mode":
                guard let value = UInt32(parts[1], radix: 8) else { throw .errno(.EINVAL) }
                mode = value & 0o7777
            case "uid":
                guard let value = UInt32(parts[1]) else { throw .errno(.EINVAL) }
                owner.uid = value
            case "gid":
                guard let value = UInt32(parts[1]) else { throw .errno(.EINVAL) }
                owner.gid = value
            case "size": limit = try Self.size(parts[1])
            case "nr_blocks", "nr_inodes", "huge", "mpol": break
            default: throw .errno(.EINVAL)
            }
        }
        self.limit = limit
        super.init(type: "tmpfs", device: device, source: source, options: data)
        root = TmpfsInode(
            superblock: self,
            number: 2,
            mode: VfsKind.directory.rawValue | mode,
            uid: owner.uid,
            gid: owner.gid,
            now: now
        )
    }

    /// `64m`, `50%`: a share of memory is no limit here.
    private static func size(_ text: Substring) throws(LxFailure) -> Int64? {
        let digits = text.prefix { $0.isNumber }
        guard let value = Int64(digits) else { throw .errno(.EINVAL) }
        switch text.dropFirst(digits.count) {
        case "": return value == 0 ? nil : value
        case "k", "K": return value << 10
        case "m", "M": return value << 20
        case "g", "G": return value << 30
        case "%": return nil
        default: throw .errno(.EINVAL)
        }
    }

    /// The offered inode number if it is free, else the next.
    func nextNumber(_ offered: UInt64?) -> UInt64 {
        if let offered, offered != 0, usedNumbers.insert(offered).inserted { return offered }
        repeat { lastInode += 1 } while !usedNumbers.insert(lastInode).inserted
        return lastInode
    }

    func dropNumber(_ number: UInt64) { usedNumbers.remove(number) }

    /// Accounts a change of size; ENOSPC past the limit.
    func grow(_ file: TmpfsInode, to size: Int64) throws(LxFailure) {
        let change = max(0, size) - file.data.size
        if let limit, used + change > limit { throw .errno(.ENOSPC) }
        used += change
    }

    override func statistics(_ context: VfsContext) throws(LxFailure) -> VfsStatistics {
        var statistics = VfsStatistics()
        statistics.type = ABI.constantIfKnown("TMPFS_MAGIC") ?? 0x0102_1994
        statistics.blocks = UInt64((limit ?? 0) / 4096)
        statistics.freeBlocks = UInt64(max(0, (limit ?? 0) - used) / 4096)
        statistics.availableBlocks = statistics.freeBlocks
        statistics.countsAreGiven = limit == nil
        return statistics
    }
}

/// `mount -t tmpfs`.
final class TmpfsFileSystem: VfsFileSystemType {
    let name = "tmpfs"
    private let nt: NTExecutive

    init(nt: NTExecutive) { self.nt = nt }

    func mount(
        source: String,
        data: String,
        flags: UInt64,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsSuperblock {
        let device = context.engine.nextDevice()
        return try TmpfsSuperblock(nt: nt, device: device, source: source, data: data, now: context.now)
    }
}
