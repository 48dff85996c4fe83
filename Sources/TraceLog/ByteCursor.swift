// Reads the format's integers from untrusted bytes: every step is checked, nothing traps.

/// The bytes contradict the format.
struct Malformed: Error {
    var reason: String
    init(_ reason: String) { self.reason = reason }
}

/// A position in a buffer that outlives it.
struct ByteCursor {
    let bytes: UnsafeRawBufferPointer
    private(set) var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var remaining: Int { bytes.count - position }

    @inline(__always)
    mutating func byte() throws(Malformed) -> UInt8 {
        guard position < bytes.count else { throw Malformed("ends too early") }
        defer { position += 1 }
        return bytes[position]
    }

    @inline(__always)
    mutating func varint() throws(Malformed) -> UInt64 {
        guard position < bytes.count else { throw Malformed("ends too early") }
        let first = bytes[position]
        position += 1
        if first < 0x80 { return UInt64(first) }
        return try longVarint(first)
    }

    /// As many varints as asked for, one after the other.
    mutating func varints(_ count: Int, into out: UnsafeMutablePointer<UInt64>) throws(Malformed) {
        var at = position
        for row in 0..<count {
            guard at < bytes.count else { throw Malformed("ends too early") }
            let first = bytes[at]
            at &+= 1
            if first < 0x80 {
                out[row] = UInt64(first)
                continue
            }
            position = at
            out[row] = try longVarint(first)
            at = position
        }
        position = at
    }

    private mutating func longVarint(_ first: UInt8) throws(Malformed) -> UInt64 {
        var value = UInt64(first & 0x7F)
        var shift: UInt64 = 7
        while true {
            let next = try byte()
            if shift == 63, next > 1 { throw Malformed("an integer is longer than 64 bits") }
            value |= UInt64(next & 0x7F) << shift
            if next < 0x80 { return value }
            shift += 7
            if shift > 63 { throw Malformed("an integer is longer than 64 bits") }
        }
    }

    /// A varint that counts something, at most `limit`.
    mutating func count(limit: Int, _ what: String) throws(Malformed) -> Int {
        let value = try varint()
        guard value <= UInt64(limit) else { throw Malformed("claims \(value) \(what), more than \(limit)") }
        return Int(value)
    }

    mutating func zigzag() throws(Malformed) -> UInt64 { unzigzag(try varint()) }

    mutating func fixed64() throws(Malformed) -> UInt64 {
        UInt64(littleEndian: try take(8).loadUnaligned(as: UInt64.self))
    }

    mutating func take(_ size: Int) throws(Malformed) -> UnsafeRawBufferPointer {
        guard size >= 0, size <= remaining else { throw Malformed("ends too early") }
        defer { position += size }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<(position + size)])
    }
}
