// Pico and minimal processes: creation, opening, termination, rundown.

extension NTExecutive {
    /// `PspCreatePicoProcess`.
    ///
    /// With `.cloneParent` the address space is a copy-on-write clone; its private commit is charged in full unless
    /// `.cloneReducedCommit` is given.
    ///
    /// - Returns: `STATUS_COMMITMENT_LIMIT`, `STATUS_PROCESS_IS_TERMINATING` (the parent), `STATUS_INVALID_PARAMETER`
    ///   (clone without a pico parent), `STATUS_ACCESS_DENIED` without a registered provider.
    public func PspCreatePicoProcess(
        _ attributes: PicoProcessAttributes,
        _ info: PicoCreateInfo?,
        handle: inout Handle
    ) -> NTSTATUS {
        let clones = attributes.flags.contains(.cloneParent)
        let name = info?.imageName ?? attributes.parent?.imageName ?? ""
        guard pico.provider != nil else { return trace("PspCreatePicoProcess", .name(name), .STATUS_ACCESS_DENIED) }
        guard !clones || attributes.parent?.kind == .pico else {
            return trace("PspCreatePicoProcess", .name(name), .STATUS_INVALID_PARAMETER)
        }
        if let parent = attributes.parent, parent.isExiting {
            return trace("PspCreatePicoProcess", .name(name), .STATUS_PROCESS_IS_TERMINATING)
        }
        let parent = attributes.parent ?? systemProcess
        let process = EProcess(
            id: takeUniqueID(),
            kind: .pico,
            token: attributes.token ?? parent.token,
            parent: parent,
            imageName: name,
            granularity: .page
        )
        if clones {
            let reduced = attributes.flags.contains(.cloneReducedCommit)
            let status = MmCloneAddressSpace(from: parent, to: process, reducedCommit: reduced)
            guard status.isSuccess else { return trace("PspCreatePicoProcess", .name(name), status) }
        }
        if attributes.flags.contains(.inheritHandles) { inheritHandles(from: parent, to: process) }
        process.picoContext = attributes.context
        process.job = attributes.flags.contains(.jobBreakaway) ? nil : parent.job
        process.job?.members.append(process)
        processes[process.uniqueProcessID] = process
        ObReferenceObject(process)  // PspCidTable
        ObInsertObject(process, access: .standardAndSpecific, flags: .kernelHandle, handle: &handle)
        return trace("PspCreatePicoProcess", clones ? .codeAndName("CLONE_PARENT", name) : .name(name), .STATUS_SUCCESS)
    }

    /// `PsCreateMinimalProcess`: an empty address space that nobody maps into; kernel components only.
    public func PsCreateMinimalProcess(imageName: String, handle: inout Handle) -> NTSTATUS {
        let process = EProcess(
            id: takeUniqueID(),
            kind: .minimal,
            token: .localSystem,
            parent: systemProcess,
            imageName: imageName,
            granularity: .allocation
        )
        processes[process.uniqueProcessID] = process
        ObReferenceObject(process)
        ObInsertObject(process, access: .standardAndSpecific, flags: .kernelHandle, handle: &handle)
        return trace("PsCreateMinimalProcess", .name(imageName), .STATUS_SUCCESS)
    }

    /// `PspGetPicoProcessContext`; nil when the process is not pico.
    public func PspGetPicoProcessContext(_ process: EProcess) -> AnyObject? { process.picoContext }

    /// `NtOpenProcess` from outside: a pico process grants only what its provider registered.
    ///
    /// - Returns: `STATUS_INVALID_CID`, `STATUS_ACCESS_DENIED`.
    public func NtOpenProcess(uniqueID: UInt64, access: AccessMask, handle: inout Handle) -> NTSTATUS {
        guard let process = processes[uniqueID] else {
            return trace("NtOpenProcess", .value("ProcessId", uniqueID), .STATUS_INVALID_CID)
        }
        if process.kind == .pico, configuration.picoABI >= .rs1, let provider = pico.provider,
            !provider.openProcess.isSuperset(of: access)
        {
            return trace("NtOpenProcess", .value("ProcessId", uniqueID), .STATUS_ACCESS_DENIED)
        }
        handle = openHandle(process, access: access, flags: .kernelHandle)
        return trace("NtOpenProcess", .value("ProcessId", uniqueID), .STATUS_SUCCESS)
    }

