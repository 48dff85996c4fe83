// The tracee's side of a spawn: fork, filter, execve, nothing that is not async-signal-safe.
#include "CLinux.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

const int clinux_held_signals[7] = {SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGHUP};

struct clinux_shared *clinux_shared_page(void) {
    void *page = mmap(NULL, sizeof(struct clinux_shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? NULL : page;
}

void clinux_shared_free(struct clinux_shared *shared) { munmap(shared, sizeof *shared); }

static void fail(struct clinux_shared *shared, int step) {
    shared->error = errno;
    shared->step = step;
}

static int install_filter(struct clinux_shared *shared, uint64_t gate) {
    const uint32_t pointer = offsetof(struct seccomp_data, instruction_pointer);  // low half first
    struct sock_filter everything[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)};
    struct sock_filter all_but_gate[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, pointer + 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(gate >> 32), 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, pointer),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)gate + 4096, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)gate, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {1, everything};
    if (gate) program = (struct sock_fprog){sizeof all_but_gate / sizeof *all_but_gate, all_but_gate};
    uint32_t flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (fd < 0 && errno == EINVAL) {
        flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;  // before Linux 5.19
        fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    }
    if (fd < 0) return -1;
    shared->filter_flags = flags;
    // From here on every call parks until the supervisor answers; it takes the fd while execve is parked.
    __atomic_store_n(&shared->listener, (int32_t)fd + 1, __ATOMIC_RELEASE);
    return 0;
}

static void child(const struct clinux_launch *launch) {
    struct clinux_shared *shared = launch->shared;
    for (int i = 0; i < 7; i++) {
        struct sigaction action = {.sa_handler = launch->ignored[i] ? SIG_IGN : SIG_DFL};
        sigaction(clinux_held_signals[i], &action, NULL);
    }
    sigprocmask(SIG_SETMASK, &launch->mask, NULL);
    if (launch->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
        fail(shared, CLINUX_STEP_PRIVILEGES);
        _exit(127);
    }
    if (launch->filter) {
        if (install_filter(shared, launch->gate)) {
            fail(shared, CLINUX_STEP_FILTER);
            _exit(127);
        }
    } else {
        while (!__atomic_load_n(&shared->go, __ATOMIC_ACQUIRE)) syscall(SYS_futex, &shared->go, FUTEX_WAIT, 0, NULL, NULL, 0);
    }
    execve(launch->path, launch->argv, launch->envp);
    fail(shared, CLINUX_STEP_EXEC);
    _exit(errno == ENOENT ? 127 : 126);
}

pid_t clinux_launch_child(const struct clinux_launch *launch) {
    sigset_t all, mask;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    pid_t pid = fork();
    int error = errno;
    if (pid == 0) child(launch);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    return pid < 0 ? -error : pid;
}

void clinux_go(struct clinux_shared *shared) {
    __atomic_store_n(&shared->go, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &shared->go, FUTEX_WAKE, 1, NULL, NULL, 0);
}
