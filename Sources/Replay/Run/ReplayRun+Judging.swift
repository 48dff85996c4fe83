// Compares an engine's answer with the recorded one.
import Engine
import LinuxABI
import TraceLog

extension ReplayRun {
    func judge(_ pending: Pending, _ call: RecordedCall, _ plan: CallPlan?, _ result: DispatchResult) -> Judgement {
        if isPlainlySame(call, plan, result) { return .same }
        let judgement = judgeAnswer(pending, call, plan, result)
        // What the engine was not shown it cannot be blamed for.
        if judgement.verdict.isDivergence, let chunk = call.input.chunks.first(where: { $0.bytes.count < $0.length }) {
            return .unjudged(
                .recording,
                "input beyond the payload limit is needed (\(chunk.length - chunk.bytes.count) bytes were not kept)"
            )
        }
        if judgement.verdict.isDivergence, result.outcome == .returned(-Int64(Errno.EFAULT.rawValue)),
            let address = unrecordedInput(pending)
        {
            return .unjudged(.recording, "the input memory at 0x\(String(address, radix: 16)) is not in the recording")
        }
        if judgement.verdict.isDivergence, asksForReadiness(call), readAhead.values.contains(where: { !$0.isEmpty }) {
            return .unjudged(.replayer, "the replay has read bytes of a stream ahead of the recording")
        }
        return judgement
    }

    /// A pointer that the call reads through although nothing of what was there was kept: the recorder could not read it.
    private func unrecordedInput(_ pending: Pending) -> UInt64? {
        let call = pending.call
        guard call.succeeded, let variant = pending.variant else { return nil }
        for (index, argument) in variant.arguments.enumerated() {
            guard case .pointer(let direction, _, _) = argument.type, direction != .output, call.word(index) != 0,
                call.input.integer(call.word(index), count: 1) == nil
            else { continue }
            return call.word(index)
        }
        return nil
    }

    private func asksForReadiness(_ call: RecordedCall) -> Bool {
        switch call.known {
        case .poll, .ppoll, .select, .pselect6, .epoll_wait, .epoll_pwait, .epoll_pwait2: true
        default: false
        }
    }

    /// Whether the recorded answer is the engine's own, and equal bytes settle it.
    @inline(__always)
    private func isPlainlySame(_ call: RecordedCall, _ plan: CallPlan?, _ result: DispatchResult) -> Bool {
        guard case .returned(let value) = result.outcome, value == call.record.result, let plan, !plan.isSpecial,
            call.record.flags.isDisjoint(with: .withoutResult), result.given.isEmpty, result.support != .notModelled
        else { return false }
        return value < 0 && value >= -4095 || !plan.holdsNames && call.output.chunks.isEmpty
    }

    private func judgeAnswer(
        _ pending: Pending,
        _ call: RecordedCall,
        _ plan: CallPlan?,
        _ result: DispatchResult
    ) -> Judgement {
        guard let plan else { return .unjudged(.replayer, "no description of this call") }
        let variant = plan.variant
        if variant.isOpaque { return .unjudged(.replayer, "opaque: \(variant.fullName) is known by name only") }
        if call.record.flags.contains(.resultLost) { return .unjudged(.recording, "the recorder lost the result") }
        if call.record.flags.contains(.interrupted) {
            return .unjudged(.recording, "a signal handler jumped out of the call")
        }
        if result.support == .notModelled {
            return .unjudged(.replayer, "not modelled: \(result.evidence.note)")
        }
        if call.record.flags.contains(.unfinished) { return judgeUnfinished(call, variant, result) }
        var value: Int64
        switch result.outcome {
        case .blocked:
            var judgement = Judgement(verdict: .blocked, culprit: .engine)
            judgement.differences = [difference(variant, call.record.result, "still blocked")]
            return judgement
        case .exited where preparation.lastCalls[call.record.task] == pending.position:
            // Killed in or right after its last call on both sides: nobody saw the result.
            return agreed(result)
        case .exited: return differs(difference(variant, call.record.result, "the task ended"), result)
        case .returned(let returned): value = returned
        }
        let recorded = call.record.result
        if result.given.contains(where: { $0.part == .result }) { value = recorded }
        // The register that a handler's return puts back is no answer of the call's.
        if plan.isHandlerReturn { return agreed(result) }
        if recorded < 0 && recorded >= -4095 || value < 0 && value >= -4095 {
            if recorded == value { return agreed(result) }
            if let one = InterruptedClass(recorded), one == InterruptedClass(value) { return agreed(result) }
            // Its time ran out as the signal came: nothing was ready on either side, and the handler runs on both.
            if value == 0, !result.signals.isEmpty, InterruptedClass(recorded) != nil, asksWithoutEffect(pending) {
                return agreed(result)
            }
            return differs(
                Difference(
                    field: "result",
                    rule: "exact",
                    recorded: Self.printer.result(variant, recorded),
                    engine: Self.printer.result(variant, value)
                ),
                result
            )
        }
        if result.given.isEmpty, let differences = compareFlatly(pending, call, plan, value, result) {
            if differences.isEmpty { return .same }
            if !pending.isPartlyTranslated { return differs(differences, result) }
        }
        return judgeValues(pending, plan, value, result)
    }

