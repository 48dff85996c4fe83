// One call per cell: what an implementation of Linux answers to it, asked directly.
//
//   probes --list        the cells, a line each
//   probes CELL          makes the call; prints "CELL = ok" or "CELL = ERRNO"
//   probes --all         every probe in a process of its own, at most two seconds each
//
// Each probe is recorded on one machine and replayed on an engine by scripts/probe-cells; run on the engine itself, the same
// program says what the replay must have found. Wants a mount namespace of its own (unshare -m) and root.
#include "probes.h"

// Shown beside "ok" where the answer is more than that.
static long detail = -1;
static char page[65536] __attribute__((aligned(4096)));
static const char nothing[] = "";

// MARK: - Namespaces

#define UNSHARE(flag) PROBE("unshare(" #flag ")", call(SYS_unshare, flag))
// A child in new namespaces; it ends at once.
static long cloned(unsigned long flags) {
    long pid = call(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) _exit(0);
    if (pid > 0) {
        int error = errno, status;
        while (waitpid((pid_t)pid, &status, __WALL) < 0 && errno == EINTR) {}
        errno = error;
    }
    return pid;
}
#define CLONE(flag) PROBE("clone(" #flag ")", cloned(flag))
static long joined(const char *name, int type) {
    int fd = open(name, O_RDONLY);
    return call(SYS_setns, fd, type);
}
#define SETNS(flag, name) PROBE("setns(" #flag ")", joined("/proc/self/ns/" name, flag))

// MARK: - Mounts

static const char *place(const char *name) {
    mkdir(name, 0755);
    return name;
}
static long mounted(const char *type, unsigned long flags, const char *data) {
    return call(SYS_mount, "none", place("/tmp/lacuna-probe"), type, flags, data);
}
#define MOUNT_TYPE(type, data) PROBE("mount(" type ")", mounted(type, 0, data))
#define MOUNT_FLAG(flag) PROBE("mount(" #flag ")", mounted("tmpfs", flag, nothing))
// A flag that changes what is mounted already.
#define REMOUNT(flag) PROBE("mount(" #flag ")", (mounted("tmpfs", 0, nothing), mounted("tmpfs", flag, nothing)))
static long configured(unsigned command, const char *key, const char *value, int number) {
    long fd = syscall(SYS_fsopen, "tmpfs", 0);
    return call(SYS_fsconfig, fd, command, key, value, number);
}
static long fsmounted(unsigned attributes) {
    long fd = syscall(SYS_fsopen, "tmpfs", 0);
    syscall(SYS_fsconfig, fd, FSCONFIG_CMD_CREATE, 0, 0, 0);
    return call(SYS_fsmount, fd, 0, attributes);
}

// MARK: - Seccomp, eBPF, io_uring, keys

