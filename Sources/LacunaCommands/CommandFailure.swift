// Failures of commands: one line on standard error and an exit status.
import Compat
import Engine
import EngineLauncher
import Recorder
import Report
import TraceLog

/// Exit statuses, as docs/commands.md documents them. `record` has its own: those of a shell.
enum ExitStatus {
    static let success: Int32 = 0
    /// What was looked for was found: divergences, a regression, a damaged log.
    static let found: Int32 = 1
    static let wrongUsage: Int32 = 2
    /// Something could not be done: a file, a trace, an engine, a host that lacks something.
    static let failure: Int32 = 3
}

/// A command cannot go on.
struct CommandFailure: Error {
    /// One line without `lacuna: `; names the file and says what to do.
    var message: String
    var status: Int32

    init(_ message: String, status: Int32 = ExitStatus.failure) {
        self.message = message
        self.status = status
    }

    /// What any error of the rooms below means to the user; nil when the error is not known.
    init?(_ error: any Error) {
        switch error {
        case let error as CommandFailure: self = error
        case let error as TraceError: self.init(error.description)
        case let error as CorpusError: self.init(error.description)
        case let error as RecorderError: self.init(error.description, status: error.exitStatus)
        case let error as LaunchError: self.init(error.description)
        case let error as EngineFailure: self.init("the engine broke: \(error.description)")
        default: return nil
        }
    }
}
