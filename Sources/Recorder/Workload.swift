// The program to record: found in PATH, started by the launcher.
import CLinux
import Glibc

/// The workload before its execve: what to run, with what.
struct Workload {
    let file: String
    let arguments: [String]
    let environment: [String]
    /// The caller's signal mask, which the program inherits.
    private let mask: sigset_t

    /// Finds the program as execvp would.
    init(_ options: RecorderOptions) throws(RecorderError) {
        guard let name = options.command.first, !name.isEmpty else {
            throw RecorderError(.missingProgram, "no program to record: give it after --")
        }
        arguments = options.command
        var mask = sigset_t()
        pthread_sigmask(SIG_BLOCK, nil, &mask)
        self.mask = mask
        environment = options.environment ?? Workload.ownEnvironment()
        file = try Workload.find(name, environment)
    }

    private static func find(_ name: String, _ environment: [String]) throws(RecorderError) -> String {
        if name.contains("/") {
            try check(name)
            return name
        }
        let path = environment.first { $0.hasPrefix("PATH=") }.map { String($0.dropFirst(5)) } ?? "/usr/bin:/bin"
        var refused: RecorderError?
        for directory in path.split(separator: ":", omittingEmptySubsequences: false) {
            let candidate = directory.isEmpty ? "./\(name)" : "\(directory)/\(name)"
            do throws(RecorderError) {
                try check(candidate)
                return candidate
            } catch {
                if error.code == .notExecutable { refused = refused ?? error }
            }
        }
        throw refused ?? RecorderError(.missingProgram, "\(name): no such program in PATH", errno: ENOENT)
    }

    private static func check(_ file: String) throws(RecorderError) {
        var status = stat()
        guard stat(file, &status) == 0 else {
            let code = errno
            throw RecorderError(
                code == EACCES ? .notExecutable : .missingProgram,
                "\(file): \(errorText(code))",
                errno: code
            )
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw RecorderError(.notExecutable, "\(file): not a program", errno: EACCES)
        }
        guard access(file, X_OK) == 0 else {
            throw RecorderError(.notExecutable, "\(file): \(errorText(errno))", errno: errno)
        }
    }

    private static func ownEnvironment() -> [String] {
        var result: [String] = []
        var position = environ
        while let text = position.pointee {
            result.append(String(cString: text))
            position += 1
        }
        return result
    }

    /// Forks the child, which parks itself (in its execve, or before it, for ptrace).
    func launch(
        filter: Bool,
        noNewPrivileges: Bool,
        gate: UInt64 = 0,
        ignored: [UInt8],
        shared: UnsafeMutablePointer<clinux_shared>
    ) throws(RecorderError) -> Int32 {
        var argv = arguments.map { strdup($0) } + [nil]
        var envp = environment.map { strdup($0) } + [nil]
        defer { for text in argv + envp { free(text) } }
        let pid = file.withCString { path in
            argv.withUnsafeMutableBufferPointer { argv in
                envp.withUnsafeMutableBufferPointer { envp in
                    var launch = clinux_launch()
                    launch.path = path
                    launch.argv = UnsafePointer(argv.baseAddress)
                    launch.envp = UnsafePointer(envp.baseAddress)
                    launch.shared = shared
                    launch.mask = mask
                    launch.filter = filter ? 1 : 0
                    launch.gate = gate
                    launch.no_new_privileges = noNewPrivileges ? 1 : 0
                    withUnsafeMutableBytes(of: &launch.ignored) { bytes in
                        for index in 0..<min(bytes.count, ignored.count) { bytes[index] = ignored[index] }
                    }
                    return clinux_launch_child(&launch)
                }
            }
        }
        guard pid > 0 else { throw RecorderError(.failed, "fork: \(errorText(-pid))", errno: -pid) }
        return pid
    }
}
