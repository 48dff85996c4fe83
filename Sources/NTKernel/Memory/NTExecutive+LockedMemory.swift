// Pages that a Windows program keeps in its working set. lxcore's mlock does not ask for it (nt-mapping.tsv).

extension NTExecutive {
    /// `NtLockVirtualMemory(MAP_PROCESS)`.
    ///
    /// - Returns: `STATUS_WORKING_SET_QUOTA` past the minimum working set (less than 50 pages by default),
    ///   `STATUS_ACCESS_VIOLATION` for pages that are not committed.
    public func NtLockVirtualMemory(_ process: EProcess, base: UInt64, size: UInt64) -> NTSTATUS {
        let status = lockPages(process, base, size)
        return trace("NtLockVirtualMemory", .range(base, base &+ size), status)
    }

    private func lockPages(_ process: EProcess, _ base: UInt64, _ size: UInt64) -> NTSTATUS {
        guard let (start, end) = pageRange(base, size), size > 0 else { return .STATUS_INVALID_PARAMETER }
        let space = process.addressSpace
        guard let index = containing(space, start, end) else { return .STATUS_ACCESS_VIOLATION }
        let regions = space.descriptors[index].regions.filter { $0.start < end && $0.end > start }
        guard regions.allSatisfy(\.isCommitted) else { return .STATUS_ACCESS_VIOLATION }
        let pages = stride(from: start, to: end, by: Int(AddressSpace.pageSize)).filter {
            !process.lockedPages.contains($0)
        }
        guard process.lockedPages.count + pages.count < EProcess.minimumWorkingSet else {
            return .STATUS_WORKING_SET_QUOTA
        }
        process.lockedPages.formUnion(pages)
        return .STATUS_SUCCESS
    }

    /// `NtUnlockVirtualMemory`.
    ///
    /// - Returns: `STATUS_NOT_LOCKED` when one of the pages is not.
    public func NtUnlockVirtualMemory(_ process: EProcess, base: UInt64, size: UInt64) -> NTSTATUS {
        var status = NTSTATUS.STATUS_INVALID_PARAMETER
        if let (start, end) = pageRange(base, size), size > 0 {
            let pages = stride(from: start, to: end, by: Int(AddressSpace.pageSize))
            if pages.allSatisfy(process.lockedPages.contains) {
                process.lockedPages.subtract(pages)
                status = .STATUS_SUCCESS
            } else {
                status = .STATUS_NOT_LOCKED
            }
        }
        return trace("NtUnlockVirtualMemory", .range(base, base &+ size), status)
    }
}
