// The calls whose effect on descriptors, paths, tasks and memory the replayer follows, by name.
import LinuxABI

/// A call with an effect that the recorded world must follow. Numbers come from the descriptions.
enum KnownCall: String, CaseIterable {
    // Descriptors
    case open, openat, openat2, creat, close, close_range, dup, dup2, dup3, fcntl, pipe, pipe2, lseek
    case socket, socketpair, accept, accept4, bind, listen, connect, getsockname
    case recvmsg, sendmsg, recvfrom, sendto
    case read, readv, pread64, preadv, preadv2, write, writev, pwrite64, pwritev, pwritev2
    case epoll_ctl, setsockopt, shutdown, timerfd_settime, flock
    case sendfile, copy_file_range, splice, getdents, getdents64
    // Paths
    case mkdir, mkdirat, rmdir, unlink, unlinkat, rename, renameat, renameat2, link, linkat, symlink, symlinkat
    case mknod, mknodat, truncate, ftruncate, fallocate, chmod, fchmod, fchmodat, fchmodat2
    case chown, fchown, lchown, fchownat
    case stat, lstat, fstat, newfstatat, statx, access, faccessat, faccessat2, readlink, readlinkat
    case getxattr, lgetxattr, statfs, setxattr, lsetxattr, removexattr, lremovexattr, fsetxattr, fremovexattr
    case listxattr, llistxattr, inotify_add_watch, name_to_handle_at, open_tree, utimensat, utimes, utime
    // Task surroundings
    case chdir, fchdir, chroot, pivot_root, umask, mount, umount2, getcwd
    case clone, clone3, fork, vfork, unshare, setns, execve, execveat, exit, exit_group, wait4, waitid
    case setuid, setgid, setreuid, setregid, setresuid, setresgid, setfsuid, setfsgid, setgroups, capset
    case rt_sigprocmask, rt_sigaction, kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo, pidfd_send_signal
    case setitimer, alarm, timer_create, timer_settime
    // Memory and ids
    case mmap, munmap, mremap, brk, shmat, shmdt, shmget, semget, msgget, add_key, request_key
    // Answers that race, and clocks
    case poll, ppoll, select, pselect6, epoll_wait, epoll_pwait, epoll_pwait2, futex
    case clock_gettime, gettimeofday, time, ioctl

    private static func table(_ architecture: Architecture) -> [KnownCall?] {
        var table = [KnownCall?](repeating: nil, count: 600)
        for call in allCases {
            guard let description = ABI.call(named: call.rawValue) else { continue }
            let number = architecture == .arm64 ? description.numbers.arm64 : description.numbers.x86_64
            if let number, number >= 0, number < table.count { table[number] = call }
        }
        return table
    }

    private static let ofX86 = table(.x86_64)
    private static let ofARM = table(.arm64)

    /// The call behind a number, if it is one of these.
    static func of(_ number: UInt32, _ architecture: Architecture) -> KnownCall? {
        switch architecture {
        case .x86_64: number < UInt32(ofX86.count) ? ofX86[Int(number)] : nil
        case .arm64: number < UInt32(ofARM.count) ? ofARM[Int(number)] : nil
        case .i386, .x32: nil
        }
    }
}
