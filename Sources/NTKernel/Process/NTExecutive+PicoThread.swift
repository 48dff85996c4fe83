// Pico threads: creation with a register file, suspend and resume, contexts, termination.

extension NTExecutive {
    /// `PspCreatePicoThread`: created suspended, with every register chosen by the provider.
    ///
    /// - Returns: `STATUS_PROCESS_IS_TERMINATING`, `STATUS_INVALID_PARAMETER` for a process that is not pico.
    public func PspCreatePicoThread(
        _ attributes: PicoThreadAttributes,
        _ info: PicoCreateInfo?,
        handle: inout Handle
    ) -> NTSTATUS {
        let process = attributes.process
        guard process.kind == .pico else { return trace("PspCreatePicoThread", .none, .STATUS_INVALID_PARAMETER) }
        guard !process.isExiting else {
            return trace("PspCreatePicoThread", .none, .STATUS_PROCESS_IS_TERMINATING)
        }
        let thread = EThread(
            id: takeUniqueID(),
            process: process,
            registers: attributes.registers,
            suspended: true
        )
        thread.picoContext = attributes.context
        process.threads.append(thread)
        ObReferenceObject(thread)  // PspCidTable
        ObInsertObject(thread, access: .standardAndSpecific, flags: .kernelHandle, handle: &handle)
        return trace("PspCreatePicoThread", .value("Rip", attributes.registers.rip), .STATUS_SUCCESS)
    }

    /// `PspGetPicoThreadContext`; nil when the thread is not pico.
    public func PspGetPicoThreadContext(_ thread: EThread) -> AnyObject? { thread.picoContext }

    /// `PsResumeThread`.
    @discardableResult
    public func PsResumeThread(_ thread: EThread, previousCount: inout UInt32) -> NTSTATUS {
        guard thread.state != .terminated else {
            return trace("PsResumeThread", .value("ThreadId", thread.uniqueThreadID), .STATUS_THREAD_IS_TERMINATING)
        }
        previousCount = thread.suspendCount
        if thread.suspendCount > 0 { thread.suspendCount -= 1 }
        if thread.suspendCount == 0, thread.state == .initialized { thread.state = .ready }
        return trace("PsResumeThread", .value("ThreadId", thread.uniqueThreadID), .STATUS_SUCCESS)
    }

    /// `PsSuspendThread`.
    ///
    /// - Returns: `STATUS_SUSPEND_COUNT_EXCEEDED` past 127 (`MAXIMUM_SUSPEND_COUNT`), `STATUS_THREAD_IS_TERMINATING`.
    @discardableResult
    public func PsSuspendThread(_ thread: EThread, previousCount: inout UInt32) -> NTSTATUS {
        guard thread.state != .terminated else {
            return trace("PsSuspendThread", .value("ThreadId", thread.uniqueThreadID), .STATUS_THREAD_IS_TERMINATING)
        }
        previousCount = thread.suspendCount
        guard thread.suspendCount < 127 else {
            return trace("PsSuspendThread", .value("ThreadId", thread.uniqueThreadID), .STATUS_SUSPEND_COUNT_EXCEEDED)
        }
        thread.suspendCount += 1
        return trace("PsSuspendThread", .value("ThreadId", thread.uniqueThreadID), .STATUS_SUCCESS)
    }

    /// `PspPicoGetContextThreadEx`.
    public func PspPicoGetContextThreadEx(_ thread: EThread, context: inout Context) -> NTSTATUS {
        guard thread.state != .terminated else {
            return trace("PspPicoGetContextThreadEx", .none, .STATUS_THREAD_IS_TERMINATING)
        }
        context = thread.registers
        return trace("PspPicoGetContextThreadEx", .value("ThreadId", thread.uniqueThreadID), .STATUS_SUCCESS)
    }

    /// `PspPicoSetContextThreadEx`.
    public func PspPicoSetContextThreadEx(_ thread: EThread, context: Context) -> NTSTATUS {
        guard thread.state != .terminated else {
            return trace("PspPicoSetContextThreadEx", .none, .STATUS_THREAD_IS_TERMINATING)
        }
        thread.registers = context
        return trace("PspPicoSetContextThreadEx", .value("ThreadId", thread.uniqueThreadID), .STATUS_SUCCESS)
    }

    /// `PspSetPicoThreadDescriptorBase`, for the current thread.
    ///
    /// - Returns: `STATUS_INVALID_PARAMETER` for an address outside user space.
    public func PspSetPicoThreadDescriptorBase(_ segment: SegmentRegister, base: UInt64) -> NTSTATUS {
        guard let thread = currentThread, base <= AddressSpace.highestUserAddress else {
            return trace("PspSetPicoThreadDescriptorBase", .value("Base", base), .STATUS_INVALID_PARAMETER)
        }
        switch segment {
        case .fs: thread.registers.fsBase = base
        case .gs: thread.registers.gsBase = base
        }
        return trace("PspSetPicoThreadDescriptorBase", .value("Base", base), .STATUS_SUCCESS)
    }

    /// `PspTerminateThreadByPointer`.
    ///
    /// `direct` is true when a thread ends itself. When the last thread goes, the process follows.
    @discardableResult
    public func PspTerminateThreadByPointer(_ thread: EThread, status: NTSTATUS, direct: Bool) -> NTSTATUS {
        guard thread.state != .terminated else {
            return trace("PspTerminateThreadByPointer", .none, .STATUS_THREAD_IS_TERMINATING)
        }
        let process = thread.process
        if process.threads.count == 1 { process.isExiting = true }
        trace("PspTerminateThreadByPointer", .value("ThreadId", thread.uniqueThreadID), .STATUS_SUCCESS)
        exit(thread, status)
        return .STATUS_SUCCESS
    }

    /// `PspExitThread`: rundown in the provider, then in the kernel.
    func exit(_ thread: EThread, _ status: NTSTATUS) {
        guard thread.state != .terminated else { return }
        let process = thread.process
        if process.kind == .pico { pico.provider?.exitThread?(thread) }
        thread.state = .terminated
        thread.exitStatus = status
        KeRemoveFromWait(thread)
        thread.picoContext = nil
        process.threads.removeAll { $0 === thread }
        signal(thread)
        ObDereferenceObject(thread)
        if process.threads.isEmpty { PspExitProcess(process) }
    }
}
