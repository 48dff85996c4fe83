// The recorded completion of a parked call is due.
import Engine
import LinuxABI
import TraceLog

extension ReplayRun {
    func complete(_ position: Int, _ task: TaskID) throws(EngineFailure) {
        guard let pending = parked[task], pending.position == position else { return }
        parked.remove(task)
        advance(to: pending.call.record.exitTime)
        // What it waited for may have diverged meanwhile.
        if world.hasMarks, let variant = pending.variant {
            pending.inputs?.marked += world.inputs(of: pending.call, variant).marked
        }
        try makeExits(dueAt: pending.call.record.exitTime)
        if var partial = pending.partial {
            try settle(pending, &partial)
            return
        }
        if pending.isDeferred {
            let recorded = pending.call.record.result
            let waiting = pending
            var result = try askAgain(waiting, try dispatch(waiting, waiting.call)) { result in
                result.outcome == .returned(recorded)
            } _: { () throws(EngineFailure) in
                try dispatch(waiting, waiting.call)
            }
            if result.outcome == .returned(recorded) {
                pending.notes.append("raced with an overlapping call: made again at its completion")
                record.happened(
                    EnvironmentEvent(.raceResolved, call: pending.call.index, "answer taken in completion order")
                )
            }
            if result.outcome == .blocked, !isWithdrawn { engine.cancel(task) }
            isWithdrawn = false
            try settle(pending, &result)
            return
        }
        postSignals(interrupting: position, task)
        var result = try askAgain(pending, try engine.retry(task)) { result in
            result.outcome != .blocked
        } _: { () throws(EngineFailure) in
            try engine.retry(task)
        }
        if options.resynchronise, mayHaveTimedOut(pending, result) {
            pending.notes.append("its time ran out before the recorded event: made again at its completion")
            record.happened(
                EnvironmentEvent(.raceResolved, call: pending.call.index, "answer taken in completion order")
            )
            let late = pending
            result = try askAgain(late, try dispatch(late, late.call)) { result in
                result.outcome != .blocked
            } _: { () throws(EngineFailure) in
                try engine.retry(task)
            }
        }
        if result.outcome == .blocked, options.resynchronise, makeUpInterruption(pending) {
            result = try engine.retry(task)
        }
        if result.outcome == .blocked {
            if options.resynchronise, signals.stops(position) {
                pending.isStopped = true
                parked[task] = pending
                return
            }
            engine.cancel(task)
        }
        try settle(pending, &result)
    }
}
