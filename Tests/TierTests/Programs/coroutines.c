// Coroutines on small stacks of their own, switched by themselves and, preempted, from inside a signal handler.
#include "tier.h"
#include <ucontext.h>

enum { coroutines = 5, rounds = 1500, stack_size = 24576 };
static ucontext_t scheduler, contexts[coroutines];
static long channel_marks[coroutines];
static int finished[coroutines], data;
static volatile int running = -1, preemptions;
// The coroutine that runs is not to be preempted now.
static volatile int inside = 1;

static void switch_away(void) {
    int self = running;
    inside = 1;
    running = -1;
    check(swapcontext(&contexts[self], &scheduler) == 0);
    inside = 0;
}

static void alarmed(int signal) {
    int error = errno;
    if (!inside) {
        preemptions++;
        switch_away();
    }
    errno = error;
}

static void coroutine(int self) {
    static unsigned pages[coroutines][1024];
    inside = 0;
    for (int i = 0; i < rounds; i++) {
        // The errno check of a mark is not preemptible: another coroutine's calls would change errno.
        int number = (int)channel_marks[self]++;
        check(syscall(SYS_getpgid, MARK(self + 1, number)) == -1);
        check(pread(data, pages[self], 4096, self * 4096) == 4096 && pages[self][0] == self);
        if (i % 3 == 0) inside = 1, switch_away();
    }
    inside = 1;
    finished[self] = 1;
    switch_away();
}

int main() {
    data = numbered_pages(coroutines);
    struct sigaction action = {.sa_handler = alarmed, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, 0);
    for (int i = 0; i < coroutines; i++) {
        getcontext(&contexts[i]);
        contexts[i].uc_stack.ss_sp = mmap(0, stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        contexts[i].uc_stack.ss_size = stack_size;
        makecontext(&contexts[i], (void (*)(void))coroutine, 1, i);
    }
    struct itimerval often = {{0, 250}, {0, 250}}, never = {};
    setitimer(ITIMER_REAL, &often, 0);
    for (int left = coroutines; left > 0;) {
        left = 0;
        for (int i = 0; i < coroutines; i++) {
            if (finished[i]) continue;
            left++;
            running = i;
            check(swapcontext(&scheduler, &contexts[i]) == 0);
            running = -1;
        }
    }
    setitimer(ITIMER_REAL, &never, 0);
    for (int i = 0; i < coroutines; i++) report_channel(i + 1, rounds, rounds);
    report("pread64/2=4096", coroutines * rounds);
    printf("preempted %d\n", preemptions > 0);
}
