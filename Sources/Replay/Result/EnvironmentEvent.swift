// Things outside the recorded tasks that interfered with the recording.

/// Something that no recorded call explains. Inserted into the replay where it happened, never guessed earlier.
public struct EnvironmentEvent: Sendable, Hashable, Codable {
    public enum Kind: String, Sendable, Hashable, Codable {
        /// A file changed, appeared or vanished between two calls that prove it.
        case outsideActor
        /// A signal that no recorded call explains was delivered.
        case signalFromOutside
        /// The engine should have delivered this signal and did not; the replayer posted it.
        case signalMissing
        /// The engine delivered a signal that the recording does not have.
        case signalExtra
        /// Two overlapping calls completed in the other order than they were entered.
        case raceResolved
    }

    public var kind: Kind
    /// Inserted before (signals: during or after) this call.
    public var call: UInt64
    /// `/tmp/lock: absent, then created by no recorded call`.
    public var summary: String

    public init(_ kind: Kind, call: UInt64, _ summary: String) {
        self.kind = kind
        self.call = call
        self.summary = summary
    }
}
