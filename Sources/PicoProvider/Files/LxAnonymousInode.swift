// Inodes without a name: pipes, sockets, eventfds and the like.
import LinuxABI

/// The superblock behind everything that has no path.
final class LxAnonymousSuperblock: VfsSuperblock {
    private var lastInode: UInt64 = 20000

    func nextInode() -> UInt64 {
        lastInode += 1
        return lastInode
    }
}

final class LxAnonymousInode: VfsInode {
    let number: UInt64
    private var times: Int64

    init(_ engine: WSL1Engine, mode: UInt32, credentials: LxCredentials) {
        number = engine.anonymous.nextInode()
        times = engine.realtime
        // A file system each: equal devices must mean equal file systems.
        let home: LxAnonymousSuperblock =
            switch VfsKind(rawValue: mode & 0o170000) {
            case .fifo: engine.pipes
            case .socket: engine.sockets
            default: engine.anonymous
            }
        super.init(
            superblock: home,
            mode: mode,
            uid: credentials.fsuid,
            gid: credentials.fsgid
        )
    }

    override func attributes(_ context: VfsContext) throws(LxFailure) -> VfsAttributes {
        var attributes = try super.attributes(context)
        attributes.inode = number
        attributes.accessTime = times
        attributes.modificationTime = times
        attributes.changeTime = times
        return attributes
    }

    override func setAttributes(_ change: VfsAttributeChange, _ context: VfsContext) throws(LxFailure) {
        if let permissions = change.permissions { mode = mode & 0o170000 | permissions }
        if let owner = change.uid { uid = owner }
        if let group = change.gid { gid = group }
    }
}
