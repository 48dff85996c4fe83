// Private memory: reserve, commit, protect, free; the commit charge.

extension NTExecutive {
    /// `NtAllocateVirtualMemory`.
    ///
    /// - Parameters:
    ///   - base: wanted address, or 0 for any; receives the address rounded down to the granularity.
    ///   - size: bytes; receives the size rounded to pages.
    /// - Returns: `STATUS_CONFLICTING_ADDRESSES`, `STATUS_NO_MEMORY`, `STATUS_COMMITMENT_LIMIT`,
    ///   `STATUS_INVALID_PARAMETER`, `STATUS_INVALID_PAGE_PROTECTION`.
    public func NtAllocateVirtualMemory(
        _ process: EProcess,
        base: inout UInt64,
        size: inout UInt64,
        type: AllocationType,
        protection: PageProtection
    ) -> NTSTATUS {
        let status =
            type.contains(.reserve)
            ? reserve(process, &base, &size, type, protection)
            : type.contains(.reset) ? reset(process, &base, &size) : commit(process, &base, &size, protection)
        return trace("NtAllocateVirtualMemory", .range(base, base &+ size), status)
    }

    private func reserve(
        _ process: EProcess,
        _ base: inout UInt64,
        _ size: inout UInt64,
        _ type: AllocationType,
        _ protection: PageProtection
    ) -> NTSTATUS {
        let space = process.addressSpace
        guard !protection.isCopyOnWrite else { return .STATUS_INVALID_PAGE_PROTECTION }
        let status = place(space, &base, &size, topDown: type.contains(.topDown))
        guard status.isSuccess else { return status }
        let commits = type.contains(.commit)
        if commits, !charge(space, size / AddressSpace.pageSize) { return .STATUS_COMMITMENT_LIMIT }
        let region = VirtualAddressDescriptor.Region(
            start: base,
            end: base + size,
            protection: protection,
            isCommitted: commits,
            isCharged: commits
        )
        space.insert(
            VirtualAddressDescriptor(backing: .privateMemory, initialProtection: protection, region: region)
        )
        return .STATUS_SUCCESS
    }

    private func reset(_ process: EProcess, _ base: inout UInt64, _ size: inout UInt64) -> NTSTATUS {
        guard let (start, end) = pageRange(base, size), size > 0 else { return .STATUS_INVALID_PARAMETER }
        base = start
        size = end - start
        guard let index = containing(process.addressSpace, start, end) else { return .STATUS_CONFLICTING_ADDRESSES }
        let isCommitted = process.addressSpace.descriptors[index].allRegions(start, end, \.isCommitted)
        return isCommitted ? .STATUS_SUCCESS : .STATUS_NOT_COMMITTED
    }

    private func commit(
        _ process: EProcess,
        _ base: inout UInt64,
        _ size: inout UInt64,
        _ protection: PageProtection
    ) -> NTSTATUS {
        let space = process.addressSpace
        guard let (start, end) = pageRange(base, size), size > 0 else { return .STATUS_INVALID_PARAMETER }
        base = start
        size = end - start
        guard let index = containing(space, start, end) else { return .STATUS_CONFLICTING_ADDRESSES }
        guard !space.descriptors[index].isView else { return .STATUS_ALREADY_COMMITTED }
        var regions = space.descriptors[index].regions
        VirtualAddressDescriptor.Region.split(&regions, at: start)
        VirtualAddressDescriptor.Region.split(&regions, at: end)
        var pages: UInt64 = 0
        for region in regions where region.start >= start && region.end <= end && !region.isCommitted {
            pages += region.pages
        }
        guard charge(space, pages) else { return .STATUS_COMMITMENT_LIMIT }
        for index in regions.indices where regions[index].start >= start && regions[index].end <= end {
            if !regions[index].isCommitted { regions[index].isCharged = true }
            regions[index].isCommitted = true
            regions[index].protection = protection
        }
        VirtualAddressDescriptor.Region.merge(&regions)
        space.descriptors[index].regions = regions
        return .STATUS_SUCCESS
    }

    /// `NtFreeVirtualMemory`.
    ///
    /// A pico process may release any pages of its private memory; others only whole allocations (size 0 at the base).
    ///
    /// - Returns: `STATUS_MEMORY_NOT_ALLOCATED`, `STATUS_FREE_VM_NOT_AT_BASE`, `STATUS_UNABLE_TO_FREE_VM` (the range
    ///   holds a view or several allocations).
    public func NtFreeVirtualMemory(
        _ process: EProcess,
        base: inout UInt64,
        size: inout UInt64,
        type: AllocationType
    ) -> NTSTATUS {
        let status = free(process, &base, &size, type)
        return trace("NtFreeVirtualMemory", .range(base, base &+ size), status)
    }

