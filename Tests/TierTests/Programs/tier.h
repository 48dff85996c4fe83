// What these programs share: calls that carry their own number, checks, and a report of what was counted.
//
// A program prints only what must be the same in every run. What it counted goes to the file $REPORT, one line
// "tid call low high" each: the log must hold between low and high such calls of that thread ("*": of all threads).
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define check(condition) ((condition) ? (void)0 : failed(__FILE__, __LINE__, #condition))
static inline void failed(const char *file, int line, const char *condition) {
    char text[512];
    int n = snprintf(text, sizeof text, "%s:%d: not so: %s (errno %d)\n", strrchr(file, '/') + 1, line, condition, errno);
    if (write(1, text, n) != n) abort();
}

// A call without effect that carries its number. The log must hold the numbers of a channel in order, none missing:
// those of channel 0 per thread, those of another channel over all threads.
#define MARK(channel, number) (0x40000000 | (channel) << 18 | (number))
static __thread long marks;
static inline void mark(void) {
    int number = (int)marks++;
    check(getpgid(MARK(0, number)) == -1 && errno == ESRCH);
}
static inline void mark_in(int channel, long *counter) {
    int number = (int)(*counter)++;
    check(getpgid(MARK(channel, number)) == -1 && errno == ESRCH);
}

static inline void report_line(const char *line, int length) {
    int fd = open(getenv("REPORT") ?: "/dev/null", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    check(fd >= 0 && write(fd, line, length) == length);
    close(fd);
}
static inline void report_range(int tid, const char *call, long low, long high) {
    char line[128];
    report_line(line, snprintf(line, sizeof line, "%d %s %ld %ld\n", tid, call, low, high));
}
// `call` is a name, or name/argument=value to count only the calls with that argument.
static inline void report(const char *call, long count) { report_range(gettid(), call, count, count); }
static inline void report_marks(void) { report("mark/0", marks); }
static inline void report_channel(int channel, long low, long high) {
    char line[128];
    report_line(line, snprintf(line, sizeof line, "* mark/%d %ld %ld\n", channel, low, high));
}

// A file of `pages` pages that differ; page i begins with i. Unlinked: the descriptor is all that is left.
static inline int numbered_pages(int pages) {
    char name[] = "/tmp/lacuna-pages-XXXXXX";
    int fd = mkstemp(name);
    unlink(name);
    unsigned page[1024], value = 1;
    for (int i = 0; i < pages; i++) {
        for (int k = 0; k < 1024; k++) page[k] = value = value * 1664525 + 1013904223;
        page[0] = i;
        check(write(fd, page, sizeof page) == sizeof page);
    }
    return fd;
}
static inline pthread_t thread(void *(*body)(void *), void *argument) {
    pthread_t it;
    int error = pthread_create(&it, 0, body, argument);
    check(error == 0);
    return it;
}
static inline void await(pid_t child, int status) {
    int found;
    pid_t pid;
    while ((pid = waitpid(child, &found, 0)) == -1 && errno == EINTR) {}
    check(pid == child && found == status);
}
