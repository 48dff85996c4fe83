// Handlers that make calls on alternate stacks: raised, from a timer, of a fault, nested, and disarmed while they run.
#include "tier.h"
#include <setjmp.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif
// One channel for each signal: handlers interrupt each other, but none itself.
enum { first = 1, second, timer, faulty };
static long counters[faulty + 1];
static volatile long raised, faults;
static sigjmp_buf away;
static char *low, *high;

static int on_alternate(void) {
    char here;
    return &here >= low && &here < high;
}

static void handler(int signal, siginfo_t *info, void *context) {
    check(on_alternate());
    int channel = signal == SIGUSR1 ? first : signal == SIGUSR2 ? second : timer;
    for (int i = 0; i < 3; i++) mark_in(channel, &counters[channel]);
    raised += channel == first;
    // A second one inside the first, still on that stack.
    if (signal == SIGUSR1) raise(SIGUSR2);
}

static void fault(int signal, siginfo_t *info, void *context) {
    check(on_alternate());
    mark_in(faulty, &counters[faulty]);
    faults++;
    siglongjmp(away, 1);
}

int main() {
    size_t size = 32768;
    for (volatile int disarm = 0; disarm < 2; disarm++) {
        low = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        high = low + size;
        stack_t stack = {low, disarm ? SS_AUTODISARM : 0, size}, was;
        check(sigaltstack(&stack, 0) == 0);
        struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
        sigaction(SIGUSR1, &action, 0);
        sigaction(SIGUSR2, &action, 0);
        sigaction(SIGALRM, &action, 0);
        action.sa_sigaction = fault;
        action.sa_flags |= SA_NODEFER;
        sigaction(SIGSEGV, &action, 0);
        struct itimerval often = {{0, 300}, {0, 300}}, never = {};
        // Nested handlers leave an autodisarmed stack for the normal one: no timer then, and no second signal.
        if (disarm) signal(SIGUSR2, SIG_IGN);
        else setitimer(ITIMER_REAL, &often, 0);
        for (int i = 0; i < 300; i++) {
            mark();
            raise(SIGUSR1);
        }
        setitimer(ITIMER_REAL, &never, 0);
        for (volatile int i = 0; i < 100; i++) {
            // A jump out of the handler leaves an autodisarmed stack disarmed.
            check(sigaltstack(&stack, 0) == 0);
            if (sigsetjmp(away, 1) == 0) *(volatile char *)8 = 0;
        }
        check(sigaltstack(&stack, 0) == 0);
        check(sigaltstack(0, &was) == 0 && was.ss_sp == low && was.ss_size == size);
    }
    report_marks();
    for (int channel = first; channel <= faulty; channel++) report_channel(channel, counters[channel], counters[channel]);
    printf("faults %ld, raised %ld\n", faults, raised);
}
