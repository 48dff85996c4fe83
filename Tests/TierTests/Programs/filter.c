// Filters of the program's own: one that denies a call, one that kills for everything it does not list.
#include "tier.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

static void install(struct sock_filter *filter, int count) {
    struct sock_fprog program = {count, filter};
    check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}
#define LOAD BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define END(action) BPF_STMT(BPF_RET | BPF_K, action)
#define ON(number, action) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), END(action)

static void *denied_in_a_thread(void *unused) {
    for (int i = 0; i < 100; i++) {
        check(getpriority(PRIO_PROCESS, 0) == -1 && errno == EXDEV);
        mark();
    }
    report("getpriority", 100);
    report_marks();
    return 0;
}

int main() {
    volatile long *counter = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 100; i++) mark(), check(getpriority(PRIO_PROCESS, 0) != -1 || errno != EXDEV);
    pid_t child = fork();
    if (child == 0) {
        marks = 0;
        struct sock_filter some[] = {
            LOAD, ON(SYS_getpgid, SECCOMP_RET_ALLOW), ON(SYS_write, SECCOMP_RET_ALLOW),
            ON(SYS_exit_group, SECCOMP_RET_ALLOW), ON(SYS_rt_sigreturn, SECCOMP_RET_ALLOW), END(SECCOMP_RET_KILL_PROCESS),
        };
        for (int i = 0; i < 500; i++) mark_in(1, (long *)counter);
        install(some, sizeof some / sizeof *some);
        for (int i = 0; i < 500; i++) mark_in(1, (long *)counter);
        getpriority(PRIO_PROCESS, 0);
        _exit(1);
    }
    await(child, SIGSYS);
    check(*counter == 1000);
    report_channel(1, 1000, 1000);
    struct sock_filter deny[] = {LOAD, ON(SYS_getpriority, SECCOMP_RET_ERRNO | EXDEV), END(SECCOMP_RET_ALLOW)};
    install(deny, sizeof deny / sizeof *deny);
    pthread_t other = thread(denied_in_a_thread, 0);
    for (int i = 0; i < 100; i++) {
        check(getpriority(PRIO_PROCESS, 0) == -1 && errno == EXDEV);
        mark();
    }
    pthread_join(other, 0);
    report("getpriority", 200);
    report_marks();
    puts("filtered");
}
