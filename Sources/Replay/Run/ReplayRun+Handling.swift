// From an engine's answer to a comparison: parking, races, short transfers.
import Engine
import LinuxABI
import TraceLog

extension ReplayRun {
    func handle(
        _ pending: Pending,
        _ call: RecordedCall,
        _ plan: CallPlan?,
        _ result: inout DispatchResult
    ) throws(EngineFailure) {
        // The recorded result: neither raced nor short.
        if case .returned(let value) = result.outcome, value == call.record.result, !call.mayShareAnswers {
            if !result.signals.isEmpty || signals.isOwed { deliver(result.signals, pending) }
            finish(pending, call, plan, &result)
            return
        }
        if result.outcome == .blocked {
            lookUpInputs(of: pending)
            pending.isDeferred = isWithdrawn
            isWithdrawn = false
            parked[pending.call.record.task] = pending
            // The child of a vfork runs while its parent waits.
            if pending.call.makesTask { engineTasks[pending.childTask] = () }
            return
        }
        if options.resynchronise, mayRace(pending, result) {
            lookUpInputs(of: pending)
            pending.isDeferred = true
            parked[pending.call.record.task] = pending
            return
        }
        if options.resynchronise, isShort(pending, result) || isLowCount(pending, result), overlaps(pending) {
            // The rest may come from a call that overlaps.
            lookUpInputs(of: pending)
            engine.completeEvidence(of: &result)
            pending.partial = result
            parked[pending.call.record.task] = pending
            return
        }
        try settle(pending, &result)
    }

    /// A stream gave some bytes, but fewer than recorded.
    private func isShort(_ pending: Pending, _ result: DispatchResult) -> Bool {
        guard case .returned(let value) = result.outcome, value > 0, value < pending.call.record.result,
            result.given.isEmpty, let transfer = Transfer(pending.call), transfer.direction == .output
        else { return false }
        return stream(pending) != nil
    }

    /// An eventfd gave less than recorded: what an overlapping write adds is read when the call is due.
    private func isLowCount(_ pending: Pending, _ result: DispatchResult) -> Bool {
        guard let (recorded, engine) = counts(pending, result) else { return false }
        return engine < recorded
    }

    /// The counter that a read of an eventfd returned: recorded, and the engine's.
    private func counts(_ pending: Pending, _ result: DispatchResult) -> (recorded: UInt64, engine: UInt64)? {
        let call = pending.call
        guard call.known == .read, call.record.result == 8, result.outcome == .returned(8), result.given.isEmpty,
            case .other(let maker) = world.description(call.fd(0), in: world.task(call.record.task))?.kind,
            maker.hasPrefix("eventfd"),
            let recorded = call.output.integer(call.word(1), count: 8),
            let engine = MemoryChunks(result.writes).integer(call.word(1), count: 8)
        else { return nil }
        return (recorded, engine)
    }

    private func completeCount(_ pending: Pending, _ result: inout DispatchResult) throws(EngineFailure) {
        guard let (recorded, engine) = counts(pending, result), engine < recorded else { return }
        self.engine.completeEvidence(of: &result)
        let next = try self.engine.dispatch(pending.guest, on: pending.call.record.task)
        if next.outcome == .blocked { self.engine.cancel(pending.call.record.task) }
        guard let (_, more) = counts(pending, next) else { return }
        let bytes = withUnsafeBytes(of: (engine &+ more).littleEndian) { Array($0) }
        result.writes = [.init(address: pending.call.word(1), bytes: bytes)]
        result.signals += next.signals
        pending.notes.append("the engine's counter was read twice, around an overlapping write")
    }

