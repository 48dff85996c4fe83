// A storm of vfork, CLONE_VFORK and posix_spawn from several threads, each child an exec, while another thread calls.
#include "tier.h"
#include <spawn.h>

enum { threads = 4, rounds = 12 };
extern char **environ;
static char *self;
static volatile int done;

// What follows vfork runs on its parent's stack and counts with its parent's counter.
__attribute__((noinline)) static pid_t spawn(int how) {
    char *leaf[] = {self, "leaf", 0}, *missing[] = {"/nonexistent", 0};
    pid_t child = -1;
    if (how == 0) {
        check(posix_spawn(&child, self, 0, 0, leaf, environ) == 0);
        return child;
    }
    volatile long before = marks;
    child = vfork();
    if (child == 0) {
        marks = 0;
        mark();
        mark();
        report_marks();
        if (how == 2) {
            execve(missing[0], missing, environ);
            mark();
            report("mark/0", 1);
        }
        execve(self, leaf, environ);
        _exit(99);
    }
    marks = before;
    mark();
    return child;
}

static void *spawner(void *unused) {
    for (int i = 0; i < rounds; i++) {
        mark();
        await(spawn(i % 3), 7 << 8);
    }
    report_marks();
    return 0;
}

static void *caller(void *unused) {
    while (!done && marks < 20000) {
        mark();
        usleep(50);
    }
    report_marks();
    return 0;
}

int main(int count, char **arguments) {
    if (count > 1) {
        for (int i = 0; i < 10; i++) mark();
        report_marks();
        return 7;
    }
    self = arguments[0];
    pthread_t all[threads], other = thread(caller, 0);
    for (int i = 0; i < threads; i++) all[i] = thread(spawner, 0);
    for (int i = 0; i < threads; i++) pthread_join(all[i], 0);
    done = 1;
    pthread_join(other, 0);
    puts("all spawned");
}
