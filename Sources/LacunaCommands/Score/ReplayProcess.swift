// Replays in a process of its own: an engine that traps, hangs or eats memory takes only its own trace with it.
import Glibc

/// `lacuna replay --json` on one trace.
struct ReplayProcess {
    let file: String
    private let process: pid_t
    private let output: UnnamedFile
    private let errors: UnnamedFile
    private let deadline: ContinuousClock.Instant
    private let timeLimit: Double

    /// - Parameter arguments: options of `lacuna replay` beside the file and `--json`.
    init(_ file: String, _ arguments: [String], timeLimit: Double) throws(CommandFailure) {
        self.file = file
        self.timeLimit = timeLimit
        output = try UnnamedFile()
        errors = try UnnamedFile()
        // The replay ends itself at its limit; this one is for an engine that hangs inside a call.
        deadline = .now + .seconds(timeLimit * 1.5 + 5)
        let words =
            ["lacuna", "replay", "--json", "--time-limit", "\(timeLimit)"] + arguments + ["--", file]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output.descriptor, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, errors.descriptor, STDERR_FILENO)
        var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for pointer in argv { free(pointer) } }
        // A trap is reported in one line; its backtrace would take ten seconds.
        setenv("SWIFT_BACKTRACE", "enable=no", 1)
        var pid: pid_t = 0
        let code = posix_spawn(&pid, "/proc/self/exe", &actions, nil, &argv, environ)
        process = pid
        guard code == 0 else {
            output.close()
            errors.close()
            throw CommandFailure("a replay cannot be started: \(String(cString: strerror(code)))")
        }
    }

    /// What came of a replay that is over.
    enum Ending {
        /// The canonical JSON of its result.
        case result([UInt8])
        /// One line for people.
        case broke(String)
    }

    /// The ending, or nil while it goes on. Call it until it answers, and not after.
    func poll() -> Ending? {
        var status: Int32 = 0
        let found = waitpid(process, &status, WNOHANG)
        if found == 0 {
            guard ContinuousClock.now > deadline else { return nil }
            kill(process, SIGKILL)
            waitpid(process, &status, 0)
            output.close()
            errors.close()
            return .broke("the engine hung: no answer within its time limit of \(timeLimit) s")
        }
        defer {
            output.close()
            errors.close()
        }
        let signal = status & 0x7f
        guard signal == 0 else {
            return .broke("the engine trapped: \(lastWords ?? String(cString: strsignal(signal)))")
        }
        let bytes = output.contents
        guard !bytes.isEmpty else {
            return .broke("the replay ended without a result: \(lastWords ?? "status \((status >> 8) & 0xff)")")
        }
        return .result(bytes)
    }

    /// The first line that the replay printed on standard error, without addresses: they differ from run to run.
    private var lastWords: String? {
        guard let line = errors.contents.split(separator: UInt8(ascii: "\n")).first else { return nil }
        let words = String(decoding: line, as: UTF8.self).split(separator: " ")
        return words.map { $0.hasPrefix("0x") ? "0x…" : String($0) }.joined(separator: " ")
    }
}
