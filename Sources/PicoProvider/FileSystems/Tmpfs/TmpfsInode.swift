// Files and directories of tmpfs.
import Engine
import LinuxABI
import NTKernel

final class TmpfsInode: VfsInode {
    let number: UInt64
    fileprivate(set) var links: UInt64 = 1
    /// Names of the environment that were not populated (yet).
    private var unseenLinks: UInt64 = 0
    /// As the environment has it; no source gives the size of a WSL 1 directory.
    private var directorySize: Int64 = 4096
    /// Content of a regular file.
    var data = DataStream()
    private var target = ""
    private var names: [String: TmpfsInode] = [:]
    /// In order of creation; newest first when listed, as Linux does.
    private var order: [String] = []
    private var extendedAttributes: [String: [UInt8]] = [:]
    private var accessTime: Int64
    private var modificationTime: Int64
    private var changeTime: Int64

    init(superblock: TmpfsSuperblock, number: UInt64, mode: UInt32, uid: UInt32, gid: UInt32, now: Int64) {
        self.number = number
        accessTime = now
        modificationTime = now
        changeTime = now
        super.init(superblock: superblock, mode: mode, uid: uid, gid: gid)
    }

    var tmpfs: TmpfsSuperblock { unsafeDowncast(superblock, to: TmpfsSuperblock.self) }

    // MARK: - Attributes

    override func attributes(_ context: VfsContext) throws(LxFailure) -> VfsAttributes {
        var attributes = try super.attributes(context)
        attributes.inode = number
        attributes.links = links
        switch kind {
        // tmpfs is backed as lxfs is (FSNOTES), so directories look alike; inferred.
        case .directory: attributes.size = directorySize
        case .symbolicLink: attributes.size = Int64(target.utf8.count)
        case .regular:
            attributes.size = data.size
            attributes.blocks = (data.size + 4095) / 4096 * 8
        default: break
        }
        attributes.accessTime = accessTime
        attributes.modificationTime = modificationTime
        attributes.changeTime = changeTime
        return attributes
    }

    override func setAttributes(_ change: VfsAttributeChange, _ context: VfsContext) throws(LxFailure) {
        if let size = change.size {
            try tmpfs.grow(self, to: size)
            data.setSize(size)
            modificationTime = context.now
        }
        if let permissions = change.permissions { mode = kind.rawValue | permissions & 0o7777 }
        uid = change.uid ?? uid
        gid = change.gid ?? gid
        accessTime = change.accessTime ?? accessTime
        modificationTime = change.modificationTime ?? modificationTime
        changeTime = context.now
    }

    override func readLink(_ context: VfsContext) throws(LxFailure) -> String { target }

    func contentChanged(_ context: VfsContext) {
        modificationTime = context.now
        changeTime = context.now
    }

    // MARK: - Names

