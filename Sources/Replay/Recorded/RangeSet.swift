// Which byte ranges of a file are accounted for.

/// A set of offsets, as sorted, disjoint half-open ranges.
struct RangeSet: Hashable {
    private(set) var ranges: [Range<Int64>] = []

    mutating func insert(_ range: Range<Int64>) {
        guard !range.isEmpty else { return }
        var merged = range
        var kept: [Range<Int64>] = []
        kept.reserveCapacity(ranges.count + 1)
        var placed = false
        for old in ranges {
            if old.upperBound < merged.lowerBound {
                kept.append(old)
            } else if old.lowerBound > merged.upperBound {
                if !placed {
                    kept.append(merged)
                    placed = true
                }
                kept.append(old)
            } else {
                merged = min(old.lowerBound, merged.lowerBound)..<max(old.upperBound, merged.upperBound)
            }
        }
        if !placed { kept.append(merged) }
        ranges = kept
    }

    /// The parts of `range` that are not in the set, in order.
    func gaps(in range: Range<Int64>) -> [Range<Int64>] {
        var result: [Range<Int64>] = []
        var start = range.lowerBound
        for old in ranges where old.upperBound > start && old.lowerBound < range.upperBound {
            if old.lowerBound > start { result.append(start..<old.lowerBound) }
            start = max(start, old.upperBound)
        }
        if start < range.upperBound { result.append(start..<range.upperBound) }
        return result
    }

    func contains(_ range: Range<Int64>) -> Bool { gaps(in: range).isEmpty }
}
