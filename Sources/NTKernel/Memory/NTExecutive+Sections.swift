// Sections and views.
import Tables

extension NTExecutive {
    /// `NtCreateSection` with `SEC_COMMIT`.
    ///
    /// - Parameters:
    ///   - maximumSize: bytes; 0 takes the file's size.
    ///   - file: a file handle, or null for a page-file backed section.
    /// - Returns: `STATUS_MAPPED_FILE_SIZE_ZERO` for an empty file, `STATUS_INVALID_FILE_FOR_SECTION` for directories and
    ///   anything that is not a file of a volume, `STATUS_SECTION_TOO_BIG`, `STATUS_ACCESS_DENIED`,
    ///   `STATUS_COMMITMENT_LIMIT`.
    public func NtCreateSection(
        _ handle: inout Handle,
        maximumSize: UInt64,
        protection: PageProtection,
        file: Handle
    ) -> NTSTATUS {
        let status =
            file == .null
            ? createPageFileSection(&handle, maximumSize, protection)
            : createFileSection(&handle, maximumSize, protection, file)
        return trace("NtCreateSection", .value("MaximumSize", maximumSize), status)
    }

    private func createPageFileSection(
        _ handle: inout Handle,
        _ size: UInt64,
        _ protection: PageProtection
    ) -> NTSTATUS {
        guard size > 0, size <= AddressSpace.highestUserAddress else { return .STATUS_INVALID_PARAMETER }
        let pages = (size + AddressSpace.pageSize - 1) / AddressSpace.pageSize
        guard charge(nil, pages) else { return .STATUS_COMMITMENT_LIMIT }
        insert(SectionObject(size: size, protection: protection, file: nil, chargedPages: pages), &handle)
        return .STATUS_SUCCESS
    }

    private func createFileSection(
        _ handle: inout Handle,
        _ maximumSize: UInt64,
        _ protection: PageProtection,
        _ file: Handle
    ) -> NTSTATUS {
        var status = NTSTATUS.STATUS_SUCCESS
        guard let object: FileObject = lookup(file, status: &status) else { return status }
        guard let fcb = object.fcb, !fcb.isDirectory else { return .STATUS_INVALID_FILE_FOR_SECTION }
        var needed: AccessMask = protection.writesThrough ? [.fileReadData, .fileWriteData] : .fileReadData
        if protection.isExecutable { needed = needed.subtracting(.fileReadData).union(.fileExecute) }
        guard object.grantedAccess.isSuperset(of: needed) else { return .STATUS_ACCESS_DENIED }
        let size = UInt64(max(fcb.data.size, 0))
        guard size > 0 || maximumSize > 0 && protection.writesThrough else { return .STATUS_MAPPED_FILE_SIZE_ZERO }
        if maximumSize > size {
            guard protection.writesThrough else { return .STATUS_SECTION_TOO_BIG }
            let extended = fcb.volume.setEndOfFile(fcb, Int64(maximumSize))
            guard extended.isSuccess else { return extended }
        }
        let section = SectionObject(
            size: maximumSize > 0 ? maximumSize : size,
            protection: protection,
            file: fcb,
            chargedPages: 0
        )
        insert(section, &handle)
        return .STATUS_SUCCESS
    }

    private func insert(_ section: SectionObject, _ handle: inout Handle) {
        liveSections[section.identity] = section
        ObInsertObject(section, access: .standardAndSpecific, flags: .kernelHandle, handle: &handle)
    }

    /// `NtCreateSection` with `SEC_IMAGE`: how programs of Windows are loaded, and never those of Linux.
    ///
    /// - Returns: `STATUS_INVALID_IMAGE_FORMAT` for what does not begin with `MZ` (NT tells several kinds of that apart),
    ///   `STATUS_INVALID_FILE_FOR_SECTION`, `STATUS_MAPPED_FILE_SIZE_ZERO`, `STATUS_ACCESS_DENIED`.
    public func NtCreateSection(_ handle: inout Handle, image file: Handle) -> NTSTATUS {
        trace("NtCreateSection", .code("SEC_IMAGE"), createImageSection(&handle, file))
    }

    private func createImageSection(_ handle: inout Handle, _ file: Handle) -> NTSTATUS {
        var status = NTSTATUS.STATUS_SUCCESS
        guard let object: FileObject = lookup(file, access: .fileExecute, status: &status) else { return status }
        guard let fcb = object.fcb, !fcb.isDirectory else { return .STATUS_INVALID_FILE_FOR_SECTION }
        guard fcb.data.size > 0 else { return .STATUS_MAPPED_FILE_SIZE_ZERO }
        // What was not recorded may be a program.
        let head = fcb.data.read(at: 0, count: 2)
        guard head.bytes == Array("MZ".utf8) || !head.unknown.isEmpty else { return .STATUS_INVALID_IMAGE_FORMAT }
        let section = SectionObject(
            size: UInt64(fcb.data.size),
            protection: .executeWriteCopy,
            file: fcb,
            chargedPages: 0,
            isImage: true
        )
        insert(section, &handle)
        return .STATUS_SUCCESS
    }

