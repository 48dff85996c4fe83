// Opens by file reference: how a provider reaches a file that it knows, mostly for one question.

extension NTExecutive {
    /// `NtCreateFile` with `FILE_OPEN_BY_FILE_ID | FILE_OPEN_REPARSE_POINT`, disposition `FILE_OPEN`, sharing all.
    ///
    /// - Parameter volume: a handle to anything on the volume.
    /// - Returns: as the general form; `STATUS_INVALID_PARAMETER` when no file has that reference.
    public func NtCreateFile(
        _ handle: inout Handle,
        fileID: UInt64,
        on volume: Handle,
        access: AccessMask,
        flags: ObjectAttributes.Flags
    ) -> NTSTATUS {
        var status = NTSTATUS.STATUS_SUCCESS
        if let file = admit(fileID, volume, access, flags, &status) {
            let link = file.links.first
            let object = file.volume.insertFileObject(file, link, access, .all, deletesOnClose: false)
            ObInsertObject(object, access: access, flags: flags, handle: &handle)
        }
        return trace("NtCreateFile", .value("FileId", fileID), status)
    }

    /// What an open by reference, `NtQueryInformationFile(FileStatLxInformation)` and `NtClose` do.
    ///
    /// The checks, counts and traces are those of the three; a file object that is gone again before anybody could
    /// find it is not made.
    public func queryFile(
        _ fileID: UInt64,
        on volume: Handle,
        access: AccessMask,
        flags: ObjectAttributes.Flags,
        _ information: inout FileStatLxInformation?
    ) -> NTSTATUS {
        var status = NTSTATUS.STATUS_SUCCESS
        guard let file = openUnseen(fileID, volume, access, flags, &status) else { return status }
        ioStatistics.count(.queryInformation)
        if file.volume.hasLinuxInformation {
            information = FileStatLxInformation(file, effectiveAccess: access)
        } else {
            status = .STATUS_INVALID_INFO_CLASS
        }
        trace("NtQueryInformationFile", .code("FileStatLxInformation"), status)
        closeUnseen(flags)
        return status
    }

    /// The same for `NtQueryInformationByName` below a directory.
    public func queryName(
        _ name: PreparedName,
        _ nameFlags: ObjectAttributes.Flags,
        below directory: UInt64,
        on volume: Handle,
        access: AccessMask,
        flags: ObjectAttributes.Flags,
        _ information: inout FileStatLxInformation?
    ) -> NTSTATUS {
        var status = NTSTATUS.STATUS_SUCCESS
        guard let file = openUnseen(directory, volume, access, flags, &status) else { return status }
        ioStatistics.count(.create)
        status = query(file, name, nameFlags, &information)
        trace("NtQueryInformationByName", .codeAndName("FileStatLxInformation", name.text), status)
        closeUnseen(flags)
        return status
    }

    /// `NtCreateFile` of a file object that nobody is going to find.
    @inline(__always)
    private func openUnseen(
        _ fileID: UInt64,
        _ volume: Handle,
        _ access: AccessMask,
        _ flags: ObjectAttributes.Flags,
        _ status: inout NTSTATUS
    ) -> FileControlBlock? {
        let file = admit(fileID, volume, access, flags, &status)
        trace("NtCreateFile", .value("FileId", fileID), status)
        return file
    }

    /// `NtClose` of the handle that the open would have had.
    @inline(__always)
    private func closeUnseen(_ flags: ObjectAttributes.Flags) {
        ioStatistics.count(.cleanup)
        ioStatistics.count(.close)
        trace("NtClose", .value("Handle", handleTable(flags).next.rawValue), .STATUS_SUCCESS)
    }

    /// The file, unless something speaks against the open.
    private func admit(
        _ fileID: UInt64,
        _ root: Handle,
        _ access: AccessMask,
        _ flags: ObjectAttributes.Flags,
        _ status: inout NTSTATUS
    ) -> FileControlBlock? {
        ioStatistics.count(.create)
        // Volumes stay for as long as the executive.
        return volume(of: root, &status)?._withUnsafeGuaranteedRef { volume in
            status = volume.condition.status(.create)
            guard status.isSuccess else { return nil }
            guard let file = volume.file(fileID) else {
                status = .STATUS_INVALID_PARAMETER
                return nil
            }
            let token = flags.contains(.forceAccessCheck) ? (currentThread?.process ?? systemProcess).token : nil
            status = volume.admit(access, token, to: file)
            return status.isSuccess ? file : nil
        }
    }

    private func volume(of root: Handle, _ status: inout NTSTATUS) -> Unmanaged<NtfsVolume>? {
        if let known = lastVolume, known.handle == root { return known.volume }
        guard let object = fileObject(root, &status) else { return nil }
        guard let found = object.device.volume else {
            status = .STATUS_INVALID_DEVICE_REQUEST
            return nil
        }
        let volume = Unmanaged.passUnretained(found)
        if root.isKernel { lastVolume = (root, volume) }
        return volume
    }
}

extension NtfsVolume {
    /// Whether an open of what exists, by reference and sharing all, may go on.
    func admit(_ access: AccessMask, _ token: AccessToken?, to file: FileControlBlock) -> NTSTATUS {
        if file.links.isEmpty ? file.isDeleted : file.links[0].isDeletePending { return .STATUS_DELETE_PENDING }
        let status = checkAccess(access, token, file)
        return status.isSuccess ? file.shareAccess.check(access, .all) : status
    }

    /// A file object that is going to have a handle.
    func insertFileObject(
        _ file: FileControlBlock,
        _ link: FileLink?,
        _ access: AccessMask,
        _ share: FileShare,
        deletesOnClose: Bool
    ) -> FileObject {
        let object = executive.makeFileObject(device, file, link, access, share)
        if deletesOnClose { object.deletesOnClose = true }
        file.openCount += 1
        file.shareAccess.update(access, share)
        addOpen(object)
        return object
    }
}
