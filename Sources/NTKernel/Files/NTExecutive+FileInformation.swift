// NtQueryInformationFile, NtSetInformationFile, NtQueryInformationByName.

extension NTExecutive {
    /// `NtQueryInformationFile`.
    ///
    /// - Returns: `STATUS_INVALID_HANDLE`, `STATUS_INVALID_DEVICE_REQUEST` (not a file of a volume).
    public func NtQueryInformationFile<Information: FileQueryInformation>(
        _ handle: Handle,
        _ information: inout Information?
    ) -> NTSTATUS {
        query(handle, &information)
    }

    /// The same for the class that is asked for most.
    public func NtQueryInformationFile(_ handle: Handle, _ information: inout FileStatLxInformation?) -> NTSTATUS {
        query(handle, &information)
    }

    @inline(__always)
    private func query<Information: FileQueryInformation>(
        _ handle: Handle,
        _ information: inout Information?
    ) -> NTSTATUS {
        ioStatistics.count(.queryInformation)
        var status = NTSTATUS.STATUS_SUCCESS
        if let object = fileObject(handle, &status) {
            if let file = object.fcb {
                if Information.isLinux, !file.volume.hasLinuxInformation {
                    status = .STATUS_INVALID_INFO_CLASS
                } else {
                    information = Information(object, file)
                }
            } else {
                status = .STATUS_INVALID_DEVICE_REQUEST
            }
        }
        return trace("NtQueryInformationFile", .code(Information.informationClass), status)
    }

    /// `NtQueryInformationByName(FileStatLxInformation)`: without an open. The name is relative to a directory and is
    /// not followed if it is a reparse point.
    ///
    /// - Returns: as `NtCreateFile` for a missing name.
    public func NtQueryInformationByName(
        _ attributes: ObjectAttributes,
        _ information: inout FileStatLxInformation?
    ) -> NTSTATUS {
        ioStatistics.count(.create)
        var status = NTSTATUS.STATUS_SUCCESS
        if let directory = fileObject(attributes.rootDirectory, &status)?.fcb {
            status = query(directory, PreparedName(attributes.name), attributes.flags, &information)
        } else if status.isSuccess {
            status = .STATUS_INVALID_PARAMETER
        }
        return trace(
            "NtQueryInformationByName",
            .codeAndName("FileStatLxInformation", attributes.name),
            status
        )
    }

    func query(
        _ directory: FileControlBlock,
        _ name: PreparedName,
        _ flags: ObjectAttributes.Flags,
        _ information: inout FileStatLxInformation?
    ) -> NTSTATUS {
        guard directory.isDirectory else { return .STATUS_OBJECT_PATH_NOT_FOUND }
        let condition = directory.volume.condition.status(.create)
        guard condition.isSuccess else { return condition }
        guard directory.volume.hasLinuxInformation else { return .STATUS_INVALID_INFO_CLASS }
        let sensitive = directory.isCaseSensitive || !flags.contains(.caseInsensitive)
        guard let link = directory.index.lookup(name, caseSensitive: sensitive) else {
            return name.isLegal ? .STATUS_OBJECT_NAME_NOT_FOUND : .STATUS_OBJECT_NAME_INVALID
        }
        guard !link.isDeletePending else { return .STATUS_DELETE_PENDING }
        information = FileStatLxInformation(link.file, effectiveAccess: .fileAllAccess)
        return .STATUS_SUCCESS
    }

    /// `NtSetInformationFile`.
    ///
    /// - Returns: see the information classes: ``NtfsVolume`` documents what rename, link, disposition and end of file
    ///   answer.
    public func NtSetInformationFile(_ handle: Handle, _ information: FileSetInformation) -> NTSTATUS {
        ioStatistics.count(.setInformation)
        var status = NTSTATUS.STATUS_SUCCESS
        if let object = fileObject(handle, &status) {
            status = object.fcb.map { set(object, $0, information) } ?? .STATUS_INVALID_DEVICE_REQUEST
        }
        return trace("NtSetInformationFile", .code(information.name), status)
    }