static struct sock_filter allow_all[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
static struct sock_fprog allowing = {1, allow_all};
static long filtered(unsigned flags) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &allowing);
}
static long bpf_map(unsigned type) {
    struct { unsigned type, key, value, entries, flags, rest[27]; } attributes = {type, 4, 8, 4, 0, {0}};
    return call(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes);
}
static long bpf_element(int command) {
    long fd = bpf_map(BPF_MAP_TYPE_ARRAY);
    unsigned key = 0;
    unsigned long value = 7;
    struct { unsigned fd, pad; void *key, *value; unsigned long flags, rest[12]; } attributes = {
        (unsigned)fd, 0, &key, &value, 0, {0}};
    return call(SYS_bpf, command, &attributes, sizeof attributes);
}
static long bpf_program(void) {
    struct bpf_insn code[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
    struct {
        unsigned type, count;
        void *code;
        const char *license;
        unsigned rest[26];
    } attributes = {BPF_PROG_TYPE_SOCKET_FILTER, 2, code, "GPL", {0}};
    return call(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
}
static long ring(void) {
    struct io_uring_params parameters = {0};
    return syscall(SYS_io_uring_setup, 4, &parameters);
}
static long key(void) { return syscall(SYS_add_key, "user", "lacuna", "x", 1, KEY_SPEC_PROCESS_KEYRING); }

// MARK: - Tracing

// A child that stops itself, to be asked about.
static pid_t stopped(int traced) {
    pid_t pid = fork();
    if (pid == 0) {
        if (traced) ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        _exit(0);
    }
    waitpid(pid, NULL, WUNTRACED);
    return pid;
}
static long released(pid_t pid, long result) {
    int error = errno;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, __WALL);
    errno = error;
    return result;
}
static long traced(long request, void *address, void *data) {
    pid_t pid = stopped(1);
    return released(pid, call(SYS_ptrace, request, pid, address, data));
}
#define PTRACE(name, address, data) PROBE("ptrace(" #name ")", traced(name, address, data))
static struct iovec registers = {page, 4096};

// MARK: - Sockets and files

#define SOCKET(family, type) PROBE("socket(" #family ", " #type ")", call(SYS_socket, family, type, 0))
static int udp(void) { return socket(AF_INET, SOCK_DGRAM, 0); }
static int tcp(void) { return socket(AF_INET, SOCK_STREAM, 0); }
static int one = 1;
static int file(void) {
    unlink("/tmp/lacuna-probe-file");  // it may be a whiteout
    int fd = open("/tmp/lacuna-probe-file", O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (write(fd, page, 8192) != 8192) return -1;
    return fd;
}
static long renamed(unsigned flags) {
    close(file());
    close(open("/tmp/lacuna-probe-other", O_RDWR | O_CREAT, 0644));
    if (flags == RENAME_NOREPLACE) unlink("/tmp/lacuna-probe-third");
    return call(SYS_renameat2, AT_FDCWD, "/tmp/lacuna-probe-file", AT_FDCWD,
                flags == RENAME_NOREPLACE ? "/tmp/lacuna-probe-third" : "/tmp/lacuna-probe-other", flags);
}
#define OPEN(flag, how) PROBE("openat(" #flag ")", call(SYS_openat, AT_FDCWD, how, flag | (flag == O_PATH ? 0 : O_RDWR), 0600))
static long opened2(unsigned long resolve) {
    struct { unsigned long flags, mode, resolve; } how = {O_RDONLY, 0, resolve};
    return call(SYS_openat2, AT_FDCWD, ".", &how, sizeof how);
}
static long statx_mask(void) {
    struct { unsigned mask, rest[63]; } status = {0};
    long result = call(SYS_statx, AT_FDCWD, "/tmp/lacuna-probe-file", 0, STATX_BTIME, &status);
    detail = status.rest[35] ? status.mask : status.mask & ~0x1000L;  // the mount, at byte 144
    return result;
}
#define FALLOCATE(mode) PROBE("fallocate(" #mode ")", call(SYS_fallocate, file(), mode, 0, 4096))
static struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
static char bytes[256];
static unsigned long cachestats[8], range[2] = {0, 4096};

// One expression: each probe is an alternative of it.
static void walk_probes(struct walk *walk) {
    (void)(
    UNSHARE(CLONE_NEWNS), UNSHARE(CLONE_NEWUTS), UNSHARE(CLONE_NEWIPC), UNSHARE(CLONE_NEWPID), UNSHARE(CLONE_NEWNET),
    UNSHARE(CLONE_NEWUSER), UNSHARE(CLONE_NEWCGROUP), UNSHARE(CLONE_NEWTIME), UNSHARE(CLONE_FILES), UNSHARE(CLONE_FS),
    UNSHARE(CLONE_SYSVSEM),
    CLONE(CLONE_NEWNS), CLONE(CLONE_NEWUTS), CLONE(CLONE_NEWIPC), CLONE(CLONE_NEWPID), CLONE(CLONE_NEWNET),
    CLONE(CLONE_NEWUSER), CLONE(CLONE_NEWCGROUP), CLONE(CLONE_IO), CLONE(CLONE_SYSVSEM),
    SETNS(CLONE_NEWNS, "mnt"), SETNS(CLONE_NEWUTS, "uts"), SETNS(CLONE_NEWIPC, "ipc"), SETNS(CLONE_NEWPID, "pid"),
    SETNS(CLONE_NEWNET, "net"), SETNS(CLONE_NEWCGROUP, "cgroup"), SETNS(CLONE_NEWTIME, "time"),
    PROBE("sethostname", call(SYS_sethostname, "probe", 5)),

    MOUNT_TYPE("cgroup", "none,name=lacuna"), MOUNT_TYPE("cgroup2", nothing), MOUNT_TYPE("tmpfs", nothing),
    MOUNT_TYPE("proc", nothing), MOUNT_TYPE("sysfs", nothing), MOUNT_TYPE("devpts", "newinstance"),
    MOUNT_TYPE("mqueue", nothing), PROBE("mount(overlay)", (place("/tmp/lacuna-one"), place("/tmp/lacuna-two"), mounted("overlay", 0, "lowerdir=/tmp/lacuna-one:/tmp/lacuna-two"))), MOUNT_TYPE("devtmpfs", nothing),
    MOUNT_FLAG(MS_RDONLY), MOUNT_FLAG(MS_NOSUID), MOUNT_FLAG(MS_NODEV), MOUNT_FLAG(MS_NOEXEC), MOUNT_FLAG(MS_NOATIME),
    MOUNT_FLAG(MS_SYNCHRONOUS), MOUNT_FLAG(MS_RELATIME),
    REMOUNT(MS_REMOUNT), REMOUNT(MS_PRIVATE), REMOUNT(MS_SHARED), REMOUNT(MS_SLAVE), REMOUNT(MS_UNBINDABLE),
    PROBE("mount(MS_BIND)", call(SYS_mount, place("/tmp/lacuna-one"), place("/tmp/lacuna-probe"), "none", MS_BIND, 0)),
    PROBE("umount2(MNT_DETACH)", (mounted("tmpfs", 0, nothing), call(SYS_umount2, "/tmp/lacuna-probe", MNT_DETACH))),
    PROBE("umount2(UMOUNT_NOFOLLOW)", (mounted("tmpfs", 0, nothing), call(SYS_umount2, "/tmp/lacuna-probe", UMOUNT_NOFOLLOW))),
    PROBE("fsopen(tmpfs)", call(SYS_fsopen, "tmpfs", 0)),
    PROBE("fsconfig(FSCONFIG_SET_STRING)", configured(FSCONFIG_SET_STRING, "size", "65536", 0)),
    PROBE("fsconfig(FSCONFIG_SET_FLAG)", configured(FSCONFIG_SET_FLAG, "ro", 0, 0)),
    PROBE("fsconfig(FSCONFIG_CMD_CREATE)", configured(FSCONFIG_CMD_CREATE, 0, 0, 0)),
    PROBE("fsmount(MOUNT_ATTR_RDONLY)", fsmounted(MOUNT_ATTR_RDONLY)),
    PROBE("fsmount(MOUNT_ATTR_NOSUID)", fsmounted(MOUNT_ATTR_NOSUID)),
    PROBE("fspick", call(SYS_fspick, AT_FDCWD, "/", 0)),
    PROBE("open_tree(OPEN_TREE_CLONE)", call(SYS_open_tree, AT_FDCWD, place("/tmp/lacuna-one"), OPEN_TREE_CLONE)),
    PROBE("open_tree(OPEN_TREE_CLOEXEC)", call(SYS_open_tree, AT_FDCWD, place("/tmp/lacuna-one"), OPEN_TREE_CLOEXEC)),
    PROBE("move_mount(MOVE_MOUNT_F_EMPTY_PATH)",
          call(SYS_move_mount, fsmounted(0), nothing, AT_FDCWD, place("/tmp/lacuna-probe"), MOVE_MOUNT_F_EMPTY_PATH)),
    PROBE("mount_setattr(AT_RECURSIVE)",
          ({ unsigned long attributes[4] = {0}; call(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, attributes, 32); })),
    PROBE("pivot_root", (mounted("tmpfs", 0, nothing), call(SYS_pivot_root, "/tmp/lacuna-probe", "/tmp/lacuna-probe"))),
    PROBE("chroot", call(SYS_chroot, "/tmp")),

    PROBE("seccomp(SECCOMP_GET_ACTION_AVAIL)",
          ({ unsigned action = SECCOMP_RET_LOG; call(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action); })),
    PROBE("seccomp(SECCOMP_GET_NOTIF_SIZES)", call(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, bytes)),
    PROBE("seccomp(SECCOMP_SET_MODE_FILTER)", filtered(0)),
    PROBE("prctl(PR_SET_NO_NEW_PRIVS)", call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)),
    PROBE("bpf(BPF_MAP_CREATE)", bpf_map(BPF_MAP_TYPE_ARRAY)),
    PROBE("bpf(BPF_MAP_UPDATE_ELEM)", bpf_element(BPF_MAP_UPDATE_ELEM)),
    PROBE("bpf(BPF_MAP_LOOKUP_ELEM)", bpf_element(BPF_MAP_LOOKUP_ELEM)),
    PROBE("bpf(BPF_PROG_LOAD)", bpf_program()),
    PROBE("io_uring_setup", ({ struct io_uring_params p = {0}; call(SYS_io_uring_setup, 4, &p); })),
    PROBE("io_uring_enter", call(SYS_io_uring_enter, ring(), 0, 0, 0, 0, 0)),
    PROBE("io_uring_register(IORING_UNREGISTER_FILES)", call(SYS_io_uring_register, ring(), IORING_UNREGISTER_FILES, 0, 0)),
    PROBE("io_setup", ({ unsigned long context = 0; call(SYS_io_setup, 4, &context); })),
    PROBE("add_key", call(SYS_add_key, "user", "lacuna", "x", 1, KEY_SPEC_PROCESS_KEYRING)),
    PROBE("request_key", call(SYS_request_key, "user", "lacuna-none", 0, 0)),
    PROBE("keyctl(KEYCTL_GET_KEYRING_ID)", call(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1)),
    PROBE("keyctl(KEYCTL_JOIN_SESSION_KEYRING)", call(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0)),
    PROBE("keyctl(KEYCTL_DESCRIBE)", call(SYS_keyctl, KEYCTL_DESCRIBE, key(), bytes, sizeof bytes)),
    PROBE("keyctl(KEYCTL_READ)", call(SYS_keyctl, KEYCTL_READ, key(), bytes, sizeof bytes)),
    PROBE("keyctl(KEYCTL_REVOKE)", call(SYS_keyctl, KEYCTL_REVOKE, key())),
    PROBE("keyctl(KEYCTL_SETPERM)", call(SYS_keyctl, KEYCTL_SETPERM, key(), 0x3f3f0000)),
    PROBE("keyctl(KEYCTL_SET_TIMEOUT)", call(SYS_keyctl, KEYCTL_SET_TIMEOUT, key(), 100)),
    PROBE("keyctl(KEYCTL_CAPABILITIES)", call(SYS_keyctl, KEYCTL_CAPABILITIES, bytes, 8)),

    PROBE("ptrace(PTRACE_TRACEME)", call(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0)),
    PROBE("ptrace(PTRACE_SEIZE)", ({ pid_t pid = stopped(0); released(pid, call(SYS_ptrace, PTRACE_SEIZE, pid, 0, 0)); })),
    PROBE("ptrace(PTRACE_ATTACH)", ({ pid_t pid = stopped(0); released(pid, call(SYS_ptrace, PTRACE_ATTACH, pid, 0, 0)); })),
    PTRACE(PTRACE_GETREGS, 0, page), PTRACE(PTRACE_GETFPREGS, 0, page), PTRACE(PTRACE_GETSIGINFO, 0, page),
    PTRACE(PTRACE_SETOPTIONS, 0, (void *)PTRACE_O_EXITKILL), PTRACE(PTRACE_CONT, 0, 0), PTRACE(PTRACE_DETACH, 0, 0),
    PTRACE(PTRACE_GETREGSET, (void *)1, &registers), PTRACE(PTRACE_GETSIGMASK, (void *)8, page),
    PTRACE(PTRACE_GET_SYSCALL_INFO, (void *)88, page), PROBE("ptrace(PTRACE_PEEKUSR)", traced(PTRACE_PEEKUSER, 0, page)),
    PROBE("process_vm_readv", ({ struct iovec v = {bytes, 8}; call(SYS_process_vm_readv, getpid(), &v, 1, &v, 1, 0); })),
    PROBE("kcmp(KCMP_FILES)", call(SYS_kcmp, getpid(), getpid(), KCMP_FILES, 0, 0)),
    PROBE("perf_event_open", ({ struct perf_event_attr a = {.type = PERF_TYPE_SOFTWARE, .size = sizeof a, .disabled = 1}; call(SYS_perf_event_open, &a, 0, -1, -1, 0); })),

    SOCKET(AF_UNIX, SOCK_STREAM), SOCKET(AF_INET, SOCK_STREAM), SOCKET(AF_INET6, SOCK_STREAM),
    PROBE("socket(AF_NETLINK, NETLINK_ROUTE)", call(SYS_socket, AF_NETLINK, SOCK_RAW, 0)), SOCKET(AF_PACKET, SOCK_RAW), SOCKET(AF_ALG, SOCK_SEQPACKET),
    SOCKET(AF_VSOCK, SOCK_STREAM), SOCKET(AF_BLUETOOTH, SOCK_RAW), SOCKET(AF_XDP, SOCK_RAW),
    PROBE("socket(AF_NETLINK, NETLINK_AUDIT)", call(SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT)),
    PROBE("socket(AF_NETLINK, NETLINK_KOBJECT_UEVENT)", call(SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT)),
    PROBE("socket(AF_NETLINK, NETLINK_NETFILTER)", call(SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER)),
    PROBE("socket(AF_INET, IPPROTO_ICMP)", call(SYS_socket, AF_INET, SOCK_RAW, IPPROTO_ICMP)),
    PROBE("setsockopt(SO_REUSEPORT)", call(SYS_setsockopt, tcp(), SOL_SOCKET, SO_REUSEPORT, &one, 4)),
    PROBE("setsockopt(SO_BUSY_POLL)", call(SYS_setsockopt, udp(), SOL_SOCKET, SO_BUSY_POLL, &one, 4)),
    PROBE("setsockopt(SO_ZEROCOPY)", call(SYS_setsockopt, tcp(), SOL_SOCKET, SO_ZEROCOPY, &one, 4)),
    PROBE("setsockopt(SO_TXTIME)", call(SYS_setsockopt, udp(), SOL_SOCKET, SO_TXTIME, page, 8)),
    PROBE("setsockopt(TCP_FASTOPEN)", call(SYS_setsockopt, tcp(), IPPROTO_TCP, TCP_FASTOPEN, &one, 4)),
    PROBE("setsockopt(TCP_USER_TIMEOUT)", call(SYS_setsockopt, tcp(), IPPROTO_TCP, TCP_USER_TIMEOUT, &one, 4)),
    PROBE("setsockopt(IP_TRANSPARENT)", call(SYS_setsockopt, udp(), IPPROTO_IP, IP_TRANSPARENT, &one, 4)),

    OPEN(O_TMPFILE, "/tmp"), OPEN(O_PATH, "/tmp"), PROBE("openat(O_DIRECT)", call(SYS_openat, AT_FDCWD, "/tmp/lacuna-probe-file", O_DIRECT | O_CREAT | O_RDWR, 0600)),
    PROBE("openat2(O_RDONLY)", opened2(RESOLVE_BENEATH)),
    PROBE("renameat2(RENAME_NOREPLACE)", renamed(RENAME_NOREPLACE)),
    PROBE("renameat2(RENAME_EXCHANGE)", renamed(RENAME_EXCHANGE)),
    PROBE("renameat2(RENAME_WHITEOUT)", renamed(RENAME_WHITEOUT)),
    FALLOCATE(FALLOC_FL_KEEP_SIZE), PROBE("fallocate(FALLOC_FL_PUNCH_HOLE)", call(SYS_fallocate, file(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096)), FALLOCATE(FALLOC_FL_ZERO_RANGE),
    FALLOCATE(FALLOC_FL_COLLAPSE_RANGE),
    PROBE("copy_file_range", ({ int a = file(), b = open("/tmp/lacuna-probe-other", O_RDWR | O_CREAT, 0600); long at = 0; call(SYS_copy_file_range, a, &at, b, 0, 4096, 0); })),
    PROBE("statx", (close(file()), statx_mask())),
    PROBE("faccessat2(AT_EACCESS)", call(SYS_faccessat2, AT_FDCWD, "/tmp", R_OK, AT_EACCESS)),
    PROBE("fchmodat2", call(SYS_fchmodat2, AT_FDCWD, "/tmp/lacuna-probe-file", 0644, (close(file()), 0))),
    PROBE("cachestat", call(SYS_cachestat, file(), range, cachestats, 0)),
    PROBE("close_range(CLOSE_RANGE_CLOEXEC)", call(SYS_close_range, 100, 200, CLOSE_RANGE_CLOEXEC)),
    PROBE("memfd_create(MFD_ALLOW_SEALING)", call(SYS_memfd_create, "probe", MFD_ALLOW_SEALING)),
    PROBE("memfd_create(MFD_HUGETLB)", call(SYS_memfd_create, "probe", MFD_HUGETLB)),
    PROBE("fcntl(F_OFD_SETLK)", call(SYS_fcntl, file(), F_OFD_SETLK, &lock)),
    PROBE("fcntl(F_ADD_SEALS)", call(SYS_fcntl, syscall(SYS_memfd_create, "probe", MFD_ALLOW_SEALING), F_ADD_SEALS, F_SEAL_GROW)),
    PROBE("fcntl(F_SETLEASE)", call(SYS_fcntl, file(), F_SETLEASE, F_UNLCK)),
    PROBE("fcntl(F_SETPIPE_SZ)", ({ int ends[2]; (void)!pipe(ends); call(SYS_fcntl, ends[0], F_SETPIPE_SZ, 65536); })),
    PROBE("fanotify_init(FAN_CLASS_NOTIF)", call(SYS_fanotify_init, FAN_CLASS_NOTIF, O_RDONLY)),
    PROBE("inotify_init1(IN_NONBLOCK)", call(SYS_inotify_init1, IN_NONBLOCK)),
    PROBE("userfaultfd", call(SYS_userfaultfd, O_CLOEXEC | 1)),
    PROBE("name_to_handle_at", ({ int handle[40] = {128}, mount; call(SYS_name_to_handle_at, AT_FDCWD, "/tmp", handle, &mount, 0); })),
    PROBE("quotactl(Q_SYNC)", call(SYS_quotactl, 0x80000100, 0, 0, 0)),
    PROBE("splice", ({ int ends[2]; (void)!pipe(ends); call(SYS_splice, file(), 0, ends[1], 0, 0, SPLICE_F_MOVE); })),
    PROBE("preadv2(RWF_HIPRI)", ({ struct iovec v = {bytes, 8}; int fd = file(); lseek(fd, 0, SEEK_SET); call(SYS_preadv2, fd, &v, 1, 0, 0, RWF_HIPRI); })),

    PROBE("clone3", ({ unsigned long arguments[11] = {0, 0, 0, 0, SIGCHLD}; long pid = call(SYS_clone3, arguments, 64); if (pid == 0) _exit(0); if (pid > 0) released((pid_t)pid, pid); pid; })),
    PROBE("pidfd_open", call(SYS_pidfd_open, getpid(), 0)),
    PROBE("pidfd_send_signal", call(SYS_pidfd_send_signal, syscall(SYS_pidfd_open, getpid(), 0), 0, 0, 0)),
    PROBE("landlock_create_ruleset(LANDLOCK_CREATE_RULESET_VERSION)", call(SYS_landlock_create_ruleset, 0, 0, 1)),
    PROBE("membarrier(MEMBARRIER_CMD_QUERY)", detail = call(SYS_membarrier, 0, 0, 0)),
    PROBE("mlock2(MLOCK_ONFAULT)", call(SYS_mlock2, page, 4096, MLOCK_ONFAULT)),
    PROBE("mmap(MAP_FIXED_NOREPLACE)", call(SYS_mmap, mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0)),
    PROBE("mseal", ({ void *at = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); call(SYS_mseal, at, 4096, 0); })),
    PROBE("pkey_alloc", call(SYS_pkey_alloc, 0, 0)),
    PROBE("get_mempolicy", ({ int mode; call(SYS_get_mempolicy, &mode, 0, 0, 0, 0); })),
    PROBE("set_mempolicy(MPOL_DEFAULT)", call(SYS_set_mempolicy, 0, 0, 0)),
    PROBE("sched_setattr", ({ unsigned attributes[12] = {48}; call(SYS_sched_setattr, 0, attributes, 0); })),
    PROBE("ioprio_get(IOPRIO_WHO_PROCESS)", call(SYS_ioprio_get, 1, 0)),
    PROBE("personality(READ_IMPLIES_EXEC)", (syscall(SYS_personality, 0), call(SYS_personality, 0x400000))),
    PROBE("prctl(PR_SET_CHILD_SUBREAPER)", call(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)),
    PROBE("prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)", call(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)),
    PROBE("prctl(PR_SET_TIMERSLACK)", call(SYS_prctl, PR_SET_TIMERSLACK, 1000, 0, 0, 0)),
    PROBE("prctl(PR_GET_THP_DISABLE)", call(SYS_prctl, PR_GET_THP_DISABLE, 0, 0, 0, 0)),
    PROBE("futex_waitv", call(SYS_futex_waitv, bytes, 0, 0, 0, 0)),
    PROBE("rseq", call(SYS_rseq, 0, 0, 0, 0)),
    PROBE("timerfd_create(CLOCK_BOOTTIME)", call(SYS_timerfd_create, CLOCK_BOOTTIME, 0)),
    PROBE("msgget(IPC_CREAT)", call(SYS_msgget, IPC_PRIVATE, IPC_CREAT | 0600)),
    PROBE("semget(IPC_CREAT)", call(SYS_semget, IPC_PRIVATE, 1, IPC_CREAT | 0600)),
    PROBE("mq_open(O_CREAT)", call(SYS_mq_open, "/lacuna-probe" + 1, O_CREAT | O_RDWR, 0600, 0)),
    PROBE("epoll_pwait2", ({ long timeout[2] = {0}; call(SYS_epoll_pwait2, epoll_create1(0), page, 1, timeout, 0, 0); })),
    PROBE("adjtimex", call(SYS_adjtimex, memset(page, 0, 256))),
    PROBE("syslog(SYSLOG_ACTION_SIZE_BUFFER)", call(SYS_syslog, 10, 0, 0)),
    PROBE("swapoff", call(SYS_swapoff, "/tmp/lacuna-none")),
    PROBE("acct", call(SYS_acct, 0)));
}

static const char *name_of(int number) {
    struct walk walk = {.wanted = number};
    walk_probes(&walk);
    return walk.cell;
}
static void run(int number) {
    struct walk walk = {.wanted = number, .runs = 1};
    errno = 0;
    walk_probes(&walk);
    if (walk.result != -1 && detail != -1) printf("%s = ok, 0x%lx\n", walk.cell, detail);
    else printf("%s = %s\n", walk.cell, walk.result == -1 ? strerrorname_np(errno) : "ok");
    fflush(stdout);
}

// Nothing of what one probe mounts is left to the next. The probe's own process has asked for nothing: it starts as one that
// runs alone.
static _Noreturn void apart(int number) {
    unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC);
    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(2);
        run(number);
        _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status)) printf("%s = %s\n", name_of(number), WTERMSIG(status) == SIGALRM ? "blocked" : "killed");
    fflush(stdout);
    _exit(0);
}

int main(int count, char **words) {
    const char *wanted = count == 2 ? words[1] : "";
    const char *cell;
    if (!strcmp(wanted, "--list")) {
        for (int i = 0; (cell = name_of(i)); i++) puts(cell);
        return 0;
    }
    if (!strcmp(wanted, "--all")) {
        for (int i = 0; name_of(i); i++) {
            pid_t pid = fork();
            if (pid == 0) apart(i);
            waitpid(pid, NULL, 0);
        }
        return 0;
    }
    for (int i = 0; (cell = name_of(i)); i++) {
        if (strcmp(cell, wanted)) continue;
        run(i);
        return 0;
    }
    fprintf(stderr, "probes: '%s' is no probe; --list names them\n", wanted);
    return 2;
}