    private static let printer = Printer(stringLimit: 64, listLimit: 8)

    private func judgeUnfinished(_ call: RecordedCall, _ variant: Variant, _ result: DispatchResult) -> Judgement {
        guard call.known == .exit || call.known == .exit_group else {
            return .unjudged(.recording, "the recording has no result: the task ended in this call")
        }
        guard case .returned(let value) = result.outcome else { return .same }
        return differs(
            Difference(field: "result", rule: "exact", recorded: "the task ended", engine: "\(value)"),
            result
        )
    }

    private func difference(_ variant: Variant, _ recorded: Int64, _ engine: String) -> Difference {
        Difference(
            field: "result",
            rule: "exact",
            recorded: Self.printer.result(variant, recorded),
            engine: engine
        )
    }

    private func agreed(_ result: DispatchResult) -> Judgement {
        result.given.isEmpty ? .same : Judgement(verdict: .given)
    }

    private func differs(_ difference: Difference, _ result: DispatchResult) -> Judgement {
        differs([difference], result)
    }

    private func differs(_ differences: [Difference], _ result: DispatchResult) -> Judgement {
        let isGap = result.support == .hole || result.support == .stub
        return Judgement(verdict: isGap ? .unsupported : .differs, culprit: .engine, differences: differences)
    }

    // MARK: - Successful on both sides

    private func judgeValues(
        _ pending: Pending,
        _ plan: CallPlan,
        _ value: Int64,
        _ result: DispatchResult
    ) -> Judgement {
        let call = pending.call
        let variant = plan.variant
        var output = call.output
        var writes = result.writes
        let isOwn = Momentary.fits(result, call)
        for use in result.given {
            guard case .memory(let address, let count) = use.part else { continue }
            let known = call.output.prefix(address, count: count)
            guard !known.isEmpty else { continue }
            // Bytes that the recording cut are the same on both sides too: both come from the environment.
            let bytes = known + [UInt8](repeating: 0, count: count - known.count)
            writes.append(.init(address: address, bytes: bytes))
            output.chunks.append(.init(address: address, bytes: bytes))
        }
        let memory = EngineMemory(writes, over: call.input)
        if value == call.record.result, !plan.holdsNames, sameBytes(output, memory) {
            return isOwn ? .same : agreed(result)
        }

        let recordedMemory = CutPayloads.completed(output, call.cut, by: memory)
        let recorded = variant.decode(
            call.record.arguments,
            result: call.record.result,
            input: call.input,
            output: recordedMemory.chunks
        )
        let engine = variant.decode(call.record.arguments, result: value, input: call.input, output: memory)
        var comparison = Comparison(names: names, order: order, scopes: pending.scopes)
        comparison.subject = call.word(0)
        comparison.ignoresOrder = result.given.contains(where: \.isMomentary)
        if let maker = maker(of: call) {
            comparison.generation = maker + 1
            comparison.isNewFile = names.filesSeen.insert(maker)
        }
        for address in recordedMemory.contradicted {
            comparison.differ(
                "memory at 0x\(String(address, radix: 16))",
                "exact",
                "other bytes beyond those kept (by their hash)",
                "these"
            )
        }
        if variant.result.creates, variant.result.nameSpace == .fd {
            checkLowest(pending, UInt64(call.record.result), UInt64(value), &comparison)
        }
        if !listingFits(pending, recorded, engine, &comparison), !linkFits(call, memory, value) {
            if let left = recorded.result, let right = engine.result {
                comparison.compare(left, right, "result", creates: variant.result.creates)
            }
            for field in recorded.output {
                let argument = variant.argumentIndex(field.name).map { variant.arguments[$0] }
                let creates = argument?.creates ?? false
                if let other = engine.output.first(where: { $0.name == field.name }) {
                    // Memory recorded whatever the result (the rest of a sleep): Linux may not have written it either.
                    if argument?.isAlways == true, case .unavailable = other.value { continue }
                    comparison.compare(field.value, other.value, field.name, creates: creates)
                } else {
                    comparison.differ(field.name, "exact", comparison.text(field.value), "not written")
                }
            }
        }
        record.ignoredFields += comparison.ignored
        if !comparison.differences.isEmpty {
            if pending.isPartlyTranslated {
                return .unjudged(.replayer, "descriptors in its input memory could not be translated")
            }
            return differs(comparison.differences, result)
        }
        if let reason = comparison.unjudged.first { return .unjudged(.recording, reason) }
        return isOwn ? .same : agreed(result)
    }