    /// Gives the call to the engine, less what an earlier transfer did ahead.
    func dispatch(_ pending: Pending, _ call: RecordedCall) throws(EngineFailure) -> DispatchResult {
        let task = call.record.task
        if !eventsAhead.isEmpty, let early = earlyEvents(pending) { return early }
        guard call.movesBytes, options.resynchronise, let transfer = Transfer(call), let stream = stream(pending) else {
            return try engine.dispatch(pending.guest, on: task)
        }
        let recorded = max(0, call.record.result)
        if isLimited(pending, transfer) {
            return try engine.dispatch(transfer.limited(pending.guest, to: UInt64(recorded)), on: task)
        }
        let limit = min(transfer.count, UInt64(max(recorded, 1)))
        if transfer.direction == .output, let ahead = readAhead[stream.id], !ahead.isEmpty {
            let taken = Array(ahead.prefix(Int(clamping: limit)))
            let write = MemoryChunks.Chunk(address: transfer.buffer, bytes: taken)
            let first = DispatchResult(.returned(Int64(taken.count)), writes: [write])
            return try complete(first, pending, transfer) {
                readAhead[stream.id] = Array(ahead.dropFirst(taken.count))
            }
        }
        if transfer.direction == .input, let ahead = writtenAhead[stream.id], ahead > 0 {
            let taken = min(ahead, limit)
            return try complete(DispatchResult(.returned(Int64(taken))), pending, transfer) {
                writtenAhead[stream.id] = ahead - taken
            }
        }
        return try engine.dispatch(pending.guest, on: task)
    }

    /// What comes early from tasks that go on by themselves must not be read early: no more is asked for than came.
    private func isLimited(_ pending: Pending, _ transfer: Transfer) -> Bool {
        transfer.direction == .output && pending.call.record.result > 0 && isSelfPaced
            && stream(pending) != nil
    }

    /// Asks the engine for what an earlier transfer did not do ahead; `use` takes that off the account.
    private func complete(
        _ first: DispatchResult,
        _ pending: Pending,
        _ transfer: Transfer,
        _ use: () -> Void
    ) throws(EngineFailure) -> DispatchResult {
        guard case .returned(let count) = first.outcome, count < pending.call.record.result else {
            use()
            return first
        }
        let task = pending.call.record.task
        let rest = try engine.dispatch(transfer.rest(of: pending.guest, after: UInt64(count)), on: task)
        guard rest.outcome == .blocked else {
            use()
            return Self.join(first, rest)
        }
        // Made as a whole when its completion is due.
        engine.cancel(task)
        isWithdrawn = true
        return rest
    }

    /// Completes short transfers, then compares.
    func settle(_ pending: Pending, _ result: inout DispatchResult) throws(EngineFailure) {
        deliver(result.signals, pending)
        if options.resynchronise {
            try completeTransfer(pending, &result)
            try completeCount(pending, &result)
            keepEarlyEvents(pending, &result)
        }
        finish(pending, pending.call, pending.plan, &result)
    }

    private func stream(_ pending: Pending) -> OpenDescription? {
        let description = world.description(pending.call.fd(0), in: world.task(pending.call.record.task))
        return description?.isStream == true ? description : nil
    }

    private func completeTransfer(_ pending: Pending, _ result: inout DispatchResult) throws(EngineFailure) {
        let recorded = pending.call.record.result
        guard let transfer = Transfer(pending.call), case .returned(let first) = result.outcome, first >= 0,
            recorded >= 0, first != recorded, !result.given.contains(where: { $0.part == .result })
        else { return }
        var total = first
        if total > 0, total < recorded {
            engine.completeEvidence(of: &result)
            var rounds = 0
            while total < recorded, rounds < 64 {
                rounds += 1
                var rest = transfer.rest(of: pending.guest, after: UInt64(total))
                if isLimited(pending, transfer) { rest = transfer.limited(rest, to: UInt64(recorded - total)) }
                var next = try engine.dispatch(rest, on: pending.call.record.task)
                engine.completeEvidence(of: &next)
                if next.outcome == .blocked { engine.cancel(pending.call.record.task) }
                guard case .returned(let more) = next.outcome, more > 0 else { break }
                result = Self.join(result, next)
                total += more
            }
            pending.notes.append("the engine needed \(rounds + 1) calls for \(total) of \(recorded) bytes")
        }
        guard total > recorded, recorded > 0, let stream = stream(pending) else { return }
        // Bytes of a stream that came earlier than recorded: the next calls on it must fit them.
        let surplus = Int(total - recorded)
        switch transfer.direction {
        case .output:
            let memory = EngineMemory(result.writes, over: pending.call.input)
            guard case .bytes(let bytes) = memory.read(transfer.buffer &+ UInt64(recorded), count: surplus) else {
                return
            }
            readAhead[stream.id, default: []] += bytes
        case .input: writtenAhead[stream.id, default: 0] += UInt64(surplus)
        }
        result.outcome = .returned(recorded)
        pending.notes.append("the engine moved \(surplus) bytes more at once; they count for the next calls")
    }

