// Deletion: disposition, cleanup, delete pending.

extension NtfsVolume {
    /// `FILE_DISPOSITION_*`.
    public struct DispositionFlags: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        public static let delete = DispositionFlags(rawValue: 0x1)
        public static let posixSemantics = DispositionFlags(rawValue: 0x2)
        public static let onClose = DispositionFlags(rawValue: 0x8)
        public static let ignoreReadOnlyAttribute = DispositionFlags(rawValue: 0x10)
    }

    /// `FileDispositionInformationEx`.
    ///
    /// With POSIX semantics the name goes when this handle closes; without, it stays until the last handle closes and
    /// opens answer `STATUS_DELETE_PENDING` meanwhile.
    func setDisposition(_ object: FileObject, _ file: FileControlBlock, _ flags: DispositionFlags) -> NTSTATUS {
        guard object.grantedAccess.contains(.delete) else { return .STATUS_ACCESS_DENIED }
        guard !isReadOnly else { return .STATUS_MEDIA_WRITE_PROTECTED }
        guard let link = object.link, link.parent != nil else {
            return file === root ? .STATUS_CANNOT_DELETE : .STATUS_FILE_DELETED
        }
        guard flags.contains(.delete) else {
            link.isDeletePending = false
            object.deletesOnClose = false
            return .STATUS_SUCCESS
        }
        guard !file.attributes.contains(.readOnly) || flags.contains(.ignoreReadOnlyAttribute) else {
            return .STATUS_CANNOT_DELETE
        }
        guard !file.isDirectory || file.index.count == 0 else { return .STATUS_DIRECTORY_NOT_EMPTY }
        // `MmFlushImageSection`: the program runs.
        guard file.imageViews == 0 else { return .STATUS_CANNOT_DELETE }
        object.deletesOnClose = true
        object.deletesWithPosixSemantics = flags.contains(.posixSemantics)
        link.isDeletePending = !flags.contains(.onClose)
        return .STATUS_SUCCESS
    }

    /// `IRP_MJ_CLEANUP`: the last handle of a file object is closed.
    func cleanup(_ object: FileObject, _ file: FileControlBlock) {
        removeOpen(object)
        file.openCount -= 1
        file.shareAccess.remove(object.grantedAccess, object.shareAccess)
        if !file.locks.isEmpty { file.locks.release(ObjectIdentifier(object)) }
        if object.deletesOnClose, let link = object.link, link.parent != nil { finishDelete(object, file, link) }
        if let link = object.link, link.isDeletePending, link.parent != nil, !isOpen(link) { removeLink(link) }
        releaseIfUnused(file)
    }

    private func finishDelete(_ object: FileObject, _ file: FileControlBlock, _ link: FileLink) {
        // A directory that was filled in the meantime stays.
        guard !file.isDirectory || file.index.count == 0 else {
            link.isDeletePending = false
            return
        }
        if object.deletesWithPosixSemantics { removeLink(link) } else { link.isDeletePending = true }
    }

    private func isOpen(_ link: FileLink) -> Bool { hasOpen { $0.link === link } }
}
