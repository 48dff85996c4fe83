// What came of a recording.

/// How a recording ended and what is in it.
public struct RecordingResult: Sendable, Hashable {
    /// Wait status of the workload's first process; nil if it was left running.
    public var waitStatus: Int32?
    /// `exited`, `timeout`, `max-size`, `follow-limit`, `interrupted`: as in the log's trailer.
    public var reason: String
    /// Calls recorded.
    public var calls: UInt64
    /// Tasks followed.
    public var tasks: Int
    /// Size of the log.
    public var bytes: UInt64
    /// `ebpf` or `ptrace`.
    public var results: String
    /// What could not be recorded, in words, with counts; as in the log's trailer. Empty is the normal case.
    public var notes: [String: UInt64]

    public init(
        waitStatus: Int32?,
        reason: String,
        calls: UInt64,
        tasks: Int,
        bytes: UInt64,
        results: String,
        notes: [String: UInt64]
    ) {
        self.waitStatus = waitStatus
        self.reason = reason
        self.calls = calls
        self.tasks = tasks
        self.bytes = bytes
        self.results = results
        self.notes = notes
    }

    /// What a shell shows as `$?`: the exit code, or 128 + signal. nil if the workload was left running.
    public var exitStatus: Int32? {
        guard let waitStatus else { return nil }
        let signal = waitStatus & 0x7f
        return signal == 0 ? (waitStatus >> 8) & 0xff : 128 + signal
    }
    /// The signal that ended the workload, if one did.
    public var terminatingSignal: Int32? {
        guard let waitStatus, waitStatus & 0x7f != 0 else { return nil }
        return waitStatus & 0x7f
    }
}
