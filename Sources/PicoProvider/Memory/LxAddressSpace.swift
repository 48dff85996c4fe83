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
    var mapping: LxMappingReference?
    var offset: Int64 = 0
    /// SysV shared memory.
    var segment: LxSharedSegment?
    var isStack = false
    var path = ""
}

/// Shared by the regions that one mmap left; its end releases the section.
final class LxMappingReference {
    let mapping: VfsMapping
    let inode: VfsInode?
    private weak var engine: WSL1Engine?

    init(_ mapping: VfsMapping, inode: VfsInode?, engine: WSL1Engine) {
        self.mapping = mapping
        self.inode = inode
        self.engine = engine
    }

    // Address spaces may outlive the engine by a moment when it is let go.
    deinit { if let engine { mapping.unmapped(engine.quietContext(nil)) } }
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

    func overlapping(_ start: UInt64, _ end: UInt64) -> ArraySlice<LxRegion> {
        let first = firstIndex(after: start)
        var last = first
        while last < regions.count, regions[last].start < end { last += 1 }
        return regions[first..<last]
    }

    /// Some of the range is mapped and some is not. A range of which nothing is known may be the image's.
    func hasHole(_ start: UInt64, _ end: UInt64) -> Bool {
        let regions = overlapping(start, end)
        guard var covered = regions.first?.start, covered < end else { return false }
        if covered > start { return true }
        for region in regions {
            if region.start > covered { return true }
            covered = region.end
        }
        return covered < end
    }

    func isFree(_ start: UInt64, _ end: UInt64) -> Bool { overlapping(start, end).isEmpty }

    /// Cuts the range out; returns whether anything was there.
    @discardableResult
    func remove(_ start: UInt64, _ end: UInt64) -> Bool {
        let range = overlapping(start, end)
        guard !range.isEmpty else { return false }
        var kept: [LxRegion] = []
        for region in range {
            if region.start < start {
                var left = region
                left.end = start
                kept.append(left)
            }
            if region.end > end {
                var right = region
                right.offset += Int64(end - region.start)
                right.start = end
                kept.append(right)
            }
        }
        regions.replaceSubrange(range.indices, with: kept)
        return true
    }

    func insert(_ region: LxRegion) {
        remove(region.start, region.end)
        regions.insert(region, at: firstIndex(after: region.start))
    }

    func protect(_ start: UInt64, _ end: UInt64, _ protection: UInt32) {
        let affected = overlapping(start, end)
        for region in affected {
            var part = region
            part.start = max(region.start, start)
            part.end = min(region.end, end)
            part.offset += Int64(part.start - region.start)
            part.protection = protection
            insert(part)
        }
    }

    /// A free range below the last one, top down, as Linux places mappings.
    func place(_ length: UInt64) -> UInt64? {
        var end: UInt64 = 0x7f80_0000_0000
        for region in regions.reversed() where region.start < end {
            if region.end <= end, end - region.end >= length { break }
            end = min(end, region.start)
        }
        return end > length + 0x10000 ? end - length : nil
    }
}
