// What can keep a recording from happening: one line that says what to do.
public import TraceLog

/// A recording could not be made, or not to its end.
public struct RecorderError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// The program does not exist (exit status 127, as from a shell).
        case missingProgram
        /// The program exists but cannot be executed (exit status 126).
        case notExecutable
        /// The kernel or the caller's privileges do not permit the recording asked for.
        case notPermitted
        /// The kernel lacks something.
        case unsupported
        /// Something failed that should not.
        case failed
        /// The log could not be written: see `trace`.
        case log
    }

    public var code: Code
    /// A sentence without a leading name.
    public var message: String
    /// The errno behind it, 0 if none.
    public var errno: Int32
    /// Set for `.log`.
    public var trace: TraceError?

    public init(_ code: Code, _ message: String, errno: Int32 = 0, trace: TraceError? = nil) {
        self.code = code
        self.message = message
        self.errno = errno
        self.trace = trace
    }

    public var description: String { message }

    /// What a shell would exit with.
    public var exitStatus: Int32 {
        switch code {
        case .missingProgram: 127
        case .notExecutable: 126
        default: 125
        }
    }
}