    override func open(_ flags: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsFile { TmpfsFile(inode: self) }

    override func lookup(_ name: String, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        guard let inode = names[name] else { throw superblock.absence?.refusal(.ENOENT) ?? .errno(.ENOENT) }
        return inode
    }

    var entries: [(name: String, inode: TmpfsInode)] {
        order.reversed().compactMap { name in names[name].map { (name, $0) } }
    }

    private func make(_ name: String, mode: UInt32, _ context: VfsContext) throws(LxFailure) -> TmpfsInode {
        guard names[name] == nil else { throw .errno(.EEXIST) }
        guard links > 0 else { throw .errno(.ENOENT) }
        let owner = context.owner(in: self)
        let inode = TmpfsInode(
            superblock: tmpfs,
            number: tmpfs.nextNumber(context.offer(.inode)),
            mode: mode,
            uid: owner.uid,
            gid: owner.gid,
            now: context.now
        )
        insert(name, inode, context.now)
        return inode
    }

    private func insert(_ name: String, _ inode: TmpfsInode, _ now: Int64) {
        names[name] = inode
        order.append(name)
        modificationTime = now
        changeTime = now
    }

    private func erase(_ name: String, _ now: Int64) {
        names[name] = nil
        order.removeAll { $0 == name }
        modificationTime = now
        changeTime = now
    }

    override func create(_ name: String, mode: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        try make(name, mode: mode, context)
    }

    override func makeDirectory(_ name: String, mode: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        try make(name, mode: mode, context)
    }

    override func makeNode(
        _ name: String,
        mode: UInt32,
        device: UInt64,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsInode {
        let inode = try make(name, mode: mode, context)
        inode.specialDevice = inode.kind == .characterDevice || inode.kind == .blockDevice ? device : 0
        return inode
    }

    override func makeSymbolicLink(
        _ name: String,
        target: String,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsInode {
        let inode = try make(name, mode: VfsKind.symbolicLink.rawValue | 0o777, context)
        inode.target = target
        return inode
    }

    override func link(_ name: String, to inode: VfsInode, _ context: VfsContext) throws(LxFailure) {
        guard let inode = inode as? TmpfsInode else { throw .errno(.EXDEV) }
        guard names[name] == nil else { throw .errno(.EEXIST) }
        guard inode.links > 0 else { throw .errno(.ENOENT) }
        inode.links += 1
        inode.changeTime = context.now
        insert(name, inode, context.now)
    }

    override func unlink(_ name: String, _ inode: VfsInode, _ context: VfsContext) throws(LxFailure) {
        guard let inode = names[name] else { throw .errno(.ENOENT) }
        erase(name, context.now)
        inode.dropLink(context.now)
    }

    override func removeDirectory(_ name: String, _ inode: VfsInode, _ context: VfsContext) throws(LxFailure) {
        guard let inode = names[name] else { throw .errno(.ENOENT) }
        guard inode.names.isEmpty else { throw .errno(.ENOTEMPTY) }
        erase(name, context.now)
        inode.dropLink(context.now)
    }

    private func dropLink(_ now: Int64) {
        links -= 1
        changeTime = now
        if links == 0 {
            tmpfs.used -= data.size
            tmpfs.dropNumber(number)
        }
    }

    override func rename(
        _ name: String,
        _ inode: VfsInode,
        to newDirectory: VfsInode,
        _ newName: String,
        replacing replaced: VfsInode?,
        _ context: VfsContext
    ) throws(LxFailure) {
        guard let directory = newDirectory as? TmpfsInode, let inode = names[name] else { throw .errno(.ENOENT) }
        if let target = directory.names[newName] {
            if target === inode { return }
            guard target.names.isEmpty else { throw .errno(.ENOTEMPTY) }
            directory.erase(newName, context.now)
            target.dropLink(context.now)
        }
        erase(name, context.now)
        directory.insert(newName, inode, context.now)
        inode.changeTime = context.now
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
        // Linux 4.4 keeps trusted and security here, not user.
        guard !name.hasPrefix("user.") else { throw .errno(.EOPNOTSUPP) }
        let exists = extendedAttributes[name] != nil
        if flags & UInt32(truncatingIfNeeded: ABI.constant("XATTR_CREATE")) != 0, exists { throw .errno(.EEXIST) }
        if flags & UInt32(truncatingIfNeeded: ABI.constant("XATTR_REPLACE")) != 0, !exists { throw .errno(.ENODATA) }
        extendedAttributes[name] = value
        changeTime = context.now
    }

    override func extendedAttributeNames(_ context: VfsContext) throws(LxFailure) -> [String] {
        extendedAttributes.keys.sorted()
    }

    override func removeExtendedAttribute(_ name: String, _ context: VfsContext) throws(LxFailure) {
        guard extendedAttributes.removeValue(forKey: name) != nil else { throw .errno(.ENODATA) }
        changeTime = context.now
    }

    // MARK: - The world at time zero

    override func populate(_ name: String, _ file: Environment.File, _ context: VfsContext) -> VfsInode? {
        guard let kind = VfsKind(file.kind) else { return nil }
        let inode: TmpfsInode
        if let known = names[name], known.kind == kind, kind == .directory {
            inode = known
        } else {
            unpopulate(name, context)
            inode = TmpfsInode(
                superblock: tmpfs,
                number: tmpfs.nextNumber(file.inode),
                mode: 0,
                uid: 0,
                gid: 0,
                now: context.now
            )
            let saved = (modificationTime, changeTime)
            insert(name, inode, context.now)
            (modificationTime, changeTime) = saved
        }
        inode.adopt(file, kind)
        return inode
    }

    /// Takes over the metadata and content of a file of the environment.
    func adopt(_ file: Environment.File, _ kind: VfsKind) {
        mode = kind.rawValue | file.mode & 0o7777
        uid = file.uid
        gid = file.gid
        specialDevice = file.specialDevice
        target = file.linkTarget ?? ""
        extendedAttributes = file.extendedAttributes
        accessTime = file.accessTime
        modificationTime = file.modificationTime
        changeTime = file.changeTime
        if kind == .directory { directorySize = file.size } else { unseenLinks = max(file.links, 1) - 1 }
        links = 1 + unseenLinks
        guard kind == .regular else { return }
        tmpfs.used += file.size - data.size
        data = DataStream(unknownSize: file.size)
        for extent in file.content { data.prove(at: extent.offset, extent.bytes) }
    }

    override func populateLink(_ name: String, to inode: VfsInode, _ context: VfsContext) {
        guard let inode = inode as? TmpfsInode else { return }
        unpopulate(name, context)
        if inode.unseenLinks > 0 { inode.unseenLinks -= 1 } else { inode.links += 1 }
        insert(name, inode, modificationTime)
    }

    override func unpopulate(_ name: String, _ context: VfsContext) {
        guard let inode = names[name] else { return }
        for child in inode.names.keys { inode.unpopulate(child, context) }
        erase(name, modificationTime)
        inode.dropLink(context.now)
    }
}
