// Extended attributes of a file and their budget.

/// `FILE_FULL_EA_INFORMATION`.
public struct ExtendedAttribute: Hashable, Sendable {
    /// `FILE_NEED_EA`: programs that do not understand EAs may not open the file.
    public var isNeeded = false
    public var name: String
    /// An empty value removes the attribute.
    public var value: [UInt8]

    public init(name: String, value: [UInt8]) {
        self.name = name
        self.value = value
    }

    /// Eight header bytes, the name with its zero, the value; aligned to four.
    var packedSize: Int { (8 + name.utf8.count + 1 + value.count + 3) & ~3 }
}

/// `$EA`: names are case-insensitive and kept in upper case; all together fit in 64 KB.
struct ExtendedAttributeSet {
    static let budget = 0xFFFF

    private(set) var entries: [ExtendedAttribute] = []
    private(set) var packedSize = 0

    func value(_ name: String) -> [UInt8]? {
        let isUpper = !name.utf8.contains { $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z") || $0 >= 0x80 }
        let upper = isUpper ? name : name.uppercased()
        return entries.first { $0.name == upper }?.value
    }

    /// The values that NTFS itself reads (`LX_FILE_METADATA_*`).
    private(set) var linux = (user: [UInt8]?.none, group: [UInt8]?.none, mode: [UInt8]?.none, device: [UInt8]?.none)

    /// Applies all changes or none.
    mutating func apply(_ changes: [ExtendedAttribute]) -> NTSTATUS {
        var new = entries
        for var change in changes {
            guard Self.isLegal(change.name) else { return .STATUS_INVALID_EA_NAME }
            change.name = change.name.uppercased()
            let index = new.firstIndex { $0.name == change.name }
            switch (index, change.value.isEmpty) {
            case (let index?, true): new.remove(at: index)
            case (let index?, false): new[index] = change
            case (nil, false): new.append(change)
            case (nil, true): break
            }
        }
        let size = new.reduce(0) { $0 + $1.packedSize }
        guard size <= Self.budget else { return .STATUS_EA_TOO_LARGE }
        entries = new
        packedSize = size
        linux = (value("$LXUID"), value("$LXGID"), value("$LXMOD"), value("$LXDEV"))
        return .STATUS_SUCCESS
    }

    /// `FsRtlIsEaNameValid`: 1 to 254 bytes, none of the characters that FAT forbids.
    private static func isLegal(_ name: String) -> Bool {
        let bytes = name.utf8
        return (1...254).contains(bytes.count)
            && bytes.allSatisfy { $0 >= 0x20 && !"\"*+,/:;<=>?[\\]|".utf8.contains($0) }
    }
}
