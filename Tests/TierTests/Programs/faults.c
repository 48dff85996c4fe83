// Bad pointers of every kind, often enough that the calls are made the fast way.
#include "tier.h"

static const char *result(long value) { return value < 0 ? strerrorname_np(errno) : "ok"; }

int main() {
    char *pages = mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(pages + 3 * 4096, 4096);
    mprotect(pages + 2 * 4096, 4096, PROT_READ);
    char *hidden = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(pages, '/', 2 * 4096);
    int zero = open("/dev/zero", O_RDWR), ends[2], pair[2];
    check(pipe(ends) == 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    int data = numbered_pages(2);
    char *bad[] = {0, (char *)8, hidden, (char *)0x7ffffffff000, (char *)0x800000000000, (char *)-4096, (char *)-1};
    long counter = 0;
    for (int i = 0; i < 40; i++) {
        for (int k = 0; k < 7; k++) {
            char *p = bad[k];
            struct iovec vector = {p, 10}, both[2] = {{pages, 4}, {p, 4}};
            struct msghdr message = {.msg_iov = (struct iovec *)p, .msg_iovlen = 1}, name = {.msg_name = p, .msg_namelen = 16};
            const char *results[] = {
                result(write(ends[1], p, 10)), result(pread(data, p, 10, 0)), result(open(p, O_RDONLY)),
                result(writev(ends[1], &vector, 1)), result(preadv(data, both, 2, 0)),
                result(pwritev(zero, (struct iovec *)p, 2, 0)), result(sendmsg(pair[0], &message, 0)),
                result(sendmsg(pair[0], &name, 0)), result(syscall(SYS_fstat, zero, p)), result(readlink("/proc/self/exe", p, 9)),
                result(syscall(SYS_clock_gettime, 7, p)), result(syscall(SYS_rt_sigprocmask, SIG_BLOCK, p, 0, 8)),
                result(execve(p, (char **)p, (char **)p)), result(read(zero, p, 0)),
            };
            mark();
            if (i != 39) continue;
            for (int n = 0; n < 14; n++) printf("%s ", results[n]);
            puts("");
        }
        // Good at first, bad where the mapping ends: what the kernel could copy, it did.
        const char *across[] = {
            result(pread(data, pages + 2 * 4096 - 10, 100, 0)), result(write(zero, pages + 3 * 4096 - 10, 100)),
            result(pread(data, pages + 2 * 4096 + 8, 100, 0)), result(access(pages + 3 * 4096 - 5, 0)),
        };
        mark();
        if (i == 39) printf("%s %s %s %s\n", across[0], across[1], across[2], across[3]);
    }
    report_marks();
    report("fstat", 40 * 7);
    report("readlink", 40 * 7);
}
