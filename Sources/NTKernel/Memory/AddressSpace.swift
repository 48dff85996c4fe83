// A process's user address space: virtual address descriptors, no page contents.

/// `MMVAD`: one allocation or one view.
public struct VirtualAddressDescriptor {
    public enum Backing {
        case privateMemory
        case view(SectionObject, offset: UInt64)
    }
    /// Neighbouring pages in one state.
    public struct Region: Hashable, Sendable {
        /// Bytes, page aligned.
        public internal(set) var start: UInt64
        /// Exclusive.
        public internal(set) var end: UInt64
        public internal(set) var protection: PageProtection
        public internal(set) var isCommitted: Bool
        /// Its pages count against the commit limit.
        public internal(set) var isCharged: Bool

        var pages: UInt64 { (end - start) / AddressSpace.pageSize }

        /// Cuts the region in two that has the address inside.
        static func split(_ regions: inout [Region], at address: UInt64) {
            for index in regions.indices where regions[index].start < address && address < regions[index].end {
                var upper = regions[index]
                upper.start = address
                regions[index].end = address
                regions.put(upper, at: index + 1)
                return
            }
        }

        /// Neighbours in one state become one.
        static func merge(_ regions: inout [Region]) {
            var last = 0
            for index in 1..<max(1, regions.count) {
                let region = regions[index]
                if regions[last].protection == region.protection, regions[last].isCommitted == region.isCommitted,
                    regions[last].isCharged == region.isCharged
                {
                    regions[last].end = region.end
                } else {
                    last += 1
                    regions[last] = region
                }
            }
            if last + 1 < regions.count { regions.removeLast(regions.count - last - 1) }
        }
    }

    public internal(set) var start: UInt64
    /// Exclusive.
    public internal(set) var end: UInt64
    public internal(set) var backing: Backing
    /// `AllocationProtect`.
    public let initialProtection: PageProtection
    /// Ordered, without gaps, from `start` to `end`.
    public internal(set) var regions: [Region] {
        get {
            var all: [Region] = []
            // Room for what a cut at both ends adds.
            all.reserveCapacity(otherRegions.count + 3)
            all.append(firstRegion)
            all.append(contentsOf: otherRegions)
            return all
        }
        set {
            firstRegion = newValue[0]
            otherRegions = newValue.count == 1 ? [] : Array(newValue[1...])
        }
    }
    /// Most allocations are in one state: no array for these.
    var firstRegion: Region
    var otherRegions: [Region] = []

    init(backing: Backing, initialProtection: PageProtection, region: Region) {
        start = region.start
        end = region.end
        self.backing = backing
        self.initialProtection = initialProtection
        firstRegion = region
    }

    /// Calls `body` for the regions that overlap the range until it answers false; the last answer, or true.
    @inline(__always)
    func allRegions(_ start: UInt64, _ end: UInt64, _ body: (Region) -> Bool) -> Bool {
        if firstRegion.start < end, firstRegion.end > start, !body(firstRegion) { return false }
        for region in otherRegions where region.start < end && region.end > start && !body(region) { return false }
        return true
    }

    /// The range is all of it, in one state.
    func isOneRegion(_ start: UInt64, _ end: UInt64) -> Bool {
        otherRegions.isEmpty && start == self.start && end == self.end
    }

    mutating func dropCharge() {
        firstRegion.isCharged = false
        for index in otherRegions.indices { otherRegions[index].isCharged = false }
    }

    var chargedPages: UInt64 {
        var pages = firstRegion.isCharged ? firstRegion.pages : 0
        for region in otherRegions where region.isCharged { pages += region.pages }
        return pages
    }

    var isView: Bool {
        if case .view = backing { true } else { false }
    }

    public var section: SectionObject? {
        if case .view(let section, _) = backing { section } else { nil }
    }

    /// Cuts off what lies at or above `address`, which must be inside.
    mutating func split(at address: UInt64) -> VirtualAddressDescriptor {
        var upper = self
        upper.start = address
        if case .view(let section, let offset) = backing {
            upper.backing = .view(section, offset: offset + (address - start))
        }
        end = address
        if otherRegions.isEmpty {
            upper.firstRegion.start = address
            firstRegion.end = address
        } else {
            splitRegions(at: address)
            upper.regions = regions.filter { $0.start >= address }
            regions.removeAll { $0.start >= address }
        }
        return upper
    }

