// Objects that have a name and no file: events of Windows programs, and the listing of object directories.

extension NTExecutive {
    /// `NtCreateEvent` with a name and `OBJ_OPENIF`.
    ///
    /// - Returns: `STATUS_OBJECT_NAME_EXISTS`, a success, when it opened what was there; `STATUS_OBJECT_TYPE_MISMATCH`,
    ///   and what ``ObLookupDirectory(_:_:)`` answers.
    public func NtCreateEvent(_ handle: inout Handle, name: String) -> NTSTATUS {
        var directory: ObjectDirectory?
        let parts = name.split(separator: "\\")
        var status = ObLookupDirectory(name, &directory)
        if let directory, let leaf = parts.last {
            if let known = directory.lookup(leaf) {
                status = known is KEvent ? .STATUS_OBJECT_NAME_EXISTS : .STATUS_OBJECT_TYPE_MISMATCH
                if known is KEvent { handle = openHandle(known, access: .standardAndSpecific, flags: []) }
            } else {
                let event = KEvent(.notification)
                event.objectName = String(leaf)
                directory.insert(event, String(leaf))
                handle = openHandle(event, access: .standardAndSpecific, flags: [])
            }
        }
        return trace("NtCreateEvent", .name(name), status)
    }

    /// `NtQueryDirectoryObject`: the names from an index on, as many as fit.
    ///
    /// - Returns: `STATUS_NO_MORE_ENTRIES` past the last, `STATUS_OBJECT_TYPE_MISMATCH`, `STATUS_OBJECT_PATH_NOT_FOUND`.
    public func NtQueryDirectoryObject(_ name: String, from index: Int, limit: Int, names: inout [String]) -> NTSTATUS {
        let (found, rest) = lookupName(name.split(separator: "\\")[...])
        names = []
        var status = NTSTATUS.STATUS_SUCCESS
        if let directory = found as? ObjectDirectory, rest.isEmpty {
            names = Array(directory.entries.keys.sorted().dropFirst(index).prefix(limit))
            if names.isEmpty { status = .STATUS_NO_MORE_ENTRIES }
        } else {
            status = found == nil ? .STATUS_OBJECT_PATH_NOT_FOUND : .STATUS_OBJECT_TYPE_MISMATCH
        }
        return trace("NtQueryDirectoryObject", .name(name), status)
    }

    /// The object directory that an absolute name lies in.
    ///
    /// - Returns: `STATUS_OBJECT_PATH_SYNTAX_BAD` for a name that does not begin with `\`, `STATUS_OBJECT_PATH_INVALID`
    ///   when a component is no directory, `STATUS_OBJECT_PATH_NOT_FOUND`.
    func ObLookupDirectory(_ name: String, _ directory: inout ObjectDirectory?) -> NTSTATUS {
        guard name.utf8.first == UInt8(ascii: "\\") else { return .STATUS_OBJECT_PATH_SYNTAX_BAD }
        let (found, rest) = lookupName(name.split(separator: "\\").dropLast())
        guard let found else { return .STATUS_OBJECT_PATH_NOT_FOUND }
        guard let lies = found as? ObjectDirectory, rest.isEmpty else { return .STATUS_OBJECT_PATH_INVALID }
        directory = lies
        return .STATUS_SUCCESS
    }

    /// `NtCompareObjects`.
    ///
    /// - Returns: `STATUS_NOT_SAME_OBJECT`, `STATUS_INVALID_HANDLE`.
    public func NtCompareObjects(_ first: Handle, _ second: Handle) -> NTSTATUS {
        var status = NTSTATUS.STATUS_SUCCESS
        let left: KernelObject? = lookup(first, status: &status)
        let right: KernelObject? = lookup(second, status: &status)
        if let left, let right, left !== right { status = .STATUS_NOT_SAME_OBJECT }
        return trace("NtCompareObjects", .value("Handle", second.rawValue), status)
    }

    /// `NtOpenThreadToken`: the token of a client that the thread acts for.
    ///
    /// - Returns: `STATUS_NO_TOKEN`: nobody impersonates in this model.
    public func NtOpenThreadToken(_ thread: EThread, handle: inout Handle) -> NTSTATUS {
        trace("NtOpenThreadToken", .value("ThreadId", thread.uniqueThreadID), .STATUS_NO_TOKEN)
    }

    /// `NtOpenProcessToken`.
    public func NtOpenProcessToken(_ process: EProcess, handle: inout Handle) -> NTSTATUS {
        handle = openHandle(process.token, access: .standardAndSpecific, flags: .kernelHandle)
        return trace("NtOpenProcessToken", .name(process.imageName), .STATUS_SUCCESS)
    }
}
