// Extended attributes one buffer at a time.

extension NTExecutive {
    /// `NtQueryEaFile` into a buffer of `length` bytes: as many as fit, going on where the last call of this handle ended.
    ///
    /// - Parameter index: the number of the first, counted from 1; nil: where the scan stands.
    /// - Returns: `STATUS_BUFFER_OVERFLOW` when more follow, `STATUS_BUFFER_TOO_SMALL` when not even one fits,
    ///   `STATUS_NO_MORE_EAS` past the last, `STATUS_NONEXISTENT_EA_ENTRY` for an index further on, and as the other.
    public func NtQueryEaFile(
        _ handle: Handle,
        length: Int,
        restartScan: Bool,
        index: Int? = nil,
        attributes: inout [ExtendedAttribute]
    ) -> NTSTATUS {
        ioStatistics.count(.queryEA)
        attributes.removeAll(keepingCapacity: true)
        var status = NTSTATUS.STATUS_SUCCESS
        if let object = fileObject(handle, access: .fileReadEA, &status) {
            if let file = object.fcb {
                if restartScan { object.attributeCursor = 0 }
                if let index { object.attributeCursor = index - 1 }
                status = scan(object, file, length, isIndexed: index != nil, &attributes)
            } else {
                status = .STATUS_INVALID_DEVICE_REQUEST
            }
        }
        return trace("NtQueryEaFile", .value("Length", UInt64(length)), status)
    }

    private func scan(
        _ object: FileObject,
        _ file: FileControlBlock,
        _ length: Int,
        isIndexed: Bool,
        _ attributes: inout [ExtendedAttribute]
    ) -> NTSTATUS {
        guard file.volume.features.contains(.extendedAttributes) else { return .STATUS_EAS_NOT_SUPPORTED }
        let entries = file.extendedAttributes.entries
        guard !entries.isEmpty else { return .STATUS_NO_EAS_ON_FILE }
        guard object.attributeCursor < entries.count else {
            let isBeyond = isIndexed && object.attributeCursor > entries.count
            return isBeyond ? .STATUS_NONEXISTENT_EA_ENTRY : .STATUS_NO_MORE_EAS
        }
        var room = length
        for entry in entries[object.attributeCursor...] {
            guard entry.packedSize <= room else {
                return attributes.isEmpty ? .STATUS_BUFFER_TOO_SMALL : .STATUS_BUFFER_OVERFLOW
            }
            room -= entry.packedSize
            attributes.append(entry)
            object.attributeCursor += 1
        }
        return .STATUS_SUCCESS
    }
}
