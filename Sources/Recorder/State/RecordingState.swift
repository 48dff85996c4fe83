// The recording's state machine: pairs entries with returns, keeps the task tree, makes records. Knows no kernel.
import LinuxABI
import TraceLog

/// Turns what tracepoints and notifications report into records.
///
/// Events of one thread come in its order; a fork comes before the first event of the child. Times are
/// CLOCK_MONOTONIC nanoseconds.
struct RecordingState<Sink: RecordSink> {
    final class Task {
        let id: TaskID
        var tid: Int32
        let process: Process
        private(set) var call = PendingCall()
        /// An execve that succeeded and whose auxiliary vector is still to come.
        var execution: (path: String, arguments: [String], environment: [String], time: UInt64, afterCalls: UInt64)?
        /// The argument of exit(2), if the task called it.
        var exitCode: Int32?

        init(id: TaskID, tid: Int32, process: Process) {
            self.id = id
            self.tid = tid
            self.process = process
        }

        /// Takes over what was captured for the call that enters; the buffers change places.
        func swapCall(_ other: inout PendingCall) -> PendingCall {
            swap(&call, &other)
            return call
        }
    }
    final class Process {
        let tgid: Int32
        /// Wait status once exit_group or a fatal signal decided it.
        var status: Int32?
        /// The last signal sent to it.
        var sent: (number: Int32, code: Int32)?
        init(tgid: Int32) { self.tgid = tgid }
    }

    private(set) var sink: Sink
    /// CLOCK_MONOTONIC at the start of the recording.
    let start: UInt64
    let keepsEnvironment: Bool
    private(set) var tasks: [Int32: Task] = [:]
    private var processes: [Int32: Process] = [:]
    /// Calls entered so far; the next call's index.
    private(set) var callsEntered: UInt64 = 0
    private(set) var tasksCreated = 0
    private(set) var notes: [String: UInt64] = [:]
    /// Input of the call about to enter.
    private var incoming = PendingCall()

    init(sink: Sink, start: UInt64, keepsEnvironment: Bool = false) {
        self.sink = sink
        self.start = start
        self.keepsEnvironment = keepsEnvironment
    }

    /// Thread group ids of the tasks that have not ended.
    var aliveProcesses: [Int32] { Set(tasks.values.map(\.process.tgid)).sorted() }

    mutating func note(_ words: String, count: UInt64 = 1) { notes[words, default: 0] += count }

    private func since(_ time: UInt64) -> UInt64 { time > start ? time - start : 0 }

    // MARK: - Tasks

    @discardableResult
    mutating func created(tid: Int32, tgid: Int32, parent: Int32?, time: UInt64) throws(TraceError) -> Task {
        let process: Process
        if tgid != tid, let known = processes[tgid] {
            process = known
        } else {
            process = Process(tgid: tgid)
            processes[tgid] = process
        }
        let task = Task(id: TaskID(tasksCreated), tid: tid, process: process)
        tasksCreated += 1
        tasks[tid] = task
        let mother = parent.flatMap { tasks[$0] }
        try sink.append(
            TaskRecord(
                task: task.id,
                time: since(time),
                afterCalls: callsEntered,
                kind: .created(
                    tid: tid,
                    tgid: tgid,
                    parent: mother?.id,
                    byCall: mother.flatMap { $0.call.isActive ? $0.call.index : nil }
                )
            )
        )
        return task
    }

    private mutating func task(_ tid: Int32, time: UInt64) throws(TraceError) -> Task {
        if let task = tasks[tid] { return task }
        // A process that joined the filter from outside, as `runc exec` does.
        return try created(tid: tid, tgid: tid, parent: nil, time: time)
    }

    /// A thread's exec made it the only one of its process and gave it the process's id.
    mutating func executed(tid: Int32, previous: Int32, time: UInt64) throws(TraceError) {
        guard previous != tid, let task = tasks.removeValue(forKey: previous) else { return }
        if tasks[tid] != nil { try died(tid: tid, status: nil, time: time) }
        task.process.status = nil
        task.tid = tid
        tasks[tid] = task
    }

    /// A task ended. `status` is its wait status where the source knows it.
    mutating func died(tid: Int32, status: Int32?, time: UInt64) throws(TraceError) {
        guard let task = tasks.removeValue(forKey: tid) else { return }
        try abandon(task, flags: .unfinished)
        try announceExecution(task, auxv: [])
        let isLeader = task.process.tgid == tid
        let known = status ?? task.process.status ?? task.exitCode.map { ($0 & 0xff) << 8 }
        try sink.append(
            TaskRecord(
                task: task.id,
                time: since(time),
                afterCalls: callsEntered,
                kind: .exited(status: isLeader ? known : nil)
            )
        )
    }

