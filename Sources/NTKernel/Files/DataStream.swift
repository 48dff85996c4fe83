// A data stream as sparse extents, of which some content may not be known.

/// The unnamed `$DATA` attribute of a file.
///
/// The model is told only part of what was on a disk. A range is *known* bytes, zeros, or *unknown*; reading reports
/// the unknown ranges, so that nobody takes a guess for content.
public struct DataStream: Sendable {
    struct Extent: Sendable {
        enum Content: Sendable { case bytes([UInt8]), zeros, unknown }

        var start: Int64
        var length: Int64
        var content: Content
        var end: Int64 { start + length }

        /// A read that lies inside.
        func read(_ start: Int, _ count: Int) -> ReadResult {
            var result = ReadResult()
            switch content {
            case .bytes(let bytes):
                result.bytes = start == 0 && count == bytes.count ? bytes : Array(bytes[start..<(start + count)])
            case .zeros: result.bytes = [UInt8](repeating: 0, count: count)
            case .unknown:
                result.bytes = [UInt8](repeating: 0, count: count)
                result.unknown = [0..<count]
            }
            return result
        }
    }

    /// Result of a read: as many bytes as were there, and which of them mean nothing.
    public struct ReadResult: Sendable {
        public var bytes: [UInt8] = []
        /// Ranges of `bytes` that are not known (zeros stand in for them).
        public var unknown: [Range<Int>] = []

        public init() {}
    }

    /// Ordered, without gaps, from 0 to `size`.
    private var extents: [Extent] = []
    /// End of file in bytes.
    public private(set) var size: Int64 = 0

    public init() {}

    /// A stream of `size` bytes of which nothing is known.
    public init(unknownSize size: Int64) {
        self.size = max(size, 0)
        if size > 0 { extents = [Extent(start: 0, length: size, content: .unknown)] }
    }

    /// Bytes from `offset`, at most `count`, up to the end of file.
    public func read(at offset: Int64, count: Int) -> ReadResult {
        var result = ReadResult()
        guard offset >= 0, offset < size, count > 0 else { return result }
        let end = min(size, offset + Int64(min(Int64(count), size - offset)))
        var index = self.index(at: offset)
        if index < extents.count, extents[index].end >= end {
            return extents[index].read(Int(offset - extents[index].start), Int(end - offset))
        }
        result.bytes.reserveCapacity(Int(end - offset))
        var position = offset
        while position < end, index < extents.count {
            let extent = extents[index]
            let stop = min(extent.end, end)
            let length = Int(stop - position)
            switch extent.content {
            case .bytes(let bytes):
                let from = Int(position - extent.start)
                result.bytes.append(contentsOf: bytes[from..<(from + length)])
            case .zeros:
                result.bytes.append(contentsOf: repeatElement(0, count: length))
            case .unknown:
                result.unknown.append(result.bytes.count..<(result.bytes.count + length))
                result.bytes.append(contentsOf: repeatElement(0, count: length))
            }
            position = stop
            index += 1
        }
        return result
    }

    /// Writes; a gap past the old end becomes zeros.
    public mutating func write(at offset: Int64, _ bytes: [UInt8]) {
        guard !bytes.isEmpty, offset >= 0 else { return }
        if offset > size { setSize(offset) }
        if append(at: offset, bytes) || overwrite(at: offset, bytes) { return }
        replace(offset, Int64(bytes.count), .bytes(bytes))
    }

    /// Tells content without changing the size; what lies past the end of file is ignored.
    public mutating func prove(at offset: Int64, _ bytes: [UInt8]) {
        guard offset >= 0, offset < size, !bytes.isEmpty else { return }
        let length = min(Int64(bytes.count), size - offset)
        replace(offset, length, .bytes(Array(bytes.prefix(Int(length)))))
    }

    /// Declares a range unknown (somebody outside wrote it).
    public mutating func forget(_ range: Range<Int64>) {
        let range = range.clamped(to: 0..<size)
        if !range.isEmpty { replace(range.lowerBound, Int64(range.count), .unknown) }
    }

