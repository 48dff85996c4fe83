// devpts: one node for each pseudo-terminal.
import LinuxABI

final class DevptsSuperblock: VfsSuperblock {
    fileprivate let mountTime: Int64
    /// gid and mode of new nodes: init mounts with gid=5,mode=620 (INIT).
    private let nodeGroup: UInt32?
    private let nodeMode: UInt32
    private var nodes: [UInt32: DevptsNode] = [:]

    init(device: UInt64, source: String, data: String, now: Int64) throws(LxFailure) {
        mountTime = now
        var group: UInt32?
        var mode: UInt32 = 0o600
        var ptmxMode: UInt32 = 0
        for option in data.split(separator: ",") {
            let parts = option.split(separator: "=", maxSplits: 1)
            switch (parts[0], parts.count == 2 ? parts[1] : "") {
            case ("gid", let text):
                guard let value = UInt32(text) else { throw .errno(.EINVAL) }
                group = value
            case ("mode", let text):
                guard let value = UInt32(text, radix: 8) else { throw .errno(.EINVAL) }
                mode = value & 0o7777
            case ("ptmxmode", let text):
                guard let value = UInt32(text, radix: 8) else { throw .errno(.EINVAL) }
                ptmxMode = value & 0o7777
            case ("uid", _), ("max", _), ("newinstance", _): break
            default: throw .errno(.EINVAL)
            }
        }
        nodeGroup = group
        nodeMode = mode
        super.init(type: "devpts", device: device, source: source, options: data, cachesNames: false)
        let directory = DevptsDirectory(superblock: self, mode: VfsKind.directory.rawValue | 0o755)
        directory.ptmx = DevptsNode(
            superblock: self,
            number: 2,
            mode: VfsKind.characterDevice.rawValue | ptmxMode,
            device: LxDeviceNumber.make(5, 2)
        )
        root = directory
    }

    /// The node of a terminal: one object for as long as the terminal is there. The first to see it owns it, which is
    /// whoever opened the master.
    fileprivate func node(_ index: UInt32, _ terminal: LxTerminal, _ context: VfsContext) -> DevptsNode {
        if let known = nodes[index], known.terminal === terminal { return known }
        let made = DevptsNode(
            superblock: self,
            number: UInt64(index) + 3,
            mode: VfsKind.characterDevice.rawValue | nodeMode,
            device: terminal.device
        )
        made.terminal = terminal
        made.uid = context.credentials.fsuid
        made.gid = nodeGroup ?? context.credentials.fsgid
        made.time = context.now
        nodes[index] = made
        return made
    }

    override func statistics(_ context: VfsContext) throws(LxFailure) -> VfsStatistics {
        var statistics = VfsStatistics()
        statistics.type = 0x1cd1  // DEVPTS_SUPER_MAGIC, linux/magic.h
        return statistics
    }
}

private final class DevptsDirectory: VfsInode {
    var ptmx: DevptsNode?

    override func attributes(_ context: VfsContext) throws(LxFailure) -> VfsAttributes {
        var attributes = try super.attributes(context)
        attributes.inode = 1
        attributes.links = 2
        let time = (superblock as? DevptsSuperblock)?.mountTime ?? 0
        attributes.accessTime = time
        attributes.modificationTime = time
        attributes.changeTime = time
        return attributes
    }

    override func setAttributes(_ change: VfsAttributeChange, _ context: VfsContext) throws(LxFailure) {
        if let permissions = change.permissions { mode = kind.rawValue | permissions }
    }

    override func lookup(_ name: String, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        if name == "ptmx", let ptmx { return ptmx }
        guard let index = UInt32(name), String(index) == name, let devpts = superblock as? DevptsSuperblock,
            let terminal = context.engine.terminals.ptys[index]
        else { throw .errno(.ENOENT) }
        return devpts.node(index, terminal, context)
    }

    override func open(_ flags: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsFile {
        DevptsListing(inode: self)
    }
}

private final class DevptsListing: VfsFile {
    override func readDirectory(_ context: VfsContext) throws(LxFailure) -> [VfsDirectoryEntry] {
        let slaves = context.engine.terminals.ptys.keys.sorted(by: >).map {
            VfsDirectoryEntry(name: String($0), inode: UInt64($0) + 3, kind: .characterDevice)
        }
        return slaves + [VfsDirectoryEntry(name: "ptmx", inode: 2, kind: .characterDevice)]
    }
}

private final class DevptsNode: VfsInode {
    let number: UInt64
    var time: Int64
    weak var terminal: LxTerminal?

    init(superblock: DevptsSuperblock, number: UInt64, mode: UInt32, device: UInt64) {
        self.number = number
        time = superblock.mountTime
        super.init(superblock: superblock, mode: mode)
        specialDevice = device
    }

    override func attributes(_ context: VfsContext) throws(LxFailure) -> VfsAttributes {
        var attributes = try super.attributes(context)
        attributes.inode = number
        attributes.blockSize = 1024
        attributes.accessTime = time
        attributes.modificationTime = time
        attributes.changeTime = time
        return attributes
    }

    override func setAttributes(_ change: VfsAttributeChange, _ context: VfsContext) throws(LxFailure) {
        if let permissions = change.permissions { mode = kind.rawValue | permissions }
        uid = change.uid ?? uid
        gid = change.gid ?? gid
        time = change.modificationTime ?? context.now
    }
}

/// `mount -t devpts`: every mount shows the same terminals unless `newinstance` is given (Linux 4.4; RN:17017).
final class DevptsFileSystem: VfsFileSystemType {
    let name = "devpts"
    /// The instance that /dev/ptmx serves.
    private(set) var shared: DevptsSuperblock?

    func mount(
        source: String,
        data: String,
        flags: UInt64,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsSuperblock {
        let isPrivate = data.split(separator: ",").contains("newinstance")
        if !isPrivate, let shared { return shared }
        let made = try DevptsSuperblock(
            device: context.engine.nextDevice(),
            source: source,
            data: data,
            now: context.now
        )
        if !isPrivate { shared = made }
        return made
    }
}
