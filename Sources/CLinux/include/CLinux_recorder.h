// What the recorder needs of the kernel and Swift cannot import: seccomp notification, eBPF loading, ptrace, the spawn.
#ifndef CLINUX_RECORDER_H
#define CLINUX_RECORDER_H
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "CLinux_plan.h"

// MARK: - Shared memory

/// Code of a program that the supervisor has replaced for a moment: whoever answers the program's next call at `address`
/// must put it back.
struct clinux_replaced_code {
    /// 0: free.
    int32_t tid;
    uint32_t size;
    uint64_t address;
    uint8_t code[192];
};
#define CLINUX_REPLACED_CODES 16

/// Shared by the supervisor, the tracee before its execve, and the keeper.
struct clinux_shared {
    /// The tracee's number of the listener fd, plus one; 0 until it is there.
    int32_t listener;
    /// errno of the step that failed in the tracee.
    int32_t error;
    /// Which one: see `clinux_step`.
    int32_t step;
    /// The parent may let the tracee go on (futex word).
    int32_t go;
    /// The flags that the kernel took for the filter.
    uint32_t filter_flags;
    /// The notification being answered. The kernel writes it here itself, so that the keeper can answer it even if the
    /// supervisor is killed between receiving and anything else.
    struct seccomp_notif notification;
    uint8_t room[256];
    struct clinux_replaced_code replaced[CLINUX_REPLACED_CODES];
};
static inline struct seccomp_notif *clinux_shared_notification(struct clinux_shared *shared) {
    return &shared->notification;
}
enum clinux_step { CLINUX_STEP_NONE = 0, CLINUX_STEP_PRIVILEGES = 1, CLINUX_STEP_FILTER = 2, CLINUX_STEP_EXEC = 3 };

/// A page of zeroes shared with children; NULL on failure.
struct clinux_shared *clinux_shared_page(void);
void clinux_shared_free(struct clinux_shared *shared);
/// The tracee's number of the listener fd; -1 until it is there.
static inline int clinux_shared_listener(const struct clinux_shared *shared) {
    return __atomic_load_n(&shared->listener, __ATOMIC_ACQUIRE) - 1;
}

/// Notes code that is about to be replaced; 0 or -EAGAIN (no room: do not replace it).
int clinux_replaced_note(struct clinux_shared *shared, int32_t tid, uint64_t address, const uint8_t *code, uint32_t size);
void clinux_replaced_forget(struct clinux_shared *shared, int32_t tid);

// MARK: - Spawn

struct clinux_launch {
    const char *path;
    char *const *argv;
    char *const *envp;
    struct clinux_shared *shared;
    /// 1: install a filter that notifies of every call. 0: wait for `go` (ptrace attaches meanwhile).
    int32_t filter;
    int32_t no_new_privileges;
    /// A page whose calls the filter lets pass, above 4 GiB; 0: none.
    uint64_t gate;
    /// Dispositions of SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU and SIGHUP in the child: 1 ignores, 0 default.
    uint8_t ignored[7];
    /// The signal mask of the child: that of whoever asked for the recording.
    sigset_t mask;
};

/// fork, then filter, then execve; every step of the child is async-signal-safe. Returns the pid or -errno.
pid_t clinux_launch_child(const struct clinux_launch *launch);
/// Lets a child that waits for `go` proceed.
void clinux_go(struct clinux_shared *shared);

// MARK: - Keeper

/// Rings in shared memory, as far as the keeper must know them; `count` 0: none.
struct clinux_rings {
    /// Set to 1: nobody reads the rings any more.
    uint32_t *off;
    /// In each ring, `stride` bytes apart: the notification that waits for room, or 0.
    uint64_t *parked;
    uint64_t stride;
    uint32_t count;
};
/// Tells everybody that nobody reads any more, and answers those who wait for room.
void clinux_rings_close(int listener, const struct clinux_rings *rings);

/// A process that answers the listener's notifications with "continue" once `life` (a pipe's read end) reports that the
/// supervisor is gone, so that the workload never sees ENOSYS. 0 or -errno.
int clinux_keeper(int listener, int life, struct clinux_shared *shared, const struct clinux_rings *rings);

