// Rename and hard link.

extension NtfsVolume {
    /// `FILE_RENAME_*`.
    public struct RenameFlags: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        public static let replaceIfExists = RenameFlags(rawValue: 0x1)
        public static let posixSemantics = RenameFlags(rawValue: 0x2)
        public static let ignoreReadOnlyAttribute = RenameFlags(rawValue: 0x40)
    }

    /// `FileRenameInformationEx`.
    ///
    /// A directory cannot be renamed while anything below it is open by anyone (behaviours.md §1, UT:lxtfs.c); that
    /// the directory itself is open does not matter. With POSIX semantics an open target is replaced: its handles go
    /// on, its name is taken. That an empty directory may be replaced so is inferred.
    func rename(
        _ object: FileObject,
        _ file: FileControlBlock,
        to parent: FileControlBlock,
        _ name: String,
        _ flags: RenameFlags
    ) -> NTSTATUS {
        guard object.grantedAccess.contains(.delete) else { return .STATUS_ACCESS_DENIED }
        guard !isReadOnly else { return .STATUS_MEDIA_WRITE_PROTECTED }
        guard FileName.isLegal(name) else { return .STATUS_OBJECT_NAME_INVALID }
        guard parent.volume === self else { return .STATUS_NOT_SAME_DEVICE }
        guard parent.isDirectory else { return .STATUS_NOT_A_DIRECTORY }
        guard let link = object.link, let source = link.parent else { return .STATUS_ACCESS_DENIED }
        guard !parent.isDeleted else { return .STATUS_DELETE_PENDING }
        if file.isDirectory {
            guard !isAncestor(file, of: parent) else { return .STATUS_INVALID_PARAMETER }
            guard !hasOpenDescendant(file) else { return .STATUS_ACCESS_DENIED }
        }
        if let target = parent.index.lookup(name, caseSensitive: parent.isCaseSensitive), target !== link {
            let status = replace(target, by: file, flags)
            guard status.isSuccess else { return status }
            // Both names meant one file: the old name is all that goes.
            if target.file === file {
                removeLink(link)
                return .STATUS_SUCCESS
            }
        }
        source.index.remove(link)
        link.name = name
        link.parent = parent
        parent.index.insert(link)
        file.times.change = executive.clock.systemTime
        touchDirectory(source)
        if parent !== source { touchDirectory(parent) }
        return .STATUS_SUCCESS
    }

    private func replace(_ target: FileLink, by file: FileControlBlock, _ flags: RenameFlags) -> NTSTATUS {
        guard flags.contains(.replaceIfExists) else { return .STATUS_OBJECT_NAME_COLLISION }
        if target.file === file { return .STATUS_SUCCESS }
        let posix = flags.contains(.posixSemantics)
        guard !target.file.isDirectory || posix && file.isDirectory else { return .STATUS_ACCESS_DENIED }
        guard target.file.index.count == 0 else { return .STATUS_DIRECTORY_NOT_EMPTY }
        guard !target.file.attributes.contains(.readOnly) || flags.contains(.ignoreReadOnlyAttribute) else {
            return .STATUS_ACCESS_DENIED
        }
        guard posix || target.file.openCount == 0 else { return .STATUS_ACCESS_DENIED }
        guard !target.isDeletePending else { return .STATUS_DELETE_PENDING }
        removeLink(target)
        return .STATUS_SUCCESS
    }

    /// `FileLinkInformationEx`.
    ///
    /// - Returns: `STATUS_TOO_MANY_LINKS` past 1024, `STATUS_FILE_IS_A_DIRECTORY`, `STATUS_OBJECT_NAME_COLLISION`,
    ///   `STATUS_ACCESS_DENIED` for a file whose last name is gone (UT:fscommon.c).
    func link(
        _ file: FileControlBlock,
        to parent: FileControlBlock,
        _ name: String,
        replaceIfExists: Bool
    ) -> NTSTATUS {
        guard features.contains(.hardLinks) else { return .STATUS_NOT_SUPPORTED }
        guard !isReadOnly else { return .STATUS_MEDIA_WRITE_PROTECTED }
        guard FileName.isLegal(name) else { return .STATUS_OBJECT_NAME_INVALID }
        guard !file.isDirectory else { return .STATUS_FILE_IS_A_DIRECTORY }
        guard parent.volume === self else { return .STATUS_NOT_SAME_DEVICE }
        guard parent.isDirectory else { return .STATUS_NOT_A_DIRECTORY }
        guard !parent.isDeleted else { return .STATUS_DELETE_PENDING }
        guard !file.isDeleted else { return .STATUS_ACCESS_DENIED }
        guard file.numberOfLinks < Self.maximumLinks else { return .STATUS_TOO_MANY_LINKS }
        if let target = parent.index.lookup(name, caseSensitive: parent.isCaseSensitive) {
            guard replaceIfExists, !target.file.isDirectory else { return .STATUS_OBJECT_NAME_COLLISION }
            if target.file === file { return .STATUS_SUCCESS }
            removeLink(target)
        }
        addLink(name, file, in: parent)
        file.times.change = executive.clock.systemTime
        return .STATUS_SUCCESS
    }

    /// Whether `directory` is `other` or above it.
    func isAncestor(_ directory: FileControlBlock, of other: FileControlBlock) -> Bool {
        var current: FileControlBlock? = other
        while let step = current {
            if step === directory { return true }
            current = step.parent
        }
        return false
    }

    /// Whether a file object below the directory has a handle.
    private func hasOpenDescendant(_ directory: FileControlBlock) -> Bool {
        hasOpen { object in
            guard object.fcb !== directory, let parent = object.link?.parent else { return false }
            return isAncestor(directory, of: parent)
        }
    }
}
