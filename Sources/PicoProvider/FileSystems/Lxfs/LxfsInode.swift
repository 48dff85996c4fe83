// A file of lxfs: whatever it is to Linux, to NTFS it is a plain file or a directory with two EAs.
import LinuxABI
import NTKernel

final class LxfsInode: WslfsInode {
    private var lxfs: LxfsSuperblock { unsafeDowncast(superblock, to: LxfsSuperblock.self) }
    private var stored: LxfsAttributes?
    private var target: String?

    override func update(_ information: FileStatLxInformation) {
        super.update(information)
        if information.lxFlags.contains(.hasMode), VfsKind(rawValue: information.lxMode & 0o170000) != nil {
            mode = information.lxMode & 0o177777
        }
    }

    override func refresh() throws(LxFailure) {
        try super.refresh()
        stored = lxfs.lastRead
    }

    /// Times are kept to the nanosecond. NTFS has them too, and goes on when data is written: what is kept counts while
    /// both agree (inferred).
    override func attributes(_ context: VfsContext) throws(LxFailure) -> VfsAttributes {
        var attributes = try super.attributes(context)
        guard let stored else { return attributes }
        if WslfsMetadata.fileTime(stored.accessTime) == last.times.lastAccess {
            attributes.accessTime = stored.accessTime
        }
        if WslfsMetadata.fileTime(stored.modificationTime) == last.times.lastWrite {
            attributes.modificationTime = stored.modificationTime
        }
        if WslfsMetadata.fileTime(stored.changeTime) == last.times.change { attributes.changeTime = stored.changeTime }
        return attributes
    }

    /// All of the metadata is one EA: a change reads and writes the whole of it.
    override func setAttributes(_ change: VfsAttributeChange, _ context: VfsContext) throws(LxFailure) {
        if let size = change.size { try withHandle(.fileWriteData) { nt.NtSetInformationFile($0, .endOfFile(size)) } }
        let isTimed = change.accessTime != nil || change.modificationTime != nil
        guard isTimed || change.uid != nil || change.gid != nil || change.permissions != nil else { return }
        try refresh()
        var new = stored ?? LxfsAttributes(mode: mode, uid: uid, gid: gid, time: context.now)
        new.uid = change.uid ?? new.uid
        new.gid = change.gid ?? new.gid
        if let permissions = change.permissions { new.mode = kind.rawValue | permissions & 0o7777 }
        new.accessTime = change.accessTime ?? new.accessTime
        new.modificationTime = change.modificationTime ?? new.modificationTime
        new.changeTime = context.now
        if isTimed {
            var basic = FileBasicInformation()
            basic.lastAccessTime = change.accessTime.map(WslfsMetadata.fileTime)
            basic.lastWriteTime = change.modificationTime.map(WslfsMetadata.fileTime)
            try withHandle(.fileWriteAttributes) { nt.NtSetInformationFile($0, .basic(basic)) }
        }
        try withHandle(.fileWriteEA) { nt.NtSetEaFile($0, [new.extendedAttribute]) }
        stored = new
        (mode, uid, gid) = (new.mode, new.uid, new.gid)
    }

    // MARK: - Links and special files

    override func makeNode(
        _ name: String,
        mode: UInt32,
        device: UInt64,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsInode {
        guard let kind = VfsKind(rawValue: mode & 0o170000), WslfsMetadata.tag(of: kind) != nil else {
            throw .errno(.EINVAL)
        }
        let isDevice = kind == .characterDevice || kind == .blockDevice
        return try make(name, mode: mode, device: isDevice ? device : nil, context)
    }

    override func makeSymbolicLink(
        _ name: String,
        target: String,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsInode {
        let made = try make(name, mode: VfsKind.symbolicLink.rawValue | 0o777, context)
        guard let link = made as? LxfsInode else { throw .errno(.EIO) }
        try link.withHandle(.fileWriteData) { handle in
            var block = IoStatusBlock()
            return nt.NtWriteFile(handle, status: &block, bytes: Array(target.utf8), byteOffset: 0)
        }
        link.target = target
        return link
    }

    override func readLink(_ context: VfsContext) throws(LxFailure) -> String {
        if let target { return target }
        var buffer = DataStream.ReadResult()
        let length = Int(clamping: last.endOfFile)
        try withHandle(.fileReadData) { handle in
            var block = IoStatusBlock()
            return nt.NtReadFile(handle, status: &block, length: length, byteOffset: 0, buffer: &buffer)
        }
        let text = String(decoding: buffer.bytes, as: UTF8.self)
        target = text
        return text
    }

    // MARK: - Extended attributes, all in one

    private func unpacked() throws(LxFailure) -> [(name: String, value: [UInt8])] {
        var found: [ExtendedAttribute] = []
        do throws(LxFailure) {
            try withHandle(.fileReadEA) {
                nt.NtQueryEaFile($0, names: [LxfsExtendedAttributes.name], attributes: &found)
            }
        } catch {
            guard case .errno(.ENODATA) = error else { throw error }
        }
        return found.first.map { LxfsExtendedAttributes.unpack($0.value) } ?? []
    }

    private func pack(_ attributes: [(name: String, value: [UInt8])]) throws(LxFailure) {
        // What no length can say does not fit the EA either.
        guard attributes.allSatisfy({ $0.value.count <= 0xFFFF && $0.name.utf8.count <= 0xFF }) else {
            throw .errno(LxpStatus.translate(.STATUS_EA_TOO_LARGE))
        }
        let packed = LxfsExtendedAttributes.pack(attributes)
        try withHandle(.fileWriteEA) { nt.NtSetEaFile($0, [packed]) }
    }

    override func extendedAttribute(_ name: String, _ context: VfsContext) throws(LxFailure) -> [UInt8] {
        if name == Self.caseAttribute { return try wslfsAttribute(name) }
        guard let found = try unpacked().first(where: { $0.name == name }) else { throw .errno(.ENODATA) }
        return found.value
    }

    private static let createOnly = UInt32(truncatingIfNeeded: ABI.constant("XATTR_CREATE"))
    private static let replaceOnly = UInt32(truncatingIfNeeded: ABI.constant("XATTR_REPLACE"))

    override func setExtendedAttribute(
        _ name: String,
        _ value: [UInt8],
        flags: UInt32,
        _ context: VfsContext
    ) throws(LxFailure) {
        if name == Self.caseAttribute { return try wslfsSetAttribute(name, value, flags: flags) }
        var all = try unpacked()
        let index = all.firstIndex { $0.name == name }
        if flags & Self.createOnly != 0, index != nil { throw .errno(.EEXIST) }
        if flags & Self.replaceOnly != 0, index == nil { throw .errno(.ENODATA) }
        if let index { all[index].value = value } else { all.append((name, value)) }
        try pack(all)
    }

    override func extendedAttributeNames(_ context: VfsContext) throws(LxFailure) -> [String] {
        try unpacked().map(\.name)
    }

    override func removeExtendedAttribute(_ name: String, _ context: VfsContext) throws(LxFailure) {
        var all = try unpacked()
        guard let index = all.firstIndex(where: { $0.name == name }) else { throw .errno(.ENODATA) }
        all.remove(at: index)
        try pack(all)
    }
}