// MARK: - seccomp notification

/// 0, -errno. Waits for a call; -ENOENT: it vanished; -EINTR: a signal came.
int clinux_notification_receive(int listener, struct seccomp_notif *notification);
int clinux_notification_continue(int listener, uint64_t id);
/// Answers with a value; the call itself is not made. 0 or -errno.
int clinux_notification_answer(int listener, uint64_t id, int64_t value);
/// Gives the caller a descriptor of ours, under a number that the kernel chooses, to be closed on exec; the number or
/// -errno.
int clinux_notification_add_fd(int listener, uint64_t id, int fd);
/// Asks for wake-ups on the same CPU (Linux 6.6); 0 or -errno.
int clinux_notification_sync_wakeup(int listener);
/// 1: nobody has the filter any more, 0: somebody has, or -errno.
int clinux_listener_is_over(int listener);
/// Sizes of seccomp_notif, seccomp_notif_resp and seccomp_data; 0 or -errno.
int clinux_notification_sizes(uint16_t sizes[3]);
/// 0 if the kernel knows the filter flags; -errno else. Installs nothing.
int clinux_filter_flags_known(uint32_t flags);

// MARK: - eBPF

/// Program names in the order of `clinux_bpf_program`; attached to the raw tracepoint of the same name.
enum clinux_bpf_program {
    CLINUX_BPF_SYS_EXIT,
    CLINUX_BPF_FORK,
    CLINUX_BPF_EXEC,
    CLINUX_BPF_DEATH,
    CLINUX_BPF_SIGNAL,
    CLINUX_BPF_GENERATE,
    CLINUX_BPF_CALIBRATE,
    CLINUX_BPF_PROGRAMS
};
struct clinux_bpf_setup {
    int32_t threads, plans, ring, scratch, chain;
    uint64_t pid_offset;
    uint64_t calibrator;
};
/// Map fd or -errno. Kind 0: mappable array, 1: ring buffer, 2: programs.
int clinux_bpf_map(int kind, uint32_t value_size, uint32_t entries);
/// Program fd or -errno; `log` (may be NULL) gets the verifier's words.
int clinux_bpf_load(int program, const struct clinux_bpf_setup *setup, char *log, uint32_t log_size);
/// Attaches to a raw tracepoint; fd (closing detaches) or -errno. `calibrate` attaches to sys_enter.
int clinux_bpf_attach(int program, int fd);
/// Puts a program into a map of programs; 0 or -errno.
int clinux_bpf_chain(int map, int fd);
/// Runs a program once on the calling thread, attached to nothing; 0 or -errno (before Linux 5.10 always).
int clinux_bpf_run(int fd);

// MARK: - ptrace

/// Options of PTRACE_SEIZE: system call stops marked, clone, fork, vfork and exec events.
extern const uint64_t clinux_ptrace_options;
enum clinux_ptrace_request {
    CLINUX_PTRACE_CONT, CLINUX_PTRACE_SYSCALL, CLINUX_PTRACE_SEIZE, CLINUX_PTRACE_INTERRUPT, CLINUX_PTRACE_LISTEN,
    CLINUX_PTRACE_DETACH
};
enum clinux_ptrace_event {
    CLINUX_PTRACE_EVENT_FORK = 1, CLINUX_PTRACE_EVENT_VFORK = 2, CLINUX_PTRACE_EVENT_CLONE = 3,
    CLINUX_PTRACE_EVENT_EXEC = 4, CLINUX_PTRACE_EVENT_STOP = 128
};
/// 0 or -errno.
int clinux_ptrace(int request, pid_t pid, uint64_t data);
/// PTRACE_GETEVENTMSG; 0 or -errno.
int clinux_ptrace_message(pid_t pid, uint64_t *message);
struct clinux_syscall_stop {
    /// 0 none, 1 entry, 2 exit.
    int32_t kind;
    uint32_t audit_architecture;
    uint64_t number;
    uint64_t arguments[6];
    int64_t result;
};
/// PTRACE_GET_SYSCALL_INFO (Linux 5.3); 0 or -errno.
int clinux_ptrace_syscall(pid_t pid, struct clinux_syscall_stop *stop);
/// si_code of the signal whose delivery stopped the tracee; 0 or -errno.
int clinux_ptrace_signal_code(pid_t pid, int32_t *code);
/// waitpid(-1, __WALL | __WNOTHREAD); the pid, 0 (nothing, with `nohang`) or -errno.
pid_t clinux_wait_any(int32_t *status, int nohang);
/// waitpid(pid, __WALL | WNOHANG | (stops ? WUNTRACED : 0)); the pid, 0 or -errno.
pid_t clinux_wait(pid_t pid, int32_t *status, int nohang, int stops);