    private func free(
        _ process: EProcess,
        _ base: inout UInt64,
        _ size: inout UInt64,
        _ type: AllocationType
    ) -> NTSTATUS {
        let space = process.addressSpace
        guard let (start, requestedEnd) = pageRange(base, size) else { return .STATUS_INVALID_PARAMETER }
        let first = space.index(endingAbove: start)
        guard first < space.descriptors.count, space.descriptors[first].start <= start else {
            return .STATUS_MEMORY_NOT_ALLOCATED
        }
        let descriptor = space.descriptors[first]
        guard descriptor.section == nil else { return .STATUS_UNABLE_TO_FREE_VM }
        if size == 0, start != descriptor.start { return .STATUS_FREE_VM_NOT_AT_BASE }
        let end = size == 0 ? descriptor.end : requestedEnd
        guard end <= descriptor.end else { return .STATUS_UNABLE_TO_FREE_VM }
        base = start
        size = end - start
        if type.contains(.release) {
            let whole = start == descriptor.start && end == descriptor.end
            guard whole || process.kind == .pico else { return .STATUS_UNABLE_TO_FREE_VM }
            remove(space, start, end)
        } else {
            change(space, start, end) { region in
                region.isCommitted = false
            }
        }
        return .STATUS_SUCCESS
    }

    /// `NtProtectVirtualMemory`: the range must lie in one allocation and be committed.
    ///
    /// - Returns: `STATUS_CONFLICTING_ADDRESSES`, `STATUS_NOT_COMMITTED`, `STATUS_SECTION_PROTECTION` (a view may not
    ///   gain what its section lacks), `STATUS_COMMITMENT_LIMIT`.
    public func NtProtectVirtualMemory(
        _ process: EProcess,
        base: UInt64,
        size: UInt64,
        protection: PageProtection,
        old: inout PageProtection
    ) -> NTSTATUS {
        let status = protect(process, base, size, protection, &old)
        return trace("NtProtectVirtualMemory", .range(base, base &+ size), status)
    }

    private func protect(
        _ process: EProcess,
        _ base: UInt64,
        _ size: UInt64,
        _ protection: PageProtection,
        _ old: inout PageProtection
    ) -> NTSTATUS {
        let space = process.addressSpace
        guard let (start, end) = pageRange(base, size), size > 0 else { return .STATUS_INVALID_PARAMETER }
        guard let index = containing(space, start, end) else { return .STATUS_CONFLICTING_ADDRESSES }
        let descriptor = space.descriptors[index]
        var before: PageProtection?
        let isCommitted = descriptor.allRegions(start, end) { region in
            before = before ?? region.protection
            return region.isCommitted
        }
        guard isCommitted else { return .STATUS_NOT_COMMITTED }
        if let section = descriptor.section {
            guard section.allows(protection) else { return .STATUS_SECTION_PROTECTION }
        } else if protection.isCopyOnWrite {
            return .STATUS_INVALID_PAGE_PROTECTION
        }
        old = before ?? protection
        return change(space, start, end) { $0.protection = protection }
            ? .STATUS_SUCCESS : .STATUS_COMMITMENT_LIMIT
    }

    /// `NtQueryVirtualMemory(MemoryBasicInformation)`: the region at an address; nil when it is free.
    public func NtQueryVirtualMemory(_ process: EProcess, address: UInt64) -> VirtualAddressDescriptor.Region? {
        process.addressSpace.descriptor(containing: address)?.regions.first { $0.start <= address && address < $0.end }
    }

    /// Takes a range out of a pico process's address space whatever it holds; parts of views on both sides stay.
    ///
    /// NT has no such public routine. That lxcore frees private parts and splits views is inferred (nt-mapping.tsv,
    /// munmap); the trace shows the routines it would use.
    public func MmUnmapPicoRange(_ process: EProcess, base: UInt64, size: UInt64) -> NTSTATUS {
        guard process.kind == .pico, let (start, end) = pageRange(base, size), size > 0 else {
            return trace("NtFreeVirtualMemory", .range(base, base &+ size), .STATUS_INVALID_PARAMETER)
        }
        let space = process.addressSpace
        for index in space.overlapping(start, end) {
            let (first, last) = (space.descriptors[index].start, space.descriptors[index].end)
            let range = NtTrace.Detail.range(max(start, first), min(end, last))
            let isView = space.descriptors[index].isView
            trace(isView ? "NtUnmapViewOfSection" : "NtFreeVirtualMemory", range, .STATUS_SUCCESS)
        }
        remove(space, start, end)
        return .STATUS_SUCCESS
    }
}
