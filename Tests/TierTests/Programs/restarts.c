// Blocked calls that signals interrupt: EINTR without SA_RESTART, unnoticed with it, the rest of a sleep.
#include "tier.h"
#include <poll.h>
#include <time.h>

static volatile long handled;
static long handler_marks;

static void alarmed(int signal) {
    int saved = errno;  // of the call that was interrupted, not of the mark
    handled++;
    mark_in(1, &handler_marks);
    errno = saved;
}

static void *feeder(void *fd) {
    for (int i = 0; i < 20; i++) {
        usleep(5000);
        check(write(*(int *)fd, "x", 1) == 1);
    }
    return 0;
}

int main() {
    int ends[2], interrupted = 0, text = 0;
    check(pipe(ends) == 0);
    char c;
    sigset_t alarms;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    for (int restart = 0; restart < 2; restart++) {
        struct sigaction action = {.sa_handler = alarmed, .sa_flags = restart ? SA_RESTART : 0};
        sigaction(SIGALRM, &action, 0);
        pthread_sigmask(SIG_BLOCK, &alarms, 0);
        pthread_t other = thread(feeder, &ends[1]);
        pthread_sigmask(SIG_UNBLOCK, &alarms, 0);
        struct itimerval often = {{0, 700}, {0, 700}}, never = {};
        setitimer(ITIMER_REAL, &often, 0);
        for (int i = 0; i < 20;) {
            if (restart) mark();
            ssize_t n = read(ends[0], &c, 1);
            if (n == 1) i++, text += c == 'x';
            else check(n == -1 && errno == EINTR && !restart), interrupted = 1;
        }
        struct timespec long_time = {0, 20000000}, rest;
        int sleeps = 0;
        while (nanosleep(&long_time, &rest) == -1) check(errno == EINTR), long_time = rest, sleeps++;
        check(sleeps > 0);
        struct pollfd none = {ends[0], POLLIN, 0};
        int result = poll(&none, 1, 20);
        check(result == -1 && errno == EINTR);
        setitimer(ITIMER_REAL, &never, 0);
        pthread_join(other, 0);
    }
    report_marks();
    report_channel(1, handler_marks, handler_marks);
    printf("read %d, interrupted %d, handled %d\n", text, interrupted, handled > 0);
}
