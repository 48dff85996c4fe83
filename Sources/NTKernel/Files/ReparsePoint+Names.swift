// Reparse points that hold a name: junctions, volume mount points and NT's own symbolic links.

extension ReparsePoint {
    /// `IO_REPARSE_TAG_MOUNT_POINT`: a directory junction, or the mount point of a volume.
    public static let mountPointTag: UInt32 = 0xA000_0003
    /// `IO_REPARSE_TAG_SYMLINK`.
    public static let symbolicLinkTag: UInt32 = 0xA000_000C

    /// `REPARSE_DATA_BUFFER.MountPointReparseBuffer`; `target` is an object path, `\??\C:\Users`.
    public static func mountPoint(_ target: String) -> ReparsePoint {
        ReparsePoint(tag: mountPointTag, data: names(target) + utf16(target) + [0, 0, 0, 0])
    }

    /// `REPARSE_DATA_BUFFER.SymbolicLinkReparseBuffer`; a relative target has no drive.
    public static func symbolicLink(_ target: String, isRelative: Bool) -> ReparsePoint {
        let flags: [UInt8] = [isRelative ? 1 : 0, 0, 0, 0]
        return ReparsePoint(tag: symbolicLinkTag, data: names(target) + flags + utf16(target) + [0, 0, 0, 0])
    }

    /// `SubstituteName`; nil when the tag is of another kind or the data is cut.
    public var substituteName: String? {
        let header: Int
        switch tag {
        case Self.mountPointTag: header = 8
        case Self.symbolicLinkTag: header = 12
        default: return nil
        }
        guard data.count >= header else { return nil }
        let offset = header + Int(word(0))
        let length = Int(word(2))
        guard offset + length <= data.count else { return nil }
        let units = stride(from: offset, to: offset + length - 1, by: 2).map { word($0) }
        return String(decoding: units, as: UTF16.self)
    }

    private func word(_ offset: Int) -> UInt16 { UInt16(data[offset]) | UInt16(data[offset + 1]) << 8 }

    /// Offset and length of the substitute name, then of an empty print name behind it and its NUL.
    private static func names(_ target: String) -> [UInt8] {
        let length = target.utf16.count * 2
        return [0, length, length + 2, 0].flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] }
    }

    private static func utf16(_ text: String) -> [UInt8] { text.utf16.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] } }
}
