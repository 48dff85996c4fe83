// Programs that tasks execute, and what the state machine must know of single calls.
import LinuxABI
import TraceLog

extension RecordingState {
    /// The flags of the clone that a task is in; 0 for a fork.
    func cloneFlags(_ task: Task) -> UInt64 {
        guard task.call.isActive, task.call.architecture == .x86_64 else { return 0 }
        switch task.call.number {
        case CallNumber.vfork: return CloneFlags.sharesMemoryUntilExec
        case CallNumber.clone: return task.call.arguments[0]
        case CallNumber.clone3:
            return task.call.withMemory(.input, at: task.call.arguments[0]) {
                $0.count >= 8 ? $0.loadUnaligned(as: UInt64.self) : 0
            } ?? 0
        default: return 0
        }
    }

    func maskEnvironment(_ call: PendingCall, at address: UInt64) {
        guard !keepsEnvironment, address != 0 else { return }
        let pointers = Set(call.pointers(at: address))
        for chunk in call.chunks where pointers.contains(chunk.address) {
            guard let start = call.withBytes(of: chunk, { SecretMask.valueStart($0) }) else { continue }
            call.mask(chunk, from: start)
        }
    }

    func rememberExecution(_ task: Task, time: UInt64) {
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

    mutating func announceExecution(_ task: Task, auxv: [UInt64]) throws(TraceError) {
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
    static let vfork = number("vfork")
    static let clone = number("clone")
    static let clone3 = number("clone3")

    /// Whether a call may wait for others, and so be interrupted and made again.
    static func waits(_ number: UInt32) -> Bool { waiting.contains(number) }
    private static let waiting: Set<UInt32> = Set(
        ABI.calls.compactMap { call in
            call.numbers.x86_64.flatMap {
                (call.variants + [call.plain]).contains { $0.blocking != .never } ? UInt32($0) : nil
            }
        }
    )

    static func number(_ name: String) -> UInt32 {
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

extension CloneFlags {
    /// CLONE_VM | CLONE_VFORK: the child runs in its parent's memory, and the parent does not, until exec or exit.
    static let sharesMemoryUntilExec = ABI.constant("CLONE_VM") | ABI.constant("CLONE_VFORK")
}
