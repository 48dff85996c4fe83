// Waiting and signalling. A wait that must block answers STATUS_PENDING and is asked again.

extension NTExecutive {
    /// `KeWaitForSingleObject`.
    ///
    /// The model does not block: the first call of a wait that cannot be satisfied parks the thread and answers
    /// `STATUS_PENDING`; a later call for the same object asks how it ended.
    ///
    /// - Parameter timeout: 100 ns units from now; nil waits for ever, zero polls.
    /// - Returns: `STATUS_SUCCESS`, `STATUS_TIMEOUT`, `STATUS_ALERTED` or `STATUS_USER_APC` (alertable waits only),
    ///   `STATUS_PENDING`.
    public func KeWaitForSingleObject(
        _ object: DispatcherObject,
        thread: EThread,
        alertable: Bool,
        timeout: UInt64? = nil
    ) -> NTSTATUS {
        if let block = thread.waitBlock, block.object === object {
            guard let result = block.result ?? expired(block) else { return .STATUS_PENDING }
            KeRemoveFromWait(thread)
            return trace("KeWaitForSingleObject", .name(object.objectType.rawValue), result)
        }
        KeRemoveFromWait(thread)
        let status = beginWait(object, thread, alertable, timeout)
        return trace("KeWaitForSingleObject", .name(object.objectType.rawValue), status)
    }

    private func beginWait(
        _ object: DispatcherObject,
        _ thread: EThread,
        _ alertable: Bool,
        _ timeout: UInt64?
    ) -> NTSTATUS {
        if object.isSignaled {
            if object.isAutoReset { object.isSignaled = false }
            return .STATUS_SUCCESS
        }
        if alertable, let status = takeAlert(thread) { return status }
        if timeout == 0 { return .STATUS_TIMEOUT }
        thread.waitBlock = WaitBlock(
            object: object,
            isAlertable: alertable,
            deadline: timeout.map { clock.interruptTime &+ $0 },
            result: nil
        )
        thread.state = .waiting
        object.waiters.append(thread)
        return .STATUS_PENDING
    }

    private func expired(_ block: WaitBlock) -> NTSTATUS? {
        guard let deadline = block.deadline, clock.interruptTime >= deadline else { return nil }
        return .STATUS_TIMEOUT
    }

    private func takeAlert(_ thread: EThread) -> NTSTATUS? {
        if thread.isAlerted {
            thread.isAlerted = false
            return .STATUS_ALERTED
        }
        if thread.userAPCPending {
            thread.userAPCPending = false
            return .STATUS_USER_APC
        }
        return nil
    }

    /// Takes a thread out of its wait, as when it dies or its wait ended.
    public func KeRemoveFromWait(_ thread: EThread) {
        guard let block = thread.waitBlock else { return }
        block.object.waiters.removeAll { $0 === thread }
        thread.waitBlock = nil
        if thread.state == .waiting { thread.state = .ready }
    }

    /// `KeAlertThread`: ends an alertable wait, or the next one.
    public func KeAlertThread(_ thread: EThread) { interrupt(thread, .STATUS_ALERTED) { $0.isAlerted = true } }

    /// `KeInsertQueueApc` of a user APC.
    public func KeInsertQueueApc(_ thread: EThread) { interrupt(thread, .STATUS_USER_APC) { $0.userAPCPending = true } }

    private func interrupt(_ thread: EThread, _ status: NTSTATUS, otherwise: (EThread) -> Void) {
        guard let block = thread.waitBlock, block.isAlertable, block.result == nil else { return otherwise(thread) }
        finishWait(thread, status)
    }

    private func finishWait(_ thread: EThread, _ status: NTSTATUS) {
        thread.waitBlock?.result = status
        thread.waitBlock?.object.waiters.removeAll { $0 === thread }
        thread.state = .ready
    }

    /// `KeSetEvent`. Returns the previous state.
    @discardableResult
    public func KeSetEvent(_ event: KEvent) -> Bool {
        let previous = event.isSignaled
        signal(event)
        return previous
    }

    /// `KeResetEvent`. Returns the previous state.
    @discardableResult
    public func KeResetEvent(_ event: KEvent) -> Bool {
        defer { event.isSignaled = false }
        return event.isSignaled
    }

    /// `KiSignalObject`: releases waiters.
    func signal(_ object: DispatcherObject) {
        object.isSignaled = true
        while object.isSignaled, let thread = object.waiters.first {
            finishWait(thread, .STATUS_SUCCESS)
            if object.isAutoReset { object.isSignaled = false }
        }
    }
}
