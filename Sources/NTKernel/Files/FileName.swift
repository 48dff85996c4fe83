// Names in directory indexes: compared by code units, or folded by upcase table.

/// A file name as NTFS compares it: never normalised.
struct FileName: Hashable {
    let text: String

    static func == (left: Self, right: Self) -> Bool { areEqual(left.text, right.text) }

    func hash(into hasher: inout Hasher) {
        var copy = text
        copy.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }

    /// `$UpCase`: one code unit to one code unit.
    static func upcase(_ text: String) -> String {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.uppercased() }
        var folded = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let mapping = scalar.properties.uppercaseMapping.unicodeScalars
            folded.append(mapping.count == 1 && scalar.value < 0x10000 ? mapping.first ?? scalar : scalar)
        }
        return String(folded)
    }

    /// `FsRtlIsNtfsLegal` and the length limit of 255 UTF-16 units.
    static func isLegal(_ text: String) -> Bool {
        let length = text.utf8.count
        guard length > 0, length <= 255 || text.utf16.count <= 255 else { return false }
        return withBytes(text) { bytes in
            for index in 0..<bytes.count where isForbidden(bytes[index]) { return false }
            return true
        }
    }

    /// Two words of bits, one for each character of ASCII that no name has.
    @inline(__always)
    private static func isForbidden(_ byte: UInt8) -> Bool {
        if byte < 0x40 { return forbidden.low >> UInt64(byte) & 1 != 0 }
        return byte < 0x80 && forbidden.high >> UInt64(byte & 0x3F) & 1 != 0
    }

    /// Controls and `"*/:<>?` below 0x40; `\` and `|` above.
    private static let forbidden: (low: UInt64, high: UInt64) = (
        0xFFFF_FFFF | 1 << 0x22 | 1 << 0x2A | 1 << 0x2F | 1 << 0x3A | 1 << 0x3C | 1 << 0x3E | 1 << 0x3F,
        1 << 0x1C | 1 << 0x3C
    )

    // MARK: - Bytes

    @inline(__always)
    static func withBytes<Result>(_ text: String, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        if let result = text.utf8.withContiguousStorageIfAvailable(body) { return result }
        return Array(text.utf8).withUnsafeBufferPointer(body)
    }

    static func areEqual(_ left: String, _ right: String) -> Bool {
        withBytes(left) { left in
            withBytes(right) { right in
                guard left.count == right.count else { return false }
                for index in 0..<left.count where left[index] != right[index] { return false }
                return true
            }
        }
    }

    /// Names come from recordings: nobody gains from collisions.
    static func hash(_ text: String) -> UInt64 {
        withBytes(text) { bytes in
            let factor: UInt64 = 0x9E37_79B9_7F4A_7C15
            var hash = UInt64(bytes.count)
            var index = 0
            let raw = UnsafeRawBufferPointer(bytes)
            while index + 8 <= raw.count {
                hash = (hash ^ raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)) &* factor
                hash ^= hash >> 32
                index += 8
            }
            var rest: UInt64 = 0
            while index < raw.count {
                rest = rest << 8 | UInt64(raw[index])
                index += 1
            }
            hash = (hash ^ rest) &* factor
            return hash ^ hash >> 32
        }
    }
}
