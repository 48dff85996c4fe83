// Everything known of one call whose verdict is not plainly `same`.
public import Engine
public import LinuxABI

/// One field that is not equivalent.
public struct Difference: Sendable, Hashable, Codable {
    /// `result`, `signal`, or the path of a field in output memory: `statbuf.st_size`.
    public var field: String
    /// The rule it broke: `exact`, `renamed`, `lowest free fd`, …
    public var rule: String
    /// Both values as text: `0`, `-1 EINVAL`, `"abc"`.
    public var recorded: String
    public var engine: String

    public init(field: String, rule: String, recorded: String, engine: String) {
        self.field = field
        self.rule = rule
        self.recorded = recorded
        self.engine = engine
    }
}

/// A call that was not `same`, or that was and has something to say (`notes`).
public struct CallReport: Sendable, Hashable, Codable {
    /// Position in the recording.
    public var call: UInt64
    public var task: TaskID
    /// `ioctl$TCGETS`, `openat`.
    public var name: String
    public var verdict: Verdict
    /// nil only for `same` and `given`.
    public var culprit: Culprit?
    public var differences: [Difference]
    /// Raw results: value or -errno; nil if there was none (blocked, exited, unfinished).
    public var recorded: Int64?
    public var engine: Int64?
    /// The root that this divergence is (or repeats), or follows: ``Root/call``.
    public var root: UInt64?
    /// Which marked input made it a follower: `fd 3`, `path /mnt`, `namespaces of the task`.
    public var via: String?
    /// Why it is unjudged or failed; empty otherwise.
    public var reason: String
    /// Position in ``ReplayResult/evidence``.
    public var evidence: Int?
    public var given: [GivenUse]
    /// Races resolved, short transfers, grafts refused: one line each.
    public var notes: [String]

    public init(call: UInt64, task: TaskID, name: String, verdict: Verdict) {
        self.call = call
        self.task = task
        self.name = name
        self.verdict = verdict
        differences = []
        reason = ""
        given = []
        notes = []
    }
}
