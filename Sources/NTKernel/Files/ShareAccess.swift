// Share access: who else may open a file, and how.

/// `FILE_SHARE_*`.
public struct FileShare: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let read = FileShare(rawValue: 1)
    public static let write = FileShare(rawValue: 2)
    public static let delete = FileShare(rawValue: 4)
    public static let all: FileShare = [.read, .write, .delete]
}

/// `SHARE_ACCESS`: counts over the open file objects of one file.
public struct ShareAccess: Hashable, Sendable {
    public private(set) var openCount = 0
    public private(set) var readers = 0
    public private(set) var writers = 0
    public private(set) var deleters = 0
    public private(set) var sharedRead = 0
    public private(set) var sharedWrite = 0
    public private(set) var sharedDelete = 0

    /// `IoCheckShareAccess`: `STATUS_SHARING_VIOLATION` when the access or the share mode conflicts with an open.
    func check(_ access: AccessMask, _ share: FileShare) -> NTSTATUS {
        let wants = Kinds(access)
        guard wants.any else { return .STATUS_SUCCESS }
        let conflicts =
            wants.read && sharedRead < openCount || wants.write && sharedWrite < openCount
            || wants.delete && sharedDelete < openCount || readers > 0 && !share.contains(.read)
            || writers > 0 && !share.contains(.write) || deleters > 0 && !share.contains(.delete)
        return conflicts ? .STATUS_SHARING_VIOLATION : .STATUS_SUCCESS
    }

    /// `IoUpdateShareAccess`.
    mutating func update(_ access: AccessMask, _ share: FileShare) { count(access, share, 1) }

    /// `IoRemoveShareAccess`.
    mutating func remove(_ access: AccessMask, _ share: FileShare) { count(access, share, -1) }

    private mutating func count(_ access: AccessMask, _ share: FileShare, _ step: Int) {
        let wants = Kinds(access)
        // An open for attributes only takes no part.
        guard wants.any else { return }
        openCount += step
        if wants.read { readers += step }
        if wants.write { writers += step }
        if wants.delete { deleters += step }
        if share.contains(.read) { sharedRead += step }
        if share.contains(.write) { sharedWrite += step }
        if share.contains(.delete) { sharedDelete += step }
    }

    private struct Kinds {
        let read: Bool
        let write: Bool
        let delete: Bool
        var any: Bool { read || write || delete }

        init(_ access: AccessMask) {
            read = !access.isDisjoint(with: [.fileReadData, .fileExecute])
            write = !access.isDisjoint(with: [.fileWriteData, .fileAppendData])
            delete = access.contains(.delete)
        }
    }
}
