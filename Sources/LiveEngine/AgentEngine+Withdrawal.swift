// Calls that sleep in no kernel: who of two sleepers wakes first is a race, and the recording has seen its end.
import Engine
import LinuxABI

extension Linux {
    static let epollWaits = numbers("epoll_wait", "epoll_pwait", "epoll_pwait2")
    static let streamReads = numbers("read", "readv", "recvfrom", "recvmsg")
    /// Where calls that wait for readiness, or do nothing but wait, have their timeout: milliseconds, or struct timespec.
    private static let (milliseconds, timespecs) = timeouts()

    private static func numbers(_ names: String...) -> Set<Int> {
        Set(names.compactMap { ABI.call(named: $0)?.numbers.x86_64 })
    }

    private static func timeouts() -> (milliseconds: [Int: Int], timespecs: [Int: Int]) {
        var result: (milliseconds: [Int: Int], timespecs: [Int: Int]) = ([:], [:])
        for call in ABI.calls where call.plain.blocking == .readiness || call.name == "nanosleep" {
            guard let number = call.numbers.x86_64 else { continue }
            for (place, argument) in call.plain.arguments.enumerated() {
                switch argument.type {
                case .scalar where argument.name.hasPrefix("timeout"): result.milliseconds[number] = place
                case .pointer(let direction, .value(.structure(let structure)), _)
                where direction != .output && structure.name.hasPrefix("timespec"):
                    result.timespecs[number] = place
                default: break
                }
            }
        }
        return result
    }

    /// How long a call waits at most, in nanoseconds; nil: for ever, or as long as it takes.
    static func timeout(_ call: GuestCall) -> UInt64? {
        if let place = milliseconds[call.number] {
            let time = Int32(truncatingIfNeeded: call.arguments[place])
            return time < 0 ? nil : UInt64(time) * 1_000_000
        }
        guard let place = timespecs[call.number], call.arguments[place] != 0,
            case .bytes(let time) = call.memory.read(call.arguments[place], count: 16)
        else { return nil }
        let (whole, isTooLong) = time.word(0).multipliedReportingOverflow(by: 1_000_000_000)
        return isTooLong ? nil : whole &+ time.word(8)
    }

    /// What is left of an epoll wait's time.
    static func shorten(_ request: inout AgentRequest, by passed: UInt64, of timeout: UInt64) {
        let left = timeout - min(passed, timeout)
        if let place = milliseconds[request.number] {
            request.arguments[place] = (left + 999_999) / 1_000_000
            return
        }
        guard let place = timespecs[request.number],
            let index = request.inputs.firstIndex(where: { $0.address == request.arguments[place] }),
            request.inputs[index].bytes.count >= 16
        else { return }
        request.inputs[index].bytes.setWord(0, left / 1_000_000_000)
        request.inputs[index].bytes.setWord(8, left % 1_000_000_000)
    }
}

/// A stream that one task reads and another watches in an epoll set: bytes wake both. If the reader is first, the watcher
/// finds nothing and sleeps on; if the watcher is first, it has the event. So neither is left asleep in the kernel: both
/// calls are made when their completions are due, in the order in which the recorded kernel completed them.
extension AgentEngine {
    /// Whether the wait must not be made before it is due: a task sleeps in a read of what such sets watch.
    func racesWithReader(_ call: GuestCall, _ state: TaskState) throws(EngineFailure) -> Bool {
        guard Linux.epollWaits.contains(call.number), !state.files.watched.isEmpty else { return false }
        guard try connection.mode == .live else { return false }
        return tasks.values.contains { other in
            guard other !== state, other.files === state.files, let parked = other.parked else { return false }
            return parked.isWithdrawn && Linux.streamReads.contains(parked.call.number)
        }
    }

    /// The task sleeps in a read of what an epoll set watches: nobody is to be woken in the kernel.
    func withdrawIfWatched(_ call: GuestCall, _ state: TaskState) throws(EngineFailure) {
        guard Linux.streamReads.contains(call.number), state.files.watched.contains(call.arguments[0] & 0xffff_ffff),
            try connection.mode == .live, state.parked?.isWithdrawn == false
        else { return }
        try withdraw(state)
        for other in tasks.values where other !== state && other.files === state.files {
            guard let parked = other.parked, !parked.isWithdrawn, Linux.epollWaits.contains(parked.call.number) else {
                continue
            }
            try withdraw(other)
        }
    }

    /// Takes a sleeping call out of the kernel. What it has answered by now is kept.
    private func withdraw(_ state: TaskState) throws(EngineFailure) {
        let reply = try connection.cancel(state.slot, milliseconds: 200)
        switch reply.status {
        case .returned, .exited: state.parked?.reply = Self.isCancelled(reply) ? nil : reply
        case .blocked, .failed: return
        }
        state.parked?.isWithdrawn = true
    }

    private static func isCancelled(_ reply: AgentReply) -> Bool {
        reply.status == .returned && reply.signals.isEmpty && Linux.interruptions.contains(reply.result)
    }

    /// Makes a withdrawn call that is due.
    func makeDue(_ parked: ParkedCall, _ state: TaskState) throws(EngineFailure) -> AgentReply {
        if let reply = parked.reply { return reply }
        if state.isStale { return AgentReply(status: .blocked, result: 0) }
        let news = AgentRequest(slot: state.slot, flags: [.own, .noCall])
        var reply = try connection.call(news, milliseconds: options.budget)
        guard reply.status == .returned else { return reply }
        if !reply.signals.isEmpty {
            // A handler ran: it would have ended the call.
            reply.result = -Int64(Errno.EINTR.rawValue)
            return reply
        }
        var request = parked.request
        if let timeout = Linux.timeout(parked.call) {
            Linux.shorten(&request, by: clock - min(clock, parked.time), of: timeout)
        }
        reply = try callTask(request, state)
        if reply.status == .blocked { reply = try connection.wait(state.slot, milliseconds: options.patience) }
        if reply.status == .blocked {
            reply = try connection.cancel(state.slot, milliseconds: 200)
            state.isStale = reply.status == .blocked
            if Self.isCancelled(reply) { reply.status = .blocked }
        }
        return reply
    }

    /// The time of a sleeping call ran out, before it did in the recording, and then came a signal: that would have ended it.
    func isOvertaken(_ parked: ParkedCall, _ reply: AgentReply) -> Bool {
        guard reply.result == 0, !reply.signals.isEmpty, let timeout = Linux.timeout(parked.call) else { return false }
        return clock - min(clock, parked.time) < timeout
    }

    /// Whether a handler has begun since the task's last answer: a signal came while the task was in no call.
    func hasNews(_ state: TaskState) throws(EngineFailure) -> Bool {
        let news = AgentRequest(slot: state.slot, flags: [.own, .noCall])
        let reply = try connection.call(news, milliseconds: options.budget)
        strayed[state.slot, default: []] += reply.signals
        return reply.status == .exited || !reply.signals.isEmpty
    }
}
