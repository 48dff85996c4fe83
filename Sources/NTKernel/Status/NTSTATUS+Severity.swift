// Severity tests and printable names of NTSTATUS codes.
import Tables

extension NTSTATUS {
    /// `NT_SUCCESS`: success and informational codes.
    @inlinable
    public var isSuccess: Bool { rawValue < 0x8000_0000 }

    /// `NT_WARNING`: the output is there, but not all of it (`STATUS_BUFFER_OVERFLOW`, `STATUS_NO_MORE_FILES`).
    @inlinable
    public var isWarning: Bool { rawValue >> 30 == 2 }

    /// `NT_ERROR`.
    @inlinable
    public var isError: Bool { rawValue >> 30 == 3 }

    /// The code's name: `STATUS_OBJECT_NAME_NOT_FOUND`.
    public var name: String { Self.names[UInt64(rawValue)] ?? String(describing: self) }

    /// The code of that name; nil if this model has none.
    public static func named(_ name: String) -> NTSTATUS? { byName[name] }

    // Case names come from reflection, which is slow: read once.
    private static let names: IntegerTable<String> = {
        var names = IntegerTable<String>()
        for status in allCases { names[UInt64(status.rawValue)] = String(describing: status) }
        return names
    }()
    private static let byName = Dictionary(uniqueKeysWithValues: allCases.map { (String(describing: $0), $0) })
}
