// Names in directory indexes: compared by code units, or folded by upcase table.

/// A file name as NTFS compares it: never normalised.
struct FileName: Hashable {
    let text: String

    static func == (left: Self, right: Self) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

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
    static func isLegal(_ text: Substring) -> Bool {
        guard !text.isEmpty, text.utf8.count <= 255 || text.utf16.count <= 255 else { return false }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case 0..<0x20, UInt8(ascii: "\""), UInt8(ascii: "*"), UInt8(ascii: "/"), UInt8(ascii: ":"),
                UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "?"), UInt8(ascii: "|"), UInt8(ascii: "\\"):
                false
            default: true
            }
        }
    }
}
