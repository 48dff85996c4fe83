// Access rights: the bits of ACCESS_MASK that this model looks at.

/// `ACCESS_MASK`.
public struct AccessMask: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    // Files and directories (winnt.h).
    public static let fileReadData = AccessMask(rawValue: 0x0001)
    public static let fileWriteData = AccessMask(rawValue: 0x0002)
    public static let fileAppendData = AccessMask(rawValue: 0x0004)
    public static let fileReadEA = AccessMask(rawValue: 0x0008)
    public static let fileWriteEA = AccessMask(rawValue: 0x0010)
    public static let fileExecute = AccessMask(rawValue: 0x0020)
    public static let fileDeleteChild = AccessMask(rawValue: 0x0040)
    public static let fileReadAttributes = AccessMask(rawValue: 0x0080)
    public static let fileWriteAttributes = AccessMask(rawValue: 0x0100)
    public static let fileListDirectory = fileReadData
    public static let fileAddFile = fileWriteData
    public static let fileAddSubdirectory = fileAppendData
    public static let fileTraverse = fileExecute

    // Sections.
    public static let sectionMapWrite = AccessMask(rawValue: 0x0002)
    public static let sectionMapRead = AccessMask(rawValue: 0x0004)
    public static let sectionMapExecute = AccessMask(rawValue: 0x0008)
    public static let sectionExtendSize = AccessMask(rawValue: 0x0010)

    // Processes.
    public static let processTerminate = AccessMask(rawValue: 0x0001)
    public static let processCreateThread = AccessMask(rawValue: 0x0002)
    public static let processVMOperation = AccessMask(rawValue: 0x0008)
    public static let processVMRead = AccessMask(rawValue: 0x0010)
    public static let processVMWrite = AccessMask(rawValue: 0x0020)
    public static let processDuplicateHandle = AccessMask(rawValue: 0x0040)
    public static let processQueryInformation = AccessMask(rawValue: 0x0400)
    public static let processQueryLimitedInformation = AccessMask(rawValue: 0x1000)

    // Standard rights.
    public static let delete = AccessMask(rawValue: 0x0001_0000)
    public static let readControl = AccessMask(rawValue: 0x0002_0000)
    public static let writeDAC = AccessMask(rawValue: 0x0004_0000)
    public static let writeOwner = AccessMask(rawValue: 0x0008_0000)
    public static let synchronize = AccessMask(rawValue: 0x0010_0000)
    public static let accessSystemSecurity = AccessMask(rawValue: 0x0100_0000)
    public static let maximumAllowed = AccessMask(rawValue: 0x0200_0000)
    public static let genericAll = AccessMask(rawValue: 0x1000_0000)
    public static let genericExecute = AccessMask(rawValue: 0x2000_0000)
    public static let genericWrite = AccessMask(rawValue: 0x4000_0000)
    public static let genericRead = AccessMask(rawValue: 0x8000_0000)

    /// `SPECIFIC_RIGHTS_ALL | STANDARD_RIGHTS_ALL`.
    public static let standardAndSpecific = AccessMask(rawValue: 0x001F_FFFF)
    /// `FILE_ALL_ACCESS`.
    public static let fileAllAccess = AccessMask(rawValue: 0x001F_01FF)
    /// `FILE_GENERIC_READ`.
    public static let fileGenericRead = AccessMask(rawValue: 0x0012_0089)
    /// `FILE_GENERIC_WRITE`.
    public static let fileGenericWrite = AccessMask(rawValue: 0x0012_0116)
    /// `FILE_GENERIC_EXECUTE`.
    public static let fileGenericExecute = AccessMask(rawValue: 0x0012_00A0)

    /// Generic bits replaced by what they mean for files (`IoGetFileObjectGenericMapping`).
    public var mappedForFile: AccessMask {
        var mask = self
        if contains(.genericRead) { mask.formUnion(.fileGenericRead) }
        if contains(.genericWrite) { mask.formUnion(.fileGenericWrite) }
        if contains(.genericExecute) { mask.formUnion(.fileGenericExecute) }
        if contains(.genericAll) { mask.formUnion(.fileAllAccess) }
        mask.subtract([.genericRead, .genericWrite, .genericExecute, .genericAll])
        return mask
    }
}
