// A file system in memory: tmpfs, and whatever of the world at time zero has no other home.
import Engine
import LinuxABI
import NTKernel

final class LxMemorySuperblock: VfsSuperblock {
    private var lastInode: UInt64 = 1

    func nextInode() -> UInt64 {
        lastInode += 1
        return lastInode
    }

    override func statistics(_ context: VfsContext) throws(LxFailure) -> VfsStatistics {
        var statistics = VfsStatistics()
        statistics.type = Self.magic
        statistics.countsAreGiven = true
        return statistics
    }

    private static let magic: UInt64 = 0x01021994
}

final class LxMemoryFileSystem: VfsFileSystemType {
    let name: String

    init(name: String) { self.name = name }

    func mount(
        source: String,
        data: String,
        flags: UInt64,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsSuperblock {
        let superblock = LxMemorySuperblock(
            type: name,
            device: context.engine.nextDevice(),
            source: source,
            options: data
        )
        var mode: UInt32 = 0o1777
        for option in data.split(separator: ",") where option.hasPrefix("mode=") {
            guard let bits = UInt32(option.dropFirst(5), radix: 8) else { throw .errno(.EINVAL) }
            mode = bits & 0o7777
        }
        superblock.root = LxMemoryInode(
            superblock,
            mode: VfsKind.directory.rawValue | mode,
            uid: 0,
            gid: 0,
            number: 1,
            time: context.now
        )
        return superblock
    }
}

final class LxMemoryInode: VfsInode {
    fileprivate var children: [String: LxMemoryInode] = [:]
    fileprivate var order: [String] = []
    fileprivate var content = VfsData()
    private var target: String?
    private var extendedAttributes: [String: [UInt8]] = [:]
    private var facts: VfsAttributes

    init(_ superblock: VfsSuperblock, mode: UInt32, uid: UInt32, gid: UInt32, number: UInt64, time: Int64) {
        facts = VfsAttributes(mode: mode)
        facts.inode = number
        facts.device = superblock.device
        facts.accessTime = time
        facts.modificationTime = time
        facts.changeTime = time
        super.init(superblock: superblock, mode: mode, uid: uid, gid: gid)
        facts.links = isDirectory ? 2 : 1
    }

    override func attributes(_ context: VfsContext) throws(LxFailure) -> VfsAttributes {
        var result = facts
        result.mode = mode
        result.uid = uid
        result.gid = gid
        result.specialDevice = specialDevice
        if kind == .regular { result.size = Int64(content.count) }
        return result
    }

    override func setAttributes(_ change: VfsAttributeChange, _ context: VfsContext) throws(LxFailure) {
        if let permissions = change.permissions { mode = mode & 0o170000 | permissions }
        if let owner = change.uid { uid = owner }
        if let group = change.gid { gid = group }
        if let size = change.size {
            let known = content.prefix(Int(size))
            content = known
            if Int(size) > known.count {
                content.append(VfsData([UInt8](repeating: 0, count: Int(size) - known.count)))
            }
            facts.modificationTime = context.now
        }
        if let time = change.accessTime { facts.accessTime = time }
        if let time = change.modificationTime { facts.modificationTime = time }
        facts.changeTime = context.now
    }

