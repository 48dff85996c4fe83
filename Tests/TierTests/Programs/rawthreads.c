// Processes and threads by bare clone in a program that has a libc: they share the memory, and the thread pointer too.
#include "tier.h"
#include <linux/futex.h>

enum { tasks = 6, rounds = 300 };
static char stacks[tasks][65536] __attribute__((aligned(16)));
static volatile int alive;

// No libc here: errno and all else behind the thread pointer belongs to the parent.
static long bare(long number, long a) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a) : "rcx", "r11", "memory");
    return result;
}
static int body(void *index) {
    int channel = 1 + (int)(long)index, wrong = 0;
    for (int i = 0; i < rounds; i++) wrong += bare(SYS_getpgid, MARK(channel, i)) != -ESRCH;
    bare(SYS_exit, wrong != 0);
    return 0;
}

int main() {
    // Half are processes (no CLONE_THREAD), half threads whose end is awaited by the id that the kernel clears.
    pid_t children[tasks];
    static volatile pid_t ids[tasks];
    for (long i = 0; i < tasks; i++) {
        int flags = CLONE_VM | CLONE_FS | CLONE_FILES;
        if (i % 2) flags |= CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID;
        else flags |= SIGCHLD;
        ids[i] = 1;
        children[i] = clone(body, stacks[i] + sizeof stacks[i], flags, (void *)i, 0, 0, &ids[i]);
        check(children[i] > 0);
        for (int k = 0; k < 50; k++) mark();
    }
    for (int i = 0; i < tasks; i++) {
        if (i % 2 == 0) await(children[i], 0);
        else
            while (ids[i]) syscall(SYS_futex, &ids[i], FUTEX_WAIT, 1, 0, 0, 0);
    }
    for (int i = 0; i < tasks; i++) report_channel(i + 1, rounds, rounds);
    report_marks();
    puts("all gone");
}
