// The distinct values of a column, at most 256, with their rank in sorted order.

struct DistinctValues {
    private static let slots = 1024
    private var keys = [UInt64](repeating: 0, count: slots)
    /// Rank plus one; 0 is a free slot.
    private var ranks = [UInt16](repeating: 0, count: slots)
    private var used: [Int] = []
    private(set) var sorted: [UInt64] = []
    /// Bytes of `encode(into:)`.
    private(set) var encodedSize = 0

    private func slot(_ value: UInt64) -> Int {
        var position = Int(truncatingIfNeeded: (value &* 0x9E37_79B9_7F4A_7C15) >> 54)
        while ranks[position] != 0, keys[position] != value { position = (position + 1) & (Self.slots - 1) }
        return position
    }

    /// Collects the distinct values; false as soon as there are more than `limit`.
    mutating func collect(_ values: [UInt64], limit: Int) -> Bool {
        for position in used { ranks[position] = 0 }
        used.removeAll(keepingCapacity: true)
        sorted.removeAll(keepingCapacity: true)
        var last: UInt64?
        for value in values where value != last {
            last = value
            let position = slot(value)
            if ranks[position] == 0 {
                guard sorted.count < limit else { return false }
                keys[position] = value
                ranks[position] = 1
                used.append(position)
                sorted.append(value)
            }
        }
        sorted.sort()
        encodedSize = 2
        var previous: UInt64 = 0
        for (rank, value) in sorted.enumerated() {
            ranks[slot(value)] = UInt16(rank + 1)
            encodedSize += varintSize(value &- previous)
            previous = value
        }
        return true
    }

    func rank(_ value: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: ranks[slot(value)] &- 1) }

    /// Count minus one, then the ascending values as differences.
    func encode(into sink: ByteSink) {
        sink.append(UInt8(sorted.count - 1))
        var previous: UInt64 = 0
        for value in sorted {
            sink.appendVarint(value &- previous)
            previous = value
        }
    }
}
