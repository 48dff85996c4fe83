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

/// The values that NTFS itself reads (`LX_FILE_METADATA_*`), decoded.
struct LinuxMetadata {
    var flags: FileStatLxInformation.LxFlags = []
    var user: UInt32 = 0
    var group: UInt32 = 0
    var mode: UInt32 = 0
    var device: (major: UInt32, minor: UInt32) = (0, 0)

    init() {}

    init(_ entries: [ExtendedAttribute]) {
        for entry in entries where entry.name.utf8.count == 6 {
            switch entry.name {
            case "$LXUID": user = take(entry.value, .hasUserID)
            case "$LXGID": group = take(entry.value, .hasGroupID)
            case "$LXMOD": mode = take(entry.value, .hasMode)
            case "$LXDEV": device = (Self.word(entry.value) ?? 0, take(entry.value, .hasDeviceID, at: 4))
            default: break
            }
        }
    }

    private mutating func take(
        _ bytes: [UInt8],
        _ flag: FileStatLxInformation.LxFlags,
        at offset: Int = 0
    ) -> UInt32 {
        guard let value = Self.word(bytes, at: offset) else { return 0 }
        flags.formUnion(flag)
        return value
    }

    private static func word(_ bytes: [UInt8], at offset: Int = 0) -> UInt32? {
        guard bytes.count >= offset + 4 else { return nil }
        return bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
    }
}

/// `$EA`: names are case-insensitive and kept in upper case; all together fit in 64 KB.
struct ExtendedAttributeSet {
    static let budget = 0xFFFF

    private(set) var entries: [ExtendedAttribute] = []
    private(set) var packedSize = 0
    private(set) var linux = LinuxMetadata()

    func value(_ name: String) -> [UInt8]? {
        let upper = Self.upper(name)
        return entries.first { $0.name == upper }?.value
    }

    /// Applies all changes or none.
    mutating func apply(_ changes: [ExtendedAttribute]) -> NTSTATUS {
        guard !changes.isEmpty else { return .STATUS_SUCCESS }
        var new = entries
        new.reserveCapacity(entries.count + changes.count)
        for var change in changes {
            guard Self.isLegal(change.name) else { return .STATUS_INVALID_EA_NAME }
            change.name = Self.upper(change.name)
            let index = new.firstIndex { $0.name == change.name }
            switch (index, change.value.isEmpty) {
            case (let index?, true): new.remove(at: index)
            case (let index?, false): new[index] = change
            case (nil, false): new.append(change)
            case (nil, true): break
            }
        }
        var size = 0
        for entry in new { size += entry.packedSize }
        guard size <= Self.budget else { return .STATUS_EA_TOO_LARGE }
        packedSize = size
        linux = LinuxMetadata(new)
        entries = new
        return .STATUS_SUCCESS
    }

    private static func upper(_ name: String) -> String {
        let isUpper = FileName.withBytes(name) { bytes in
            !bytes.contains { $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z") || $0 >= 0x80 }
        }
        return isUpper ? name : name.uppercased()
    }

    /// `FsRtlIsEaNameValid`: 1 to 254 bytes, none of the characters that FAT forbids.
    private static func isLegal(_ name: String) -> Bool {
        FileName.withBytes(name) { bytes in
            (1...254).contains(bytes.count) && !bytes.contains(where: isForbidden)
        }
    }

    @inline(__always)
    private static func isForbidden(_ byte: UInt8) -> Bool {
        switch byte {
        case 0..<0x20, UInt8(ascii: "\""), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: "/"),
            UInt8(ascii: ":"), UInt8(ascii: ";"), UInt8(ascii: "<"), UInt8(ascii: "="), UInt8(ascii: ">"),
            UInt8(ascii: "?"), UInt8(ascii: "["), UInt8(ascii: "\\"), UInt8(ascii: "]"), UInt8(ascii: "|"):
            true
        default: false
        }
    }
}