    /// `NtTerminateProcess` through a handle: for a pico process the provider decides.
    public func NtTerminateProcess(_ handle: Handle, status exitStatus: NTSTATUS) -> NTSTATUS {
        var status = NTSTATUS.STATUS_SUCCESS
        guard let process: EProcess = lookup(handle, access: .processTerminate, status: &status) else {
            return trace("NtTerminateProcess", .value("Handle", handle.rawValue), status)
        }
        status =
            process.kind == .pico
            ? pico.provider?.terminateProcess?(process, exitStatus)
                ?? PspTerminatePicoProcess(process, status: exitStatus)
            : terminate(process, exitStatus)
        return trace("NtTerminateProcess", .name(process.imageName), status)
    }

    /// `PspTerminatePicoProcess`: ends every thread, then the process.
    ///
    /// - Returns: `STATUS_PROCESS_IS_TERMINATING` if it is already on its way.
    @discardableResult
    public func PspTerminatePicoProcess(_ process: EProcess, status: NTSTATUS) -> NTSTATUS {
        guard process.kind == .pico else {
            return trace("PspTerminatePicoProcess", .name(process.imageName), .STATUS_INVALID_PARAMETER)
        }
        return trace("PspTerminatePicoProcess", .name(process.imageName), terminate(process, status))
    }

    /// `NtCreateJobObject`.
    public func NtCreateJobObject(handle: inout Handle) -> NTSTATUS {
        ObInsertObject(EJob(), access: .standardAndSpecific, flags: .kernelHandle, handle: &handle)
        return trace("NtCreateJobObject", .none, .STATUS_SUCCESS)
    }

    /// `NtAssignProcessToJobObject`.
    public func NtAssignProcessToJobObject(_ handle: Handle, _ process: EProcess) -> NTSTATUS {
        var status = NTSTATUS.STATUS_SUCCESS
        guard let job: EJob = lookup(handle, status: &status) else {
            return trace("NtAssignProcessToJobObject", .value("Handle", handle.rawValue), status)
        }
        guard process.job == nil else {
            return trace("NtAssignProcessToJobObject", .name(process.imageName), .STATUS_ACCESS_DENIED)
        }
        process.job = job
        job.members.append(process)
        return trace("NtAssignProcessToJobObject", .name(process.imageName), .STATUS_SUCCESS)
    }

    /// `NtTerminateJobObject`: how the service ends an instance.
    public func NtTerminateJobObject(_ handle: Handle, status exitStatus: NTSTATUS) -> NTSTATUS {
        var status = NTSTATUS.STATUS_SUCCESS
        guard let job: EJob = lookup(handle, status: &status) else {
            return trace("NtTerminateJobObject", .value("Handle", handle.rawValue), status)
        }
        for process in job.members where !process.isExiting { _ = terminate(process, exitStatus) }
        return trace("NtTerminateJobObject", .none, .STATUS_SUCCESS)
    }

    // MARK: - Inside

    func takeUniqueID() -> UInt64 {
        defer { nextUniqueID += 4 }
        return nextUniqueID
    }

    private func inheritHandles(from parent: EProcess, to child: EProcess) {
        for (_, entry) in parent.handleTable.entries where entry.isInherited {
            entry.object.pointerCount += 1
            entry.object.handleCount += 1
            _ = child.handleTable.insert(entry)
        }
    }

    func terminate(_ process: EProcess, _ status: NTSTATUS, exitCode: UInt32? = nil) -> NTSTATUS {
        guard !process.isExiting else { return .STATUS_PROCESS_IS_TERMINATING }
        process.isExiting = true
        process.exitStatus = exitCode ?? status.rawValue
        for thread in process.threads { exit(thread, status) }
        // A process that never had a thread has no last thread to run it down.
        if !process.isDeletedAddressSpace { PspExitProcess(process) }
        return .STATUS_SUCCESS
    }

    /// `PspExitProcess`: the last thread is gone.
    func PspExitProcess(_ process: EProcess) {
        guard !process.isDeletedAddressSpace else { return }
        process.isExiting = true
        process.exitStatus = process.exitStatus ?? NTSTATUS.STATUS_SUCCESS.rawValue
        if process.kind == .pico { pico.provider?.exitProcess?(process) }
        MmDeleteAddressSpace(process)
        for (handle, _) in process.handleTable.entries {
            if var object = process.handleTable.remove(handle) { handleRemoved(&object) }
        }
        process.isDeletedAddressSpace = true
        process.picoContext = nil
        process.job?.members.removeAll { $0 === process }
        signal(process)
        processes[process.uniqueProcessID] = nil
        ObDereferenceObject(process)
    }
}