    override func open(_ flags: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsFile {
        LxMemoryFile(inode: self)
    }

    override func lookup(_ name: String, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        guard let child = children[name] else { throw .errno(.ENOENT) }
        return child
    }

    private func add(_ name: String, _ child: LxMemoryInode, _ context: VfsContext) -> VfsInode {
        if children.updateValue(child, forKey: name) == nil { order.append(name) }
        if child.isDirectory { facts.links += 1 }
        facts.modificationTime = context.now
        return child
    }

    private func make(_ mode: UInt32, _ context: VfsContext) -> LxMemoryInode {
        let owner = context.owner(in: self)
        let number = context.offer(.inode) ?? (superblock as? LxMemorySuperblock)?.nextInode() ?? 0
        return LxMemoryInode(
            superblock,
            mode: mode,
            uid: owner.uid,
            gid: owner.gid,
            number: number,
            time: context.now
        )
    }

    override func create(_ name: String, mode: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        add(name, make(mode, context), context)
    }

    override func makeDirectory(_ name: String, mode: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        add(name, make(mode, context), context)
    }

    override func makeNode(
        _ name: String,
        mode: UInt32,
        device: UInt64,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsInode {
        let node = make(mode, context)
        node.specialDevice = device
        return add(name, node, context)
    }

    override func makeSymbolicLink(
        _ name: String,
        target: String,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsInode {
        let link = make(VfsKind.symbolicLink.rawValue | 0o777, context)
        link.target = target
        link.facts.size = Int64(target.utf8.count)
        return add(name, link, context)
    }

    override func readLink(_ context: VfsContext) throws(LxFailure) -> String {
        guard let target else { throw .errno(.EINVAL) }
        return target
    }

    override func link(_ name: String, to inode: VfsInode, _ context: VfsContext) throws(LxFailure) {
        guard let file = inode as? LxMemoryInode else { throw .errno(.EXDEV) }
        file.facts.links += 1
        _ = add(name, file, context)
    }

    private func drop(_ name: String) {
        children[name] = nil
        order.removeAll { $0 == name }
    }

    override func unlink(_ name: String, _ inode: VfsInode, _ context: VfsContext) throws(LxFailure) {
        (inode as? LxMemoryInode)?.facts.links -= 1
        drop(name)
        facts.modificationTime = context.now
    }

    override func removeDirectory(_ name: String, _ inode: VfsInode, _ context: VfsContext) throws(LxFailure) {
        guard let directory = inode as? LxMemoryInode, directory.children.isEmpty else { throw .errno(.ENOTEMPTY) }
        directory.facts.links = 0
        facts.links -= 1
        drop(name)
        facts.modificationTime = context.now
    }

    override func rename(
        _ name: String,
        _ inode: VfsInode,
        to newDirectory: VfsInode,
        _ newName: String,
        replacing replaced: VfsInode?,
        _ context: VfsContext
    ) throws(LxFailure) {
        guard let file = inode as? LxMemoryInode, let destination = newDirectory as? LxMemoryInode else {
            throw .errno(.EXDEV)
        }
        if let old = replaced as? LxMemoryInode {
            if old.isDirectory {
                try destination.removeDirectory(newName, old, context)
            } else {
                try destination.unlink(newName, old, context)
            }
        }
        drop(name)
        if file.isDirectory { facts.links -= 1 }
        _ = destination.add(newName, file, context)
        file.facts.changeTime = context.now
    }

    // MARK: - Extended attributes

    override func extendedAttribute(_ name: String, _ context: VfsContext) throws(LxFailure) -> [UInt8] {
        guard let value = extendedAttributes[name] else { throw .errno(.ENODATA) }
        return value
    }

    override func setExtendedAttribute(
        _ name: String,
        _ value: [UInt8],
        flags: UInt32,
        _ context: VfsContext
    ) throws(LxFailure) {
        if flags & 1 != 0, extendedAttributes[name] != nil { throw .errno(.EEXIST) }
        if flags & 2 != 0, extendedAttributes[name] == nil { throw .errno(.ENODATA) }
        extendedAttributes[name] = value
    }

    override func extendedAttributeNames(_ context: VfsContext) throws(LxFailure) -> [String] {
        extendedAttributes.keys.sorted()
    }

    override func removeExtendedAttribute(_ name: String, _ context: VfsContext) throws(LxFailure) {
        guard extendedAttributes.removeValue(forKey: name) != nil else { throw .errno(.ENODATA) }
    }

    // MARK: - The world at time zero

    override func populate(_ name: String, _ file: Environment.File, _ context: VfsContext) -> VfsInode? {
        let type: VfsKind =
            switch file.kind {
            case .regular: .regular
            case .directory: .directory
            case .symbolicLink: .symbolicLink
            case .fifo: .fifo
            case .socket: .socket
            case .characterDevice: .characterDevice
            case .blockDevice: .blockDevice
            }
        let inode = LxMemoryInode(
            superblock,
            mode: type.rawValue | file.mode,
            uid: file.uid,
            gid: file.gid,
            number: file.inode,
            time: 0
        )
        if file.inode == 0 { inode.facts.inode = (superblock as? LxMemorySuperblock)?.nextInode() ?? 0 }
        if file.device != 0 { inode.facts.device = file.device }
        inode.facts.links = file.links
        inode.facts.size = file.size
        inode.facts.blocks = file.blocks
        inode.facts.blockSize = file.blockSize
        inode.facts.accessTime = file.accessTime
        inode.facts.modificationTime = file.modificationTime
        inode.facts.changeTime = file.changeTime
        inode.specialDevice = file.specialDevice
        inode.target = file.linkTarget
        inode.extendedAttributes = file.extendedAttributes
        if type == .regular { inode.content = Self.content(of: file) }
        if children.updateValue(inode, forKey: name) == nil { order.append(name) }
        return inode
    }

    private static func content(of file: Environment.File) -> VfsData {
        var data = VfsData()
        for extent in file.content.sorted(by: { $0.offset < $1.offset }) {
            let start = Int(extent.offset)
            guard start >= data.count else { continue }
            data.append(.unknown(count: start - data.count, what: Self.unknown))
            data.append(.bytes(extent.bytes[...]))
        }
        let size = Int(file.size)
        if data.count < size { data.append(.unknown(count: size - data.count, what: Self.unknown)) }
        return data
    }

    private static let unknown = "file content that was not recorded"

    override func populateLink(_ name: String, to inode: VfsInode, _ context: VfsContext) {
        guard let file = inode as? LxMemoryInode else { return }
        if children.updateValue(file, forKey: name) == nil { order.append(name) }
    }

    override func unpopulate(_ name: String, _ context: VfsContext) { drop(name) }
}

private final class LxMemoryFile: VfsFile {
    private var memory: LxMemoryInode? { inode as? LxMemoryInode }

    override func read(_ count: Int, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> VfsData {
        guard let memory, offset < memory.content.count else { return VfsData() }
        return memory.content.slice(Int(offset), Int(offset) + count)
    }

    override func write(_ data: VfsData, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> Int {
        guard let memory else { throw .errno(.EINVAL) }
        let old = memory.content
        var new = old.prefix(Int(offset))
        if new.count < Int(offset) { new.append(VfsData([UInt8](repeating: 0, count: Int(offset) - new.count))) }
        new.append(data)
        new.append(old.dropFirst(new.count))
        memory.content = new
        try memory.setAttributes(VfsAttributeChange(modificationTime: context.now), context)
        return data.count
    }

    override func readDirectory(_ context: VfsContext) throws(LxFailure) -> [VfsDirectoryEntry] {
        guard let memory else { throw .errno(.ENOTDIR) }
        var entries: [VfsDirectoryEntry] = []
        for name in memory.order {
            guard let child = memory.children[name] else { continue }
            entries.append(
                VfsDirectoryEntry(name: name, inode: try child.attributes(context).inode, kind: child.kind)
            )
        }
        return entries
    }

    override func allocate(mode: Int32, offset: Int64, length: Int64, _ context: VfsContext) throws(LxFailure) {
        guard let memory, mode == 0, offset + length > memory.content.count else { return }
        try memory.setAttributes(VfsAttributeChange(size: offset + length), context)
    }

    override func synchronize(dataOnly: Bool, _ context: VfsContext) throws(LxFailure) {}

    override func map(_ request: VfsMapRequest, _ context: VfsContext) throws(LxFailure) -> VfsMapping {
        VfsMapping(section: .null)
    }
}
