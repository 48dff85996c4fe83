// Starts an agent as a child process and talks to it over a socket.
import Engine
import Glibc

enum AgentProcess {
    /// Starts `command` with a socket as its standard input and output. `onEnd` runs when it has ended.
    static func start(_ command: [String], onEnd: @escaping () -> Void = {}) throws(EngineFailure)
        -> DescriptorTransport
    {
        // A socket: writing to one whose reader has ended can be told not to raise a signal.
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            throw EngineFailure("cannot make a socket pair: \(String(cString: strerror(errno)))")
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Its own process group; no signal blocked or ignored that the recording has not.
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETPGROUP | Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
        posix_spawnattr_setflags(&attributes, Int16(flags))
        var arguments = command.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var environment: [UnsafeMutablePointer<CChar>?] = [strdup("PATH=/usr/sbin:/usr/bin:/sbin:/bin"), nil]
        defer { free(environment[0]) }
        var pid: pid_t = 0
        let error = posix_spawn(&pid, command[0], &actions, &attributes, &arguments, &environment)
        Glibc.close(ends[1])
        guard error == 0 else {
            Glibc.close(ends[0])
            throw EngineFailure("cannot start \(command[0]): \(String(cString: strerror(error)))")
        }
        let child = pid
        return DescriptorTransport(input: ends[0], output: ends[0]) {
            end(child)
            onEnd()
        }
    }

    /// A conductor ends when its requests end; one that does not is killed, with its process group.
    private static func end(_ pid: pid_t) {
        var status: Int32 = 0
        for _ in 0..<100 {
            if waitpid(pid, &status, WNOHANG) == pid { return }
            usleep(10_000)
        }
        kill(-pid, SIGKILL)
        kill(pid, SIGKILL)
        waitpid(pid, &status, 0)
    }
}
