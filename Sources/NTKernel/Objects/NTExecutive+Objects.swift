// Object manager routines: insert, reference, close, duplicate, name lookup.

extension NTExecutive {
    /// `ObInsertObject`: makes the first handle of a new object and gives up the creator's reference.
    func ObInsertObject(
        _ object: KernelObject,
        access: AccessMask,
        flags: ObjectAttributes.Flags,
        handle: inout Handle
    ) {
        // The creator's reference becomes the handle's.
        object.handleCount += 1
        let entry = HandleTable.Entry(object: object, grantedAccess: access, isInherited: flags.contains(.inherit))
        handle = handleTable(flags).insert(entry)
    }

    /// `ObReferenceObjectByHandle`.
    ///
    /// - Returns: `STATUS_INVALID_HANDLE`, `STATUS_OBJECT_TYPE_MISMATCH`, `STATUS_ACCESS_DENIED` when the handle lacks
    ///   `access`.
    public func ObReferenceObjectByHandle<Body: KernelObject>(
        _ handle: Handle,
        access: AccessMask = [],
        _ type: Body.Type = Body.self,
        object: inout Body?
    ) -> NTSTATUS {
        var status = NTSTATUS.STATUS_SUCCESS
        let body: Body? = lookup(handle, access: access, status: &status)
        guard let body else { return trace("ObReferenceObjectByHandle", .value("Handle", handle.rawValue), status) }
        ObReferenceObject(body)
        object = body
        return .STATUS_SUCCESS
    }

    /// `ObReferenceObject`.
    public func ObReferenceObject(_ object: KernelObject) { object.pointerCount += 1 }

    /// `ObDereferenceObject`: runs the delete procedure when the last reference goes.
    public func ObDereferenceObject(_ object: KernelObject) {
        object.pointerCount -= 1
        guard object.pointerCount <= 0, !object.isPermanent, !object.isDeleted else { return }
        object.isDeleted = true
        object.deleted(by: self)
    }

    /// `ObOpenObjectByPointer`.
    public func ObOpenObjectByPointer(
        _ object: KernelObject,
        access: AccessMask,
        flags: ObjectAttributes.Flags = .kernelHandle,
        handle: inout Handle
    ) -> NTSTATUS {
        handle = openHandle(object, access: access, flags: flags)
        return trace("ObOpenObjectByPointer", .value("Handle", handle.rawValue), .STATUS_SUCCESS)
    }

    /// `NtClose` / `ZwClose`.
    ///
    /// - Returns: `STATUS_INVALID_HANDLE`.
    @discardableResult
    public func NtClose(_ handle: Handle) -> NTSTATUS {
        guard var object = removeEntry(handle) else {
            return trace("NtClose", .value("Handle", handle.rawValue), .STATUS_INVALID_HANDLE)
        }
        handleRemoved(&object)
        return trace("NtClose", .value("Handle", handle.rawValue), .STATUS_SUCCESS)
    }

    /// `NtDuplicateObject` within one process, same access.
    public func NtDuplicateObject(
        _ source: Handle,
        flags: ObjectAttributes.Flags = .kernelHandle,
        target: inout Handle
    ) -> NTSTATUS {
        guard let entry = entry(source) else {
            return trace("NtDuplicateObject", .value("Handle", source.rawValue), .STATUS_INVALID_HANDLE)
        }
        target = openHandle(entry.object, access: entry.grantedAccess, flags: flags)
        return trace("NtDuplicateObject", .value("Handle", target.rawValue), .STATUS_SUCCESS)
    }

