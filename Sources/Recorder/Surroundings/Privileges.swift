// What this process may do.
import Glibc

enum Privileges {
    private static let sysAdmin = 21
    private static let perfmon = 38
    private static let bpf = 39

    static var effective: UInt64 {
        for line in readLines("/proc/self/status") where line.hasPrefix("CapEff:") {
            return line.split(whereSeparator: \.isWhitespace).last.flatMap { UInt64($0, radix: 16) } ?? 0
        }
        return 0
    }

    static func has(_ capability: Int) -> Bool { effective >> UInt64(capability) & 1 == 1 }

    /// CAP_SYS_ADMIN: filters without no_new_privs, so that setuid programs keep working.
    static var mayFilterWithoutNoNewPrivileges: Bool { has(sysAdmin) }
    static var mayTraceWithEBPF: Bool { has(sysAdmin) || (has(bpf) && has(perfmon)) }
}
