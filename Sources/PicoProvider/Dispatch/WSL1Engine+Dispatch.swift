// LxpSysDispatch: from the trap frame to a provider routine and back, with parking and signals on the way out.
public import Engine
public import LinuxABI
import NTKernel

extension WSL1Engine {
    public func dispatch(_ call: GuestCall, on task: TaskID) throws(EngineFailure) -> DispatchResult {
        guard isBooted else { throw EngineFailure("dispatch before boot") }
        guard let thread = thread(task) else {
            if isForgotten(task) { return DispatchResult(.exited) }
            throw EngineFailure("task \(task.rawValue) makes call \(call.index) and was never created")
        }
        guard !thread.isDead else { return DispatchResult(.exited) }
        // A call that the recording never completed was left behind.
        if thread.parked != nil { cancel(task) }
        events += 1
        thread.isFreshGraft = false
        return calls.unsafelyUnwrapped._withUnsafeGuaranteedRef { serve(call, thread, $0) }
    }

    @inline(__always)
    private func serve(_ call: GuestCall, _ thread: LxThread, _ context: LxpCall) -> DispatchResult {
        begin(context, call, thread, tableNumber(call))
        // Whatever arrived while the task ran in user mode interrupted it before this call.
        let released = thread.signals.released.bits
        if released == 0 {
            deliverSignals(thread, context, rawResult: nil, into: &context.signals)
        } else {
            thread.signals.held.bits |= released
            deliverSignals(thread, context, rawResult: nil, into: &context.signals)
            thread.signals.held.bits &= ~released
            thread.signals.released = LxSignalSet()
        }
        if thread.isDead { return finish(context, .exited) }
        if thread.trace != nil, holdsTraced(thread) { return park(thread, context) }
        // A stop takes a thread on its way back to user mode; one that makes a call has not been taken yet.
        if thread.trace == nil { return run(context, thread) }
        let result = run(context, thread)
        leaveTraced(thread, result)
        return result
    }

    public func retry(_ task: TaskID) throws(EngineFailure) -> DispatchResult {
        guard let thread = thread(task) else {
            if isForgotten(task) { return DispatchResult(.exited) }
            throw EngineFailure("task \(task.rawValue) was never created")
        }
        if thread.isDead {
            // Killed while it waited: the wait ends, and the task after it.
            guard let parked = thread.parked else { return DispatchResult(.exited) }
            thread.parked = nil
            return DispatchResult(.returned(table[parked.number].interruption.rawValue))
        }
        guard let parked = thread.parked, let call = parked.call else {
            throw EngineFailure("task \(task.rawValue) has no call that waits")
        }
        guard parked.seenEvents != events else { return DispatchResult(.blocked) }
        let context = self.call
        begin(context, call, thread, parked.number)
        context.parked = parked
        if case .stopped = thread.group.state {
            parked.seenEvents = events
            return finish(context, .blocked)
        }
        if thread.trace != nil, holdsTraced(thread) {
            parked.seenEvents = events
            return finish(context, .blocked)
        }
        thread.parked = nil
        let result = run(context, thread)
        if thread.trace != nil { leaveTraced(thread, result) }
        return result
    }

    @inline(__always)
    private func begin(_ call: LxpCall, _ guest: GuestCall, _ thread: LxThread, _ number: Int) {
        call.begin(guest, thread, number, slot(number))
        call.costBefore = ntCost
        if !kernel.KeResume(thread.ntThread.map(ObjectIdentifier.init)) { kernel.KeSetCurrentThread(thread.ntThread) }
    }

