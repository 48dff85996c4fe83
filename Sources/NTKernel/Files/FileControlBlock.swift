// A file of a volume: its record on disk and the control block that opens share.

/// `FILE_ATTRIBUTE_*`.
public struct FileAttributes: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let readOnly = FileAttributes(rawValue: 0x1)
    public static let hidden = FileAttributes(rawValue: 0x2)
    public static let system = FileAttributes(rawValue: 0x4)
    public static let directory = FileAttributes(rawValue: 0x10)
    public static let archive = FileAttributes(rawValue: 0x20)
    public static let normal = FileAttributes(rawValue: 0x80)
    public static let sparseFile = FileAttributes(rawValue: 0x200)
    public static let reparsePoint = FileAttributes(rawValue: 0x400)
}

/// `REPARSE_DATA_BUFFER`.
public struct ReparsePoint: Hashable, Sendable {
    public var tag: UInt32
    public var data: [UInt8]

    public init(tag: UInt32, data: [UInt8] = []) {
        self.tag = tag
        self.data = data
    }

    /// `MAXIMUM_REPARSE_DATA_BUFFER_SIZE`.
    static let maximumSize = 16 * 1024
}

/// Times of a file in 100 ns units since 1601-01-01 UTC.
public struct FileTimes: Hashable, Sendable {
    public var creation: UInt64
    public var lastAccess: UInt64
    public var lastWrite: UInt64
    public var change: UInt64

    public init(creation: UInt64, lastAccess: UInt64, lastWrite: UInt64, change: UInt64) {
        self.creation = creation
        self.lastAccess = lastAccess
        self.lastWrite = lastWrite
        self.change = change
    }

    public init(all time: UInt64) {
        self.init(creation: time, lastAccess: time, lastWrite: time, change: time)
    }
}

/// A file record together with its in-memory control block (`FCB`/`SCB`).
public final class FileControlBlock {
    /// `FILE_REFERENCE`: sequence number in the upper 16 bits, record number below.
    public let fileReference: UInt64
    /// Mounted for as long as the executive lives, and so longer than any record of it: no count of references is kept.
    public unowned(unsafe) let volume: NtfsVolume
    public let isDirectory: Bool
    public internal(set) var attributes: FileAttributes
    public internal(set) var times: FileTimes
    /// Every name of the file; none once it is deleted, none for the root.
    public internal(set) var links: [FileLink] = []
    /// Names that exist and that nobody told the model of: they count, and cannot be opened.
    public internal(set) var unseenLinks = 0
    public internal(set) var data = DataStream()
    var index = DirectoryIndex()
    /// `FILE_CS_FLAG_CASE_SENSITIVE_DIR`.
    public internal(set) var isCaseSensitive = false
    var extendedAttributes = ExtendedAttributeSet()
    public internal(set) var reparsePoint: ReparsePoint?
    public internal(set) var security: SecurityDescriptor?

    // Control block
    public internal(set) var shareAccess = ShareAccess()
    /// `CleanupCount`: file objects with a handle.
    public internal(set) var openCount = 0
    /// Views of sections over it in all processes.
    public internal(set) var mappedViews = 0
    /// Of these, views of images.
    public internal(set) var imageViews = 0
    var locks = ByteRangeLocks()
    /// Told about changes of its content or names (`NtNotifyChangeDirectoryFile` of this model).
    public var changeNotification: ((FileControlBlock) -> Void)?

    init(reference: UInt64, volume: NtfsVolume, isDirectory: Bool, attributes: FileAttributes, time: UInt64) {
        fileReference = reference
        self.volume = volume
        self.isDirectory = isDirectory
        self.attributes = attributes
        times = FileTimes(all: time)
        if isDirectory { self.attributes.formUnion(.directory) }
    }

    public var isDeleted: Bool { numberOfLinks == 0 && self !== volume.root }

    public var numberOfLinks: Int { links.count + unseenLinks }

    /// `FILE_ATTRIBUTE_*` with the bits that follow from the record.
    public var effectiveAttributes: FileAttributes {
        var result = attributes
        if reparsePoint != nil { result.formUnion(.reparsePoint) }
        return result.isEmpty ? .normal : result
    }

    /// What NTFS reads from the extended attributes.
    var linuxMetadata: LinuxMetadata { extendedAttributes.linux }

    public func extendedAttribute(_ name: String) -> [UInt8]? { extendedAttributes.value(name) }

    /// Names in the directory, `.` and `..` not counted.
    public var entryCount: Int { index.count }

    /// The directory above; nil for the root and for deleted files.
    var parent: FileControlBlock? { links.first?.parent }
}
