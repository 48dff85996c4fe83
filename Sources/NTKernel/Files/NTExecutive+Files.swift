// I/O manager: create, read, write, flush.

extension NTExecutive {
    /// Mounts a new, empty volume as `\Device\HarddiskVolume<n>` and returns it.
    ///
    /// - Parameter clusters: size in 4 KB clusters.
    public func IoMountVolume(label: String, clusters: Int64 = 64 << 20, features: NtfsVolume.Features = .ntfs)
        -> NtfsVolume
    {
        let name = "HarddiskVolume\(volumes.count + 1)"
        let device = DeviceObject(name: "\\Device\\" + name, type: .disk)
        let volume = NtfsVolume(
            device: device,
            label: label,
            serialNumber: 0x1A2C_0000 + UInt32(volumes.count),
            totalClusters: clusters,
            features: features,
            executive: self
        )
        device.volume = volume
        volumes.append(volume)
        (rootDirectory.lookup("Device") as? ObjectDirectory)?.insert(device, name)
        return volume
    }

    /// `NtCreateFile` / `ZwCreateFile` / `IoCreateFileEx`.
    ///
    /// - Returns: `STATUS_OBJECT_NAME_NOT_FOUND`, `STATUS_OBJECT_PATH_NOT_FOUND`, `STATUS_OBJECT_NAME_COLLISION`,
    ///   `STATUS_OBJECT_NAME_INVALID`, `STATUS_NOT_A_DIRECTORY`, `STATUS_FILE_IS_A_DIRECTORY`,
    ///   `STATUS_SHARING_VIOLATION`, `STATUS_DELETE_PENDING`, `STATUS_ACCESS_DENIED`, `STATUS_DISK_FULL`,
    ///   `STATUS_MEDIA_WRITE_PROTECTED`, `STATUS_EA_TOO_LARGE`, `STATUS_IO_REPARSE_TAG_NOT_HANDLED`.
    public func NtCreateFile(
        _ handle: inout Handle,
        access: AccessMask,
        attributes: ObjectAttributes,
        status block: inout IoStatusBlock,
        fileAttributes: FileAttributes = [],
        share: FileShare = .all,
        disposition: CreateDisposition,
        options: CreateOptions = [],
        extendedAttributes: [ExtendedAttribute] = []
    ) -> NTSTATUS {
        ioStatistics.count(.create)
        let forced = attributes.flags.contains(.forceAccessCheck)
        let request = CreateRequest(
            access: access.mappedForFile,
            fileAttributes: fileAttributes,
            share: share,
            disposition: disposition,
            options: options,
            extendedAttributes: extendedAttributes,
            isCaseInsensitive: attributes.flags.contains(.caseInsensitive),
            token: forced ? (currentThread?.process ?? systemProcess).token : nil,
            security: attributes.securityDescriptor
        )
        var object: FileObject?
        var result = IoStatusBlock.CreateResult.opened
        let status = parse(request, attributes, object: &object, result: &result)
        guard status.isSuccess, let object else { return trace("NtCreateFile", detail(attributes), status) }
        block.information = result.rawValue
        ObInsertObject(object, access: object.grantedAccess, flags: attributes.flags, handle: &handle)
        return trace("NtCreateFile", detail(attributes), .STATUS_SUCCESS)
    }

    private func detail(_ attributes: ObjectAttributes) -> NtTrace.Detail {
        if let id = attributes.fileID { return .value("FileId", id) }
        return .name(attributes.name)
    }