    private func set(
        _ object: FileObject,
        _ file: FileControlBlock,
        _ information: FileSetInformation
    ) -> NTSTATUS {
        let volume = file.volume
        switch information {
        case .basic(let basic):
            return setBasic(object, file, basic)
        case .endOfFile(let size):
            guard !file.isDirectory else { return .STATUS_INVALID_DEVICE_REQUEST }
            guard object.grantedAccess.contains(.fileWriteData) else { return .STATUS_ACCESS_DENIED }
            return volume.setEndOfFile(file, size)
        case .allocation(let size):
            guard object.grantedAccess.contains(.fileWriteData), !file.isDirectory else {
                return .STATUS_ACCESS_DENIED
            }
            let free = volume.totalClusters - volume.usedClusters
            let needed = NtfsVolume.clusters(size) - NtfsVolume.clusters(file.data.size)
            guard needed <= free else { return .STATUS_DISK_FULL }
            return size < file.data.size ? volume.setEndOfFile(file, size) : .STATUS_SUCCESS
        case .dispositionEx(let flags):
            return volume.setDisposition(object, file, flags)
        case .renameEx(let flags, let root, let name):
            var status = NTSTATUS.STATUS_SUCCESS
            guard let parent = targetDirectory(root, object, &status) else { return status }
            return volume.rename(object, file, to: parent, name, flags)
        case .linkEx(let replace, let root, let name):
            var status = NTSTATUS.STATUS_SUCCESS
            guard let parent = targetDirectory(root, object, &status) else { return status }
            return volume.link(file, to: parent, name, replaceIfExists: replace)
        case .caseSensitive(let wanted):
            return setCaseSensitive(file, wanted.isCaseSensitive)
        case .position(let offset):
            guard offset >= 0 else { return .STATUS_INVALID_PARAMETER }
            object.currentByteOffset = offset
            return .STATUS_SUCCESS
        }
    }

    private func setBasic(_ object: FileObject, _ file: FileControlBlock, _ basic: FileBasicInformation) -> NTSTATUS {
        guard object.grantedAccess.contains(.fileWriteAttributes) else { return .STATUS_ACCESS_DENIED }
        guard !file.volume.isReadOnly else { return .STATUS_MEDIA_WRITE_PROTECTED }
        if let time = basic.creationTime { file.times.creation = time }
        if let time = basic.lastAccessTime { file.times.lastAccess = time }
        if let time = basic.lastWriteTime { file.times.lastWrite = time }
        file.times.change = basic.changeTime ?? clock.systemTime
        if let attributes = basic.fileAttributes {
            let settable: FileAttributes = [.readOnly, .hidden, .system, .archive]
            file.attributes = file.attributes.subtracting(settable).union(attributes.intersection(settable))
        }
        file.changeNotification?(file)
        return .STATUS_SUCCESS
    }

    private func setCaseSensitive(_ file: FileControlBlock, _ wanted: Bool) -> NTSTATUS {
        guard file.isDirectory else { return .STATUS_INVALID_PARAMETER }
        if !wanted, file.index.hasCaseDifferingNames { return .STATUS_CASE_DIFFERING_NAMES_IN_DIR }
        file.isCaseSensitive = wanted
        return .STATUS_SUCCESS
    }

    private func targetDirectory(
        _ handle: Handle,
        _ object: FileObject,
        _ status: inout NTSTATUS
    ) -> FileControlBlock? {
        if handle == .null {
            if object.link?.parent == nil { status = .STATUS_ACCESS_DENIED }
            return object.link?.parent
        }
        guard let root = fileObject(handle, &status) else { return nil }
        guard let directory = root.fcb ?? root.device.volume?.root, directory.isDirectory else {
            status = .STATUS_NOT_A_DIRECTORY
            return nil
        }
        return directory
    }
}
