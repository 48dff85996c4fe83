// Time and memory that one trace may take.
import Glibc

/// Checks between calls; a hang inside a call is for a watchdog outside this process.
struct Limits {
    private let start = ContinuousClock.now
    private let time: Duration?
    private let memory: UInt64?
    private var checks = 0

    init(_ options: ReplayOptions) {
        time = options.timeLimit.map { .seconds($0) }
        memory = options.memoryLimit
    }

    /// Why the replay must end, if it must.
    mutating func exceeded() -> String? {
        guard time != nil || memory != nil else { return nil }
        checks += 1
        if checks % 256 == 1, let time, ContinuousClock.now - start > time {
            return "time limit of \(time) reached; raise it with --time-limit"
        }
        if checks % 4096 == 1, let memory, let used = Self.residentBytes(), used > memory {
            return "memory limit of \(memory) bytes reached (\(used) in use); raise it with --memory-limit"
        }
        return nil
    }

    /// Resident memory of this process: the second number of /proc/self/statm, in pages (proc(5)).
    private static func residentBytes() -> UInt64? {
        let file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 128)
        let count = read(file, &buffer, buffer.count)
        guard count > 0 else { return nil }
        let words = String(decoding: buffer[..<count], as: UTF8.self).split(separator: " ")
        guard words.count > 1, let pages = UInt64(words[1]) else { return nil }
        return pages * UInt64(sysconf(Int32(_SC_PAGESIZE)))
    }
}
