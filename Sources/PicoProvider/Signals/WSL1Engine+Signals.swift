// Posting and delivering signals.
import Engine
import LinuxABI

extension LxThread {
    var pendingSet: LxSignalSet { LxSignalSet(bits: signals.pending.set.bits | shared.pending.set.bits) }

    /// Signals that may be delivered: neither blocked by the program nor held by the schedule.
    var open: LxSignalSet { LxSignalSet(bits: ~(signals.mask.bits | signals.held.bits)) }

    var hasDeliverableSignal: Bool { pendingSet.bits & open.bits != 0 }

    /// Takes a pending signal of `wanted`: the thread's own first.
    func takePending(_ wanted: LxSignalSet) -> LxSignalInfo? {
        signals.pending.take(wanted) ?? shared.pending.take(wanted)
    }
}

extension WSL1Engine {
    enum DefaultAction { case terminate, ignore, stop, proceed }

    static let stopSignals: Set<Int32> = [
        LxSignal.stop, LxSignal.terminalStop, LxSignal.terminalInput, LxSignal.terminalOutput,
    ]
    private static let stopSet = stopSignals.reduce(into: LxSignalSet()) { $0.insert($1) }
    private static let dumping: Set<Int32> = Set(
        ["SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGSEGV", "SIGXCPU", "SIGXFSZ", "SIGSYS"]
            .map(abiInt)
    )

    static func defaultAction(_ signal: Int32) -> DefaultAction {
        if signal == LxSignal.proceed { return .proceed }
        if isIgnoredByDefault(signal) { return .ignore }
        return stopSet.contains(signal) ? .stop : .terminate
    }

    // MARK: - Posting

    /// To one thread (tkill, faults).
    func post(_ info: LxSignalInfo, to thread: LxThread) {
        guard prepare(info, thread.group, isBlocked: thread.signals.mask.contains(info.signal)) else { return }
        thread.signals.pending.post(info)
    }

    /// To a process: any thread that does not block it takes it.
    func post(_ info: LxSignalInfo, to group: LxThreadGroup) {
        guard group.isAlive else { return }
        let blockedByAll = group.threads.allSatisfy { $0.signals.mask.contains(info.signal) }
        guard prepare(info, group, isBlocked: blockedByAll) else { return }
        group.pendingSignals.post(info)
    }

    /// SIGPIPE and the like, to the caller itself.
    func raiseOwnSignal(_ signal: Int32, _ context: VfsContext) {
        guard let thread = context.thread else { return }
        post(LxSignalInfo(signal: signal, code: 0, pid: thread.group.globalID, uid: thread.credentials.uid), to: thread)
    }

    /// Effects at posting time; false: the signal is dropped.
    private func prepare(_ info: LxSignalInfo, _ group: LxThreadGroup, isBlocked: Bool) -> Bool {
        events += 1
        let signal = info.signal
        let action = group.handlers[signal]
        if signal == LxSignal.proceed || signal == LxSignal.kill {
            if signal == LxSignal.proceed {
                group.pendingSignals.discard(Self.stopSet)
                for thread in group.threads { thread.signals.pending.discard(Self.stopSet) }
            }
            if case .stopped = group.state {
                group.state = .running
                if signal == LxSignal.proceed {
                    group.unreportedChange = LxSignal.proceed
                    notifyParent(of: group, code: 6, status: LxSignal.proceed)
                }
            }
        } else if Self.stopSignals.contains(signal) {
            let proceed = LxSignalSet(bits: LxSignalSet.bit(LxSignal.proceed))
            group.pendingSignals.discard(proceed)
            for thread in group.threads { thread.signals.pending.discard(proceed) }
        }
        if isBlocked { return true }
        if group.pidNamespace.initGroup === group, group.pidNamespace.level > 0 || group.globalID == 1,
            action.isDefault, signal != LxSignal.kill || info.pid != 0
        {
            // An init process gets only what it handles from inside its namespace.
            let sender = info.pid
            if signal != LxSignal.kill && signal != LxSignal.stop || group.pidNamespace.groups[sender] != nil {
                if Self.defaultAction(signal) == .terminate { return false }
            }
        }
        if action.isIgnored { return signal == LxSignal.kill || signal == LxSignal.stop }
        if action.isDefault {
            switch Self.defaultAction(signal) {
            case .ignore, .proceed: return false
            case .stop, .terminate: return true
            }
        }
        return true
    }

    // MARK: - Delivery

    /// On the way back to user mode: takes every deliverable signal. `rawResult` is what the call answered, or nil
    /// when the signals arrived in user mode.
    @inline(__always)
    func deliverSignals(_ thread: LxThread, _ context: VfsContext, rawResult: Int64?, into list: inout [Int32]) {
        // The usual case: there is none.
        if !thread.hasDeliverableSignal, thread.signals.savedMask == nil { return }
        deliverPendingSignals(thread, context, rawResult: rawResult, into: &list)
    }

