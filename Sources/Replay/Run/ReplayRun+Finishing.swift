// After the comparison: attribution, names, repair.
import Engine
import LinuxABI
import TraceLog

extension ReplayRun {
    func finish(_ pending: Pending, _ call: RecordedCall, _ plan: CallPlan?, _ result: inout DispatchResult) {
        let task = call.record.task
        // A task that was made up because somebody asked for it early may be another one now.
        let state = pending.task.tid >= 0 ? pending.task : world.task(task)
        let value: Int64? = if case .returned(let value) = result.outcome { value } else { nil }
        var judgement = judge(pending, call, plan, result)
        let agrees = !judgement.verdict.isDivergence && judgement.verdict != .unjudged
        // Before the call changes what its inputs are.
        var isPlain = false
        if !agrees {
            lookUpInputs(of: pending)
            isPlain = result.isPlain
            if record.wantsEvidence(pending, judgement, result) { engine.completeEvidence(of: &result) }
        }
        if call.makesTask, let value {
            if value > 0 {
                engineTasks[pending.childTask] = ()
            } else {
                engineTasks.remove(pending.childTask)
            }
        }
        let oldMemory = state.memory
        if call.record.flags.isDisjoint(with: .resultUnknown) { world.complete(call, in: state) }
        if call.succeeded {
            if let value, value >= 0 { relateEffects(pending, call, plan, engine: value, oldMemory: oldMemory) }
            if call.movesBytes, let transfer = Transfer(call), transfer.direction == .input { markCutInput(of: call) }
        }
        if result.outcome == .exited {
            engineTasks.remove(task)
            if !call.record.flags.contains(.unfinished) {
                world.task(task).absentMark = Mark(call: call.index, isJudged: true)
            }
        }
        if agrees {
            if let breach = result.breach, breach != .taskStack || isInHandler(pending) {
                record.addRoot(pending, Judgement(breach), result: result)
            } else {
                record.add(pending, call, plan, judgement, result: result)
            }
            if planner != nil { planRepair(pending) }
            return
        }
        if experiment.overridden.contains(call.index) {
            repair(pending, engine: value, mark: nil, withholds: false)
            judgement = Judgement(verdict: .given)
            pending.notes.append("answer replaced by the recorded one")
            record.add(pending, judgement, result: result)
            return
        }
        var inputs = pending.inputs ?? Inputs()
        if world.hasMarks {
            let more = world.conditionalInputs(world.task(task), engine: value, recorded: call.record.result)
            inputs.marked += more.marked
        }
        if judgement.verdict == .unjudged {
            // What could not be judged may have failed: what is made of it cannot be judged either.
            let isKnown = call.record.flags.isDisjoint(with: .withoutResult)
            if isKnown, let value, (value < 0) != (call.record.result < 0) {
                repair(pending, engine: value, mark: Mark(call: call.index, isJudged: false), withholds: false)
            }
            record.add(pending, judgement, result: result)
            return
        }
        // A hole or a stub answers the same whatever came before: it explains itself. So does ENOSYS, with or without
        // evidence: no input makes a call that exists say that it does not.
        let explainsItself = judgement.verdict == .unsupported || value == -Int64(Errno.ENOSYS.rawValue)
        if !explainsItself, let cause = inputs.explanation {
            follow(pending, &judgement, cause, result: result)
            let withholds = experiment.unrepaired.contains(cause.mark.call) || !options.resynchronise
            repair(pending, engine: value, mark: cause.mark, withholds: withholds, written: result.writes)
            return
        }
        record.addRoot(pending, judgement, result: result, isPlain: isPlain)
        world.count(usesOf: call.index)
        let withholds = experiment.unrepaired.contains(call.index) || !options.resynchronise
        let mark = Mark(call: call.index, isJudged: true)
        repair(pending, engine: value, mark: mark, withholds: withholds, written: result.writes)
    }

    /// What would be done after another answer, for an engine that will not be here to be told.
    private func planRepair(_ pending: Pending) {
        guard let planner,
            pending.call.record.flags.isDisjoint(with: .withoutResult)
        else { return }
        let call = pending.call
        planner.plan(after: call.index, ifFailed: call.succeeded) {
            let value = call.succeeded ? -Int64(Errno.ENOSYS.rawValue) : RepairPlan.answer
            repair(pending, engine: value, mark: nil, withholds: false)
        }
    }

    /// The engine did not get all bytes of a write: what it holds from now on cannot be judged.
    private func markCutInput(of call: RecordedCall) {
        guard call.input.chunks.contains(where: { $0.bytes.count < $0.length }),
            let description = world.description(call.fd(0), in: world.task(call.record.task))
        else { return }
        let mark = Mark(call: call.index, isJudged: false)
        world.hasMarks = true
        if let node = description.node { node.mark = node.mark ?? mark }
        if let peer = description.peer { peer.mark = peer.mark ?? mark }
    }

    /// Records a divergence that a mark explains.
    func follow(_ pending: Pending, _ judgement: inout Judgement, _ cause: MarkedInput, result: DispatchResult?) {
        if cause.mark.isJudged {
            judgement.verdict = .follows
        } else {
            judgement = .unjudged(.replayer, "follows a call that could not be judged (call \(cause.mark.call))")
        }
        record.add(pending, judgement, result: result, cause: cause)
    }

    /// Names that the call made, moved or gave up, where both sides did.
    private func relateEffects(
        _ pending: Pending,
        _ call: RecordedCall,
        _ plan: CallPlan?,
        engine: Int64,
        oldMemory: UInt64
    ) {
        for index in 0..<world.effects.count where world.effects[index].changesNames {
            switch world.effects[index] {
            case .mapped(let address, let length):
                names.map(address, length: (length + 4095) & ~4095, engine: UInt64(bitPattern: engine), in: oldMemory)
            case .unmapped(let address, let length): names.unmap(address, length: length, in: oldMemory)
            case .opened(let fd, _):
                // Descriptors that a call returns are bound by the comparison; others have their own numbers.
                let scope = Bijections.Scope(.fd, pending.scopes.descriptors)
                let bijection = names[scope]
                if bijection.engine(UInt64(fd)) == nil { _ = bijection.relate(UInt64(fd), UInt64(fd)) }
            case .reaped(let pid): names[pending.scopes.scope(.pid)].unbind(UInt64(pid))
            default: break
            }
        }
        guard let plan, !plan.unbinds.isEmpty else { return }
        for (index, space) in plan.unbinds { names[pending.scopes.scope(space)].unbind(call.word(index)) }
    }
}
