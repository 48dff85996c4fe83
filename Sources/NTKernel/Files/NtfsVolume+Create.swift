// IRP_MJ_CREATE: finds or makes the file, checks access and sharing, makes the file object.

/// `CreateDisposition`.
public enum CreateDisposition: UInt32, Sendable {
    case supersede = 0
    case open = 1
    case create = 2
    case openIf = 3
    case overwrite = 4
    case overwriteIf = 5

    var creates: Bool { self != .open && self != .overwrite }
    var overwrites: Bool { self == .supersede || self == .overwrite || self == .overwriteIf }
}

/// `CreateOptions`.
public struct CreateOptions: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let directoryFile = CreateOptions(rawValue: 0x1)
    public static let writeThrough = CreateOptions(rawValue: 0x2)
    public static let synchronousIONonAlert = CreateOptions(rawValue: 0x20)
    public static let nonDirectoryFile = CreateOptions(rawValue: 0x40)
    public static let deleteOnClose = CreateOptions(rawValue: 0x1000)
    public static let openByFileID = CreateOptions(rawValue: 0x2000)
    public static let openForBackupIntent = CreateOptions(rawValue: 0x4000)
    public static let openReparsePoint = CreateOptions(rawValue: 0x20_0000)
}

/// The parameters of one create request.
struct CreateRequest {
    var access: AccessMask
    var fileAttributes: FileAttributes
    var share: FileShare
    var disposition: CreateDisposition
    var options: CreateOptions
    var extendedAttributes: [ExtendedAttribute]
    /// The name space flag of the caller; a case-sensitive directory overrides it.
    var isCaseInsensitive: Bool
    /// Non-nil: check the ACL with this token.
    var token: AccessToken?
    var security: SecurityDescriptor?
}

extension NtfsVolume {
    /// `NtfsCommonCreate` by path, relative to a directory.
    func create(
        _ request: CreateRequest,
        from start: FileControlBlock,
        _ components: ArraySlice<Substring>,
        object: inout FileObject?,
        result: inout IoStatusBlock.CreateResult
    ) -> NTSTATUS {
        guard let leaf = components.last else {
            return open(request, start, start.links.first, object: &object, result: &result)
        }
        var directory = start
        for component in components.dropLast() {
            guard let link = lookup(String(component), directory, request) else { return .STATUS_OBJECT_PATH_NOT_FOUND }
            guard link.file.reparsePoint == nil else { return .STATUS_IO_REPARSE_TAG_NOT_HANDLED }
            directory = link.file
            guard directory.isDirectory else { return .STATUS_OBJECT_PATH_NOT_FOUND }
        }
        return create(request, String(leaf), in: directory, object: &object, result: &result)
    }

    /// One name in a directory.
    func create(
        _ request: CreateRequest,
        _ leaf: String,
        in directory: FileControlBlock,
        object: inout FileObject?,
        result: inout IoStatusBlock.CreateResult
    ) -> NTSTATUS {
        guard directory.isDirectory else { return .STATUS_NOT_A_DIRECTORY }
        if let link = lookup(leaf, directory, request) {
            return open(request, link.file, link, object: &object, result: &result)
        }
        guard FileName.isLegal(leaf) else { return .STATUS_OBJECT_NAME_INVALID }
        guard request.disposition.creates else { return .STATUS_OBJECT_NAME_NOT_FOUND }
        return make(request, leaf, in: directory, object: &object, result: &result)
    }

    private func lookup(
        _ name: String,
        _ directory: FileControlBlock,
        _ request: CreateRequest
    ) -> FileLink? {
        let sensitive = directory.isCaseSensitive || !request.isCaseInsensitive
        return directory.index.lookup(name, caseSensitive: sensitive)
    }

