// The distinct values of a column, at most 256, with their rank in sorted order.

final class DistinctValues {
    private static let slots = 1024
    /// Rank plus one; 0 is a free slot.
    private let table = Staging<(key: UInt64, rank: UInt64)>(capacity: slots)
    private let used = Staging<Int>(capacity: 256)
    private(set) var sorted: [UInt64] = []
    /// Bytes of `encode(into:)`.
    private(set) var encodedSize = 0

    init() {
        let table = table.resize(Self.slots)
        for slot in 0..<Self.slots { table[slot] = (0, 0) }
    }

    @inline(__always)
    private static func slot(_ value: UInt64, _ table: UnsafePointer<(key: UInt64, rank: UInt64)>) -> Int {
        var position = Int(truncatingIfNeeded: (value &* 0x9E37_79B9_7F4A_7C15) >> 54)
        while table[position].rank != 0, table[position].key != value { position = (position + 1) & (slots - 1) }
        return position
    }

    /// Collects the distinct values; false as soon as there are more than `limit` (at most 256).
    func collect(_ values: UnsafePointer<UInt64>, _ count: Int, limit: Int) -> Bool {
        let table = table.base
        for place in 0..<used.count { table[used[place]].rank = 0 }
        used.clear()
        sorted.removeAll(keepingCapacity: true)
        for row in 0..<count {
            let position = Self.slot(values[row], table)
            guard table[position].rank == 0 else { continue }
            guard used.count < limit else { return false }
            table[position] = (values[row], 1)
            used.append(position)
        }
        for place in 0..<used.count { sorted.append(table[used[place]].key) }
        sorted.sort()
        encodedSize = 2
        var previous: UInt64 = 0
        for (rank, value) in sorted.enumerated() {
            table[Self.slot(value, table)].rank = UInt64(rank + 1)
            encodedSize += varintSize(value &- previous)
            previous = value
        }
        return true
    }

    /// The rank of every value, all of which were collected.
    func writeRanks(of values: UnsafePointer<UInt64>, _ count: Int, to out: UnsafeMutablePointer<UInt8>) {
        let table = table.base
        for row in 0..<count {
            out[row] = UInt8(truncatingIfNeeded: table[Self.slot(values[row], table)].rank &- 1)
        }
    }

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
