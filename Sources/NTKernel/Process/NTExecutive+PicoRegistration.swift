// Registration of the pico provider and the entry of its system calls.

/// `PspPicoProviderRoutines` and the flag that closes the registration window.
struct PicoState {
    var provider: PicoProviderRoutines?
    var registrationDisabled = false
}

extension NTExecutive {
    /// `PsRegisterPicoProvider`.
    ///
    /// Both sizes must equal what this build expects: there is no other versioning. There is one provider and no way to
    /// unregister it. Inside the open window a second caller replaces the table (inferred).
    ///
    /// - Returns: `STATUS_TOO_LATE` once the window is closed, `STATUS_INFO_LENGTH_MISMATCH`, or
    ///   `STATUS_INVALID_PARAMETER` for masks with generic or system-security bits. Source: PICO, AI.
    public func PsRegisterPicoProvider(
        _ provider: PicoProviderRoutines,
        routines: inout PicoRoutines
    ) -> NTSTATUS {
        let status = checkRegistration(provider, routines)
        guard status.isSuccess else { return trace("PsRegisterPicoProvider", .none, status) }
        pico.provider = provider
        fill(&routines)
        return trace("PsRegisterPicoProvider", .none, .STATUS_SUCCESS)
    }

    /// `PspPicoRegistrationDisabled = TRUE`: the boot code closes the window after the core driver group and before any
    /// third-party driver.
    public func PspDisablePicoRegistration() { pico.registrationDisabled = true }

    private func checkRegistration(_ provider: PicoProviderRoutines, _ routines: PicoRoutines) -> NTSTATUS {
        guard !pico.registrationDisabled else { return .STATUS_TOO_LATE }
        let abi = configuration.picoABI
        guard provider.size == abi.providerRoutinesSize, routines.size == abi.picoRoutinesSize else {
            return .STATUS_INFO_LENGTH_MISMATCH
        }
        guard abi >= .rs1 else { return .STATUS_SUCCESS }
        let legal = AccessMask.standardAndSpecific
        guard legal.isSuperset(of: provider.openProcess), legal.isSuperset(of: provider.openThread) else {
            return .STATUS_INVALID_PARAMETER
        }
        return .STATUS_SUCCESS
    }

    private func fill(_ routines: inout PicoRoutines) {
        // The table outlives no executive: the provider holds both.
        routines.createProcess = { [unowned self] in PspCreatePicoProcess($0, $1, handle: &$2) }
        routines.createThread = { [unowned self] in PspCreatePicoThread($0, $1, handle: &$2) }
        routines.getProcessContext = { [unowned self] in PspGetPicoProcessContext($0) }
        routines.getThreadContext = { [unowned self] in PspGetPicoThreadContext($0) }
        routines.getContextThread = { [unowned self] in PspPicoGetContextThreadEx($0, context: &$1) }
        routines.setContextThread = { [unowned self] in PspPicoSetContextThreadEx($0, context: $1) }
        routines.terminateThread = { [unowned self] in PspTerminateThreadByPointer($0, status: $1, direct: $2) }
        routines.resumeThread = { [unowned self] in PsResumeThread($0, previousCount: &$1) }
        routines.setThreadDescriptorBase = { [unowned self] in PspSetPicoThreadDescriptorBase($0, base: $1) }
        routines.suspendThread = { [unowned self] in PsSuspendThread($0, previousCount: &$1) }
        routines.terminateProcess = { [unowned self] in PspTerminatePicoProcess($0, status: $1) }
    }

    /// `KiSystemCall64`: a thread executed the system call instruction.
    ///
    /// The decision is made per thread and is total: no system call of a pico thread reaches NT's own table.
    ///
    /// - Returns: `STATUS_INVALID_SYSTEM_SERVICE` for a thread that is not pico; this model has no Win32 table.
    @discardableResult
    public func KiSystemCall64(_ thread: EThread, frame: TrapFrame) -> NTSTATUS {
        guard thread.process.kind == .pico, let dispatch = pico.provider?.dispatchSystemCall else {
            return trace("KiSystemCall64", .none, .STATUS_INVALID_SYSTEM_SERVICE)
        }
        let previous = currentThread
        currentThread = thread
        dispatch(PicoSystemCallInformation(thread: thread, trapFrame: frame))
        if thread.state != .terminated { thread.registers = frame.registers }
        currentThread = previous
        return .STATUS_SUCCESS
    }

    /// `KiDispatchException` for a user-mode exception of a pico thread: offered to the provider first.
    ///
    /// - Returns: true when the provider handled it; false means that the kernel ends the process.
    public func KiDispatchException(
        _ thread: EThread,
        code: NTSTATUS,
        address: UInt64,
        frame: TrapFrame
    ) -> Bool {
        let exception = PicoException(
            thread: thread,
            code: code,
            address: address,
            trapFrame: frame,
            isSecondChance: false
        )
        let handled = thread.process.kind == .pico && (pico.provider?.dispatchException?(exception) ?? false)
        trace("KiDispatchException", .value("Address", address), code)
        if !handled { _ = PspTerminatePicoProcess(thread.process, status: code) }
        return handled
    }
}
