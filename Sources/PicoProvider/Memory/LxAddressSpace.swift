// What Linux knows of an address space: ranges, protections, the break. The pages themselves are NT's.
import Engine
import LinuxABI
import NTKernel

/// One range with one protection and one origin.
struct LxRegion {
    var start: UInt64
    /// Exclusive.
    var end: UInt64
    /// PROT_* bits.
    var protection: UInt32
    var isShared: Bool
    /// The section behind it and where in it the range starts.
    var mapping: VfsMapping?
    var offset: Int64 = 0
    /// SysV shared memory.
    var segment: LxSharedSegment?
    var isStack = false
    var path = ""
}

final class LxAddressSpace {
    static let pageSize: UInt64 = 4096
    static let highest: UInt64 = 0x7fff_ffff_f000

    /// Sorted, not overlapping.
    private(set) var regions: [LxRegion] = []
    /// Ranges that the image brought along are not known: what no mmap made may be there.
    var breakStart: UInt64 = 0
    var programBreak: UInt64 = 0
    var personality: UInt32 = 0
    /// Thread groups that use it (vfork, CLONE_VM).
    var users = 1
    var ntProcess: EProcess?

    init() {}

    func copy() -> LxAddressSpace {
        let space = LxAddressSpace()
        space.regions = regions
        space.breakStart = breakStart
        space.programBreak = programBreak
        space.personality = personality
        return space
    }

    /// Index of the first region that ends after `address`.
    private func firstIndex(after address: UInt64) -> Int {
        var low = 0
        var high = regions.count
        while low < high {
            let middle = (low + high) / 2
            if regions[middle].end <= address { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Places of the regions that overlap the range.
    func indices(_ start: UInt64, _ end: UInt64) -> Range<Int> {
        let first = firstIndex(after: start)
        var last = first
        while last < regions.count, regions[last].start < end { last += 1 }
        return first..<last
    }

    func overlapping(_ start: UInt64, _ end: UInt64) -> ArraySlice<LxRegion> { regions[indices(start, end)] }

    /// Some of the range is mapped and some is not. A range of which nothing is known may be the image's.
    func hasHole(_ start: UInt64, _ end: UInt64) -> Bool {
        let range = indices(start, end)
        guard let first = range.first else { return false }
        var covered = regions[first].start
        if covered > start { return true }
        for index in range {
            if regions[index].start > covered { return true }
            covered = regions[index].end
        }
        return covered < end
    }

    func isFree(_ start: UInt64, _ end: UInt64) -> Bool {
        let index = firstIndex(after: start)
        return index == regions.count || regions[index].start >= end
    }

    /// SysV segments in the range.
    func segments(_ start: UInt64, _ end: UInt64) -> [LxRegion] {
        let range = indices(start, end)
        return range.contains { regions[$0].segment != nil } ? regions[range].filter { $0.segment != nil } : []
    }

    /// Cuts the range out; returns whether anything was there.
    @discardableResult
    func remove(_ start: UInt64, _ end: UInt64) -> Bool {
        let range = indices(start, end)
        guard !range.isEmpty else { return false }
        if range.count == 1, trim(range.lowerBound, start, end) { return true }
        let first = cut(range.lowerBound, at: start)
        let upper = range.upperBound + first - range.lowerBound
        if regions[upper - 1].end > end { cut(upper - 1, at: end) }
        regions.removeSubrange(first..<upper)
        return true
    }

    /// Shortens a region at one end, where the range takes no more of it.
    private func trim(_ index: Int, _ start: UInt64, _ end: UInt64) -> Bool {
        let (first, last) = (regions[index].start, regions[index].end)
        if first < start, last <= end {
            regions[index].end = start
            return true
        }
        guard first >= start, last > end else { return false }
        regions[index].offset += Int64(end - first)
        regions[index].start = end
        return true
    }

    /// Cuts the region at `index` in two if the address lies inside; returns the place of what begins there.
    @discardableResult
    private func cut(_ index: Int, at address: UInt64) -> Int {
        guard regions[index].start < address else { return index }
        var upper = regions[index]
        upper.offset += Int64(address - upper.start)
        upper.start = address
        regions[index].end = address
        regions.put(upper, at: index + 1)
        return index + 1
    }

    func insert(_ region: LxRegion) {
        remove(region.start, region.end)
        regions.put(region, at: firstIndex(after: region.start))
    }

    func protect(_ start: UInt64, _ end: UInt64, _ protection: UInt32) {
        let range = indices(start, end)
        guard !range.isEmpty else { return }
        let first = cut(range.lowerBound, at: start)
        let upper = range.upperBound + first - range.lowerBound
        if regions[upper - 1].end > end { cut(upper - 1, at: end) }
        for index in first..<upper { regions[index].protection = protection }
    }

    /// A free range below the last one, top down, as Linux places mappings.
    func place(_ length: UInt64) -> UInt64? {
        var end: UInt64 = 0x7f80_0000_0000
        for index in regions.indices.reversed() where regions[index].start < end {
            if regions[index].end <= end, end - regions[index].end >= length { break }
            end = min(end, regions[index].start)
        }
        return end > length + 0x10000 ? end - length : nil
    }
}