    /// Moves the end of file; growth is zeros.
    public mutating func setSize(_ newSize: Int64) {
        guard newSize >= 0, newSize != size else { return }
        if newSize > size {
            extents.append(Extent(start: size, length: newSize - size, content: .zeros))
        } else {
            cut(at: newSize)
            extents.removeAll { $0.start >= newSize }
        }
        size = newSize
    }

    /// Fills a range with zeros (`FSCTL_SET_ZERO_DATA`); does not move the end of file.
    public mutating func zero(_ range: Range<Int64>) {
        let range = range.clamped(to: 0..<size)
        if !range.isEmpty { replace(range.lowerBound, Int64(range.count), .zeros) }
    }

    /// Whether every byte of the range is known.
    public func isKnown(_ range: Range<Int64>) -> Bool {
        let range = range.clamped(to: 0..<size)
        var index = self.index(at: range.lowerBound)
        while index < extents.count, extents[index].start < range.upperBound {
            if case .unknown = extents[index].content { return false }
            index += 1
        }
        return true
    }

    // MARK: - Extents

    private func index(at offset: Int64) -> Int {
        var low = 0
        var high = extents.count
        while low < high {
            let middle = (low + high) / 2
            if extents[middle].end > offset { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Fast path: the end of the last extent grows in place.
    private mutating func append(at offset: Int64, _ new: [UInt8]) -> Bool {
        guard offset == size, let last = extents.indices.last, case .bytes(var bytes) = extents[last].content else {
            return false
        }
        // Keep extents short enough that a later split does not copy a whole file.
        guard bytes.count + new.count <= 1 << 20 else { return false }
        extents[last].content = .zeros
        bytes.append(contentsOf: new)
        extents[last].content = .bytes(bytes)
        extents[last].length += Int64(new.count)
        size += Int64(new.count)
        return true
    }

    /// Fast path: inside one extent of bytes.
    private mutating func overwrite(at offset: Int64, _ new: [UInt8]) -> Bool {
        let index = self.index(at: offset)
        guard index < extents.count, extents[index].end >= offset + Int64(new.count),
            case .bytes(var bytes) = extents[index].content
        else { return false }
        extents[index].content = .zeros
        let from = Int(offset - extents[index].start)
        bytes.replaceSubrange(from..<(from + new.count), with: new)
        extents[index].content = .bytes(bytes)
        return true
    }

    private mutating func replace(_ offset: Int64, _ length: Int64, _ content: Extent.Content) {
        let end = offset + length
        cut(at: offset)
        cut(at: end)
        let first = index(at: offset)
        var last = first
        while last < extents.count, extents[last].end <= end { last += 1 }
        extents.replaceSubrange(first..<last, with: [Extent(start: offset, length: length, content: content)])
        size = max(size, end)
    }

    private mutating func cut(at offset: Int64) {
        let index = self.index(at: offset)
        guard index < extents.count, extents[index].start < offset else { return }
        let extent = extents[index]
        var lower = extent
        var upper = extent
        lower.length = offset - extent.start
        upper.start = offset
        upper.length = extent.end - offset
        if case .bytes(let bytes) = extent.content {
            lower.content = .bytes(Array(bytes[..<Int(lower.length)]))
            upper.content = .bytes(Array(bytes[Int(lower.length)...]))
        }
        extents.replaceSubrange(index...index, with: [lower, upper])
    }

    /// Broken invariants: extents ordered, without gaps, of the right length, ending at `size`.
    func brokenInvariants() -> [String] {
        var broken: [String] = []
        var position: Int64 = 0
        for extent in extents {
            if extent.start != position || extent.length <= 0 {
                broken.append("extent at \(extent.start) out of place")
            }
            if case .bytes(let bytes) = extent.content, Int64(bytes.count) != extent.length {
                broken.append("extent at \(extent.start) has \(bytes.count) bytes for \(extent.length)")
            }
            position = extent.end
        }
        if position != size { broken.append("extents end at \(position), size is \(size)") }
        return broken
    }
}