    /// `NtMapViewOfSection`.
    ///
    /// - Parameters:
    ///   - base: wanted address or 0.
    ///   - offset: bytes into the section; a multiple of the process's granularity.
    ///   - viewSize: bytes; 0 maps to the section's end.
    ///   - type: `.reserve` lets the view reach past the end of a file section, to be extended later; `.topDown`.
    /// - Returns: `STATUS_SECTION_PROTECTION`, `STATUS_INVALID_VIEW_SIZE`, `STATUS_MAPPED_ALIGNMENT`,
    ///   `STATUS_CONFLICTING_ADDRESSES`, `STATUS_NO_MEMORY`, `STATUS_COMMITMENT_LIMIT`.
    public func NtMapViewOfSection(
        _ handle: Handle,
        process: EProcess,
        base: inout UInt64,
        offset: UInt64,
        viewSize: inout UInt64,
        type: AllocationType = [],
        protection: PageProtection
    ) -> NTSTATUS {
        var status = NTSTATUS.STATUS_SUCCESS
        guard let section: SectionObject = lookup(handle, status: &status) else {
            return trace("NtMapViewOfSection", .value("Handle", handle.rawValue), status)
        }
        status = map(section, process.addressSpace, &base, offset, &viewSize, type, protection)
        return trace("NtMapViewOfSection", .range(base, base &+ viewSize), status)
    }

    private func map(
        _ section: SectionObject,
        _ space: AddressSpace,
        _ base: inout UInt64,
        _ offset: UInt64,
        _ viewSize: inout UInt64,
        _ type: AllocationType,
        _ protection: PageProtection
    ) -> NTSTATUS {
        guard section.allows(protection) else { return .STATUS_SECTION_PROTECTION }
        guard offset % space.granularity == 0, base % space.granularity == 0 else { return .STATUS_MAPPED_ALIGNMENT }
        guard offset < section.size || type.contains(.reserve) else { return .STATUS_INVALID_VIEW_SIZE }
        if viewSize == 0 { viewSize = section.size - offset }
        let sectionEnd = (section.size + AddressSpace.pageSize - 1) & ~(AddressSpace.pageSize - 1)
        let (end, overflow) = offset.addingReportingOverflow(viewSize)
        guard !overflow, end <= sectionEnd || type.contains(.reserve) else { return .STATUS_INVALID_VIEW_SIZE }
        let status = place(space, &base, &viewSize, topDown: type.contains(.topDown))
        guard status.isSuccess else { return status }
        let pages = protection.isCopyOnWrite ? viewSize / AddressSpace.pageSize : 0
        guard charge(space, pages) else { return .STATUS_COMMITMENT_LIMIT }
        let region = VirtualAddressDescriptor.Region(
            start: base,
            end: base + viewSize,
            protection: protection,
            isCommitted: true,
            isCharged: pages > 0
        )
        space.insert(
            VirtualAddressDescriptor(
                backing: .view(section, offset: offset),
                initialProtection: protection,
                region: region
            )
        )
        addView(section)
        return .STATUS_SUCCESS
    }

    /// `NtUnmapViewOfSection`: the whole view that contains `base`.
    ///
    /// - Returns: `STATUS_NOT_MAPPED_VIEW`.
    public func NtUnmapViewOfSection(_ process: EProcess, base: UInt64) -> NTSTATUS {
        let space = process.addressSpace
        guard let descriptor = space.descriptor(containing: base), descriptor.section != nil else {
            return trace("NtUnmapViewOfSection", .value("BaseAddress", base), .STATUS_NOT_MAPPED_VIEW)
        }
        remove(space, descriptor.start, descriptor.end)
        return trace("NtUnmapViewOfSection", .range(descriptor.start, descriptor.end), .STATUS_SUCCESS)
    }

    /// `NtExtendSection`: grows the section, and its file with it.
    public func NtExtendSection(_ handle: Handle, size: UInt64) -> NTSTATUS {
        var status = NTSTATUS.STATUS_SUCCESS
        guard let section: SectionObject = lookup(handle, status: &status) else {
            return trace("NtExtendSection", .value("Handle", handle.rawValue), status)
        }
        guard let file = section.file else {
            return trace("NtExtendSection", .value("Size", size), .STATUS_SECTION_NOT_EXTENDED)
        }
        if Int64(size) > file.data.size { status = file.volume.setEndOfFile(file, Int64(size)) }
        if status.isSuccess { section.size = max(section.size, size) }
        return trace("NtExtendSection", .value("Size", size), status)
    }

    /// `NtFlushVirtualMemory`.
    ///
    /// - Returns: `STATUS_NOT_MAPPED_VIEW` when no view is there.
    public func NtFlushVirtualMemory(_ process: EProcess, base: UInt64, size: UInt64) -> NTSTATUS {
        let isView = process.addressSpace.descriptor(containing: base)?.section != nil
        return trace(
            "NtFlushVirtualMemory",
            .range(base, base &+ size),
            isView ? .STATUS_SUCCESS : .STATUS_NOT_MAPPED_VIEW
        )
    }

    func addView(_ section: SectionObject) {
        section.viewCount += 1
        section.file?.mappedViews += 1
        if section.isImage { section.file?.imageViews += 1 }
        ObReferenceObject(section)
    }

    func removeView(_ section: SectionObject) {
        section.viewCount -= 1
        if let file = section.file {
            file.mappedViews -= 1
            if section.isImage { file.imageViews -= 1 }
            file.volume.releaseIfUnused(file)
        }
        ObDereferenceObject(section)
    }
}
