// Extended attributes and reparse points through handles.

/// `FSCTL_*` of this model.
public enum FileSystemControl {
    case setReparsePoint(ReparsePoint)
    case deleteReparsePoint
    /// `FSCTL_SET_ZERO_DATA`, bytes.
    case setZeroData(Range<Int64>)
    case setSparse

    var name: StaticString {
        switch self {
        case .setReparsePoint: "FSCTL_SET_REPARSE_POINT"
        case .deleteReparsePoint: "FSCTL_DELETE_REPARSE_POINT"
        case .setZeroData: "FSCTL_SET_ZERO_DATA"
        case .setSparse: "FSCTL_SET_SPARSE"
        }
    }
}

extension NTExecutive {
    /// `NtSetEaFile`: all changes or none; an empty value removes a name.
    ///
    /// - Returns: `STATUS_INVALID_EA_NAME`, `STATUS_EA_TOO_LARGE` (all of a file's attributes share 64 KB),
    ///   `STATUS_ACCESS_DENIED`, `STATUS_MEDIA_WRITE_PROTECTED`.
    public func NtSetEaFile(_ handle: Handle, _ attributes: [ExtendedAttribute]) -> NTSTATUS {
        ioStatistics.count(.setEA)
        var status = NTSTATUS.STATUS_SUCCESS
        if let object = fileObject(handle, access: .fileWriteEA, &status) {
            if let file = object.fcb {
                if !file.volume.features.contains(.extendedAttributes) {
                    status = .STATUS_EAS_NOT_SUPPORTED
                } else {
                    status =
                        file.volume.isReadOnly
                        ? .STATUS_MEDIA_WRITE_PROTECTED : file.extendedAttributes.apply(attributes)
                }
                if status.isSuccess { file.times.change = clock.systemTime }
            } else {
                status = .STATUS_INVALID_DEVICE_REQUEST
            }
        }
        return trace("NtSetEaFile", .name(attributes.first?.name ?? ""), status)
    }

    /// `NtQueryEaFile`.
    ///
    /// - Parameter names: nil: all. A name that is not there comes back with an empty value, as in NT.
    /// - Returns: `STATUS_NO_EAS_ON_FILE` when there are none at all.
    public func NtQueryEaFile(
        _ handle: Handle,
        names: [String]? = nil,
        attributes: inout [ExtendedAttribute]
    ) -> NTSTATUS {
        ioStatistics.count(.queryEA)
        attributes.removeAll(keepingCapacity: true)
        var status = NTSTATUS.STATUS_SUCCESS
        if let object = fileObject(handle, access: .fileReadEA, &status) {
            if let file = object.fcb {
                let entries = file.extendedAttributes.entries
                if entries.isEmpty { status = .STATUS_NO_EAS_ON_FILE }
                if !file.volume.features.contains(.extendedAttributes) { status = .STATUS_EAS_NOT_SUPPORTED }
                attributes =
                    names.map { $0.map { ExtendedAttribute(name: $0, value: file.extendedAttribute($0) ?? []) } }
                    ?? entries
            } else {
                status = .STATUS_INVALID_DEVICE_REQUEST
            }
        }
        return trace("NtQueryEaFile", .name(names?.first ?? ""), status)
    }

    /// `NtFsControlFile(FSCTL_GET_REPARSE_POINT)`.
    ///
    /// - Returns: `STATUS_NOT_A_REPARSE_POINT`.
    public func NtFsControlFile(_ handle: Handle, getReparsePoint: inout ReparsePoint?) -> NTSTATUS {
        ioStatistics.count(.fileSystemControl)
        var status = NTSTATUS.STATUS_SUCCESS
        if let object = fileObject(handle, &status) {
            getReparsePoint = object.fcb?.reparsePoint
            if getReparsePoint == nil { status = .STATUS_NOT_A_REPARSE_POINT }
        }
        return trace("NtFsControlFile", .code("FSCTL_GET_REPARSE_POINT"), status)
    }

    /// `NtFsControlFile`.
    ///
    /// - Returns: `STATUS_DIRECTORY_NOT_EMPTY` (reparse points only on empty directories), `STATUS_INVALID_PARAMETER`
    ///   (more than 16 KB of reparse data), `STATUS_PRIVILEGE_NOT_HELD`, `STATUS_NOT_A_REPARSE_POINT`, `STATUS_ACCESS_DENIED`.
    public func NtFsControlFile(_ handle: Handle, _ control: FileSystemControl) -> NTSTATUS {
        ioStatistics.count(.fileSystemControl)
        var status = NTSTATUS.STATUS_SUCCESS
        if let object = fileObject(handle, &status) {
            status = object.fcb.map { perform(control, object, $0) } ?? .STATUS_INVALID_DEVICE_REQUEST
        }
        return trace("NtFsControlFile", .code(control.name), status)
    }

    private func perform(
        _ control: FileSystemControl,
        _ object: FileObject,
        _ file: FileControlBlock
    ) -> NTSTATUS {
        guard !object.grantedAccess.isDisjoint(with: [.fileWriteData, .fileWriteAttributes]) else {
            return .STATUS_ACCESS_DENIED
        }
        guard !file.volume.isReadOnly else { return .STATUS_MEDIA_WRITE_PROTECTED }
        switch control {
        case .setReparsePoint(let point):
            guard file.volume.features.contains(.reparsePoints) else { return .STATUS_INVALID_DEVICE_REQUEST }
            // Only NT's own links need the privilege: junctions and the provider's links do not.
            let token = (currentThread?.process ?? systemProcess).token
            if point.tag == ReparsePoint.symbolicLinkTag, !token.privileges.contains(.createSymbolicLink) {
                return .STATUS_PRIVILEGE_NOT_HELD
            }
            guard point.data.count <= ReparsePoint.maximumSize else { return .STATUS_INVALID_PARAMETER }
            guard file.index.count == 0 else { return .STATUS_DIRECTORY_NOT_EMPTY }
            file.reparsePoint = point
        case .deleteReparsePoint:
            guard file.reparsePoint != nil else { return .STATUS_NOT_A_REPARSE_POINT }
            file.reparsePoint = nil
        case .setZeroData(let range):
            guard !file.isDirectory else { return .STATUS_INVALID_DEVICE_REQUEST }
            file.data.zero(range)
        case .setSparse:
            file.attributes.formUnion(.sparseFile)
        }
        file.times.change = clock.systemTime
        return .STATUS_SUCCESS
    }
}
