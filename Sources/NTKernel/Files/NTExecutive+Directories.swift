// NtQueryDirectoryFile and NtQueryVolumeInformationFile.

/// `FileIdExtdDirectoryInformation`: one name of a directory.
public struct DirectoryEntry: Sendable {
    public var fileName: String
    public var fileID: UInt64
    public var fileAttributes: FileAttributes
    public var endOfFile: Int64
    /// Packed size of extended attributes.
    public var eaSize: Int
    /// 0: not a reparse point.
    public var reparseTag: UInt32

    init(_ name: String, _ file: FileControlBlock) {
        fileName = name
        fileID = file.fileReference
        fileAttributes = file.effectiveAttributes
        endOfFile = file.data.size
        eaSize = file.extendedAttributes.packedSize
        reparseTag = file.reparsePoint?.tag ?? 0
    }
}

/// `FileFsFullSizeInformation` and `FileFsAttributeInformation`.
public struct FileFsInformation: Sendable {
    public var totalAllocationUnits: Int64
    public var availableAllocationUnits: Int64
    public var bytesPerAllocationUnit: Int64
    public var maximumComponentNameLength: Int
    public var fileSystemName: String
    public var volumeSerialNumber: UInt32
    public var isReadOnly: Bool
}

extension NTExecutive {
    /// `NtQueryDirectoryFile(FileIdExtdDirectoryInformation)`: the next entries in collation order, `.` and `..` first.
    ///
    /// Names that come or go between two calls are seen or not according to where the scan stands.
    ///
    /// - Parameters:
    ///   - name: only this name, in any case; patterns are not modelled.
    ///   - limit: entries that fit the caller's buffer.
    /// - Returns: `STATUS_NO_MORE_FILES` at the end, `STATUS_NO_SUCH_FILE` when a scan begins with a name that is not there, `STATUS_INVALID_PARAMETER` for a file.
    public func NtQueryDirectoryFile(
        _ handle: Handle,
        restartScan: Bool,
        name: String? = nil,
        limit: Int,
        entries: inout [DirectoryEntry]
    ) -> NTSTATUS {
        ioStatistics.count(.directoryControl)
        var status = NTSTATUS.STATUS_SUCCESS
        entries.removeAll(keepingCapacity: true)
        if let object = fileObject(handle, access: .fileListDirectory, &status) {
            if let directory = object.fcb, directory.isDirectory {
                status = directory.volume.condition.status(.list)
                guard status.isSuccess else {
                    return trace("NtQueryDirectoryFile", .code("FileIdExtdDirectoryInformation"), status)
                }
                if restartScan { object.directoryCursor = .start }
                if let name {
                    let isFirst = object.directoryCursor.isStart
                    let link = isFirst ? directory.index.lookup(name, caseSensitive: false) : nil
                    if let link { entries = [DirectoryEntry(link.name, link.file)] }
                    object.directoryCursor = .parentReturned
                    status = link != nil ? .STATUS_SUCCESS : isFirst ? .STATUS_NO_SUCH_FILE : .STATUS_NO_MORE_FILES
                } else {
                    scan(object, directory, limit, &entries)
                    status = entries.isEmpty ? .STATUS_NO_MORE_FILES : .STATUS_SUCCESS
                }
            } else {
                status = .STATUS_INVALID_PARAMETER
            }
        }
        return trace("NtQueryDirectoryFile", .code("FileIdExtdDirectoryInformation"), status)
    }

    private func scan(
        _ object: FileObject,
        _ directory: FileControlBlock,
        _ limit: Int,
        _ entries: inout [DirectoryEntry]
    ) {
        if case .start = object.directoryCursor, entries.count < limit {
            entries.append(DirectoryEntry(".", directory))
            object.directoryCursor = .selfReturned
        }
        if case .selfReturned = object.directoryCursor, entries.count < limit {
            entries.append(DirectoryEntry("..", directory.parent ?? directory))
            object.directoryCursor = .parentReturned
        }
        let cursor: String?
        switch object.directoryCursor {
        case .start, .selfReturned: return
        case .parentReturned: cursor = nil
        case .after(let key): cursor = key
        }
        let rest = directory.index.links(after: cursor)
        entries.reserveCapacity(min(limit, entries.count + rest.count))
        var last: String?
        for (key, link) in rest {
            guard entries.count < limit else { break }
            if !link.isDeletePending { entries.append(DirectoryEntry(link.name, link.file)) }
            last = key
        }
        if let last { object.directoryCursor = .after(last) }
    }

    /// `NtQueryVolumeInformationFile`.
    public func NtQueryVolumeInformationFile(
        _ handle: Handle,
        _ information: inout FileFsInformation?
    ) -> NTSTATUS {
        ioStatistics.count(.queryVolumeInformation)
        var status = NTSTATUS.STATUS_SUCCESS
        if let object = fileObject(handle, &status) {
            if let volume = object.device.volume {
                information = volume.information
            } else {
                status = .STATUS_INVALID_DEVICE_REQUEST
            }
        }
        return trace("NtQueryVolumeInformationFile", .code("FileFsFullSizeInformation"), status)
    }
}

extension NtfsVolume {
    public var information: FileFsInformation {
        FileFsInformation(
            totalAllocationUnits: totalClusters,
            availableAllocationUnits: totalClusters - usedClusters,
            bytesPerAllocationUnit: Self.clusterSize,
            maximumComponentNameLength: 255,
            fileSystemName: "NTFS",
            volumeSerialNumber: serialNumber,
            isReadOnly: isReadOnly
        )
    }
}
