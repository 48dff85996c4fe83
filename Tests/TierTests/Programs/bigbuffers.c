// Reads, writes and messages above the payload limit. Byte i of every buffer is 7 i + its length, in the low 8 bits.
#include "tier.h"

enum { big = 300000, half = 150000 };
static unsigned char out[big], in[big];

static void fill(unsigned char *bytes, size_t count, size_t length) {
    for (size_t i = 0; i < count; i++) bytes[i] = i * 7 + length;
}
static int same(size_t count) { return memcmp(in, out, count) == 0; }

static void *drain(void *socket) {
    // Takes what send_all sends; the parts differ from run to run, the whole does not.
    size_t taken = 0;
    static unsigned char two[big];
    while (taken < big) {
        struct iovec parts[2] = {{two + taken, (big - taken) / 2}, {two + taken + (big - taken) / 2, big - taken - (big - taken) / 2}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        ssize_t n = recvmsg(*(int *)socket, &message, 0);
        check(n > 0);
        taken += n;
    }
    check(memcmp(two, out, big) == 0);
    return 0;
}

int main() {
    char name[] = "/tmp/lacuna-big-XXXXXX";
    int file = mkstemp(name), pair[2];
    unlink(name);
    int sizes[] = {100, 4096, 65535, 65536, 65537, 131072, 200000, big};
    for (int round = 0; round < 5; round++)
        for (int i = 0; i < 8; i++) {
            fill(out, sizes[i], sizes[i]);
            check(pwrite(file, out, sizes[i], 0) == sizes[i]);
            memset(in, 0, sizeof in);
            check(pread(file, in, sizes[i], 0) == sizes[i] && same(sizes[i]));
            mark();
        }
    report("pwrite64", 40);
    fill(out, big, big);
    for (int i = 0; i < 20; i++) {
        struct iovec write_parts[3] = {{out, half}, {out + half, 10}, {out + half + 10, half - 10}};
        check(pwritev(file, write_parts, 3, 0) == big);
        memset(in, 0, sizeof in);
        struct iovec read_parts[3] = {{in, 10}, {in + 10, half}, {in + half + 10, half - 10}};
        check(preadv(file, read_parts, 3, 0) == big && same(big));
        mark();
    }
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    pthread_t other = thread(drain, &pair[1]);
    struct iovec parts[2] = {{out, half}, {out + half, half}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    check(sendmsg(pair[0], &message, 0) == big);
    pthread_join(other, 0);
    report("pwritev", 20);
    report("preadv", 20);
    report("sendmsg", 1);
    report_marks();
    puts("big");
}
