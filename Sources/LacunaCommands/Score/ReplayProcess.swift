// Replays in a process of its own: an engine that traps, hangs or eats memory takes only its own trace with it.
import Glibc

/// `lacuna replay --json` on one trace.
struct ReplayProcess {
    let file: String
    private let process: pid_t
    private let output: Int32
    private let deadline: ContinuousClock.Instant
    private let timeLimit: Double

    /// - Parameter arguments: options of `lacuna replay` beside the file and `--json`.
    init(_ file: String, _ arguments: [String], timeLimit: Double) throws(CommandFailure) {
        self.file = file
        self.timeLimit = timeLimit
        let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(folder)/lacuna-replay-XXXXXX".utf8CString)
        output = mkstemp(&template)
        guard output >= 0 else {
            throw CommandFailure("\(folder): no file can be made for a replay: \(String(cString: strerror(errno)))")
        }
        _ = fcntl(output, F_SETFD, FD_CLOEXEC)
        unlink(template)
        // The replay ends itself at its limit; this one is for an engine that hangs inside a call.
        deadline = .now + .seconds(timeLimit * 1.5 + 5)
        let words =
            ["lacuna", "replay", "--json", "--time-limit", "\(timeLimit)"] + arguments + ["--", file]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for pointer in argv { free(pointer) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, "/proc/self/exe", &actions, nil, &argv, environ)
        process = pid
        guard code == 0 else {
            close(output)
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
            close(output)
            return .broke("the engine hung: no answer within its time limit of \(timeLimit) s")
        }
        defer { close(output) }
        let signal = status & 0x7f
        guard signal == 0 else { return .broke("the engine trapped: \(String(cString: strsignal(signal)))") }
        let bytes = contents()
        guard !bytes.isEmpty else {
            return .broke("the replay ended with status \((status >> 8) & 0xff) and no result")
        }
        return .result(bytes)
    }

    private func contents() -> [UInt8] {
        let size = Int(lseek(output, 0, SEEK_END))
        guard size > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                let got = pread(output, buffer.baseAddress.map { $0 + count }, size - count, off_t(count))
                guard got > 0 else { return }
                count += got
            }
        }
    }
}
