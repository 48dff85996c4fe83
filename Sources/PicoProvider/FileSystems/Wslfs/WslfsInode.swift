// A file of wslfs: opened by file reference for each operation, so that no handle stands in the way of a rename.
import Engine
import LinuxABI
import NTKernel
import Tables

class WslfsInode: VfsInode {
    let fileID: UInt64
    /// What NTFS said last; all there is once the file is deleted and nobody has it open.
    private(set) var last: FileStatLxInformation
    private var linkTarget: String?
    /// Handles of open files: the way to a file without a name.
    final var openHandles: [(handle: Handle, isWritable: Bool)] = []

    /// Where it is found by its file reference.
    final var table: WslfsInodeTable?

    deinit { leaveTable() }

    init(superblock: WslfsSuperblock, _ information: FileStatLxInformation) {
        wslfs = superblock
        fileID = information.fileID
        last = information
        super.init(superblock: superblock, mode: 0)
        update(information)
    }

    /// How names are looked up where the directory's own flag does not decide.
    var nameFlags: ObjectAttributes.Flags { .kernelHandle }
    /// How files are opened; the root of a distribution is reached with the provider's own rights.
    var openFlags: ObjectAttributes.Flags { .kernelHandle }
    /// FILE_RENAME_* of rename.
    var renameFlags: NtfsVolume.RenameFlags { [.replaceIfExists, .posixSemantics, .ignoreReadOnlyAttribute] }

    /// Extended attributes that a new file gets.
    func newMetadata(
        mode: UInt32,
        _ owner: (uid: UInt32, gid: UInt32),
        device: UInt64?
    ) -> [ExtendedAttribute] {
        wslfs.metadata(mode: mode, owner, device: device, times: nil)
    }

    /// The superblock, which outlives its inodes.
    final unowned let wslfs: WslfsSuperblock
    final var nt: NTExecutive { wslfs.nt }

    func update(_ information: FileStatLxInformation) {
        last = information
        let kind = WslfsMetadata.kind(tag: information.reparseTag, attributes: information.fileAttributes)
        // A file without metadata, as Windows tools leave them: root's, mode 0644 or 0755 (inferred).
        let permissions =
            information.lxFlags.contains(.hasMode)
            ? information.lxMode & 0o7777 : kind == .directory || kind == .symbolicLink ? 0o755 : 0o644
        mode = kind.rawValue | permissions
        uid = information.lxFlags.contains(.hasUserID) ? information.lxUserID : 0
        gid = information.lxFlags.contains(.hasGroupID) ? information.lxGroupID : 0
        specialDevice =
            information.lxFlags.contains(.hasDeviceID)
            ? LxDeviceNumber.make(UInt64(information.lxDeviceIDMajor), UInt64(information.lxDeviceIDMinor)) : 0
    }

    // MARK: - Attributes

    /// Asks NTFS again.
    func refresh() throws(LxFailure) {
        var information: FileStatLxInformation?
        do throws(LxFailure) {
            try query(&information)
        } catch {
            // A deleted file that only a path descriptor or a working directory still holds.
            guard wslfs.volume.file(fileID) == nil else { throw error }
            last.numberOfLinks = 0
        }
        if let information { update(information) }
    }

    override func attributes(_ context: VfsContext) throws(LxFailure) -> VfsAttributes {
        try refresh()
        let wslfs = wslfs
        var attributes = VfsAttributes(mode: mode)
        attributes.inode = wslfs.number(fileID)
        attributes.device = wslfs.device
        attributes.uid = uid
        attributes.gid = gid
        attributes.specialDevice = specialDevice
        attributes.links = UInt64(last.numberOfLinks)
        switch kind {
        case .directory:
            // NTFS does not count subdirectories (RN:14946 reported 0); that later builds show one link is inferred.
            attributes.links = last.numberOfLinks == 0 && self !== wslfs.root ? 0 : 1
            attributes.size = wslfs.directorySizes[fileID] ?? 4096
        case .symbolicLink: attributes.size = Int64((try? readLink(context).utf8.count) ?? 0)
        case .regular:
            attributes.size = last.endOfFile
            attributes.blocks = last.allocationSize / 512
        default: break
        }
        attributes.accessTime = WslfsMetadata.nanoseconds(last.times.lastAccess)
        attributes.modificationTime = WslfsMetadata.nanoseconds(last.times.lastWrite)
        attributes.changeTime = WslfsMetadata.nanoseconds(last.times.change)
        return attributes
    }

    override func setAttributes(_ change: VfsAttributeChange, _ context: VfsContext) throws(LxFailure) {
        if let size = change.size { try withHandle(.fileWriteData) { nt.NtSetInformationFile($0, .endOfFile(size)) } }
        var metadata: [ExtendedAttribute] = []
        if let owner = change.uid {
            metadata.append(ExtendedAttribute(name: "$LXUID", value: WslfsMetadata.word(owner)))
        }
        if let group = change.gid {
            metadata.append(ExtendedAttribute(name: "$LXGID", value: WslfsMetadata.word(group)))
        }
        if let permissions = change.permissions {
            let bits = kind.rawValue | permissions & 0o7777
            metadata.append(ExtendedAttribute(name: "$LXMOD", value: WslfsMetadata.word(bits)))
        }
        if !metadata.isEmpty { try withHandle(.fileWriteEA) { nt.NtSetEaFile($0, metadata) } }
        if change.accessTime != nil || change.modificationTime != nil {
            var basic = FileBasicInformation()
            basic.lastAccessTime = change.accessTime.map(WslfsMetadata.fileTime)
            basic.lastWriteTime = change.modificationTime.map(WslfsMetadata.fileTime)
            try withHandle(.fileWriteAttributes) { nt.NtSetInformationFile($0, .basic(basic)) }
        }
        uid = change.uid ?? uid
        gid = change.gid ?? gid
        if let permissions = change.permissions { mode = kind.rawValue | permissions & 0o7777 }
    }

