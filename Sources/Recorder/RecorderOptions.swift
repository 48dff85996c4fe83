// What a recording is to contain, and where it goes.

/// Options of a recording; the defaults are those of `lacuna record`.
public struct RecorderOptions: Sendable, Hashable {
    /// Where calls are recorded.
    public enum Tier: String, Sendable, Hashable, CaseIterable {
        /// Inside the recorded processes where that is possible, else by the supervisor.
        case automatic = "auto"
        /// Inside the recorded processes; an error where the host does not permit it.
        case fast
        /// Each call by the supervisor.
        case lockstep
    }
    /// Where results and output memory come from.
    public enum Results: String, Sendable, Hashable, CaseIterable {
        /// eBPF where the kernel permits it, else ptrace.
        case automatic = "auto"
        /// seccomp notification and eBPF; an error where that is not permitted.
        case ebpf
        /// ptrace alone: slower, needs no privileges.
        case ptrace
    }
    /// How much is kept of each buffer of workload data.
    public enum Payload: Sendable, Hashable {
        case full
        /// At most this many bytes of each buffer.
        case limit(Int)
        case none

        /// Bytes; nil keeps all.
        public var bytes: Int? {
            switch self {
            case .full: nil
            case .limit(let bytes): bytes
            case .none: 0
            }
        }
    }
    /// What becomes of the workload when a limit ends the recording.
    public enum AtLimit: String, Sendable, Hashable, CaseIterable {
        /// It goes on unrecorded, and `run` returns when it ends.
        case wait
        /// It goes on unrecorded, and `run` returns at once.
        case leave
        /// It is killed.
        case kill
    }

    /// Name and version that the log gives as its maker.
    public var tool = "lacuna"
    /// The program and its arguments. The program is looked up in PATH like execvp does.
    public var command: [String] = []
    /// A unix socket to listen on for the seccomp listener of an OCI runtime, instead of `command`.
    public var ociSocket: String?
    /// The log's path.
    public var output = "lacuna.lacuna"
    public var results = Results.automatic
    public var tier = Tier.automatic
    public var payload = Payload.limit(65536)
    /// Keeps the values of environment variables whose names look like secrets.
    public var keepEnvironment = false
    /// `NAME=value` for the workload; nil hands on the recorder's own environment.
    public var environment: [String]?
    /// Ends the recording when this many tasks were followed.
    public var followLimit: Int?
    /// Ends the recording when the log has this many bytes.
    public var maximumSize: UInt64?
    /// Ends the recording after this many seconds.
    public var timeout: Double?
    public var atLimit = AtLimit.wait
    /// zstd level of the log; 6 costs the log thread about 1 µs per call.
    public var compressionLevel: Int32 = 6

    public init() {}
}
