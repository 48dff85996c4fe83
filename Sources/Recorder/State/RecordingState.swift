// The recording's state machine: pairs entries with returns, keeps the task tree, makes records. Knows no kernel.
import LinuxABI
import TraceLog

/// Turns what tracepoints and notifications report into records.
///
/// Events of one thread come in its order; a fork comes before the first event of the child. Times are
/// CLOCK_MONOTONIC nanoseconds.
struct RecordingState<Sink: RecordSink> {
    typealias Task = RecordedTask
    typealias Process = RecordedProcess

    var sink: Sink
    /// CLOCK_MONOTONIC at the start of the recording.
    let start: UInt64
    let keepsEnvironment: Bool
    private(set) var tasks: [Int32: Task] = [:]
    private var processes: [Int32: Process] = [:]
    /// Calls entered so far; the next call's index.
    var callsEntered: UInt64 = 0
    /// Calls written so far, and those of them that came from inside the process.
    var callsWritten: UInt64 = 0
    var inProcessCalls: UInt64 = 0
    /// The latest entry that has an index, in nanoseconds since start.
    var latestEntry: UInt64 = 0
    private(set) var tasksCreated = 0
    private(set) var notes: [String: UInt64] = [:]
    /// Input of the call about to enter.
    var incoming = PendingCall()
    /// Notes paths of calls that the supervisor did not see; nil where it sees all.
    let noting: PathNoting?
    private var spare: [PendingCall] = []

    init(sink: Sink, start: UInt64, keepsEnvironment: Bool = false, noting: PathNoting? = nil) {
        self.sink = sink
        self.start = start
        self.keepsEnvironment = keepsEnvironment
        self.noting = noting
    }

    /// Thread group ids of the tasks that have not ended.
    var aliveProcesses: [Int32] { Set(tasks.values.map(\.process.tgid)).sorted() }

    mutating func note(_ words: String, count: UInt64 = 1) { notes[words, default: 0] += count }

    func since(_ time: UInt64) -> UInt64 { time > start ? time - start : 0 }

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
        if let noting {
            let flags = CloneFlags(rawValue: mother.map(cloneFlags) ?? 0)
            task.late = noting.paths.created(tid: tid, tgid: tgid, parent: mother?.late, flags: flags)
        }
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

    mutating func task(_ tid: Int32, time: UInt64) throws(TraceError) -> Task {
        if let task = tasks[tid] { return task }
        // A process that joined the filter from outside, as `runc exec` does.
        return try created(tid: tid, tgid: tid, parent: nil, time: time)
    }

    /// A thread's exec made it the only one of its process and gave it the process's id.
    mutating func executed(tid: Int32, previous: Int32, time: UInt64) throws(TraceError) {
        if previous != tid, let task = tasks.removeValue(forKey: previous) {
            if tasks[tid] != nil { try died(tid: tid, status: nil, time: time) }
            task.process.status = nil
            task.tid = tid
            tasks[tid] = task
        }
        if let noting, let late = tasks[tid]?.late { noting.paths.executed(late, tid: tid) }
    }

    /// A task ended. `status` is its wait status where the source knows it.
    mutating func died(tid: Int32, status: Int32?, time: UInt64) throws(TraceError) {
        guard let task = tasks.removeValue(forKey: tid) else { return }
        try unwind(task)
        try abandon(task, flags: .unfinished)
        try announceExecution(task, auxv: [])
        let isLeader = task.process.tgid == tid
        let known = status ?? task.process.status ?? task.exitCode.map { ($0 & 0xff) << 8 }
        try sink.append(
            TaskRecord(
                task: task.id,
                time: since(time),
                afterCalls: callsEntered,
                kind: .exited(status: isLeader ? known : nil),
                callsMade: task.callsMade
            )
        )
    }

    // MARK: - Signals and paths

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
            try unwind(task)
            try abandon(task, flags: .unfinished)
            try announceExecution(task, auxv: [])
        }
    }

    // MARK: - Buffers

    mutating func spareCall() -> PendingCall { spare.popLast() ?? PendingCall() }

    mutating func recycle(_ call: PendingCall) {
        guard spare.count < 256, call.bytes.capacity <= 64 << 10 else { return }
        call.clear()
        spare.append(call)
    }
}

/// `LatePaths` where a copyable state can refer to it.
final class PathNoting {
    /// Only the log thread comes here; a check of each access would cost more than most calls do.
    @exclusivity(unchecked) var paths: LatePaths

    init(_ paths: consuming LatePaths) { self.paths = paths }
}
