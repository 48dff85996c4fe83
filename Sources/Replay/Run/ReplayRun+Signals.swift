// Signals: those from outside are posted where the recording has them; the others are the engine's to make.
import Engine
import LinuxABI
import TraceLog

extension ReplayRun {
    /// A recorded delivery. Posted if nothing recorded explains it and the engine has not made it.
    func recordedSignal(_ index: Int) throws(EngineFailure) {
        let signal = trace.signals[index]
        signals.pass(signal)
        advance(to: signal.time)
        // Delivered and ignored: nothing that a program or an engine could tell.
        guard signal.hasEffect else {
            _ = signals.claim(signal.signal, signal.task)
            return
        }
        guard signal.handler != 0 else {
            // A default action stops or ends the task: that shows by itself.
            let isTold = signals.claim(signal.signal, signal.task) || signals.posted.contains(index)
            if !isTold, preparation.outsideSignals.contains(index) { post(index) }
            return
        }
        if signals.posted.contains(index) {
            // The delivery shows with the call it was posted for, or with the task's next.
            if !signals.claim(signal.signal, signal.task) {
                signals.await(signal.signal, signal.task, after: lastCall(signal))
            }
            return
        }
        if signals.claim(signal.signal, signal.task) { return }
        if signalName(signal.signal) == "SIGCHLD" { try makeExit(ofChildOf: signal.task) }
        signals.await(signal.signal, signal.task, after: lastCall(signal))
        if preparation.outsideSignals.contains(index) { post(index) }
    }

    /// Tells the engine which signals come later in the recording than this call.
    func hold(_ pending: Pending) {
        let task = pending.call.record.task
        // What was delivered before this call is due with it, also when the same signal comes again later.
        var mask = pending.held
        if mask != 0 { mask &= ~signals.awaitedMask(task) }
        guard (holding[task] ?? 0) != mask else { return }
        holding[task] = mask
        engine.hold(mask, for: task)
    }

    /// Takes in what the engine delivered on the way back from a call, and makes up for what it should have.
    func deliver(_ delivered: [Int32], _ pending: Pending) {
        guard !delivered.isEmpty || signals.isOwed else { return }
        let call = pending.call.record
        signals.delivered(delivered, to: call.task)
        for signal in signals.overdue(call.task, at: call.index) {
            let text = "\(signalName(signal)) to task \(call.task.rawValue) was not delivered"
            record.happened(EnvironmentEvent(.signalMissing, call: call.index, text))
            if options.resynchronise, engineTasks.contains(call.task) { engine.postSignal(signal, to: call.task) }
        }
    }

    /// Outside signals that ended the recorded wait of a parked call go in before it is asked again.
    func postSignals(interrupting position: Int, _ task: TaskID) {
        for index in signals.interrupting(position)
        where preparation.outsideSignals.contains(index) && !signals.posted.contains(index) {
            post(index)
        }
    }

    /// A signal to the process ended this wait, and the engine gave it to another thread, or not yet: whom it goes to is
    /// scheduling. Returns whether there was one to post.
    func makeUpInterruption(_ pending: Pending) -> Bool {
        guard InterruptedClass(pending.call.record.result) != nil else { return false }
        let waiting = signals.interrupting(pending.position).filter { !signals.posted.contains($0) }
        for index in waiting { post(index) }
        return !waiting.isEmpty
    }

    private func post(_ index: Int) {
        let signal = trace.signals[index]
        signals.post(index)
        guard engineTasks.contains(signal.task) else { return }
        engine.postSignal(signal.signal, to: signal.task)
        let name = signalName(signal.signal)
        record.happened(
            EnvironmentEvent(.signalFromOutside, call: lastCall(signal), "\(name) to task \(signal.task.rawValue)")
        )
    }

    /// Whether the recorded call was made in a handler that returned later: one that a jump has left never does.
    func isInHandler(_ pending: Pending) -> Bool {
        let task = pending.call.record.task
        var depth = 1
        var delivered = trace.signals[...].drop { $0.afterCalls <= UInt64(pending.position) }
        // A handler that makes more calls than this is taken for one that was left.
        let next = pending.position + 1
        for position in next..<(next + (1 << 16)) {
            guard calls.has(position) else { return false }
            guard calls.head(position).task == task else { continue }
            while let signal = delivered.first, signal.afterCalls <= UInt64(position) {
                if signal.task == task, signal.handler > 1 { depth += 1 }
                delivered.removeFirst()
            }
            guard calls.name(position) == "rt_sigreturn" else { continue }
            depth -= 1
            if depth == 0 { return true }
        }
        return false
    }

    private func lastCall(_ signal: SignalRecord) -> UInt64 {
        let entered = Int(clamping: signal.afterCalls)
        return entered > 0 && calls.has(entered - 1) ? calls.index(entered - 1) : 0
    }
}

extension SignalRecord {
    /// Whether its delivery does anything: signal(7) lists the default actions.
    var hasEffect: Bool {
        switch handler {
        case 0: !isIgnoredByDefault(signal)
        case 1: false
        default: true
        }
    }
}