    /// What differs in an answer that the environment had no part in, as far as it can be told without decoding it.
    ///
    /// Nil says nothing yet.
    private func compareFlatly(
        _ pending: Pending,
        _ call: RecordedCall,
        _ plan: CallPlan,
        _ value: Int64,
        _ result: DispatchResult
    ) -> [Difference]? {
        guard plan.holdsNames else {
            guard value == call.record.result else { return nil }
            let isSame =
                call.output.chunks.isEmpty || sameBytes(call.output, EngineMemory(result.writes, over: call.input))
            return isSame ? [] : nil
        }
        if plan.makesDescriptor, value == call.record.result, call.output.chunks.isEmpty {
            return relateDescriptor(value, pending.scopes) ? [] : nil
        }
        guard let layout = plan.layout else { return listingAgrees(pending, value, result.writes) ? [] : nil }
        let comparison = flat
        comparison.begin(pending.scopes)
        guard comparison.agree(layout.result, call.record.result, value) else { return nil }
        let words = call.record.arguments
        var compared = 0
        var maker: UInt64?
        for output in layout.outputs where words[output.argument] != 0 {
            if compared == 0, let own = self.maker(of: call) {
                maker = own
                comparison.generation = own + 1
                comparison.isNewFile = !names.filesSeen.contains(own)
            }
            let address = words[output.argument]
            guard let recorded = Self.whole(call.output.chunks, address, output.size),
                let engine = Self.whole(result.writes, address, output.size),
                comparison.agree(output, recorded, engine, subject: call.word(0))
            else { return nil }
            compared += 1
        }
        // What has no layout is compared byte by byte.
        if call.output.chunks.count > compared {
            let memory = EngineMemory(result.writes, over: call.input)
            for chunk in call.output.chunks
            where !layout.outputs.contains(where: { words[$0.argument] == chunk.address }) {
                guard memory.holds(chunk) else { return nil }
            }
        }
        if let maker { names.filesSeen.insert(maker) }
        comparison.commit()
        record.ignoredFields += comparison.ignored
        return comparison.differences
    }

    /// Binds a descriptor that has the same number on both sides; false where that does not settle it.
    private func relateDescriptor(_ number: Int64, _ scopes: NameScopes) -> Bool {
        guard Comparison.isName(number, .fd) else { return true }
        let name = UInt64(number)
        let bijection = names[.init(.fd, scopes.descriptors)]
        if bijection.engine(name) == name { return true }
        if let other = bijection.recorded(name), other != name { return false }
        _ = bijection.create(name, name)
        return true
    }

    /// The bytes of the one chunk that stands at an address with this length, if no other touches it.
    static func whole(_ chunks: [MemoryChunks.Chunk], _ address: UInt64, _ size: Int) -> [UInt8]? {
        var found: [UInt8]?
        for chunk in chunks {
            if chunk.address == address, chunk.bytes.count == size, chunk.length == size, found == nil {
                found = chunk.bytes
            } else if chunk.address < address &+ UInt64(size), chunk.address &+ UInt64(chunk.length) > address {
                return nil
            }
        }
        return found
    }

    /// The call that made the file which this call looks at; nil for files of time zero.
    ///
    /// A file system gives the inode numbers of deleted files again: the first look at a made file begins a generation.
    private func maker(of call: RecordedCall) -> UInt64? {
        let task = world.task(call.record.task)
        let description: OpenDescription?
        switch call.known {
        case .fstat: description = world.description(call.fd(0), in: task)
        case .newfstatat where call.input.pathBytes(call.word(1))?.isEmpty == true,
            .statx where call.input.pathBytes(call.word(1))?.isEmpty == true:
            description = world.description(call.fd(0), in: task)
        case .stat, .lstat, .newfstatat, .statx:
            return world.paths(call, in: task).first?.node?.createdBy
        default: return nil
        }
        return description?.node.map(\.createdBy) ?? description?.createdBy
    }

    /// Whether every recorded output byte is the same on the engine, and nothing of it was cut.
    private func sameBytes(_ recorded: MemoryChunks, _ engine: EngineMemory) -> Bool {
        for chunk in recorded.chunks where !engine.holds(chunk) { return false }
        return true
    }

    /// Linux gives the lowest free number (open(2)): an engine that does not has one gap, however many calls show it.
    private func checkLowest(_ pending: Pending, _ recorded: UInt64, _ engine: UInt64, _ comparison: inout Comparison) {
        guard recorded != engine else { return }
        let bijection = names[.init(.fd, pending.scopes.descriptors)]
        let isDuplicate = pending.call.known == .fcntl
        if pending.call.known == .dup2 || pending.call.known == .dup3 { return }
        let start = isDuplicate ? pending.call.word(2) : 0
        var lowest = start
        let table = world.task(pending.call.record.task).files.entries
        while table[Int32(clamping: lowest)] != nil { lowest += 1 }
        // Where the recording itself cannot be followed exactly, the rule cannot be checked.
        guard lowest == recorded else { return }
        let free = lowestFree(bijection, from: start)
        if engine != free {
            comparison.differ(
                "result",
                lowestFreeRule,
                "\(recorded), the lowest free",
                "\(engine), while \(free) is free"
            )
        }
    }
}
