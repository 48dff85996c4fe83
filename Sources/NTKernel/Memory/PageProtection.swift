// PAGE_* protections and MEM_* allocation types.

/// `PAGE_*`.
public enum PageProtection: UInt32, Sendable, Hashable {
    case noAccess = 0x01
    case readOnly = 0x02
    case readWrite = 0x04
    case writeCopy = 0x08
    case execute = 0x10
    case executeRead = 0x20
    case executeReadWrite = 0x40
    case executeWriteCopy = 0x80

    public var isCopyOnWrite: Bool { self == .writeCopy || self == .executeWriteCopy }
    public var isWritable: Bool { self == .readWrite || self == .executeReadWrite || isCopyOnWrite }
    public var isExecutable: Bool { rawValue >= PageProtection.execute.rawValue }
    public var isReadable: Bool { self != .noAccess && self != .execute }

    /// Writes that reach the backing file.
    var writesThrough: Bool { self == .readWrite || self == .executeReadWrite }
}

/// `MEM_*`.
public struct AllocationType: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let commit = AllocationType(rawValue: 0x1000)
    public static let reserve = AllocationType(rawValue: 0x2000)
    public static let decommit = AllocationType(rawValue: 0x4000)
    public static let release = AllocationType(rawValue: 0x8000)
    /// The pages stay committed; what is in them may go.
    public static let reset = AllocationType(rawValue: 0x8_0000)
    public static let topDown = AllocationType(rawValue: 0x10_0000)
}
