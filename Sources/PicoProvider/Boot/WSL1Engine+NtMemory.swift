// The provider's memory in NT: allocations, views, protections.
import LinuxABI
import NTKernel

extension WSL1Engine {
    private static func protection(_ bits: UInt32, copies: Bool) -> PageProtection {
        let (read, write, execute) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0)
        switch (write, execute) {
        case (true, true): return copies ? .executeWriteCopy : .executeReadWrite
        case (true, false): return copies ? .writeCopy : .readWrite
        case (false, true): return .executeRead
        case (false, false): return read ? .readOnly : .noAccess
        }
    }

    /// Reserves and commits, or maps a view. False: the commit limit.
    func ntMap(_ space: LxAddressSpace, _ region: LxRegion) -> Bool {
        guard let process = space.ntProcess else { return true }
        var base = region.start
        var size = region.end - region.start
        let section = region.mapping?.section ?? region.segment?.section ?? .null
        // What a fixed mapping replaces goes first.
        if process.addressSpace.end(containing: base) != nil {
            _ = kernel.MmUnmapPicoRange(process, base: base, size: size)
        }
        let status: NTSTATUS
        if section != .null {
            status = kernel.NtMapViewOfSection(
                section,
                process: process,
                base: &base,
                offset: UInt64(region.offset),
                viewSize: &size,
                type: .reserve,
                protection: Self.protection(region.protection, copies: !region.isShared)
            )
        } else {
            status = kernel.NtAllocateVirtualMemory(
                process,
                base: &base,
                size: &size,
                type: region.protection == 0 ? .reserve : [.reserve, .commit],
                protection: Self.protection(region.protection, copies: false)
            )
        }
        return status != .STATUS_COMMITMENT_LIMIT
    }

    /// Nothing is free for so many bytes; NT says so in its own words.
    func ntNoRoom(_ space: LxAddressSpace, _ length: UInt64) -> LxFailure {
        guard let process = space.ntProcess else { return .errno(.ENOMEM) }
        var (base, size) = (UInt64(0), length)
        let status = kernel.NtAllocateVirtualMemory(
            process,
            base: &base,
            size: &size,
            type: .reserve,
            protection: .noAccess
        )
        guard status.isSuccess else { return .errno(LxpStatus.translate(status)) }
        _ = kernel.NtFreeVirtualMemory(process, base: &base, size: &size, type: .release)
        return .errno(.ENOMEM)
    }

    func ntUnmap(_ space: LxAddressSpace, _ start: UInt64, _ size: UInt64) {
        guard let process = space.ntProcess else { return }
        _ = kernel.MmUnmapPicoRange(process, base: start, size: size)
    }

    /// Each allocation in turn, as NT protects one at a time. What was reserved only is committed first.
    func ntProtect(_ space: LxAddressSpace, _ start: UInt64, _ size: UInt64, _ protection: UInt32) -> NTSTATUS {
        guard let process = space.ntProcess else { return .STATUS_SUCCESS }
        let wanted = Self.protection(protection, copies: false)
        for region in space.overlapping(start, start + size) {
            var base = max(region.start, start)
            var length = min(region.end, start + size) - base
            guard let end = process.addressSpace.end(containing: base) else { continue }
            var old = PageProtection.noAccess
            // A private view writes to copies of its pages.
            let isCopied = !region.isShared && region.mapping != nil
            var status = kernel.NtProtectVirtualMemory(
                process,
                base: base,
                size: length,
                protection: isCopied ? Self.protection(protection, copies: true) : wanted,
                old: &old
            )
            if status == .STATUS_NOT_COMMITTED {
                if protection == 0 { continue }
                status = kernel.NtAllocateVirtualMemory(
                    process,
                    base: &base,
                    size: &length,
                    type: .commit,
                    protection: wanted
                )
            }
            // The model cuts a range at every mmap, NT where allocations end: what lies in two is protected in parts.
            if status == .STATUS_CONFLICTING_ADDRESSES, base + length > end { continue }
            guard status.isSuccess else { return status }
        }
        return .STATUS_SUCCESS
    }

    /// MADV_DONTNEED decommits private pages and commits new ones; MADV_FREE lets NT take them when it wants
    /// (`MEM_RESET`).
    func ntDiscard(_ space: LxAddressSpace, _ start: UInt64, _ end: UInt64, keeps: Bool) -> NTSTATUS {
        guard let process = space.ntProcess else { return .STATUS_SUCCESS }
        for region in space.overlapping(start, end)
        where region.mapping == nil && region.segment == nil && region.protection != 0 {
            var base = max(region.start, start)
            var size = min(region.end, end) - base
            let protection = Self.protection(region.protection, copies: false)
            if !keeps { _ = kernel.NtFreeVirtualMemory(process, base: &base, size: &size, type: .decommit) }
            let status = kernel.NtAllocateVirtualMemory(
                process,
                base: &base,
                size: &size,
                type: keeps ? .reset : .commit,
                protection: protection
            )
            if status == .STATUS_COMMITMENT_LIMIT { return status }
        }
        return .STATUS_SUCCESS
    }

    func ntFlush(_ space: LxAddressSpace, _ start: UInt64, _ size: UInt64) {
        guard let process = space.ntProcess else { return }
        _ = kernel.NtFlushVirtualMemory(process, base: start, size: size)
    }
}