    private func run(_ call: LxpCall, _ thread: LxThread) -> DispatchResult {
        var result: Int64
        guard call.place.pointee.hasHandler else {
            result = -Int64(call.entry.errno.rawValue)
            thread.signals.lastResult = result
            thread.signals.lastNumber = call.entryNumber
            deliverSignals(thread, call, rawResult: result, into: &call.signals)
            return finish(call, .returned(result))
        }
        do throws(LxFailure) {
            result = try call.place.pointee.handler(call)
        } catch {
            switch error {
            case .errno(let errno): result = -Int64(errno.rawValue)
            case .unsupported(let errno, let note, let source):
                call.support = .partial
                call.note = "\(note)"
                call.source = "\(source)"
                result = -Int64(errno.rawValue)
            case .notModelled(let what):
                call.support = .notModelled
                call.note = what
                result = -Int64(call.entry.errno.rawValue)
            case .exited: return finish(call, .exited)
            case .wouldBlock:
                guard thread.hasDeliverableSignal, !call.isUninterruptible || isDying(thread) else {
                    return park(thread, call)
                }
                result = call.interruption.rawValue
                futexes.forget(thread)
                if call.interruption == .restartBlock { keepRestart(of: call, in: thread) }
            }
            if result < 0 { dropWritesOfFailure(call) }
        }
        if thread.isDead { return finish(call, .exited) }
        thread.signals.lastResult = result
        thread.signals.lastNumber = call.entryNumber
        deliverSignals(thread, call, rawResult: result, into: &call.signals)
        return finish(call, .returned(result))
    }

    /// A failed call leaves what it wrote before it failed only where the kernel does: timeouts, not results.
    private func dropWritesOfFailure(_ call: LxpCall) {
        if call.parked == nil, !call.keepsWrites { call.writes = [] }
    }

    /// A fatal signal is among those that wait.
    private func isDying(_ thread: LxThread) -> Bool {
        let deliverable = thread.pendingSet.bits & thread.open.bits
        return (1...64).contains { signal in
            deliverable & LxSignalSet.bit(signal) != 0
                && (signal == LxSignal.kill
                    || (thread.group.handlers[signal].isDefault && Self.defaultAction(signal) == .terminate))
        }
    }

    private static let restartNumber = ABI.call(named: "restart_syscall")?.numbers.x86_64

    /// What restart_syscall goes on with: when it is itself interrupted, with the same call once more.
    private func keepRestart(of call: LxpCall, in thread: LxThread) {
        if call.entryNumber == Self.restartNumber, thread.restart != nil {
            thread.restart?.parked = call.waiting
        } else {
            thread.restart = (call.guest, call.entryNumber, call.waiting)
        }
    }

    private func park(_ thread: LxThread, _ call: LxpCall) -> DispatchResult {
        let parked = call.waiting
        parked.call = call.guest
        parked.number = call.entryNumber
        parked.seenEvents = events
        thread.parked = parked
        call.writes = []
        call.given = []
        return finish(call, .blocked)
    }

    private func finish(_ call: LxpCall, _ outcome: DispatchResult.Outcome) -> DispatchResult {
        var result = DispatchResult(outcome)
        swap(&result.writes, &call.writes)
        if !call.given.isEmpty { swap(&result.given, &call.given) }
        if !call.signals.isEmpty { swap(&result.signals, &call.signals) }
        let support = call.entry.support
        if collectsEvidence, !defersEvidence || call.support != nil || support != .handled {
            result.evidence = call.amended(call.entry.evidence)
        } else if call.support != nil {
            result.evidence = call.amended(Evidence())
        } else if support != .handled {
            result.support = support
        }
        drainSteps(into: &result)
        kernel.KeSuspend()
        let spent = ntCost - call.costBefore
        if outcome == .blocked {
            call.parked?.cost += spent
        } else if let parked = call.parked {
            result.cost = parked.cost + spent
        } else {
            result.cost = spent
        }
        return consume result
    }

    /// The x86-64 number of a call: the table is indexed by it whatever the architecture.
    private func tableNumber(_ call: GuestCall) -> Int {
        switch call.architecture {
        case .x86_64: return call.number
        case .arm64: return ABI.call(call.number, .arm64)?.numbers.x86_64 ?? Int.max
        // 64-bit only: neither `int $0x80` nor x32 has entries.
        case .i386, .x32: return Int.max
        }
    }
}
