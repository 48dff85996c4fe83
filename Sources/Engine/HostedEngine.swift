// Engines that are a guest of another system: its programs act too, and its processor raises exceptions.
public import LinuxABI

/// An engine inside a system of its own, as WSL 1 is inside Windows.
///
/// What the host's programs do is no call of any task, and yet some facts show only then. Replays never use this:
/// it is for checks and tests.
public protocol HostedEngine: Engine {
    /// A program of the host does something; the answer is in the host's words (`STATUS_SHARING_VIOLATION`).
    func host(_ command: [String]) throws(EngineFailure) -> String

    /// The processor raises an exception while `task` runs in user mode.
    ///
    /// - Parameter exception: the host's name for it: `STATUS_ACCESS_VIOLATION`.
    /// - Returns: what the host did about it.
    func raise(_ exception: String, on task: TaskID) throws(EngineFailure) -> [Evidence.Step]
}