    /// Two answers to the parts of one transfer as one.
    private static func join(_ first: DispatchResult, _ second: DispatchResult) -> DispatchResult {
        guard case .returned(let start) = first.outcome, case .returned(let more) = second.outcome, more >= 0 else {
            return first.outcome == .returned(0) ? second : first
        }
        var joined = first
        joined.outcome = .returned(start + more)
        joined.writes += second.writes
        joined.given += second.given
        joined.signals += second.signals
        if let more = second.cost { joined.cost = (joined.cost ?? TranslationCost()) + more }
        if joined.evidence == Evidence() {
            joined.evidence = second.evidence
            joined.isEvidenceDeferred = second.isEvidenceDeferred
        }
        return joined
    }

    // MARK: - Races

    /// Whether an unexpected answer may come from the order of overlapping calls, and asking again is harmless.
    ///
    /// Only the schedule looks at the recorded result here. An error, or "nothing yet", has changed nothing, so
    /// the same call may be made again when its completion is due.
    private func mayRace(_ pending: Pending, _ result: DispatchResult) -> Bool {
        let call = pending.call.record
        guard case .returned(let value) = result.outcome, value != call.result, !call.flags.contains(.unfinished),
            result.given.isEmpty, result.support != .hole
        else { return false }
        // The calls that overlap may be those of the task that it makes.
        if call.result > 0, pending.call.makesTask { return false }
        if let engine = InterruptedClass(value), engine == InterruptedClass(call.result) { return false }
        guard value < 0 || value == 0 && asksWithoutEffect(pending) else { return false }
        return exiting.values.contains(where: { $0.call.record.task != call.task }) || overlaps(pending)
    }

    /// Whether another task enters a call before this one's recorded completion.
    private func overlaps(_ pending: Pending) -> Bool {
        let call = pending.call.record
        var next = pending.position + 1
        while calls.has(next) {
            let head = calls.head(next)
            if head.entryTime >= call.exitTime { return false }
            if head.task != call.task { return true }
            next += 1
        }
        return false
    }

    /// Whether a parked call's time ran out because the replay was slower than the recording: it is made again now.
    func mayHaveTimedOut(_ pending: Pending, _ result: DispatchResult) -> Bool {
        guard case .returned(let value) = result.outcome, value != pending.call.record.result,
            pending.call.record.result >= 0 || InterruptedClass(pending.call.record.result) != nil,
            result.given.isEmpty, result.signals.isEmpty
        else { return false }
        return value == 0 && asksWithoutEffect(pending) || value == -Int64(Errno.ETIMEDOUT.rawValue)
    }

    /// Calls for which 0 means that nothing was ready, or that a stream has ended: either way nothing was taken.
    func asksWithoutEffect(_ pending: Pending) -> Bool {
        let call = pending.call
        switch call.known {
        case .read, .readv, .recvfrom, .recvmsg: return stream(pending) != nil
        case .poll, .ppoll, .select, .pselect6, .epoll_wait, .epoll_pwait, .epoll_pwait2: return true
        case .wait4: return call.word(2) & Linux.waitNoHang != 0
        case .waitid: return call.word(3) & Linux.waitNoHang != 0
        default: return false
        }
    }
}
