// The results that a run of a compiled program has left, in an agent's place: answers the engine's requests from the file.
import Engine
import LinuxABI

/// Reads what Sources/ReplayAgent/Program.c writes.
final class ProgramResults: AgentChannel {
    let program: ReplayProgram
    let mode = ChannelMode.collecting
    var greeting: AgentGreeting { program.greeting }
    /// `uname` of the machine that it ran on: system, node, release, version, machine.
    let machine: [String]
    /// The namespaces that the agent could make.
    let namespaces: UInt64
    /// The program came to its end.
    let isComplete: Bool
    private var records: [UInt32: [Record]] = [:]
    private var lastRecorded: UInt32 = 0
    private var taken: Set<UInt32> = []
    private var call: UInt64?
    /// The step that each slot's task is asleep in.
    private var waiting: [UInt32: UInt32] = [:]

    private enum Status: UInt32 { case returned = 0, blocked, exited, failed, skipped }

    private struct Record {
        var status: Status
        var operation: UInt32
        var arguments: [UInt64]
        var reply: AgentReply
    }

    /// OP_CANCEL of Conductor.h.
    private static let cancelling: UInt32 = 3
    private static let headerSize = 8 * 4 + 392
    private static let recordSize = 24 + 8 + 48

    init(_ bytes: [UInt8], of program: ReplayProgram) throws(EngineFailure) {
        self.program = program
        guard bytes.count >= Self.headerSize, Array(bytes[..<8]) == Array("LACUNA-R".utf8) else {
            throw EngineFailure("these are no results of a replay program")
        }
        guard bytes.word(16) == program.hash else {
            throw EngineFailure(
                "these are results of another program: give the trace that was compiled, and the same options"
            )
        }
        namespaces = bytes.word(24)
        machine = (0..<5).map { field in
            String(decoding: bytes[(32 + field * 65)..<(32 + field * 65 + 65)].prefix { $0 != 0 }, as: UTF8.self)
        }
        var at = Self.headerSize
        var isComplete = false
        while at + Self.recordSize <= bytes.count {
            let length = Int(bytes.word(at) & 0xffff_ffff)
            let id = UInt32(truncatingIfNeeded: bytes.word(at) >> 32)
            if id == .max {
                isComplete = true
                break
            }
            guard at + Self.recordSize + length <= bytes.count else { break }
            records[id, default: []].append(Self.record(bytes, at))
            lastRecorded = max(lastRecorded, id)
            at += Self.recordSize + length
        }
        self.isComplete = isComplete
    }

    private static func record(_ bytes: [UInt8], _ start: Int) -> Record {
        let status = Status(rawValue: UInt32(truncatingIfNeeded: bytes.word(start + 8))) ?? .failed
        let signals = Int(bytes.word(start + 8) >> 32)
        let chunks = Int(bytes.word(start + 16) & 0xffff_ffff)
        let replied: AgentReply.Status =
            switch status {
            case .returned: .returned
            case .blocked: .blocked
            case .exited, .skipped: .exited
            case .failed: .failed
            }
        var reply = AgentReply(status: replied, result: Int64(bitPattern: bytes.word(start + 24)))
        var at = start + recordSize
        for index in 0..<signals {
            reply.signals.append(Int32(truncatingIfNeeded: bytes.word(at + index * 4 & ~7) >> UInt64(index % 2 * 32)))
        }
        at += (signals * 4 + 7) & ~7
        for _ in 0..<chunks where at + 16 <= bytes.count {
            let size = Int(bytes.word(at + 8))
            guard at + 16 + size <= bytes.count else { break }
            reply.writes.append(.init(address: bytes.word(at), bytes: Array(bytes[(at + 16)..<(at + 16 + size)])))
            at += 16 + ((size + 7) & ~7)
        }
        return Record(
            status: status,
            operation: UInt32(truncatingIfNeeded: bytes.word(start + 16) >> 32),
            arguments: (0..<6).map { bytes.word(start + 32 + $0 * 8) },
            reply: reply
        )
    }

