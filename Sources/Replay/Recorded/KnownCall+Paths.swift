// Which arguments of a call are paths, and whether a last symbolic link is followed.
import LinuxABI

extension KnownCall {
    /// Whether it changes by what way paths lead to what they name: its own are looked up anew after it.
    var movesPaths: Bool {
        switch self {
        case .chdir, .chroot, .pivot_root, .mount, .umount2, .open_tree, .execve, .execveat: true
        default: false
        }
    }

    /// Path arguments in order; for two-path calls both.
    func pathArguments(_ arguments: SyscallArguments) -> PathArguments {
        func plain(_ path: Int, follow: Bool = true) -> PathArguments {
            PathArguments(first: PathArgument(directory: nil, path: path, follow: follow))
        }
        func at(_ directory: Int, follow: Bool = true) -> PathArguments {
            PathArguments(first: PathArgument(directory: directory, path: directory + 1, follow: follow))
        }
        func both(_ one: PathArguments, _ other: PathArguments) -> PathArguments {
            PathArguments(first: one.first, second: other.first)
        }
        func unless(_ flag: UInt64, in index: Int) -> Bool { arguments[index] & flag == 0 }
        switch self {
        case .open: return plain(0, follow: unless(Linux.openNoFollow, in: 1))
        case .creat, .truncate, .chmod, .chown, .access, .stat, .statfs, .getxattr, .setxattr, .removexattr,
            .listxattr, .chdir, .chroot, .execve, .utimes, .utime:
            return plain(0)
        case .mkdir, .rmdir, .unlink, .mknod, .lstat, .readlink, .lchown, .lgetxattr, .lsetxattr, .lremovexattr,
            .llistxattr, .umount2:
            return plain(0, follow: false)
        case .openat: return at(0, follow: unless(Linux.openNoFollow, in: 2))
        case .openat2, .fchmodat, .faccessat, .execveat: return at(0)
        case .faccessat2, .newfstatat, .fchmodat2, .utimensat:
            return at(0, follow: unless(Linux.atNoFollow, in: 3))
        case .statx: return at(0, follow: unless(Linux.atNoFollow, in: 2))
        case .fchownat: return at(0, follow: unless(Linux.atNoFollow, in: 4))
        case .mkdirat, .unlinkat, .mknodat, .readlinkat: return at(0, follow: false)
        case .name_to_handle_at, .open_tree: return at(0)
        case .inotify_add_watch: return plain(1)
        case .symlink: return plain(1, follow: false)
        case .symlinkat: return at(1, follow: false)
        case .rename, .link: return both(plain(0, follow: false), plain(1, follow: false))
        case .renameat, .renameat2: return both(at(0, follow: false), at(2, follow: false))
        case .linkat: return both(at(0, follow: !unless(Linux.atFollow, in: 4)), at(2, follow: false))
        case .pivot_root: return both(plain(0), plain(1))
        case .mount: return plain(1)
        default: return PathArguments()
        }
    }
}
