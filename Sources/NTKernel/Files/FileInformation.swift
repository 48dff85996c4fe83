// Information classes of NtQueryInformationFile and NtSetInformationFile.

/// An information class that can be asked for.
public protocol FileQueryInformation {
    static var informationClass: StaticString { get }
    /// One of the classes that only NTFS knows.
    static var isLinux: Bool { get }
    init(_ object: FileObject, _ file: FileControlBlock)
}

extension FileQueryInformation {
    public static var isLinux: Bool { false }
}

/// `FileAllInformation`, as far as FAT fills it in.
public struct FileAllInformation: FileQueryInformation, Sendable {
    public static var informationClass: StaticString { "FileAllInformation" }
    /// The same facts in the shape that NTFS gives, without anything of Linux.
    public var asStat: FileStatLxInformation

    public init(_ object: FileObject, _ file: FileControlBlock) { asStat = FileStatLxInformation(object, file) }
}

/// `FileBasicInformation`.
public struct FileBasicInformation: FileQueryInformation, Sendable {
    public static var informationClass: StaticString { "FileBasicInformation" }
    /// Nil in a request leaves the time as it is. 100 ns units since 1601.
    public var creationTime: UInt64?
    public var lastAccessTime: UInt64?
    public var lastWriteTime: UInt64?
    public var changeTime: UInt64?
    public var fileAttributes: FileAttributes?

    public init() {}
    public init(_ object: FileObject, _ file: FileControlBlock) {
        creationTime = file.times.creation
        lastAccessTime = file.times.lastAccess
        lastWriteTime = file.times.lastWrite
        changeTime = file.times.change
        fileAttributes = file.effectiveAttributes
    }
}

/// `FileStandardInformation`.
public struct FileStandardInformation: FileQueryInformation, Sendable {
    public static var informationClass: StaticString { "FileStandardInformation" }
    public var allocationSize: Int64
    public var endOfFile: Int64
    public var numberOfLinks: UInt32
    public var deletePending: Bool
    public var directory: Bool

    public init(_ object: FileObject, _ file: FileControlBlock) {
        allocationSize = NtfsVolume.clusters(file.data.size) * NtfsVolume.clusterSize
        endOfFile = file.data.size
        numberOfLinks = UInt32(file.numberOfLinks)
        deletePending = file.isDeleted || object.link?.isDeletePending == true
        directory = file.isDirectory
    }
}

/// `FileInternalInformation`.
public struct FileInternalInformation: FileQueryInformation, Sendable {
    public static var informationClass: StaticString { "FileInternalInformation" }
    public var indexNumber: UInt64
    public init(_ object: FileObject, _ file: FileControlBlock) { indexNumber = file.fileReference }
}

/// `FileEaInformation`: bytes of all extended attributes, packed.
public struct FileEaInformation: FileQueryInformation, Sendable {
    public static var informationClass: StaticString { "FileEaInformation" }
    public var eaSize: Int
    public init(_ object: FileObject, _ file: FileControlBlock) { eaSize = file.extendedAttributes.packedSize }
}

/// `FileCaseSensitiveInformation`.
public struct FileCaseSensitiveInformation: FileQueryInformation, Sendable {
    public static var informationClass: StaticString { "FileCaseSensitiveInformation" }
    public var isCaseSensitive: Bool
    public init(isCaseSensitive: Bool) { self.isCaseSensitive = isCaseSensitive }
    public init(_ object: FileObject, _ file: FileControlBlock) { isCaseSensitive = file.isCaseSensitive }
}

/// `FileStatLxInformation`: what NTFS itself reads from the `$LX…` attributes, with everything else in one query.
public struct FileStatLxInformation: FileQueryInformation, Sendable {
    /// `LX_FILE_*`.
    public struct LxFlags: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        public static let hasUserID = LxFlags(rawValue: 0x1)
        public static let hasGroupID = LxFlags(rawValue: 0x2)
        public static let hasMode = LxFlags(rawValue: 0x4)
        public static let hasDeviceID = LxFlags(rawValue: 0x8)
        public static let caseSensitiveDirectory = LxFlags(rawValue: 0x10)
    }

    public static var informationClass: StaticString { "FileStatLxInformation" }
    public static var isLinux: Bool { true }
    public var fileID: UInt64
    public var times: FileTimes
    public var allocationSize: Int64
    public var endOfFile: Int64
    public var fileAttributes: FileAttributes
    /// 0: not a reparse point.
    public var reparseTag: UInt32
    public var numberOfLinks: UInt32
    public var effectiveAccess: AccessMask
    public var lxFlags: LxFlags
    public var lxUserID: UInt32
    public var lxGroupID: UInt32
    public var lxMode: UInt32
    public var lxDeviceIDMajor: UInt32
    public var lxDeviceIDMinor: UInt32

    public init(_ object: FileObject, _ file: FileControlBlock) {
        self.init(file, effectiveAccess: object.grantedAccess)
    }

    /// What a query of the file would answer, without a handle.
    public init(_ file: FileControlBlock, effectiveAccess: AccessMask = .fileAllAccess) {
        fileID = file.fileReference
        times = file.times
        allocationSize = NtfsVolume.clusters(file.data.size) * NtfsVolume.clusterSize
        endOfFile = file.data.size
        fileAttributes = file.effectiveAttributes
        reparseTag = file.reparsePoint?.tag ?? 0
        numberOfLinks = UInt32(file.numberOfLinks)
        self.effectiveAccess = effectiveAccess
        let linux = file.linuxMetadata
        lxFlags = file.isCaseSensitive ? linux.flags.union(.caseSensitiveDirectory) : linux.flags
        lxUserID = linux.user
        lxGroupID = linux.group
        lxMode = linux.mode
        lxDeviceIDMajor = linux.device.major
        lxDeviceIDMinor = linux.device.minor
    }
}

/// An information class that can be set.
public enum FileSetInformation {
    case basic(FileBasicInformation)
    /// `FileEndOfFileInformation`.
    case endOfFile(Int64)
    /// `FileAllocationInformation`: reserves clusters; does not move the end of file upwards.
    case allocation(Int64)
    /// `FileDispositionInformationEx`.
    case dispositionEx(NtfsVolume.DispositionFlags)
    /// `FileRenameInformationEx`; null root: the file's own directory.
    case renameEx(NtfsVolume.RenameFlags, rootDirectory: Handle, name: String)
    /// `FileLinkInformationEx`.
    case linkEx(replaceIfExists: Bool, rootDirectory: Handle, name: String)
    case caseSensitive(FileCaseSensitiveInformation)
    /// `FilePositionInformation`.
    case position(Int64)

    var name: StaticString {
        switch self {
        case .basic: "FileBasicInformation"
        case .endOfFile: "FileEndOfFileInformation"
        case .allocation: "FileAllocationInformation"
        case .dispositionEx: "FileDispositionInformationEx"
        case .renameEx: "FileRenameInformationEx"
        case .linkEx: "FileLinkInformationEx"
        case .caseSensitive: "FileCaseSensitiveInformation"
        case .position: "FilePositionInformation"
        }
    }
}
