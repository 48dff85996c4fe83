// Writes an engine's requests to a program, and answers them as the recording has it.
import Engine
import LinuxABI

/// The agent's place in an engine that compiles.
final class ProgramCompiler: AgentChannel {
    let greeting: AgentGreeting
    let mode = ChannelMode.compiling
    private let recorded: RecordedCourse
    private let patience: Int
    private(set) var body = ByteWriter()
    private(set) var lastID: UInt32 = 0
    private(set) var entries: [UInt64: [ReplayProgram.Entry]] = [:]
    /// When the next steps are made.
    var condition = StepCondition.always
    private var call: UInt64?
    private var isDue = false
    /// Requests that were answered with `blocked`, by slot.
    private var waiting: [UInt32: Waiting] = [:]
    /// Where the last step's flags are, for ``require(_:isTry:)``.
    private var lastStep = 0
    private var exits = 0
    /// Which step makes the thing that has a name now, by the recorded one.
    private var makers: [NameSpace: [Int64: UInt32]] = [:]

    private struct Waiting {
        var call: UInt64
        var id: UInt32
        var body: [UInt8]
        /// Exits that were made when it was asked last.
        var exits = -1
        var isSignalled = false
        var isOverdue = false
    }

    private struct Flags {
        static let report: UInt32 = 1
        static let must: UInt32 = 2
        static let tryTo: UInt32 = 4
        static let due: UInt32 = 8
        static let zero: UInt32 = 16
        static let transfer: UInt32 = 32
        static let plain: UInt32 = 64
    }

    private enum Operation: UInt32 { case call = 1, wait, cancel, signal, free, due }

    init(greeting: AgentGreeting, recorded: RecordedCourse, patience: Int) {
        self.greeting = greeting
        self.recorded = recorded
        self.patience = patience
    }

    func attend(to call: UInt64?, isDue: Bool) {
        self.call = call
        self.isDue = isDue
    }

    /// The result of a recorded call's step.
    func reference(to call: UInt64) -> Int64? { step(of: call).map { StepReference.result($0).word } }

    /// Both descriptors that the last step made.
    var pairReferences: (Int64, Int64) { (StepReference.low(lastID).word, StepReference.high(lastID).word) }

    /// The step that makes a recorded call.
    func step(of call: UInt64) -> UInt32? { entries[call]?.first { !$0.isOwn }?.step }

    /// The last step must succeed.
    func require(_ what: String, isTry: Bool) {
        let text = Array(what.utf8) + [0]
        guard body.bytes[lastStep + 4] == 0 else {
            body.bytes[lastStep + 28] |= UInt8(isTry ? Flags.tryTo : 0)
            return
        }
        body.bytes[lastStep + 28] |= UInt8(Flags.must | (isTry ? Flags.tryTo : 0))
        body.bytes[lastStep + 4] = UInt8(min(255, text.count))
        let padded = text.prefix(255) + [UInt8](repeating: 0, count: (8 - min(255, text.count) % 8) % 8)
        body.bytes.insert(contentsOf: padded, at: lastStep + Self.stepSize)
    }

    private static let stepSize = 48

    private func add(
        _ operation: Operation,
        _ slot: UInt32,
        _ milliseconds: Int,
        due: Int = 0,
        id: UInt32,
        flags: UInt32 = 0,
        recorded: Int64 = 0,
        _ request: [UInt8] = []
    ) {
        lastStep = body.bytes.count
        body.add(UInt32(request.count))
        body.add(UInt32(0))
        body.add(operation.rawValue)
        body.add(slot)
        body.add(UInt32(clamping: milliseconds))
        body.add(UInt32(clamping: due))
        body.add(id)
        body.add(flags)
        body.add(condition.words.kind)
        body.add(condition.words.step)
        body.add(recorded)
        body.bytes += request
    }

    // MARK: - Calls

    func call(_ request: AgentRequest, milliseconds: Int) throws(EngineFailure) -> AgentReply {
        lastID += 1
        let id = lastID
        var request = request
        if case .ifSucceeded(let step) = condition {
            for index in 0..<6 where request.arguments[index] == UInt64(RepairPlan.answer) {
                request.arguments[index] = UInt64(bitPattern: StepReference.result(step).word)
            }
        }
        if !request.flags.contains(.own) { refer(&request) }
        var bytes = ByteWriter()
        bytes.add(request)
        guard bytes.bytes.count <= AgentConnection.requestLimit else {
            throw EngineFailure("a call has more memory than the agent's slots hold (\(bytes.bytes.count) bytes)")
        }
        let isOwn = request.flags.contains(.own)
        if let call {
            let inputs = request.inputs.fingerprint
            let entry = ReplayProgram.Entry(
                step: id,
                number: request.number,
                isOwn: isOwn,
                inputs: inputs,
                isInterrupted: recorded.course(of: call)?.isInterrupted ?? false
            )
            entries[call, default: []].append(entry)
        }
        let flags = call == nil && !request.flags.contains(.clone) ? 0 : Flags.report
        if isOwn {
            add(.call, request.slot, milliseconds, id: id, flags: flags, bytes.bytes)
            return AgentReply(status: .returned, result: ownResult(request, id), writes: ownWrites(request))
        }
        guard let call, let course = recorded.course(of: call) else {
            throw EngineFailure("a call that was not recorded cannot be compiled")
        }
        let due = patience + Int(clamping: course.duration / 1_000_000)
        let kind = course.isTransfer && course.result > 1 ? Flags.transfer : 0
        if request.flags.contains(.exit) {
            exits += 1
            recorded.exited(course.task)
            add(.call, request.slot, milliseconds, due: due, id: id, flags: flags | Flags.due, bytes.bytes)
            return AgentReply(status: .exited, result: 0)
        }
        // Only part of what the call does, with a result of its own.
        guard request.number == course.number, course.mayWait else {
            add(.call, request.slot, milliseconds, due: due, id: id, flags: flags | Flags.due, bytes.bytes)
            return request.number == course.number ? reply(course, id) : AgentReply(status: .returned, result: 0)
        }
        if recorded.overlaps(call) {
            waiting[request.slot] = Waiting(call: call, id: id, body: bytes.bytes)
            add(.call, request.slot, milliseconds, due: due, id: id, flags: flags, bytes.bytes)
            return AgentReply(status: .blocked, result: 0)
        }
        let plain = course.isPlain && request.isPlain ? Flags.plain : 0
        add(
            .call,
            request.slot,
            milliseconds,
            due: due,
            id: id,
            flags: flags | Flags.due | kind | plain,
            recorded: course.result,
            bytes.bytes
        )
        return reply(course, id)
    }