    override func readLink(_ context: VfsContext) throws(LxFailure) -> String {
        if let linkTarget { return linkTarget }
        var point: ReparsePoint?
        try withHandle(.fileReadAttributes) { nt.NtFsControlFile($0, getReparsePoint: &point) }
        guard let point, point.tag == WslfsMetadata.symbolicLinkTag else {
            return try windowsTarget(point, context)
        }
        let target = WslfsMetadata.target(point)
        linkTarget = target
        return target
    }

    /// The target of a link that Windows made; there are none in the root of a distribution.
    func windowsTarget(_ point: ReparsePoint?, _ context: VfsContext) throws(LxFailure) -> String {
        throw .errno(.EINVAL)
    }

    // MARK: - Open

    private static let writeOnly = UInt32(truncatingIfNeeded: ABI.constant("O_WRONLY"))
    private static let readWrite = UInt32(truncatingIfNeeded: ABI.constant("O_RDWR"))

    override func open(_ flags: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsFile {
        // What the descriptor may do is the provider's affair; metadata goes through any handle.
        var access: AccessMask = [
            .fileReadAttributes, .fileWriteAttributes, .fileReadEA, .fileWriteEA, .fileReadData, .fileExecute,
        ]
        let isWritable = flags & (Self.writeOnly | Self.readWrite) != 0
        if isWritable { access.formUnion([.fileWriteData, .fileAppendData]) }
        var handle = Handle.null
        var status = openByReference(access, &handle)
        if !status.isSuccess, record == nil || record?.isDeleted == true {
            // A file without a name, through /proc/<pid>/fd: by the handle that somebody has (inferred).
            guard let open = openHandle(isWritable: isWritable) else {
                throw .notModelled("opening a deleted file for more than others have it open for")
            }
            status = nt.NtDuplicateObject(open, target: &handle)
        }
        try LxpStatus.check(status)
        opened(handle, isWritable: isWritable)
        return WslfsFile(inode: self, handle: handle)
    }

    // MARK: - Directories

    override func lookup(_ name: String, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        try wslfsLookup(PreparedName(wslfs.escape(name)))
    }

    override func lookup(_ name: VfsName, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        try wslfsLookup(wslfs.prepared(name))
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
        guard let kind = VfsKind(rawValue: mode & 0o170000), let tag = WslfsMetadata.tag(of: kind) else {
            throw .errno(.EINVAL)
        }
        let isDevice = kind == .characterDevice || kind == .blockDevice
        return try make(
            name,
            mode: mode,
            device: isDevice ? device : nil,
            reparsePoint: ReparsePoint(tag: tag),
            context
        )
    }

    override func makeSymbolicLink(
        _ name: String,
        target: String,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsInode {
        let mode = VfsKind.symbolicLink.rawValue | 0o777
        return try make(name, mode: mode, reparsePoint: WslfsMetadata.symbolicLink(target), context)
    }

    override func link(_ name: String, to inode: VfsInode, _ context: VfsContext) throws(LxFailure) {
        try wslfsLink(name, to: inode)
    }

    override func unlink(_ name: String, _ inode: VfsInode, _ context: VfsContext) throws(LxFailure) {
        try remove(name, inode)
    }

    override func removeDirectory(_ name: String, _ inode: VfsInode, _ context: VfsContext) throws(LxFailure) {
        try remove(name, inode)
    }

    override func rename(
        _ name: String,
        _ inode: VfsInode,
        to newDirectory: VfsInode,
        _ newName: String,
        replacing replaced: VfsInode?,
        _ context: VfsContext
    ) throws(LxFailure) {
        guard let newDirectory = newDirectory as? WslfsInode else { throw .errno(.EXDEV) }
        try wslfsRename(name, inode, to: newDirectory, newName, replacing: replaced)
    }

    // MARK: - Extended attributes

    override func extendedAttribute(_ name: String, _ context: VfsContext) throws(LxFailure) -> [UInt8] {
        try wslfsAttribute(name)
    }

    override func setExtendedAttribute(
        _ name: String,
        _ value: [UInt8],
        flags: UInt32,
        _ context: VfsContext
    ) throws(LxFailure) { try wslfsSetAttribute(name, value, flags: flags) }

    override func extendedAttributeNames(_ context: VfsContext) throws(LxFailure) -> [String] {
        try wslfsAttributeNames()
    }

    override func removeExtendedAttribute(_ name: String, _ context: VfsContext) throws(LxFailure) {
        try wslfsRemoveAttribute(name)
    }

    // MARK: - The world at time zero

    override func populate(_ name: String, _ file: Environment.File, _ context: VfsContext) -> VfsInode? {
        wslfsPopulate(name, file)
    }

    override func populateLink(_ name: String, to inode: VfsInode, _ context: VfsContext) {
        wslfsPopulateLink(name, to: inode)
    }

    override func unpopulate(_ name: String, _ context: VfsContext) {
        guard let directory = record else { return }
        wslfs.volume.uninstall(wslfs.escape(name), in: directory)
    }
}
