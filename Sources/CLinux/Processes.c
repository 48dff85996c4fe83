// Process calls and signal dispositions that Swift cannot spell.
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <poll.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

extern const int clinux_held_signals[7];

int clinux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC) ? -errno : 0; }

int clinux_eventfd(void) {
    int fd = eventfd(0, EFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int clinux_has_fsgsbase(void) {
#if defined(__x86_64__)
    return (getauxval(AT_HWCAP2) & 2) != 0;
#else
    return 0;
#endif
}

// Where the heap ended before it grew; what libc itself needs lies below.
static char *heap_floor;

void clinux_one_heap(void) {
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TOP_PAD, 1 << 20);
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    heap_floor = (char *)(((uintptr_t)sbrk(0) + 4095) & ~(uintptr_t)4095);
}

pid_t clinux_fork_without_heap(void) {
    char *top = (char *)((uintptr_t)sbrk(0) & ~(uintptr_t)4095);
    int has_heap = heap_floor && top > heap_floor;
    if (has_heap) madvise(heap_floor, top - heap_floor, MADV_DONTFORK);
    pid_t pid = _Fork();
    int error = errno;
    if (pid != 0 && has_heap) madvise(heap_floor, top - heap_floor, MADV_DOFORK);
    return pid < 0 ? -error : pid;
}

void clinux_exact_timers(void) { prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0); }

int clinux_wait_readable(int fd, uint32_t microseconds) {
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    struct timespec time = {.tv_sec = microseconds / 1000000, .tv_nsec = microseconds % 1000000 * 1000L};
    return ppoll(&entry, 1, &time, NULL);
}

int clinux_memfd(const char *name) {
    int fd = memfd_create(name, MFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int clinux_pidfd_open(pid_t pid) {
    long fd = syscall(SYS_pidfd_open, pid, 0);
    return fd < 0 ? -errno : (int)fd;
}

int clinux_pidfd_getfd(int pidfd, int fd) {
    long copy = syscall(SYS_pidfd_getfd, pidfd, fd, 0);
    return copy < 0 ? -errno : (int)copy;
}

ssize_t clinux_read_memory(
    pid_t pid, const struct iovec *local, unsigned long local_count, const struct iovec *remote,
    unsigned long remote_count) {
    ssize_t count = process_vm_readv(pid, local, local_count, remote, remote_count, 0);
    return count < 0 ? -errno : count;
}

pid_t clinux_gettid(void) { return (pid_t)syscall(SYS_gettid); }

int clinux_tgkill(pid_t tgid, pid_t tid, int signal) {
    return syscall(SYS_tgkill, tgid, tid, signal) < 0 ? -errno : 0;
}

int clinux_prlimit_get(pid_t pid, int resource, uint64_t *soft, uint64_t *hard) {
    struct rlimit64 limit;
    if (prlimit64(pid, (enum __rlimit_resource)resource, NULL, &limit)) return -errno;
    *soft = limit.rlim_cur;
    *hard = limit.rlim_max;
    return 0;
}

int clinux_receive_fd(int socket, void *buffer, size_t capacity, size_t *length, int fds[], int fd_capacity) {
    char control[CMSG_SPACE(16 * sizeof(int))];
    struct iovec vector = {buffer, capacity};
    struct msghdr header = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t count = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    if (count < 0) return -errno;
    *length = (size_t)count;
    int found = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        size_t bytes = c->cmsg_len - CMSG_LEN(0);
        for (size_t i = 0; i + sizeof(int) <= bytes; i += sizeof(int)) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i, sizeof fd);
            if (found < fd_capacity)
                fds[found++] = fd;
            else
                close(fd);
        }
    }
    return found;
}

static volatile sig_atomic_t taken, interrupts_end;
static struct sigaction before[7];
static int held;

static void note(int signal) {
    if (signal == SIGTERM || signal == SIGHUP || interrupts_end) taken = signal;
}

void clinux_signals_hold(uint8_t ignored[7]) {
    if (!held) {
        taken = 0;
        interrupts_end = 0;
        for (int i = 0; i < 7; i++) {
            int signal = clinux_held_signals[i];
            int stops = signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
            struct sigaction action = {.sa_handler = stops ? SIG_IGN : note, .sa_flags = SA_RESTART};
            sigaction(signal, NULL, &before[i]);
            // nohup: what was ignored stays ignored.
            if (before[i].sa_handler != SIG_IGN) sigaction(signal, &action, NULL);
        }
    }
    held++;
    for (int i = 0; i < 7; i++) ignored[i] = before[i].sa_handler == SIG_IGN;
}

void clinux_signals_release(void) {
    if (--held) return;
    for (int i = 0; i < 7; i++) sigaction(clinux_held_signals[i], &before[i], NULL);
}

int clinux_signals_taken(void) { return taken; }

void clinux_signals_end_on_interrupt(void) { interrupts_end = 1; }

static void nothing(int signal) { (void)signal; }

void clinux_interruptible(void) {
    struct sigaction action = {.sa_handler = nothing};
    sigaction(SIGURG, &action, NULL);
}

static uint64_t now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

uint64_t clinux_monotonic(void) { return now(CLOCK_MONOTONIC); }
uint64_t clinux_realtime(void) { return now(CLOCK_REALTIME); }