    mutating func splitRegions(at address: UInt64) {
        if otherRegions.isEmpty, firstRegion.start >= address || address >= firstRegion.end { return }
        var cut = regions
        Region.split(&cut, at: address)
        regions = cut
    }
}

/// `MMSUPPORT` and the VAD tree of one process.
public final class AddressSpace {
    public static let pageSize: UInt64 = 4096
    /// `MM_LOWEST_USER_ADDRESS`.
    public static let lowestUserAddress: UInt64 = 0x1_0000
    /// `MM_HIGHEST_USER_ADDRESS` of x64 since Windows 8.1.
    public static let highestUserAddress: UInt64 = 0x7FFF_FFFE_FFFF

    /// Alignment of base addresses: 64 KB, or 4 KB for pico processes.
    public let granularity: UInt64
    /// Ordered by address, never overlapping.
    public internal(set) var descriptors: [VirtualAddressDescriptor] = []
    /// Pages charged for this process.
    public internal(set) var commitCharge: UInt64 = 0

    init(granularity: EProcess.Granularity) {
        self.granularity = granularity == .page ? Self.pageSize : 0x1_0000
    }

    /// Index of the first descriptor that ends above `address`.
    func index(endingAbove address: UInt64) -> Int {
        var low = 0
        var high = descriptors.count
        while low < high {
            let middle = (low + high) / 2
            if descriptors[middle].end > address { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Indices of the descriptors that overlap the range.
    func overlapping(_ start: UInt64, _ end: UInt64) -> Range<Int> {
        let first = index(endingAbove: start)
        var last = first
        while last < descriptors.count, descriptors[last].start < end { last += 1 }
        return first..<last
    }

    /// The descriptor that contains the address.
    public func descriptor(containing address: UInt64) -> VirtualAddressDescriptor? {
        let index = index(endingAbove: address)
        guard index < descriptors.count, descriptors[index].start <= address else { return nil }
        return descriptors[index]
    }

    /// Where what contains the address ends; nil when nothing is there.
    public func end(containing address: UInt64) -> UInt64? {
        let index = index(endingAbove: address)
        return index < descriptors.count && descriptors[index].start <= address ? descriptors[index].end : nil
    }

    func insert(_ descriptor: VirtualAddressDescriptor) {
        descriptors.put(descriptor, at: index(endingAbove: descriptor.start))
    }

    /// `MiFindEmptyAddressRange`.
    func findEmpty(_ size: UInt64, topDown: Bool) -> UInt64? {
        topDown ? findEmptyFromTop(size) : findEmptyFromBottom(size)
    }

    private func findEmptyFromBottom(_ size: UInt64) -> UInt64? {
        var candidate = Self.lowestUserAddress
        for index in descriptors.indices {
            let start = descriptors[index].start
            if start >= candidate, start - candidate >= size { return candidate }
            candidate = alignUp(max(candidate, descriptors[index].end))
        }
        let top = Self.highestUserAddress + 1
        return candidate < top && top - candidate >= size ? candidate : nil
    }

    private func findEmptyFromTop(_ size: UInt64) -> UInt64? {
        var ceiling = Self.highestUserAddress + 1
        for index in descriptors.indices.reversed() {
            if let candidate = fit(size, descriptors[index].end, ceiling) { return candidate }
            ceiling = descriptors[index].start
        }
        return fit(size, Self.lowestUserAddress, ceiling)
    }

    private func fit(_ size: UInt64, _ floor: UInt64, _ ceiling: UInt64) -> UInt64? {
        guard ceiling >= size else { return nil }
        let candidate = (ceiling - size) & ~(granularity - 1)
        return candidate >= floor ? candidate : nil
    }

    private func alignUp(_ address: UInt64) -> UInt64 { (address + granularity - 1) & ~(granularity - 1) }
}