    /// `IopParseDevice` and what leads to it.
    private func parse(
        _ request: CreateRequest,
        _ attributes: ObjectAttributes,
        object: inout FileObject?,
        result: inout IoStatusBlock.CreateResult
    ) -> NTSTATUS {
        if attributes.rootDirectory != .null {
            var status = NTSTATUS.STATUS_SUCCESS
            guard let root: FileObject = lookup(attributes.rootDirectory, status: &status) else { return status }
            guard let volume = root.device.volume else { return .STATUS_INVALID_DEVICE_REQUEST }
            let condition = volume.condition.status(.create)
            guard condition.isSuccess else { return condition }
            if request.options.contains(.openByFileID) {
                return openByID(request, attributes, volume, object: &object, result: &result)
            }
            let start = root.fcb ?? volume.root
            guard start.isDirectory else { return .STATUS_OBJECT_PATH_NOT_FOUND }
            guard !start.isDeleted else { return .STATUS_DELETE_PENDING }
            guard attributes.name.utf8.first != UInt8(ascii: "\\") else { return .STATUS_OBJECT_NAME_INVALID }
            if !attributes.name.isEmpty, !attributes.name.utf8.contains(UInt8(ascii: "\\")) {
                return volume.create(request, attributes.name, in: start, object: &object, result: &result)
            }
            return volume.create(request, from: start, split(attributes.name), object: &object, result: &result)
        }
        guard attributes.name.utf8.first == UInt8(ascii: "\\") else { return .STATUS_OBJECT_PATH_SYNTAX_BAD }
        let (found, rest) = lookupName(split(attributes.name))
        guard let device = found as? DeviceObject else {
            guard let found else { return .STATUS_OBJECT_PATH_NOT_FOUND }
            return found is ObjectDirectory || rest.isEmpty ? .STATUS_OBJECT_TYPE_MISMATCH : .STATUS_OBJECT_PATH_INVALID
        }
        guard let volume = device.volume else { return .STATUS_INVALID_DEVICE_REQUEST }
        let condition = volume.condition.status(.create)
        guard condition.isSuccess else { return condition }
        if request.options.contains(.openByFileID) {
            return openByID(request, attributes, volume, object: &object, result: &result)
        }
        return volume.create(request, from: volume.root, rest, object: &object, result: &result)
    }

    private func openByID(
        _ request: CreateRequest,
        _ attributes: ObjectAttributes,
        _ volume: NtfsVolume,
        object: inout FileObject?,
        result: inout IoStatusBlock.CreateResult
    ) -> NTSTATUS {
        guard request.disposition == .open, let id = attributes.fileID else { return .STATUS_INVALID_PARAMETER }
        guard let file = volume.file(id) else { return .STATUS_INVALID_PARAMETER }
        return volume.open(request, file, file.links.first, object: &object, result: &result)
    }

    private func split(_ name: String) -> ArraySlice<Substring> {
        name.split(separator: "\\", omittingEmptySubsequences: true)[...]
    }

    /// The file object of a handle, which must be a file of a volume.
    func fileObject(_ handle: Handle, access: AccessMask = [], _ status: inout NTSTATUS) -> FileObject? {
        lookup(handle, access: access, status: &status)
    }

    /// `NtReadFile`.
    ///
    /// - Parameter byteOffset: nil reads at, and moves, the file object's current offset.
    /// - Returns: `STATUS_END_OF_FILE`, `STATUS_INVALID_DEVICE_REQUEST` (directories), `STATUS_INVALID_PARAMETER`.
    public func NtReadFile(
        _ handle: Handle,
        status block: inout IoStatusBlock,
        length: Int,
        byteOffset: Int64?,
        buffer: inout DataStream.ReadResult
    ) -> NTSTATUS {
        ioStatistics.count(.read)
        var status = NTSTATUS.STATUS_SUCCESS
        block.information = 0
        guard let object = fileObject(handle, access: .fileReadData, &status) else {
            return trace("NtReadFile", .value("Handle", handle.rawValue), status)
        }
        guard let file = object.fcb, !file.isDirectory else {
            return trace("NtReadFile", .none, .STATUS_INVALID_DEVICE_REQUEST)
        }
        status = file.volume.condition.status(.read)
        guard status.isSuccess else { return trace("NtReadFile", .none, status) }
        let offset = byteOffset ?? object.currentByteOffset
        guard offset >= 0, length >= 0 else { return trace("NtReadFile", .none, .STATUS_INVALID_PARAMETER) }
        if !file.locks.isEmpty,
            !file.locks.allows(ObjectIdentifier(object), UInt64(offset), UInt64(length), writes: false)
        {
            return trace("NtReadFile", .value("ByteOffset", UInt64(offset)), .STATUS_FILE_LOCK_CONFLICT)
        }
        if length > 0, offset >= file.data.size {
            buffer = DataStream.ReadResult()
            return trace("NtReadFile", .value("ByteOffset", UInt64(offset)), .STATUS_END_OF_FILE)
        }
        buffer = file.data.read(at: offset, count: length)
        block.information = UInt64(buffer.bytes.count)
        if byteOffset == nil { object.currentByteOffset += Int64(buffer.bytes.count) }
        return trace("NtReadFile", .value("ByteOffset", UInt64(offset)), .STATUS_SUCCESS)
    }

