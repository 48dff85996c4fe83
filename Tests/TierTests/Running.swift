// Runs programs in a folder, as a process group that can be ended whole.
import Foundation
import Glibc
import Synchronization
import Testing

/// How a program ended, and what it printed on standard output and error.
struct Outcome: Equatable, CustomStringConvertible {
    /// As a shell gives it: 128 + N after signal N; 124 when it was killed because it took too long.
    var status: Int32
    var output: String
    var description: String { "status \(status): \(output.prefix(2000))" }
}

struct CannotRun: Error {
    var command: [String]
    var code: Int32
}

/// Output files of the latest runs.
private let kept = Mutex<[Int32]>([])

/// Runs a command with standard input empty; kills all of its process group after `limit` seconds.
func run(
    _ command: [String],
    folder: String,
    environment: [String: String] = [:],
    limit: Double = 60
) throws -> Outcome {
    let surroundings = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": folder, "TMPDIR": "/tmp"]
        .merging(environment) { $1 }
    var template = Array("/tmp/lacuna-output-XXXXXX".utf8CString)
    let output = mkstemp(&template)
    // The next one must not get its inode number: it would seem to be the same file in some runs, and another in others.
    defer {
        kept.withLock { kept in
            kept.append(output)
            if kept.count > 64 { close(kept.removeFirst()) }
        }
    }
    unlink(template)

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    posix_spawn_file_actions_adddup2(&actions, output, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
    posix_spawnattr_setpgroup(&attributes, 0)

    var child: pid_t = 0
    // The test's own descriptors, and those of tests beside it, are not the program's.
    let shell = """
        for file in /proc/$$/fd/*; do number=${file##*/}; ((number > 2)) && eval "exec $number>&-"; done
        cd "$0" && exec "$@"
        """
    let code = withStrings(["bash", "-c", shell, folder] + command) { arguments in
        withStrings(surroundings.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }) { variables in
            posix_spawn(&child, "/bin/bash", &actions, &attributes, arguments, variables)
        }
    }
    guard code == 0 else { throw CannotRun(command: command, code: code) }
    let status = end(of: child, limit: limit)
    // Whatever it left running.
    kill(-child, SIGKILL)
    return Outcome(status: status, output: contents(output))
}

/// Waits for a child for at most `limit` seconds.
private func end(of child: pid_t, limit: Double) -> Int32 {
    let start = ContinuousClock.now
    var status: Int32 = 0
    while waitpid(child, &status, WNOHANG) == 0 {
        if ContinuousClock.now - start > .seconds(limit) {
            kill(-child, SIGKILL)
            waitpid(child, &status, 0)
            return 124
        }
        usleep(2000)
    }
    return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
}

private func withStrings<Result>(
    _ strings: [String],
    _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return body(&pointers)
}

private func contents(_ descriptor: Int32) -> String {
    lseek(descriptor, 0, SEEK_SET)
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
    return String(decoding: (try? handle.readToEnd()) ?? Data(), as: UTF8.self)
}

/// A folder that goes with its last user.
final class Folder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/lacuna-tier-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        chmod(path, 0o777)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }
}
