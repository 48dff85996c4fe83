// Placing, cutting and charging address ranges: the inside of the memory routines.

extension NTExecutive {
    /// Rounds to pages; nil when the range leaves user space.
    func pageRange(_ base: UInt64, _ size: UInt64) -> (UInt64, UInt64)? {
        let start = base & ~(AddressSpace.pageSize - 1)
        let (sum, overflow) = base.addingReportingOverflow(size)
        guard !overflow, sum <= AddressSpace.highestUserAddress + 1 else { return nil }
        return (start, (sum + AddressSpace.pageSize - 1) & ~(AddressSpace.pageSize - 1))
    }

    /// Finds or checks the place of a new descriptor.
    func place(_ space: AddressSpace, _ base: inout UInt64, _ size: inout UInt64, topDown: Bool) -> NTSTATUS {
        guard size > 0 else { return .STATUS_INVALID_PARAMETER }
        if base == 0 {
            let (rounded, overflow) = size.addingReportingOverflow(AddressSpace.pageSize - 1)
            guard !overflow else { return .STATUS_INVALID_PARAMETER }
            size = rounded & ~(AddressSpace.pageSize - 1)
            guard let found = space.findEmpty(size, topDown: topDown) else { return .STATUS_NO_MEMORY }
            base = found
            return .STATUS_SUCCESS
        }
        guard let (_, end) = pageRange(base, size) else { return .STATUS_INVALID_PARAMETER }
        base &= ~(space.granularity - 1)
        guard base >= AddressSpace.lowestUserAddress else { return .STATUS_INVALID_PARAMETER }
        size = end - base
        return space.overlapping(base, end).isEmpty ? .STATUS_SUCCESS : .STATUS_CONFLICTING_ADDRESSES
    }

    /// The one descriptor that holds the whole range.
    func containing(_ space: AddressSpace, _ start: UInt64, _ end: UInt64) -> Int? {
        let index = space.index(endingAbove: start)
        guard index < space.descriptors.count, space.descriptors[index].start <= start,
            end <= space.descriptors[index].end
        else { return nil }
        return index
    }

    /// `MiChargeCommit`.
    func charge(_ space: AddressSpace?, _ pages: UInt64) -> Bool {
        guard committedPages + pages <= configuration.commitLimit else { return false }
        committedPages += pages
        space?.commitCharge += pages
        return true
    }

    /// `MiReturnCommit`.
    func uncharge(_ space: AddressSpace?, _ pages: UInt64) {
        committedPages -= pages
        space?.commitCharge -= pages
    }

    /// Changes the pages of a range inside one descriptor and settles the charge; false when the limit forbids it.
    @discardableResult
    func change(
        _ space: AddressSpace,
        _ start: UInt64,
        _ end: UInt64,
        _ body: (inout VirtualAddressDescriptor.Region) -> Void
    ) -> Bool {
        guard let index = containing(space, start, end) else { return false }
        let isView = space.descriptors[index].isView
        var added: UInt64 = 0
        var dropped: UInt64 = 0
        func settle(_ region: inout VirtualAddressDescriptor.Region) {
            body(&region)
            // A view is charged once its pages may be copied; private pages keep the charge they have while committed.
            if isView, region.protection.isCopyOnWrite, !region.isCharged {
                region.isCharged = true
                added += region.pages
            } else if !isView, !region.isCommitted, region.isCharged {
                region.isCharged = false
                dropped += region.pages
            }
        }
        if space.descriptors[index].isOneRegion(start, end) {
            var region = space.descriptors[index].firstRegion
            settle(&region)
            guard charge(space, added) else { return false }
            uncharge(space, dropped)
            space.descriptors[index].firstRegion = region
            return true
        }
        var regions = space.descriptors[index].regions
        VirtualAddressDescriptor.Region.split(&regions, at: start)
        VirtualAddressDescriptor.Region.split(&regions, at: end)
        for position in regions.indices where regions[position].start >= start && regions[position].end <= end {
            settle(&regions[position])
        }
        guard charge(space, added) else { return false }
        uncharge(space, dropped)
        VirtualAddressDescriptor.Region.merge(&regions)
        space.descriptors[index].regions = regions
        return true
    }

    /// Removes a range, cutting descriptors at its ends.
    func remove(_ space: AddressSpace, _ start: UInt64, _ end: UInt64) {
        if trim(space, start, end) { return }
        cut(space, at: start)
        cut(space, at: end)
        let range = space.overlapping(start, end)
        for index in range { release(&space.descriptors[index], space) }
        space.descriptors.removeSubrange(range)
    }

    /// Shortens a descriptor at one end, where the range takes no more: its view, if it is one, stays.
    private func trim(_ space: AddressSpace, _ start: UInt64, _ end: UInt64) -> Bool {
        let index = space.index(endingAbove: start)
        guard index < space.descriptors.count else { return false }
        let (first, last) = (space.descriptors[index].start, space.descriptors[index].end)
        if first < start, last == end {
            uncharge(space, space.descriptors[index].split(at: start).chargedPages)
            return true
        }
        guard first >= start, first < end, last > end else { return false }
        let upper = space.descriptors[index].split(at: end)
        uncharge(space, space.descriptors[index].chargedPages)
        space.descriptors[index] = upper
        return true
    }

    private func cut(_ space: AddressSpace, at address: UInt64) {
        let index = space.index(endingAbove: address)
        guard index < space.descriptors.count, space.descriptors[index].start < address else { return }
        let upper = space.descriptors[index].split(at: address)
        if let section = upper.section { addView(section) }
        space.descriptors.put(upper, at: index + 1)
    }

    /// In place: nothing of it is changed.
    private func release(_ descriptor: inout VirtualAddressDescriptor, _ space: AddressSpace) {
        uncharge(space, descriptor.chargedPages)
        if let section = descriptor.section { removeView(section) }
    }

    /// `MmCloneProcessAddressSpace`.
    func MmCloneAddressSpace(from parent: EProcess, to child: EProcess, reducedCommit: Bool) -> NTSTATUS {
        let space = child.addressSpace
        let pages = parent.addressSpace.commitCharge
        if !reducedCommit, !charge(space, pages) { return .STATUS_COMMITMENT_LIMIT }
        space.descriptors = parent.addressSpace.descriptors
        for index in space.descriptors.indices {
            if reducedCommit { space.descriptors[index].dropCharge() }
            if let section = space.descriptors[index].section { addView(section) }
        }
        return .STATUS_SUCCESS
    }

    /// `MmCleanProcessAddressSpace`.
    func MmDeleteAddressSpace(_ process: EProcess) {
        let space = process.addressSpace
        var descriptors = space.descriptors
        space.descriptors = []
        for index in descriptors.indices { release(&descriptors[index], space) }
    }
}
