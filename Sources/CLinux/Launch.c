// The tracee's side of a spawn: fork, filter, execve, nothing that is not async-signal-safe.
#include "CLinux.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <stddef.h>
#include <string.h>
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

// What a copy of a vector of strings takes, pointers and text.
static size_t vector_size(char *const *vector) {
    size_t size = sizeof *vector;
    for (size_t i = 0; vector[i]; i++) size += sizeof *vector + strlen(vector[i]) + 1;
    return (size + 15) & ~(size_t)15;
}

static char *const *vector_copy(char *place, char *const *vector) {
    size_t count = 0;
    while (vector[count]) count++;
    char **copy = (char **)place;
    char *text = (char *)(copy + count + 1);
    for (size_t i = 0; i < count; i++) {
        copy[i] = text;
        text = stpcpy(text, vector[i]) + 1;
    }
    copy[count] = NULL;
    return copy;
}

pid_t clinux_launch_child(const struct clinux_launch *launch) {
    // The child has no heap.
    size_t arguments = vector_size(launch->argv), environment = vector_size(launch->envp);
    size_t size = arguments + environment + strlen(launch->path) + 1;
    char *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) return -errno;
    struct clinux_launch own = *launch;
    own.argv = vector_copy(block, launch->argv);
    own.envp = vector_copy(block + arguments, launch->envp);
    own.path = strcpy(block + arguments + environment, launch->path);

    sigset_t all, mask;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    pid_t pid = clinux_fork_without_heap();
    if (pid == 0) child(&own);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    munmap(block, size);
    return pid;
}

void clinux_go(struct clinux_shared *shared) {
    __atomic_store_n(&shared->go, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &shared->go, FUTEX_WAKE, 1, NULL, NULL, 0);
}