    // MARK: - Calls

    /// Input memory of the call whose `entered` follows.
    mutating func input(
        address: UInt64,
        length: Int,
        bytes: UnsafeRawBufferPointer,
        hash: ContentHash,
        owner: UInt32
    ) {
        incoming.add(.input, address: address, length: length, bytes: bytes, hash: hash, owner: owner)
    }

    mutating func entered(
        tid: Int32,
        sequence: UInt64,
        number: UInt32,
        architecture: Architecture,
        arguments: SyscallArguments,
        flags: CallFlags,
        time: UInt64
    ) throws(TraceError) {
        let task = try task(tid, time: time)
        if task.call.isActive {
            note("results lost")
            try abandon(task, flags: .resultLost)
        }
        try announceExecution(task, auxv: [])
        let call = task.swapCall(&incoming)
        incoming.clear()
        call.isActive = true
        call.sequence = sequence
        call.index = callsEntered
        call.number = number
        call.architecture = architecture
        call.arguments = arguments.described(number, architecture)
        call.entryTime = since(time)
        call.flags = flags
        callsEntered += 1
        if architecture == .x86_64 {
            switch number {
            case CallNumber.execve: maskEnvironment(call, at: arguments[2])
            case CallNumber.execveat: maskEnvironment(call, at: arguments[3])
            case CallNumber.exit: task.exitCode = Int32(truncatingIfNeeded: arguments[0])
            case CallNumber.exitGroup:
                task.process.status = task.process.status ?? (Int32(truncatingIfNeeded: arguments[0]) & 0xff) << 8
            default: break
            }
        }
    }

    /// Output memory of the call that `returned` will complete.
    mutating func output(
        tid: Int32,
        sequence: UInt64,
        address: UInt64,
        length: Int,
        bytes: UnsafeRawBufferPointer,
        isFault: Bool,
        owner: UInt32
    ) {
        guard let task = tasks[tid], task.call.isActive, task.call.sequence == sequence else { return }
        if isFault {
            task.call.flags.insert(.outputFault)
        } else {
            task.call.add(.output, address: address, length: length, bytes: bytes, owner: owner)
        }
    }

    mutating func returned(tid: Int32, sequence: UInt64, result: Int64, time: UInt64) throws(TraceError) {
        guard let task = tasks[tid], task.call.isActive, task.call.sequence == sequence else {
            note("returns without an entry")
            return
        }
        let call = task.call
        if result == 0, call.architecture == .x86_64,
            call.number == CallNumber.execve || call.number == CallNumber.execveat
        {
            rememberExecution(task, time: time)
        }
        try write(task, result: result, exitTime: since(time), flags: call.flags)
    }

    /// A call without a notification: the workload's own filter denied it, or (with a result) the filter of an OCI
    /// runtime let it pass, in which case its memory was not seen.
    mutating func denied(
        tid: Int32,
        number: UInt32,
        architecture: Architecture,
        arguments: SyscallArguments,
        result: Int64,
        time: UInt64
    ) throws(TraceError) {
        incoming.clear()
        try entered(
            tid: tid,
            sequence: UInt64.max,
            number: number,
            architecture: architecture,
            arguments: arguments,
            flags: result < 0 ? .denied : .opaque,
            time: time
        )
        try returned(tid: tid, sequence: UInt64.max, result: result, time: time)
    }

    mutating func signal(
        tid: Int32,
        number: Int32,
        code: Int32,
        handler: UInt64,
        time: UInt64
    ) throws(TraceError) {
        guard let task = tasks[tid] else { return }
        var (number, code) = (number, code)
        // Exit of the group and exec end the other threads by a SIGKILL that nobody sent.
        if number == 9, task.process.status != nil || isExecuting(task.process) { return }
        // A fatal signal without a core dump reaches the threads as SIGKILL.
        if number == 9, let sent = task.process.sent { (number, code) = sent }
        try sink.append(
            SignalRecord(
                task: task.id,
                time: since(time),
                afterCalls: callsEntered,
                signal: number,
                code: code,
                handler: handler
            )
        )
        if handler == 0, DefaultAction.isFatal(number) { task.process.status = task.process.status ?? number }
    }

