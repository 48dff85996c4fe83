// seccomp user notification: receive, continue, and the keeper that goes on when the supervisor is gone.
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Linux 6.6; Debian 12's headers are of 6.1.
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define SYNC_WAKE_UP 1ULL

int clinux_notification_receive(int listener, struct seccomp_notif *notification) {
    // The kernel insists on zeroes.
    memset(notification, 0, sizeof *notification);
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, notification) ? -errno : 0;
}

int clinux_notification_continue(int listener, uint64_t id) {
    struct seccomp_notif_resp response = {.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) ? -errno : 0;
}

int clinux_notification_answer(int listener, uint64_t id, int64_t value) {
    struct seccomp_notif_resp response = {.id = id, .val = value};
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) ? -errno : 0;
}

int clinux_notification_add_fd(int listener, uint64_t id, int fd) {
    struct seccomp_notif_addfd request = {.id = id, .srcfd = (uint32_t)fd, .newfd_flags = O_CLOEXEC};
    int number = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &request);
    return number < 0 ? -errno : number;
}

int clinux_notification_sync_wakeup(int listener) {
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP) ? -errno : 0;
}

int clinux_listener_is_over(int listener) {
    struct pollfd entry = {.fd = listener, .events = POLLIN};
    if (poll(&entry, 1, 0) < 0) return -errno;
    return (entry.revents & (POLLHUP | POLLERR | POLLNVAL)) && !(entry.revents & POLLIN);
}

int clinux_notification_sizes(uint16_t sizes[3]) {
    struct seccomp_notif_sizes result;
    if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &result)) return -errno;
    sizes[0] = result.seccomp_notif;
    sizes[1] = result.seccomp_notif_resp;
    sizes[2] = result.seccomp_data;
    return 0;
}

int clinux_filter_flags_known(uint32_t flags) {
    // Flags are checked before the program is read: EFAULT means that they are known.
    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, NULL);
    return errno == EFAULT ? 0 : -errno;
}

int clinux_replaced_note(
    struct clinux_shared *shared, int32_t tid, uint64_t address, const uint8_t *code, uint32_t size) {
    for (int i = 0; i < CLINUX_REPLACED_CODES; i++) {
        struct clinux_replaced_code *entry = &shared->replaced[i];
        if (entry->tid || size > sizeof entry->code) continue;
        entry->address = address;
        entry->size = size;
        memcpy(entry->code, code, size);
        __atomic_store_n(&entry->tid, tid, __ATOMIC_RELEASE);
        return 0;
    }
    return -EAGAIN;
}

void clinux_replaced_forget(struct clinux_shared *shared, int32_t tid) {
    for (int i = 0; i < CLINUX_REPLACED_CODES; i++)
        if (shared->replaced[i].tid == tid) __atomic_store_n(&shared->replaced[i].tid, 0, __ATOMIC_RELEASE);
}

static void put_back(struct clinux_shared *shared, const struct seccomp_notif *notification) {
    for (int i = 0; i < CLINUX_REPLACED_CODES; i++) {
        struct clinux_replaced_code *entry = &shared->replaced[i];
        if (entry->tid != (int32_t)notification->pid || entry->address != notification->data.instruction_pointer) continue;
        char path[32];
        snprintf(path, sizeof path, "/proc/%d/mem", entry->tid);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0 || pwrite(fd, entry->code, entry->size, (off_t)entry->address) < 0) kill(entry->tid, SIGKILL);
        if (fd >= 0) close(fd);
        entry->tid = 0;
    }
}

void clinux_rings_close(int listener, const struct clinux_rings *rings) {
    if (!rings->count) return;
    __atomic_store_n(rings->off, 1, __ATOMIC_SEQ_CST);
    for (uint32_t index = 0; index < rings->count; index++) {
        uint64_t *parked = (uint64_t *)((char *)rings->parked + index * rings->stride);
        uint64_t id = __atomic_exchange_n(parked, 0, __ATOMIC_ACQ_REL);
        if (id) clinux_notification_answer(listener, id, 0);
    }
}

static void keep(int listener, int life, struct clinux_shared *shared, const struct clinux_rings *rings) {
    struct pollfd entries[2] = {{.fd = listener, .events = 0}, {.fd = life, .events = POLLIN}};
    for (;;) {
        if (poll(entries, 2, -1) < 0) continue;
        if (entries[0].revents & (POLLHUP | POLLERR | POLLNVAL)) return;
        if (entries[1].revents) break;
    }
    clinux_rings_close(listener, rings);
    // The supervisor may have received this one and died before it answered. If it did answer: ENOENT, no harm.
    uint64_t id = shared->notification.id;
    if (id && ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0) {
        put_back(shared, &shared->notification);
        clinux_notification_continue(listener, id);
    }
    entries[0].events = POLLIN;
    for (;;) {
        if (poll(entries, 1, -1) < 0) continue;
        if (entries[0].revents & POLLIN) {
            struct seccomp_notif notification;
            if (clinux_notification_receive(listener, &notification) == 0) {
                put_back(shared, &notification);
                clinux_notification_continue(listener, notification.id);
            }
        } else if (entries[0].revents) {
            return;
        }
    }
}

// Gives the keeper a command line of its own: `pkill -f` on the recorder's must not take the keeper with it. The
// arguments lie between arg_start and arg_end, fields 48 and 49 of /proc/self/stat (proc(5)).
static void rename_keeper(void) {
    static const char name[] = "lacuna-keeper";
    char text[1024];
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t count = read(fd, text, sizeof text - 1);
    close(fd);
    if (count <= 0) return;
    text[count] = 0;
    char *field = strrchr(text, ')');
    unsigned long start = 0, end = 0;
    for (int number = 2; field && number < 49; number++) {
        field = strchr(field + 1, ' ');
        if (field && number == 47) start = strtoul(field, NULL, 10);
        if (field && number == 48) end = strtoul(field, NULL, 10);
    }
    if (start == 0 || end < start + sizeof name) return;
    memset((void *)start, 0, end - start);
    memcpy((void *)start, name, sizeof name);
}

int clinux_keeper(int listener, int life, struct clinux_shared *shared, const struct clinux_rings *rings) {
    sigset_t all, mask;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    struct clinux_rings own = *rings;
    pid_t pid = clinux_fork_without_heap();
    if (pid == 0) {
        // Twice, so that it is nobody's child: a parent that waits for its children must not find it.
        if (_Fork() != 0) _exit(0);
        setsid();  // out of the reach of Ctrl-C, and of the terminal's end
        prctl(PR_SET_NAME, "lacuna-keeper", 0, 0, 0);
        rename_keeper();
        // Nothing of the recorder's files may stay open here: readers of its pipes wait for their end.
        int low = listener < life ? listener : life, high = listener < life ? life : listener;
        if (low > 0) syscall(SYS_close_range, 0, low - 1, 0);
        if (high > low + 1) syscall(SYS_close_range, low + 1, high - 1, 0);
        syscall(SYS_close_range, high + 1, ~0U, 0);
        if (chdir("/") == 0 || errno) keep(listener, life, shared, &own);
        _exit(0);
    }
    int status;
    if (pid > 0) waitpid(pid, &status, 0);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    return pid < 0 ? pid : 0;
}