    /// Opens what exists.
    func open(
        _ request: CreateRequest,
        _ file: FileControlBlock,
        _ link: FileLink?,
        object: inout FileObject?,
        result: inout IoStatusBlock.CreateResult
    ) -> NTSTATUS {
        if link?.isDeletePending == true || file.isDeleted { return .STATUS_DELETE_PENDING }
        guard request.disposition != .create else { return .STATUS_OBJECT_NAME_COLLISION }
        if file.reparsePoint != nil, !request.options.contains(.openReparsePoint) {
            return .STATUS_IO_REPARSE_TAG_NOT_HANDLED
        }
        if request.options.contains(.directoryFile), !file.isDirectory { return .STATUS_NOT_A_DIRECTORY }
        if request.options.contains(.nonDirectoryFile), file.isDirectory { return .STATUS_FILE_IS_A_DIRECTORY }
        var status = checkAccess(request.access, request.token, file)
        guard status.isSuccess else { return status }
        status = file.shareAccess.check(request.access, request.share)
        guard status.isSuccess else { return status }
        if request.disposition.overwrites {
            guard !file.isDirectory else { return .STATUS_OBJECT_NAME_COLLISION }
            // Overwriting drops extended attributes; superseding too.
            status = setEndOfFile(file, 0)
            guard status.isSuccess else { return status }
            file.extendedAttributes = ExtendedAttributeSet()
            status = file.extendedAttributes.apply(request.extendedAttributes)
            guard status.isSuccess else { return status }
            result = request.disposition == .supersede ? .superseded : .overwritten
        } else {
            result = .opened
        }
        object = insertFileObject(request, file, link)
        return .STATUS_SUCCESS
    }

    func checkAccess(_ access: AccessMask, _ token: AccessToken?, _ file: FileControlBlock) -> NTSTATUS {
        let writes: AccessMask = [.fileWriteData, .fileAppendData]
        if !access.isDisjoint(with: writes), !file.isDirectory {
            guard !isReadOnly else { return .STATUS_MEDIA_WRITE_PROTECTED }
            guard !file.attributes.contains(.readOnly) else { return .STATUS_ACCESS_DENIED }
            // `MmFlushImageSection(MmFlushForWrite)`.
            guard file.imageViews == 0 else { return .STATUS_SHARING_VIOLATION }
        }
        guard let token else { return .STATUS_SUCCESS }
        var granted: AccessMask = []
        return executive.SeAccessCheck(file.security, token: token, desired: access, granted: &granted)
    }

    private func make(
        _ request: CreateRequest,
        _ name: String,
        in directory: FileControlBlock,
        object: inout FileObject?,
        result: inout IoStatusBlock.CreateResult
    ) -> NTSTATUS {
        guard !isReadOnly else { return .STATUS_MEDIA_WRITE_PROTECTED }
        guard !directory.isDeleted else { return .STATUS_DELETE_PENDING }
        guard usedClusters < totalClusters else { return .STATUS_DISK_FULL }
        let isDirectory = request.options.contains(.directoryFile)
        guard !(isDirectory && request.disposition.overwrites) else { return .STATUS_INVALID_PARAMETER }
        if let token = request.token {
            var granted: AccessMask = []
            let needed: AccessMask = isDirectory ? .fileAddSubdirectory : .fileAddFile
            let status = executive.SeAccessCheck(directory.security, token: token, desired: needed, granted: &granted)
            guard status.isSuccess else { return status }
        }
        guard request.extendedAttributes.isEmpty || features.contains(.extendedAttributes) else {
            return .STATUS_EAS_NOT_SUPPORTED
        }
        var attributes = ExtendedAttributeSet()
        let status = attributes.apply(request.extendedAttributes)
        guard status.isSuccess else { return status }
        let file = newRecord(
            isDirectory: isDirectory,
            attributes: isDirectory ? request.fileAttributes : request.fileAttributes.union(.archive)
        )
        file.extendedAttributes = attributes
        file.security = request.security ?? directory.security
        file.isCaseSensitive = isDirectory && directory.isCaseSensitive
        let link = addLink(name, file, in: directory)
        result = .created
        object = insertFileObject(request, file, link)
        return .STATUS_SUCCESS
    }

    private func insertFileObject(_ request: CreateRequest, _ file: FileControlBlock, _ link: FileLink?) -> FileObject {
        insertFileObject(
            file,
            link,
            request.access,
            request.share,
            deletesOnClose: request.options.contains(.deleteOnClose)
        )
    }
}
