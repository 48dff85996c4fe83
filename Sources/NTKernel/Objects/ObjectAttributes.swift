// OBJECT_ATTRIBUTES: how a caller names an object.

/// `OBJECT_ATTRIBUTES`.
public struct ObjectAttributes {
    public struct Flags: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// `OBJ_INHERIT`.
        public static let inherit = Flags(rawValue: 0x2)
        /// `OBJ_CASE_INSENSITIVE`.
        public static let caseInsensitive = Flags(rawValue: 0x40)
        /// `OBJ_OPENIF`.
        public static let openIf = Flags(rawValue: 0x80)
        /// `OBJ_KERNEL_HANDLE`.
        public static let kernelHandle = Flags(rawValue: 0x200)
        /// `OBJ_FORCE_ACCESS_CHECK`: check the ACL although the caller is in kernel mode.
        public static let forceAccessCheck = Flags(rawValue: 0x400)
    }

    /// A directory or volume that `name` is relative to; null for an absolute object path.
    public var rootDirectory: Handle
    /// Components separated by `\`; empty names the root directory itself.
    public var name: String
    /// For `FILE_OPEN_BY_FILE_ID`: the file reference number; `name` is ignored.
    public var fileID: UInt64?
    public var flags: Flags
    public var securityDescriptor: SecurityDescriptor?

    public init(
        rootDirectory: Handle = .null,
        name: String = "",
        fileID: UInt64? = nil,
        flags: Flags = .kernelHandle,
        securityDescriptor: SecurityDescriptor? = nil
    ) {
        self.rootDirectory = rootDirectory
        self.name = name
        self.fileID = fileID
        self.flags = flags
        self.securityDescriptor = securityDescriptor
    }
}