    /// `NtCreateSymbolicLinkObject`: `\??\C:` → `\Device\HarddiskVolume1`.
    @discardableResult
    public func NtCreateSymbolicLinkObject(name: String, target: String) -> NTSTATUS {
        let components = name.split(separator: "\\")
        guard let leaf = components.last,
            let directory = lookupName(components.dropLast()).object as? ObjectDirectory
        else { return trace("NtCreateSymbolicLinkObject", .name(name), .STATUS_OBJECT_PATH_NOT_FOUND) }
        guard directory.lookup(leaf) == nil else {
            return trace("NtCreateSymbolicLinkObject", .name(name), .STATUS_OBJECT_NAME_COLLISION)
        }
        directory.insert(ObjectSymbolicLink(name: String(leaf), target: target), String(leaf))
        return trace("NtCreateSymbolicLinkObject", .name(name), .STATUS_SUCCESS)
    }

    // MARK: - Inside

    private func removeEntry(_ handle: Handle) -> KernelObject? {
        if handle.isKernel {
            if let known = lastVolume, known.handle.rawValue & ~3 == handle.rawValue & ~3 { lastVolume = nil }
            return systemHandles.remove(handle)
        }
        return currentThread?.process.handleTable.remove(handle)
    }

    @inline(__always)
    private func entry(_ handle: Handle) -> HandleTable.Entry? {
        handle.isKernel ? systemHandles.entry(handle) : currentThread?.process.handleTable.entry(handle)
    }

    func openHandle(_ object: KernelObject, access: AccessMask, flags: ObjectAttributes.Flags) -> Handle {
        object.pointerCount += 1
        object.handleCount += 1
        let entry = HandleTable.Entry(object: object, grantedAccess: access, isInherited: flags.contains(.inherit))
        return handleTable(flags).insert(entry)
    }

    /// Where a new handle goes. Without a current thread the caller runs in the System process.
    @inline(__always)
    func handleTable(_ flags: ObjectAttributes.Flags) -> HandleTable {
        flags.contains(.kernelHandle) ? systemHandles : currentThread?.process.handleTable ?? systemHandles
    }

    func handleRemoved(_ object: inout KernelObject) {
        object.handleCount -= 1
        object.handleClosed(isLast: object.handleCount == 0, by: self)
        ObDereferenceObject(object)
        // Nobody else knows it: its memory serves the next open.
        if object.isDeleted, object.objectType == .file, isKnownUniquelyReferenced(&object) {
            reclaim(unsafeDowncast(object, to: FileObject.self))
        }
    }

    /// The object behind a handle, without a reference.
    @inline(__always)
    func lookup<Body: KernelObject>(
        _ handle: Handle,
        access: AccessMask = [],
        status: inout NTSTATUS
    ) -> Body? {
        guard let entry = entry(handle) else {
            status = .STATUS_INVALID_HANDLE
            return nil
        }
        guard let body = body(entry.object, Body.self) else {
            status = .STATUS_OBJECT_TYPE_MISMATCH
            return nil
        }
        guard entry.grantedAccess.isSuperset(of: access) else {
            status = .STATUS_ACCESS_DENIED
            return nil
        }
        return body
    }

    /// The object, if it is of that type; the usual question needs no search through classes.
    @inline(__always)
    private func body<Body: KernelObject>(_ object: KernelObject, _: Body.Type) -> Body? {
        type(of: object) == Body.self ? unsafeDowncast(object, to: Body.self) : object as? Body
    }

    /// `ObpLookupObjectName`: walks the name space; stops at a device and hands back the rest for its parse routine.
    func lookupName(
        _ components: ArraySlice<Substring>,
        depth: Int = 0
    ) -> (object: KernelObject?, rest: ArraySlice<Substring>) {
        var object: KernelObject = rootDirectory
        var rest = components
        while let component = rest.first {
            guard let directory = object as? ObjectDirectory else { break }
            guard let next = directory.lookup(component) else { return (nil, rest) }
            rest = rest.dropFirst()
            if let link = next as? ObjectSymbolicLink, depth < 32 {
                let target = link.target.split(separator: "\\") + rest
                return lookupName(target[...], depth: depth + 1)
            }
            object = next
        }
        return (object, rest)
    }
}
