// How lxfs (VolFs) keeps Linux metadata in NTFS: one EA for what stat says, one for all extended attributes.
import LinuxABI
import NTKernel

/// `LXATTRB`: that it holds all of these is FSNOTES; the order of its 56 bytes is from memory of the same notes.
struct LxfsAttributes {
    static let name = "LXATTRB"

    /// With the kind of the file: NTFS shows a plain file whatever it is.
    var mode: UInt32
    var uid: UInt32
    var gid: UInt32
    var device: UInt64 = 0
    /// Nanoseconds since the epoch.
    var accessTime: Int64
    var modificationTime: Int64
    var changeTime: Int64

    init(mode: UInt32, uid: UInt32, gid: UInt32, time: Int64) {
        self.mode = mode
        self.uid = uid
        self.gid = gid
        (accessTime, modificationTime, changeTime) = (time, time, time)
    }

    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 56 else { return nil }
        func word(_ offset: Int) -> UInt32 {
            bytes[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
        }
        func time(_ seconds: Int, _ nanoseconds: Int) -> Int64 {
            let whole = Int64(bitPattern: UInt64(word(seconds)) | UInt64(word(seconds + 4)) << 32)
            return whole &* 1_000_000_000 &+ Int64(word(nanoseconds))
        }
        mode = word(4)
        uid = word(8)
        gid = word(12)
        device = UInt64(word(16))
        accessTime = time(32, 20)
        modificationTime = time(40, 24)
        changeTime = time(48, 28)
    }

    var extendedAttribute: ExtendedAttribute {
        let times = [accessTime, modificationTime, changeTime].map { time in
            // The remainder is never negative.
            let seconds = time >= 0 ? time / 1_000_000_000 : -((999_999_999 - time) / 1_000_000_000)
            return (seconds: seconds, rest: UInt32(time - seconds * 1_000_000_000))
        }
        var out = LxpBytes()
        out.add(UInt16(0))
        out.add(UInt16(1))
        for word in [mode, uid, gid, UInt32(truncatingIfNeeded: device)] + times.map(\.rest) { out.add(word) }
        for time in times { out.add(UInt64(bitPattern: time.seconds)) }
        return ExtendedAttribute(name: Self.name, value: out.bytes)
    }
}

/// `LXXATTR`: names with their values, one after another. That they share one EA is FSNOTES; the lengths before them
/// (two bytes for the value, one for the name) are inferred.
enum LxfsExtendedAttributes {
    static let name = "LXXATTR"

    static func unpack(_ bytes: [UInt8]) -> [(name: String, value: [UInt8])] {
        var result: [(name: String, value: [UInt8])] = []
        var position = 0
        while position + 3 <= bytes.count {
            let value = Int(bytes[position]) | Int(bytes[position + 1]) << 8
            let start = position + 3
            let middle = start + Int(bytes[position + 2])
            guard middle + value <= bytes.count else { break }
            result.append(
                (String(decoding: bytes[start..<middle], as: UTF8.self), Array(bytes[middle..<middle + value]))
            )
            position = middle + value
        }
        return result
    }

    /// Empty, and so no EA, when there are none.
    static func pack(_ attributes: [(name: String, value: [UInt8])]) -> ExtendedAttribute {
        var bytes: [UInt8] = []
        for (name, value) in attributes {
            bytes += [
                UInt8(value.count & 0xff), UInt8(value.count >> 8 & 0xff), UInt8(truncatingIfNeeded: name.utf8.count),
            ]
            bytes += Array(name.utf8) + value
        }
        return ExtendedAttribute(name: Self.name, value: bytes)
    }
}

/// Names: what NTFS forbids, and `#` itself, become `#` and four hexadecimal digits (FSNOTES).
enum LxfsNames {
    static func escape(_ name: String) -> String {
        guard name.utf8.contains(where: isForbidden) else { return name }
        return name.unicodeScalars.reduce(into: "") { result, scalar in
            if scalar.isASCII, isForbidden(UInt8(scalar.value)) {
                let digits = String(scalar.value, radix: 16, uppercase: true)
                result += "#" + String(repeating: "0", count: 4 - digits.count) + digits
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
    }

    static func unescape(_ name: String) -> String {
        guard name.utf8.contains(UInt8(ascii: "#")) else { return name }
        var result = ""
        var rest = name[...]
        while let mark = rest.firstIndex(of: "#") {
            result += rest[..<mark]
            rest = rest[mark...].dropFirst()
            let digits = rest.prefix(4)
            if digits.count == 4, let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value) {
                result.unicodeScalars.append(scalar)
                rest = rest.dropFirst(4)
            } else {
                result += "#"
            }
        }
        return result + rest
    }

    private static func isForbidden(_ byte: UInt8) -> Bool { byte < 0x20 || "\"*:<>?|\\#".utf8.contains(byte) }
}