    /// Names that the run's kernel chooses are references in arguments.
    private func refer(_ request: inout AgentRequest) {
        guard !makers.isEmpty, let description = ABI.call(request.number, .x86_64) else { return }
        for name in description.variant(for: request.arguments).names {
            guard let step = makers[name.space]?[name.value(request.arguments)] else { continue }
            request.arguments[name.index] = UInt64(bitPattern: StepReference.result(step).word)
        }
    }

    private func reply(_ course: RecordedCourse.Course, _ id: UInt32) -> AgentReply {
        if let space = course.chosen { makers[space, default: [:]][course.result] = id }
        return AgentReply(status: .returned, result: course.result, signals: course.signals, writes: course.writes)
    }

    private static let opening: Set<Int> = Set(
        ["open", "openat", "socket", "fcntl", "clone"].compactMap { ABI.call(named: $0)?.numbers.x86_64 }
    )

    /// Numbers that a later step needs are references; all else has gone well.
    private func ownResult(_ request: AgentRequest, _ id: UInt32) -> Int64 {
        Self.opening.contains(request.number) ? StepReference.result(id).word : 0
    }

    private func ownWrites(_ request: AgentRequest) -> [MemoryChunks.Chunk] {
        // Both ends of a pipe: references stand for them.
        guard let item = request.outputs.first, item.limit == 8 else { return [] }
        return [.init(address: item.address, bytes: [UInt8](repeating: 0, count: 8))]
    }

    // MARK: - What waits

    func wait(_ slot: UInt32, milliseconds: Int) throws(EngineFailure) -> AgentReply {
        guard isDue, let call, var pending = waiting[slot], pending.call == call,
            let course = recorded.course(of: call)
        else {
            add(.wait, slot, milliseconds, id: lastID)
            return AgentReply(status: .blocked, result: 0)
        }
        defer { if waiting[slot] != nil { waiting[slot] = pending } }
        // Something else must end first, and has not when this was asked last.
        if recorded.waitsForExit(call), pending.exits != exits {
            pending.exits = exits
            return AgentReply(status: .blocked, result: 0)
        }
        var flags = Flags.report | (course.zeroIsNothing ? Flags.zero : 0)
        if course.isTransfer, course.result > 1 { flags |= Flags.transfer }
        add(.due, slot, 2000, due: milliseconds, id: pending.id, flags: flags, recorded: course.result, pending.body)
        // A child's exit that it waited for has interrupted it.
        let hasWaited = pending.exits >= 0
        if course.isInterrupted, course.hasInterruption, !hasWaited, !pending.isSignalled, !pending.isOverdue {
            // If it is still asleep by then the signal is made up for.
            pending.isOverdue = true
            return AgentReply(status: .blocked, result: 0)
        }
        waiting[slot] = nil
        return reply(course, pending.id)
    }

    func cancel(_ slot: UInt32, milliseconds: Int) throws(EngineFailure) -> AgentReply {
        // The agent does so itself, when the task's next call comes.
        waiting[slot] = nil
        return AgentReply(status: .returned, result: 0)
    }

    func signal(_ slot: UInt32, _ signal: Int32) throws(EngineFailure) -> Int64 {
        let old = condition
        defer { condition = old }
        if let pending = waiting[slot] {
            if pending.isOverdue { condition = .ifPending(pending.id) }
            waiting[slot]?.isSignalled = true
        }
        add(.signal, slot, Int(signal), id: lastID)
        return 0
    }

    func free(_ slot: UInt32) throws(EngineFailure) {
        waiting[slot] = nil
        add(.free, slot, 0, id: lastID)
    }
}

extension [MemoryChunks.Chunk] {
    /// Equal for equal memory.
    var fingerprint: Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for chunk in self {
            hash = (hash ^ chunk.address) &* 0x100_0000_01b3
            for byte in chunk.bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        return Int(truncatingIfNeeded: hash)
    }
}
