// Calls that the engine makes for itself: in the conductor, or in a task between recorded calls.
import Engine
import LinuxABI

/// An argument of an own call.
enum Argument {
    case value(UInt64)
    case text(String)
    case bytes([UInt8])
    case output(Int)

    static func number(_ value: some BinaryInteger) -> Argument { .value(UInt64(truncatingIfNeeded: value)) }
}

extension AgentEngine {
    /// Where the conductor's calls have their memory, `SCRATCH`; tasks inherit the mapping.
    var scratch: UInt64 { isLow ? 0x2a_d000_0000 : 0x1ae0_0000_0000 }

    /// Makes a call by name; `slot` 0 is the conductor. Returns the raw result and the bytes of outputs.
    @discardableResult
    func make(
        _ name: String,
        _ arguments: Argument...,
        in slot: UInt32 = 0,
        flags: RequestFlags = [],
        child: UInt32 = 0
    ) throws(EngineFailure) -> (result: Int64, output: [UInt8]) {
        guard let number = ABI.call(named: name)?.numbers.x86_64 else {
            throw EngineFailure("there is no call \(name)")
        }
        var request = AgentRequest(slot: slot, flags: flags.union(.own), child: child, number: number)
        var place = scratch
        func bytes(_ bytes: [UInt8]) -> UInt64 {
            request.inputs.append(.init(address: place, bytes: bytes))
            defer { place += UInt64(bytes.count + 15) & ~15 }
            return place
        }
        for (index, argument) in arguments.enumerated() {
            switch argument {
            case .value(let value): request.arguments[index] = value
            case .text(let text): request.arguments[index] = bytes(Array(text.utf8) + [0])
            case .bytes(let data): request.arguments[index] = bytes(data)
            case .output(let count):
                request.arguments[index] = place
                request.outputs.append(ExitItem(kind: .fixed, address: place, limit: UInt64(count)))
                place += UInt64(count + 15) & ~15
            }
        }
        // These never wait for anything but the machine, which may be busy.
        var reply = try connection.call(request, milliseconds: max(options.budget, 10_000))
        if reply.status == .blocked { reply = try connection.wait(slot, milliseconds: 10_000) }
        if !reply.signals.isEmpty { strayed[slot, default: []] += reply.signals }
        guard reply.status == .returned else {
            throw EngineFailure("the agent's own \(name) did not return: \(reply.status)")
        }
        return (reply.result, reply.writes.first?.bytes ?? [])
    }

    /// The same, where failure means that the engine cannot be set up.
    @discardableResult
    func must(_ what: String, _ answer: (result: Int64, output: [UInt8])) throws(EngineFailure) -> Int64 {
        (opened as? ProgramCompiler)?.require(what, isTry: false)
        guard answer.result >= 0 else {
            throw EngineFailure(
                "cannot \(what) for the replay: \(Errno(result: answer.result)?.name ?? String(answer.result))"
            )
        }
        return answer.result
    }

    /// What a container may not do, its maker has done: only other failures are failures.
    func tryTo(_ what: String, _ answer: (result: Int64, output: [UInt8])) throws(EngineFailure) {
        guard answer.result != -Int64(Errno.EPERM.rawValue) else { return }
        try must(what, answer)
        (opened as? ProgramCompiler)?.require(what, isTry: true)
    }

    /// The descriptor moved above `number`, which another is to have.
    func raised(_ fd: Int64, above number: Int32, in slot: UInt32) throws(EngineFailure) -> Int64 {
        // F_DUPFD_CLOEXEC
        let moved = try make("fcntl", .number(fd), .value(1030), .number(Int64(number) + 1), in: slot).result
        try make("close", .number(fd), in: slot)
        return moved
    }

    /// The next task gets this pid, where the kernel lets the conductor say so.
    func choosePid(_ pid: Int32) throws(EngineFailure) {
        guard outside.lastPid >= 0 else { return }
        let text = Array("\(pid - 1)".utf8)
        try make("pwrite64", .number(outside.lastPid), .bytes(text), .number(text.count), .value(0))
    }
}
