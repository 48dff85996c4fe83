// Byte-range locks of a file: mandatory, owned by file objects.

/// `FILE_LOCK`: the ranges that programs locked.
struct ByteRangeLocks {
    struct Range {
        let owner: ObjectIdentifier
        let start: UInt64
        let length: UInt64
        let isExclusive: Bool

        func overlaps(_ start: UInt64, _ length: UInt64) -> Bool {
            length > 0 && self.length > 0 && start < self.start &+ self.length && self.start < start &+ length
        }
    }

    private var ranges: [Range] = []

    var isEmpty: Bool { ranges.isEmpty }

    /// `FsRtlProcessFileLock`: locks of one owner collide too, if one of them is exclusive.
    mutating func lock(_ new: Range) -> NTSTATUS {
        let collides = ranges.contains { $0.overlaps(new.start, new.length) && ($0.isExclusive || new.isExclusive) }
        guard !collides else { return .STATUS_LOCK_NOT_GRANTED }
        ranges.append(new)
        return .STATUS_SUCCESS
    }

    /// `FsRtlFastUnlockSingle`: the very range that was locked.
    mutating func unlock(_ owner: ObjectIdentifier, _ start: UInt64, _ length: UInt64) -> NTSTATUS {
        let index = ranges.firstIndex { $0.owner == owner && $0.start == start && $0.length == length }
        guard let index else { return .STATUS_RANGE_NOT_LOCKED }
        ranges.remove(at: index)
        return .STATUS_SUCCESS
    }

    /// `FsRtlFastUnlockAll`, at cleanup.
    mutating func release(_ owner: ObjectIdentifier) { ranges.removeAll { $0.owner == owner } }

    /// `FsRtlCheckLockForReadAccess` and `…WriteAccess`: shared locks refuse writes, exclusive ones whatever others do.
    func allows(_ owner: ObjectIdentifier, _ start: UInt64, _ length: UInt64, writes: Bool) -> Bool {
        !ranges.contains { range in
            range.overlaps(start, length) && (range.isExclusive ? range.owner != owner : writes)
        }
    }
}

extension NTExecutive {
    /// `NtLockFile`, failing at once.
    ///
    /// - Returns: `STATUS_LOCK_NOT_GRANTED`, `STATUS_INVALID_PARAMETER` for a directory.
    public func NtLockFile(_ handle: Handle, offset: UInt64, length: UInt64, isExclusive: Bool) -> NTSTATUS {
        ioStatistics.count(.lockControl)
        var status = NTSTATUS.STATUS_SUCCESS
        if let object = fileObject(handle, &status) {
            if let file = object.fcb, !file.isDirectory {
                status = file.locks.lock(
                    ByteRangeLocks.Range(
                        owner: ObjectIdentifier(object),
                        start: offset,
                        length: length,
                        isExclusive: isExclusive
                    )
                )
            } else {
                status = .STATUS_INVALID_PARAMETER
            }
        }
        return trace("NtLockFile", .range(offset, offset &+ length), status)
    }

    /// `NtUnlockFile`.
    ///
    /// - Returns: `STATUS_RANGE_NOT_LOCKED`.
    public func NtUnlockFile(_ handle: Handle, offset: UInt64, length: UInt64) -> NTSTATUS {
        ioStatistics.count(.lockControl)
        var status = NTSTATUS.STATUS_SUCCESS
        if let object = fileObject(handle, &status) {
            status = object.fcb?.locks.unlock(ObjectIdentifier(object), offset, length) ?? .STATUS_INVALID_PARAMETER
        }
        return trace("NtUnlockFile", .range(offset, offset &+ length), status)
    }
}
