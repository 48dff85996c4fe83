// How wslfs keeps Linux metadata in NTFS: extended attributes, reparse tags, escaped names (FSNOTES).
import LinuxABI
import NTKernel

enum WslfsMetadata {
    /// Reparse tags of files that NTFS has no type for (behaviours.md §2.1).
    static let symbolicLinkTag: UInt32 = 0xA000_001D
    static let socketTag: UInt32 = 0x8000_0023
    static let fifoTag: UInt32 = 0x8000_0024
    static let characterDeviceTag: UInt32 = 0x8000_0025
    static let blockDeviceTag: UInt32 = 0x8000_0026

    static func tag(of kind: VfsKind) -> UInt32? {
        switch kind {
        case .symbolicLink: symbolicLinkTag
        case .socket: socketTag
        case .fifo: fifoTag
        case .characterDevice: characterDeviceTag
        case .blockDevice: blockDeviceTag
        case .regular, .directory: nil
        }
    }

    static func kind(tag: UInt32, attributes: FileAttributes) -> VfsKind {
        switch tag {
        case symbolicLinkTag, ReparsePoint.symbolicLinkTag, ReparsePoint.mountPointTag: .symbolicLink
        case socketTag: .socket
        case fifoTag: .fifo
        case characterDeviceTag: .characterDevice
        case blockDeviceTag: .blockDevice
        default: attributes.contains(.directory) ? .directory : .regular
        }
    }

    /// The reparse data of a symbolic link: a version word and the target.
    static func symbolicLink(_ target: String) -> ReparsePoint {
        ReparsePoint(tag: symbolicLinkTag, data: [2, 0, 0, 0] + Array(target.utf8))
    }

    static func target(_ point: ReparsePoint) -> String { String(decoding: point.data.dropFirst(4), as: UTF8.self) }

    static func attributes(mode: UInt32, uid: UInt32, gid: UInt32, device: UInt64? = nil) -> [ExtendedAttribute] {
        var result = [
            ExtendedAttribute(name: "$LXUID", value: word(uid)), ExtendedAttribute(name: "$LXGID", value: word(gid)),
            ExtendedAttribute(name: "$LXMOD", value: word(mode)),
        ]
        if let device {
            let value = word(LxDeviceNumber(device).major) + word(LxDeviceNumber(device).minor)
            result.append(ExtendedAttribute(name: "$LXDEV", value: value))
        }
        return result
    }

    static func word(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }

    // MARK: - Names

    /// Characters that NTFS forbids move to U+F000 plus their code (behaviours.md §2.1).
    static func escape(_ name: String) -> String {
        let isPlain = name.utf8.withContiguousStorageIfAvailable { bytes in
            for index in 0..<bytes.count where isForbidden(bytes[index]) { return false }
            return true
        }
        guard !(isPlain ?? !name.utf8.contains(where: isForbidden)) else { return name }
        var result = String.UnicodeScalarView()
        for scalar in name.unicodeScalars {
            if scalar.isASCII, isForbidden(UInt8(scalar.value)), let moved = Unicode.Scalar(0xF000 + scalar.value) {
                result.append(moved)
            } else {
                result.append(scalar)
            }
        }
        return String(result)
    }

    static func unescape(_ name: String) -> String {
        // U+F000 to U+F07F begin with these two bytes.
        guard name.utf8.contains(0xEF) else { return name }
        var result = String.UnicodeScalarView()
        for scalar in name.unicodeScalars {
            if (0xF001..<0xF080).contains(scalar.value), isForbidden(UInt8(scalar.value - 0xF000)),
                let moved = Unicode.Scalar(scalar.value - 0xF000)
            {
                result.append(moved)
            } else {
                result.append(scalar)
            }
        }
        return String(result)
    }

    @inline(__always)
    private static func isForbidden(_ byte: UInt8) -> Bool {
        if byte < 0x40 { return forbidden.low >> UInt64(byte) & 1 != 0 }
        return byte < 0x80 && forbidden.high >> UInt64(byte & 0x3F) & 1 != 0
    }

    /// A bit for each: controls and `"*:<>?` below 0x40; `\` and `|` above.
    private static let forbidden: (low: UInt64, high: UInt64) = (
        0xFFFF_FFFF | 1 << 0x22 | 1 << 0x2A | 1 << 0x3A | 1 << 0x3C | 1 << 0x3E | 1 << 0x3F, 1 << 0x1C | 1 << 0x3C
    )

    // MARK: - Times

    /// Nanoseconds since the epoch to 100 ns units since 1601: the granularity is visible.
    static func fileTime(_ nanoseconds: Int64) -> UInt64 {
        let (quotient, remainder) = nanoseconds.quotientAndRemainder(dividingBy: 100)
        let units = remainder < 0 ? quotient - 1 : quotient
        return UInt64(max(0, Int64(NTExecutive.epoch1970) + units))
    }

    static func nanoseconds(_ fileTime: UInt64) -> Int64 {
        let units = Int64(clamping: fileTime) - Int64(NTExecutive.epoch1970)
        let (result, overflow) = units.multipliedReportingOverflow(by: 100)
        return overflow ? (units < 0 ? .min : .max) : result
    }
}