    /// A signal was sent to a task's process; it may be blocked, handled, or fatal.
    mutating func signalSent(to tid: Int32, number: Int32, code: Int32) {
        tasks[tid]?.process.sent = (number, code)
    }

    private func isExecuting(_ process: Process) -> Bool {
        tasks.values.contains {
            $0.process === process && $0.call.isActive
                && ($0.call.number == CallNumber.execve || $0.call.number == CallNumber.execveat)
        }
    }

    mutating func path(_ record: PathRecord) throws(TraceError) {
        var record = record
        record.beforeCall = callsEntered
        try sink.append(record)
    }

    /// The end of the recording: what is still under way stays unfinished.
    mutating func finish() throws(TraceError) {
        for tid in tasks.keys.sorted() {
            guard let task = tasks[tid] else { continue }
            try abandon(task, flags: .unfinished)
            try announceExecution(task, auxv: [])
        }
    }

    private mutating func abandon(_ task: Task, flags: CallFlags) throws(TraceError) {
        guard task.call.isActive else { return }
        try write(task, result: 0, exitTime: task.call.entryTime, flags: task.call.flags.union(flags))
    }

    private mutating func write(
        _ task: Task,
        result: Int64,
        exitTime: UInt64,
        flags: CallFlags
    ) throws(TraceError) {
        let call = task.call
        sink.beginCall(
            index: call.index,
            task: task.id,
            number: call.number,
            architecture: call.architecture,
            arguments: call.arguments
        )
        for chunk in call.chunks {
            call.withBytes(of: chunk) {
                sink.addMemory(
                    chunk.direction,
                    address: chunk.address,
                    length: chunk.length,
                    bytes: $0,
                    hash: chunk.hash
                )
            }
        }
        let entryTime = call.entryTime
        call.clear()
        try sink.endCall(result: result, entryTime: entryTime, exitTime: max(exitTime, entryTime), flags: flags)
    }

    // MARK: - Execution

    private func maskEnvironment(_ call: PendingCall, at address: UInt64) {
        guard !keepsEnvironment, address != 0 else { return }
        let pointers = Set(call.pointers(at: address))
        for chunk in call.chunks where pointers.contains(chunk.address) {
            guard let start = call.withBytes(of: chunk, { SecretMask.valueStart($0) }) else { continue }
            call.mask(chunk, from: start)
        }
    }

    private func rememberExecution(_ task: Task, time: UInt64) {
        let call = task.call
        let base = call.number == CallNumber.execveat ? 1 : 0
        func strings(_ index: Int) -> [String] {
            call.pointers(at: call.arguments[base + index]).map { call.string(at: $0) ?? "" }
        }
        task.execution = (
            call.string(at: call.arguments[base]) ?? "", strings(1), strings(2), time, callsEntered
        )
    }

    /// The auxiliary vector (and the file, for an execveat without a path) of the program the task now runs.
    mutating func auxiliaryVector(tid: Int32, file: String, words: [UInt64]) throws(TraceError) {
        guard let task = tasks[tid] else { return }
        if let execution = task.execution, execution.path.isEmpty { task.execution?.path = file }
        try announceExecution(task, auxv: words)
    }

    private mutating func announceExecution(_ task: Task, auxv: [UInt64]) throws(TraceError) {
        guard let execution = task.execution else { return }
        task.execution = nil
        try sink.append(
            TaskRecord(
                task: task.id,
                time: since(execution.time),
                afterCalls: execution.afterCalls,
                kind: .executed(
                    path: execution.path,
                    arguments: execution.arguments,
                    environment: execution.environment,
                    auxv: auxv
                )
            )
        )
    }
}

/// The numbers of calls that the state machine itself must know.
enum CallNumber {
    static let execve = number("execve")
    static let execveat = number("execveat")
    static let rtSigaction = number("rt_sigaction")
    static let exit = number("exit")
    static let exitGroup = number("exit_group")

    private static func number(_ name: String) -> UInt32 {
        ABI.call(named: name)?.numbers.x86_64.map(UInt32.init) ?? UInt32.max
    }
}

/// What a signal does without a handler (man 7 signal).
enum DefaultAction {
    static func isFatal(_ signal: Int32) -> Bool {
        switch signal {
        case 17, 18, 19, 20, 21, 22, 23, 28: false  // CHLD, CONT, STOP, TSTP, TTIN, TTOU, URG, WINCH
        default: true
        }
    }
}
