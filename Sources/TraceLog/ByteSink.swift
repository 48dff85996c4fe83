// A growable buffer of raw bytes with the format's integers: little-endian words, LEB128 varints, zigzag.
import Glibc

@inline(__always)
func zigzag(_ value: UInt64) -> UInt64 { (value << 1) ^ UInt64(bitPattern: Int64(bitPattern: value) >> 63) }

@inline(__always)
func unzigzag(_ value: UInt64) -> UInt64 { (value >> 1) ^ (0 &- (value & 1)) }

/// Bytes a varint of this value takes, 1 to 10.
@inline(__always)
func varintSize(_ value: UInt64) -> Int { (70 - (value | 1).leadingZeroBitCount) / 7 }

/// Grows by doubling and keeps its memory when cleared, so that steady use allocates nothing.
final class ByteSink {
    private(set) var base: UnsafeMutablePointer<UInt8>
    private(set) var count = 0
    private var capacity: Int

    init(capacity: Int = 1024) {
        self.capacity = max(capacity, 64)
        base = UnsafeMutablePointer<UInt8>.allocate(capacity: self.capacity)
    }

    deinit { base.deallocate() }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    func clear() { count = 0 }

    /// Takes the last bytes back; their memory stays as it is.
    func truncate(to size: Int) { count = size }

    /// Room for `extra` more bytes.
    @inline(__always)
    func reserve(_ extra: Int) {
        if count + extra > capacity { grow(extra) }
    }

    private func grow(_ extra: Int) {
        capacity = max(capacity * 2, count + extra)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        larger.update(from: base, count: count)
        base.deallocate()
        base = larger
    }

    @inline(__always)
    func append(_ byte: UInt8) {
        reserve(1)
        base[count] = byte
        count += 1
    }

    @inline(__always)
    func append(_ source: UnsafeRawBufferPointer) {
        guard let start = source.baseAddress, source.count > 0 else { return }
        reserve(source.count)
        memcpy(base + count, start, source.count)
        count += source.count
    }

    /// Adds `size` bytes whose contents the caller fills in.
    func extend(_ size: Int) -> UnsafeMutablePointer<UInt8> {
        reserve(size)
        defer { count += size }
        return base + count
    }

    func appendFixed<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.littleEndian) { append($0) }
    }

    @inline(__always)
    func appendVarint(_ value: UInt64) {
        reserve(10)
        var rest = value
        var position = count
        while rest >= 0x80 {
            base[position] = UInt8(truncatingIfNeeded: rest) | 0x80
            position += 1
            rest >>= 7
        }
        base[position] = UInt8(truncatingIfNeeded: rest)
        count = position + 1
    }

    /// Many varints, `size` bytes in all.
    func appendVarints(_ values: UnsafePointer<UInt64>, _ count: Int, size: Int) {
        var out = extend(size)
        for row in 0..<count {
            var rest = values[row]
            while rest >= 0x80 {
                out.pointee = UInt8(truncatingIfNeeded: rest) | 0x80
                out += 1
                rest >>= 7
            }
            out.pointee = UInt8(truncatingIfNeeded: rest)
            out += 1
        }
    }

    func appendVarint(_ value: Int) { appendVarint(UInt64(value)) }

    func appendZigzag(_ value: UInt64) { appendVarint(zigzag(value)) }
}
