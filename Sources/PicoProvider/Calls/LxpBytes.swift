// What calls write into the memory of their callers, field by field.

/// Little-endian bytes of a structure.
struct LxpBytes {
    var bytes: [UInt8] = []

    /// Room for most structures at once.
    init() { bytes.reserveCapacity(64) }

    @inline(__always)
    mutating func add<T: FixedWidthInteger>(_ value: T) {
        var rest = UInt64(truncatingIfNeeded: value)
        for _ in 0..<(T.bitWidth / 8) {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }
    mutating func add(_ more: [UInt8]) { bytes += more }
    mutating func pad(to length: Int) {
        if bytes.count < length { bytes += [UInt8](repeating: 0, count: length - bytes.count) }
    }
}
