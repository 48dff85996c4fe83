// A task as the log thread follows it: the call it is in, and calls that wait for their place in the log.
import LinuxABI
import TraceLog

final class RecordedTask {
    let id: TaskID
    var tid: Int32
    let process: RecordedProcess
    /// The notified call under way, or the last one.
    private(set) var call = PendingCall()
    /// An execve that succeeded and whose auxiliary vector is still to come.
    var execution: (path: String, arguments: [String], environment: [String], time: UInt64, afterCalls: UInt64)?
    /// The argument of exit(2), if the task called it.
    var exitCode: Int32?
    /// Calls made, as counted where they were made.
    var callsMade: UInt64 = 0
    /// When the last call written was over, in nanoseconds since start: a thread's calls do not overlap.
    var lastExit: UInt64 = 0

    /// The ring that the task's agent writes; -1: none.
    var ring = -1
    /// Calls that wait to be written, in the order of the log; the first has not returned, or there is none.
    var waiting: [WaitingCall] = []
    /// Bytes of their memory.
    var waitingBytes = 0
    /// The number of the last call given up although it may return.
    var lastGivenUp: UInt64?
    var late: LateTask?

    init(id: TaskID, tid: Int32, process: RecordedProcess) {
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

final class RecordedProcess {
    let tgid: Int32
    /// Wait status once exit_group or a fatal signal decided it.
    var status: Int32?
    /// The last signal sent to it.
    var sent: (number: Int32, code: Int32)?
    init(tgid: Int32) { self.tgid = tgid }
}

/// A call that is over but not written, or an in-process call that has not returned.
///
/// What a signal handler calls while an in-process call is under way waits with that call: which of them is written first
/// depends on its result.
struct WaitingCall {
    var call: PendingCall
    var result: Int64 = 0
    var exitTime: UInt64
    var flags: CallFlags
    var isInProcess: Bool
    var isOpen = false
}