    /// `FILE_WRITE_TO_END_OF_FILE`.
    public static let writeToEndOfFile: Int64 = -1

    /// `NtWriteFile`.
    ///
    /// - Parameter byteOffset: nil writes at, and moves, the current offset; ``writeToEndOfFile`` appends.
    /// - Returns: `STATUS_DISK_FULL`, `STATUS_MEDIA_WRITE_PROTECTED`, `STATUS_INVALID_DEVICE_REQUEST`,
    ///   `STATUS_ACCESS_DENIED`.
    public func NtWriteFile(
        _ handle: Handle,
        status block: inout IoStatusBlock,
        bytes: [UInt8],
        byteOffset: Int64?
    ) -> NTSTATUS {
        ioStatistics.count(.write)
        var status = NTSTATUS.STATUS_SUCCESS
        block.information = 0
        guard let object = fileObject(handle, &status) else {
            return trace("NtWriteFile", .value("Handle", handle.rawValue), status)
        }
        guard let file = object.fcb, !file.isDirectory else {
            return trace("NtWriteFile", .none, .STATUS_INVALID_DEVICE_REQUEST)
        }
        status = file.volume.condition.status(.write)
        guard status.isSuccess else { return trace("NtWriteFile", .none, status) }
        let appends = byteOffset == Self.writeToEndOfFile || !object.grantedAccess.contains(.fileWriteData)
        guard !object.grantedAccess.isDisjoint(with: [.fileWriteData, .fileAppendData]) else {
            return trace("NtWriteFile", .none, .STATUS_ACCESS_DENIED)
        }
        let offset = appends ? file.data.size : byteOffset ?? object.currentByteOffset
        guard offset >= 0 else { return trace("NtWriteFile", .none, .STATUS_INVALID_PARAMETER) }
        if !file.locks.isEmpty,
            !file.locks.allows(ObjectIdentifier(object), UInt64(offset), UInt64(bytes.count), writes: true)
        {
            return trace("NtWriteFile", .value("ByteOffset", UInt64(offset)), .STATUS_FILE_LOCK_CONFLICT)
        }
        status = file.volume.write(file, at: offset, bytes)
        if status.isSuccess {
            block.information = UInt64(bytes.count)
            if byteOffset == nil || appends { object.currentByteOffset = offset + Int64(bytes.count) }
        }
        return trace("NtWriteFile", .value("ByteOffset", UInt64(offset)), status)
    }

    /// `NtFlushBuffersFile`.
    public func NtFlushBuffersFile(_ handle: Handle) -> NTSTATUS {
        ioStatistics.count(.flushBuffers)
        var status = NTSTATUS.STATUS_SUCCESS
        if let object = fileObject(handle, &status), object.device.volume == nil {
            status = .STATUS_INVALID_DEVICE_REQUEST
        }
        return trace("NtFlushBuffersFile", .value("Handle", handle.rawValue), status)
    }
}