    private func deliverPendingSignals(
        _ thread: LxThread,
        _ context: VfsContext,
        rawResult: Int64?,
        into list: inout [Int32]
    ) {
        var raw = rawResult
        var ranHandler = false
        while !thread.isDead, thread.hasDeliverableSignal {
            if case .stopped = thread.group.state { break }
            if thread.trace?.stop != nil, thread.activeTrace != nil,
                thread.pendingSet.bits & LxSignalSet.bit(LxSignal.kill) == 0
            {
                break
            }
            guard let info = thread.takePending(thread.open) else { break }
            // A traced thread stops first: the tracer decides what becomes of the signal.
            if let trace = thread.activeTrace, info.signal != LxSignal.kill {
                guard trace.passing.contains(info.signal) else {
                    stopTraced(thread, info.signal, info)
                    break
                }
                trace.passing.remove(info.signal)
            }
            let action = thread.group.handlers[info.signal]
            if action.isIgnored, info.signal != LxSignal.kill, info.signal != LxSignal.stop { continue }
            list.append(info.signal)
            if action.isDefault || info.signal == LxSignal.kill || info.signal == LxSignal.stop {
                applyDefault(info.signal, thread, context)
                continue
            }
            pushFrame(thread, info.signal, action, raw)
            raw = nil
            ranHandler = true
        }
        if !thread.isDead, !ranHandler, thread.parked == nil { restoreSavedMask(thread, rawResult) }
    }

    /// The mask of sigsuspend, ppoll … ends with the call unless a handler runs first (rt_sigreturn restores it then).
    private func restoreSavedMask(_ thread: LxThread, _ rawResult: Int64?) {
        guard rawResult != nil, let saved = thread.signals.savedMask else { return }
        thread.signals.mask = saved
        thread.signals.savedMask = nil
    }

    private static let restart = ABI.constant("SA_RESTART")
    private static let noDefer = ABI.constant("SA_NODEFER")
    private static let resetHandler = ABI.constant("SA_RESETHAND")

    private func pushFrame(_ thread: LxThread, _ signal: Int32, _ action: LxSignalAction, _ raw: Int64?) {
        var result = raw ?? thread.signals.lastResult
        switch LxpInterruption(rawValue: result) {
        case .restartSys?:
            // The program makes the call again itself: the register holds the number.
            result = action.flags & Self.restart != 0 ? Int64(thread.signals.lastNumber) : -4
        case .restartNoHand?, .restartBlock?: result = -4
        case .intr?, nil: break
        }
        thread.signals.frames.append(
            LxThreadSignals.Frame(mask: thread.signals.savedMask ?? thread.signals.mask, result: result)
        )
        thread.signals.savedMask = nil
        thread.signals.mask.bits |= action.mask.bits & ~LxSignalSet.unblockable.bits
        if action.flags & Self.noDefer == 0 { thread.signals.mask.insert(signal) }
        if action.flags & Self.resetHandler != 0 { thread.group.handlers[signal] = LxSignalAction() }
        thread.signals.lastResult = 0
    }

    private func applyDefault(_ signal: Int32, _ thread: LxThread, _ context: VfsContext) {
        if signal == LxSignal.kill { return terminate(thread.group, status: signal, context) }
        switch Self.defaultAction(signal) {
        case .ignore, .proceed: break
        case .stop: stop(thread.group, signal)
        case .terminate:
            // "core dumped" is reported although no file is made (features.tsv, core dumps).
            let dumps = Self.dumping.contains(signal)
            terminate(thread.group, status: signal | (dumps ? 0x80 : 0), context)
        }
    }

    private func stop(_ group: LxThreadGroup, _ signal: Int32) {
        if signal != LxSignal.stop, isOrphaned(group.processGroup) { return }
        group.state = .stopped(signal: signal)
        group.unreportedChange = signal
        notifyParent(of: group, code: 5, status: signal)
    }

    /// No member has a parent in the session but outside the group: terminal stops are ignored.
    func isOrphaned(_ processGroup: LxProcessGroup) -> Bool {
        for member in processGroup.members.values where member.isAlive {
            guard let parent = member.parent else {
                // The parent was not recorded: it is a shell until shown otherwise.
                if member.globalID == environment.process.pid { return false }
                continue
            }
            if parent.processGroup !== processGroup, parent.session === processGroup.session { return false }
        }
        return true
    }

    private static let noChildStop = ABI.constant("SA_NOCLDSTOP")

    /// SIGCHLD for a stop (CLD_STOPPED 5) or continue (CLD_CONTINUED 6).
    func notifyParent(of group: LxThreadGroup, code: Int32, status: Int32) {
        guard let parent = group.parent, parent.isAlive else { return }
        guard parent.handlers[LxSignal.child].flags & Self.noChildStop == 0 else {
            events += 1
            return
        }
        post(
            LxSignalInfo(
                signal: LxSignal.child,
                code: code,
                pid: group.id(in: parent.pidNamespace),
                uid: group.anyThread?.credentials.uid ?? 0,
                value: Int64(status)
            ),
            to: parent
        )
    }
}
