// A command under a keeper that outlives this process.
import Glibc

enum DetachedProcess {
    /// - Returns: the keeper; SIGTERM to it ends the command and all that it started.
    static func start(_ words: [String], folder: String, errors: String) throws(LaunchError) -> pid_t {
        let keeper = try InitBinary.path()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        var pid: pid_t = 0
        let code = withStrings(["lacuna-init", "keep", "--detached", "--folder", folder] + words) { argv in
            posix_spawn(&pid, keeper, &actions, nil, argv, environ)
        }
        guard code == 0 else { throw LaunchError("\(keeper): \(String(cString: strerror(code)))") }
        return pid
    }
}
