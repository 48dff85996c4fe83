// How a probe is made and run.
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/kcmp.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <linux/openat2.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Newer than the C library's headers.
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_mseal
#define SYS_mseal 462
#endif
#ifndef AF_XDP
#define AF_XDP 44
#endif

// The call under test, right after a call that says so in a recording: getpgid(PROBE_MARK).
#define PROBE_MARK 0x4c414355
static long call(long number, ...) {
    va_list words;
    va_start(words, number);
    long a[6];
    for (int i = 0; i < 6; i++) a[i] = va_arg(words, long);
    va_end(words);
    syscall(SYS_getpgid, PROBE_MARK);
    errno = 0;
    return syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

// Walks all probes: names those that are asked for, and runs one.
struct walk {
    int wanted;     // which to run; -1: none
    int number;     // of the probe that is looked at
    const char *cell;  // its name, if it is the wanted one
    int runs;
    long result;
};
#define PROBE(name, code)                                                                                             \
    (walk->number++ == walk->wanted ? (walk->cell = name, walk->result = walk->runs ? (long)(code) : 0) : 0)
