// Calls that programs are known to do without: what callers do when the answer is ENOSYS, with the source.

/// A documented fallback. Only for ENOSYS: another errno means something else to the same caller.
struct Fallback {
    var call: String
    /// What happens instead, and where that is written.
    var reason: String

    /// Facts about the callers, not about any engine. Add one only with its source.
    static let known: [String: Fallback] = Dictionary(
        uniqueKeysWithValues: [
            Fallback(
                call: "rseq",
                reason: "glibc goes on without rseq (glibc sysdeps/unix/sysv/linux/rseq-internal.h)"
            ),
            Fallback(
                call: "set_robust_list",
                reason: "glibc goes on without robust mutexes (glibc sysdeps/nptl/dl_tls_init_tp.c)"
            ),
            Fallback(
                call: "clone3",
                reason: "glibc falls back to clone (glibc sysdeps/unix/sysv/linux/clone-internal.c)"
            ),
            Fallback(
                call: "statx",
                reason: "glibc falls back to newfstatat (glibc sysdeps/unix/sysv/linux/statx.c)"
            ),
            Fallback(
                call: "faccessat2",
                reason: "glibc falls back to faccessat (glibc sysdeps/unix/sysv/linux/faccessat.c)"
            ),
            Fallback(
                call: "copy_file_range",
                reason: "coreutils falls back to read and write (coreutils src/copy.c)"
            ),
            Fallback(
                call: "renameat2",
                reason: "mv falls back to link, unlink and rename (gnulib lib/renameatu.c)"
            ),
            Fallback(
                call: "get_mempolicy",
                reason: "libnuma takes it for a machine without NUMA (numa(3), numa_available)"
            ),
            Fallback(call: "fadvise64", reason: "advice that binds nobody (posix_fadvise(2))"),
        ].map { ($0.call, $0) }
    )
}