// MARK: - Other calls without a Swift spelling

/// A pipe whose ends close on exec; 0 or -errno.
int clinux_pipe(int ends[2]);
/// An eventfd that closes on exec, or -errno.
int clinux_eventfd(void);
/// 1 if programs may read their thread pointer (HWCAP2_FSGSBASE).
int clinux_has_fsgsbase(void);
/// All threads allocate from one heap that grows in large steps: a heap of each grows by a system call for every 128 KiB.
void clinux_one_heap(void);
/// fork whose child does not have what was allocated since `clinux_one_heap`, and runs no handlers of pthread_atfork:
/// for children that only make calls. With the heap, both would fault on every page that the parent goes on to write.
/// Returns 0 in the child, its pid, or -errno.
pid_t clinux_fork_without_heap(void);
/// Lets pauses of the calling thread end when they should (no timer slack).
void clinux_exact_timers(void);
/// Waits at most so long for something to read; 1 if there is.
int clinux_wait_readable(int fd, uint32_t microseconds);
/// A memfd that closes on exec, or -errno.
int clinux_memfd(const char *name);
int clinux_pidfd_open(pid_t pid);
int clinux_pidfd_getfd(int pidfd, int fd);
ssize_t clinux_read_memory(
    pid_t pid, const struct iovec *local, unsigned long local_count, const struct iovec *remote,
    unsigned long remote_count);
pid_t clinux_gettid(void);
int clinux_tgkill(pid_t tgid, pid_t tid, int signal);
int clinux_prlimit_get(pid_t pid, int resource, uint64_t *soft, uint64_t *hard);
/// One byte and at most one fd by SCM_RIGHTS; returns the fd, or -errno; `length` bytes of payload go to `buffer`.
int clinux_receive_fd(int socket, void *buffer, size_t capacity, size_t *length, int fds[], int fd_capacity);
/// Handlers for SIGTERM, SIGHUP, SIGINT … that only note the signal; returns what was ignored before, as in
/// `clinux_launch.ignored`.
void clinux_signals_hold(uint8_t ignored[7]);
void clinux_signals_release(void);
/// The last SIGTERM or SIGHUP (or, after `clinux_signals_end_on_interrupt`, SIGINT or SIGQUIT) that came; 0 if none.
int clinux_signals_taken(void);
void clinux_signals_end_on_interrupt(void);
/// An empty handler without SA_RESTART for SIGURG, which `clinux_thread_interrupt` sends to end a blocking call.
void clinux_interruptible(void);

// MARK: - Shared counters of rings

static inline uint64_t clinux_load_acquire(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void clinux_store_release(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline uint32_t clinux_load_acquire32(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void clinux_store_release32(uint32_t *p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
/// One read of memory that somebody else may be changing.
static inline uint64_t clinux_load_once(const void *p) { return __atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED); }
static inline uint64_t clinux_exchange(uint64_t *p, uint64_t v) { return __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL); }
/// The time stamp counter; where there is none, CLOCK_MONOTONIC.
static inline uint64_t clinux_ticks(void) {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    extern uint64_t clinux_monotonic(void);
    return clinux_monotonic();
#endif
}
static inline void clinux_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}
uint64_t clinux_monotonic(void);
uint64_t clinux_realtime(void);
#endif
