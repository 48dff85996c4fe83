// A file of a Windows volume: mode and owner are made up unless the mount keeps metadata (DOC:file-permissions.md).
import LinuxABI
import NTKernel

final class DrvfsInode: WslfsInode {
    var drvfs: DrvfsSuperblock { unsafeDowncast(superblock, to: DrvfsSuperblock.self) }
    private var settings: DrvfsOptions { drvfs.settings }

    override var nameFlags: ObjectAttributes.Flags {
        settings.ignoresCaseFlag ? .kernelHandle : [.kernelHandle, .caseInsensitive]
    }

    /// Root is nobody to Windows: the ACL is checked with the token of who started WSL (DOC:file-permissions.md).
    override var openFlags: ObjectAttributes.Flags { [.kernelHandle, .forceAccessCheck] }

    /// A read-only target refuses to be replaced before 20175; POSIX semantics came with 18252.
    override var renameFlags: NtfsVolume.RenameFlags {
        var flags: NtfsVolume.RenameFlags = .replaceIfExists
        if drvfs.build >= WSL1Build(18252) { flags.insert(.posixSemantics) }
        if drvfs.build >= WSL1Build(20175) { flags.insert(.ignoreReadOnlyAttribute) }
        return flags
    }

    override func newMetadata(
        mode: UInt32,
        _ owner: (uid: UInt32, gid: UInt32),
        device: UInt64?
    ) -> [ExtendedAttribute] {
        settings.keepsMetadata ? super.newMetadata(mode: mode, owner, device: device) : []
    }

    override func update(_ information: FileStatLxInformation) {
        super.update(information)
        let kind = WslfsMetadata.kind(tag: information.reparseTag, attributes: information.fileAttributes)
        let keeps = settings.keepsMetadata
        if !keeps || !information.lxFlags.contains(.hasMode) {
            // The launching user's effective rights, the same for all three classes.
            var bits: UInt32 = 0o777 & ~(kind == .directory ? settings.directoryMask : settings.fileMask)
            if information.fileAttributes.contains(.readOnly), kind != .directory { bits &= ~0o222 }
            mode = kind.rawValue | bits
        }
        if !keeps || !information.lxFlags.contains(.hasUserID) { uid = settings.uid }
        if !keeps || !information.lxFlags.contains(.hasGroupID) { gid = settings.gid }
    }

    override func setAttributes(_ change: VfsAttributeChange, _ context: VfsContext) throws(LxFailure) {
        guard !settings.keepsMetadata else { return try super.setAttributes(change, context) }
        var rest = change
        rest.uid = nil
        rest.gid = nil
        rest.permissions = nil
        if rest.size != nil || rest.accessTime != nil || rest.modificationTime != nil {
            try super.setAttributes(rest, context)
        }
        if let permissions = change.permissions, !isDirectory {
            // Only the read-only attribute follows: no write bit at all sets it.
            var basic = FileBasicInformation()
            var attributes = last.fileAttributes
            if permissions & 0o222 == 0 { attributes.insert(.readOnly) } else { attributes.remove(.readOnly) }
            basic.fileAttributes = attributes
            try withHandle(.fileWriteAttributes) { nt.NtSetInformationFile($0, .basic(basic)) }
            try refresh()
        }
    }

    override func makeDirectory(_ name: String, mode: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        let made = try super.makeDirectory(name, mode: mode, context)
        if drvfs.volume.features.contains(.extendedAttributes), let directory = made as? DrvfsInode {
            let isSensitive = settings.casing != .off
            try directory.withHandle(.fileWriteAttributes) {
                nt.NtSetInformationFile(
                    $0,
                    .caseSensitive(FileCaseSensitiveInformation(isCaseSensitive: isSensitive))
                )
            }
        }
        return made
    }

    /// mknod of a regular file.
    override func create(_ name: String, mode: UInt32, _ context: VfsContext) throws(LxFailure) -> VfsInode {
        if let call = context as? LxpCall, call.isNodeCall, !settings.keepsMetadata {
            try call.since(18252, .EPERM, "mknod on DrvFs before 18252", "UT:drvfs.c;RN:18252")
        }
        return try super.create(name, mode: mode, context)
    }

    override func makeNode(
        _ name: String,
        mode: UInt32,
        device: UInt64,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsInode {
        guard settings.keepsMetadata else {
            throw .unsupported(.EPERM, note: "special files need a mount with metadata", source: "UT:drvfs.c")
        }
        return try super.makeNode(name, mode: mode, device: device, context)
    }

    override func makeSymbolicLink(
        _ name: String,
        target: String,
        _ context: VfsContext
    ) throws(LxFailure) -> VfsInode { try drvfsMakeSymbolicLink(name, target: target, context) }

    override func windowsTarget(_ point: ReparsePoint?, _ context: VfsContext) throws(LxFailure) -> String {
        try drvfsWindowsTarget(point, context)
    }

    /// STATUS_NOT_SUPPORTED, which is EPERM, where the volume has no hard links.
    override func link(_ name: String, to inode: VfsInode, _ context: VfsContext) throws(LxFailure) {
        do throws(LxFailure) { try super.link(name, to: inode, context) } catch {
            guard case .errno(.EPERM) = error, !drvfs.volume.features.contains(.hardLinks) else { throw error }
            throw .unsupported(.EPERM, note: "the volume has no hard links", source: "UT:drvfs.c")
        }
    }

    // MARK: - Extended attributes, real since 17639

    private func checkAttributes(_ context: VfsContext) throws(LxFailure) {
        try context.engine.require(17639, "extended attributes on DrvFs before 17639", "RN:17639", .EOPNOTSUPP)
    }

    override func extendedAttribute(_ name: String, _ context: VfsContext) throws(LxFailure) -> [UInt8] {
        try checkAttributes(context)
        return try super.extendedAttribute(name, context)
    }

    override func setExtendedAttribute(
        _ name: String,
        _ value: [UInt8],
        flags: UInt32,
        _ context: VfsContext
    ) throws(LxFailure) {
        try checkAttributes(context)
        try super.setExtendedAttribute(name, value, flags: flags, context)
    }
}
