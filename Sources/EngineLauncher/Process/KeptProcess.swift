// A command under `lacuna-init keep`: nothing of it outlives this process.
import Glibc

/// A started command with pipes to its standard streams.
final class KeptProcess {
    /// The ends of its standard input and output; -1 once given away or closed.
    private(set) var input: Int32
    private(set) var output: Int32
    let keeper: pid_t
    private var life: Int32
    private let statusEnd: Int32
    private let errors: Int32
    private var isReaped = false

    /// - Parameters:
    ///   - user: `uid:gid` to run as, if this process may choose.
    ///   - environment: nil: this process' own.
    ///   - errors: where its standard error goes; nil: a file that ``lastWords`` reads.
    init(
        _ words: [String],
        user: String? = nil,
        folder: String? = nil,
        removing scratch: String? = nil,
        cleanup: String? = nil,
        ownMounts: Bool = false,
        environment: [String]? = nil,
        errors errorPipe: Int32? = nil
    ) throws(LaunchError) {
        let keeperFile = try InitBinary.path()
        let stdin = try Pipe()
        let stdout = try Pipe()
        let lifeline = try Pipe()
        let status = try Pipe()
        errors = try KeptProcess.unnamedFile()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, stdin.reader, 0)
        posix_spawn_file_actions_adddup2(&actions, stdout.writer, 1)
        posix_spawn_file_actions_adddup2(&actions, errorPipe ?? errors, 2)
        posix_spawn_file_actions_adddup2(&actions, lifeline.reader, 3)
        posix_spawn_file_actions_adddup2(&actions, status.writer, 4)
        // The command starts as from a shell, whatever this process does with signals.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var all = sigset_t()
        sigfillset(&all)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        var arguments = ["lacuna-init", "keep"]
        if let user { arguments += ["--user", user] }
        if let folder { arguments += ["--folder", folder] }
        if let scratch { arguments += ["--remove", scratch] }
        if let cleanup { arguments += ["--after", cleanup] }
        if ownMounts { arguments.append("--own-mounts") }
        var pid: pid_t = 0
        let code = withStrings(arguments + words) { argv in
            if let environment {
                return withStrings(environment) { posix_spawn(&pid, keeperFile, &actions, &attributes, argv, $0) }
            }
            return posix_spawn(&pid, keeperFile, &actions, &attributes, argv, environ)
        }
        for end in [stdin.reader, stdout.writer, lifeline.reader, status.writer] { close(end) }
        keeper = pid
        input = stdin.writer
        output = stdout.reader
        life = lifeline.writer
        statusEnd = status.reader
        guard code == 0 else {
            isReaped = true
            stop()
            throw LaunchError("\(keeperFile): \(String(cString: strerror(code)))")
        }
    }

    deinit {
        stop()
        close(statusEnd)
        close(errors)
    }

    func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    /// The wait status of the command, or nil if it has none within that time.
    func status(milliseconds: Int) -> Int32? {
        var poller = pollfd(fd: statusEnd, events: Int16(POLLIN), revents: 0)
        guard poll(&poller, 1, Int32(clamping: milliseconds)) > 0 else { return nil }
        var status: Int32 = 0
        guard read(statusEnd, &status, 4) == 4 else { return nil }
        return status
    }

    /// Ends the command and all that it started; returns when they are gone.
    func stop() {
        closeInput()
        if output >= 0 { close(output) }
        output = -1
        if life >= 0 { close(life) }
        life = -1
        guard !isReaped else { return }
        isReaped = true
        var status: Int32 = 0
        while waitpid(keeper, &status, 0) < 0, errno == EINTR {}
    }

    /// The last line that it wrote to standard error.
    var lastWords: String? {
        let size = lseek(errors, 0, SEEK_END)
        let count = Int(min(size, 4096))
        guard count > 0 else { return nil }
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            used = max(0, pread(errors, buffer.baseAddress, count, size - off_t(count)))
        }
        return lastLine(bytes)
    }

    private static func unnamedFile() throws(LaunchError) -> Int32 {
        var template = Array("\(variable("TMPDIR") ?? "/tmp")/lacuna-engine-XXXXXX".utf8CString)
        let file = mkstemp(&template)
        guard file >= 0 else { throw LaunchError("no temporary file can be made: \(String(cString: strerror(errno)))") }
        unlink(template)
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        return file
    }
}

/// The last line with something on it.
func lastLine(_ bytes: [UInt8]) -> String? {
    bytes.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
        .last { $0.contains { $0 > 0x20 } }
        .map { String(decoding: $0, as: UTF8.self) }
}

/// Two descriptors above those that a started command gets, so that moving one into place never hits another.
private struct Pipe {
    let reader: Int32
    let writer: Int32

    init() throws(LaunchError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw LaunchError("no pipe can be made: \(String(cString: strerror(errno)))") }
        reader = fcntl(ends[0], F_DUPFD_CLOEXEC, 10)
        writer = fcntl(ends[1], F_DUPFD_CLOEXEC, 10)
        close(ends[0])
        close(ends[1])
    }
}

func withStrings<T>(_ words: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> T) -> T {
    let pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return body(pointers)
}
