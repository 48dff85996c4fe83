// A timer's handler makes calls and jumps out of the calls it interrupts, while other threads read.
#include "tier.h"
#include <setjmp.h>
#include <sys/eventfd.h>

enum { readers = 3, reads = 2000, rounds = 4000, enough = 20, deepest = 6 };
static volatile long handling, handled, jumps, bad;
static volatile int armed, depth;
static sigjmp_buf away;
static int null, data;

// Handlers nest: an addition that another could cut in two would lose counts.
static long next(volatile long *counter) { return __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED); }

static void set_alarm(void) {
    struct itimerval once = {{0, 0}, {0, 100}};
    setitimer(ITIMER_REAL, &once, 0);
}

static void alarmed(int signal) {
    char text[16] = "";
    int level = ++depth;
    next(&handling);
    check(write(null, text, 16) == 16);
    long number = next(&handled);
    // Once more, soon; a timer that repeats would nest handlers without end where calls are slow.
    if (level < deepest) set_alarm();
    if (armed && number % 3 == 0) {
        jumps++;
        siglongjmp(away, 1);
    }
    depth = level - 1;
}

static void *reader(void *unused) {
    unsigned page[1024];
    for (int i = 0; i < reads; i++)
        if (pread(data, page, 4096, i % 64 * 4096) != 4096 || page[0] != i % 64) bad++;
    report("pread64/2=4096", reads);
    return 0;
}

int main() {
    null = open("/dev/null", O_WRONLY);
    data = numbered_pages(64);
    int executed = eventfd(0, 0);
    struct sigaction action = {.sa_handler = alarmed, .sa_flags = SA_RESTART | SA_NODEFER | SA_ONSTACK};
    stack_t stack = {malloc(1 << 18), 0, 1 << 18};
    sigaltstack(&stack, 0);
    sigaction(SIGALRM, &action, 0);
    sigset_t alarms;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarms, 0);
    pthread_t threads[readers];
    for (int i = 0; i < readers; i++) threads[i] = thread(reader, 0);
    set_alarm();
    pthread_sigmask(SIG_UNBLOCK, &alarms, 0);

    // Of each kind of call: how often it was begun, and how often it was seen to return.
    static volatile long reading, read, adding, added;
    static unsigned page[1024];
    uint64_t one = 1, total = 0;
    sigsetjmp(away, 1);
    armed = 1;
    depth = 0;
    while (read < rounds || jumps < enough) {
        reading++;
        if (pread(data, page, 4096, 5 * 4096) != 4096 || page[0] != 5) bad++;
        read++;
        adding++;
        if (write(executed, &one, 8) != 8) bad++;
        added++;
        if (added % 200 == 0) set_alarm();
    }
    armed = 0;
    pthread_sigmask(SIG_BLOCK, &alarms, 0);
    for (int i = 0; i < readers; i++) pthread_join(threads[i], 0);
    check(reading - read + adding - added <= jumps);
    check(handled > 0);
    check(pread(executed, &total, 8, 0) == -1 && errno == ESPIPE);
    check(syscall(SYS_read, executed, &total, 8) == 8 && total >= added && total <= adding);
    // What a handler jumped out of may have happened or not; the kernel's counter knows of the writes.
    report_range(gettid(), "pread64/2=4096", read, reading);
    report_range(gettid(), "write/2=8", added, adding);
    report_range(gettid(), "returned:write/2=8", added, total);
    report_range(gettid(), "write/2=16", handled, handling);
    printf("bad %ld\n", bad);
    return bad != 0;
}