    /// What a reference to an early step came to.
    func result(of step: UInt32) -> Int64? { records[step]?.last { $0.status == .returned }?.reply.result }

    // MARK: - Requests

    func attend(to call: UInt64?, isDue: Bool) { self.call = call }

    func call(_ request: AgentRequest, milliseconds: Int) throws(EngineFailure) -> AgentReply {
        let entries = call.flatMap { program.entries[$0] } ?? []
        return request.flags.contains(.own) ? own(request, entries) : try recorded(request, entries)
    }

    private func isSame(_ request: AgentRequest, _ entry: ReplayProgram.Entry, _ record: Record) -> Bool {
        (0..<6).allSatisfy { request.arguments[$0] == record.arguments[$0] }
            && request.inputs.fingerprint == entry.inputs
    }

    /// The engine's own: what the program did not do, or did otherwise, cannot be done any more.
    private func own(_ request: AgentRequest, _ entries: [ReplayProgram.Entry]) -> AgentReply {
        for entry in entries where entry.isOwn && entry.number == request.number && !taken.contains(entry.step) {
            guard let record = records[entry.step]?.first, isSame(request, entry, record) else { continue }
            taken.insert(entry.step)
            return record.reply
        }
        return AgentReply(status: .returned, result: -Int64(Errno.ENOSYS.rawValue))
    }

    private func recorded(_ request: AgentRequest, _ entries: [ReplayProgram.Entry]) throws(EngineFailure) -> AgentReply
    {
        let all = entries.filter { !$0.isOwn && $0.number == request.number }
        // The same call once more: the next of its answers, or the last again.
        guard let entry = all.first(where: { !taken.contains($0.step) }) ?? all.last else {
            return AgentReply(status: .failed, result: 0)
        }
        guard let record = records[entry.step]?.first else {
            guard isComplete || entry.step <= lastRecorded else {
                throw EngineFailure("the results end here: the program did not come to its end")
            }
            return AgentReply(status: .failed, result: 0)
        }
        // What was not made has the arguments of another call.
        guard record.status == .skipped || isSame(request, entry, record) else {
            return AgentReply(status: .failed, result: 0)
        }
        if (records[entry.step]?.count ?? 0) > 1 {
            records[entry.step]?.removeFirst()
        } else {
            taken.insert(entry.step)
        }
        if record.reply.status == .blocked { waiting[request.slot] = entry.step }
        return record.reply
    }

    func wait(_ slot: UInt32, milliseconds: Int) throws(EngineFailure) -> AgentReply {
        guard let step = waiting[slot] else { return AgentReply(status: .blocked, result: 0) }
        // It was still asleep when the task's next call came.
        let isInterrupted = call.flatMap { program.entries[$0] }?.first { $0.step == step }?.isInterrupted ?? false
        if records[step]?.first?.operation == Self.cancelling, !isInterrupted {
            return AgentReply(status: .blocked, result: 0)
        }
        return next(of: step, slot)
    }

    private func next(of step: UInt32, _ slot: UInt32) -> AgentReply {
        guard let record = records[step]?.first, !taken.contains(step) else {
            return AgentReply(status: .blocked, result: 0)
        }
        if (records[step]?.count ?? 0) > 1 { records[step]?.removeFirst() } else { taken.insert(step) }
        if record.reply.status != .blocked { waiting[slot] = nil }
        return record.reply
    }

    func cancel(_ slot: UInt32, milliseconds: Int) throws(EngineFailure) -> AgentReply {
        guard let step = waiting[slot] else { return AgentReply(status: .returned, result: 0) }
        return next(of: step, slot)
    }

    func signal(_ slot: UInt32, _ signal: Int32) throws(EngineFailure) -> Int64 { 0 }
    func free(_ slot: UInt32) throws(EngineFailure) { waiting[slot] = nil }
}
