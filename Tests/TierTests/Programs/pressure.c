// Eight threads make short calls with payload as fast as they can: more than any ring holds.
#include "tier.h"

enum { threads = 8, rounds = 2500, pages = 64 };
static int data, null;

static void *body(void *number) {
    unsigned page[1024];
    for (int i = 0; i < rounds; i++) {
        int at = (i + (int)(long)number * 8) % pages;
        check(pread(data, page, 4096, at * 4096) == 4096 && page[0] == (unsigned)at);
        if (i % 2) check(write(null, page, 4096) == 4096);
        else mark();
    }
    report("pread64/2=4096", rounds);
    report("write/2=4096", rounds / 2);
    report_marks();
    return 0;
}

int main() {
    data = numbered_pages(pages);
    null = open("/dev/null", O_WRONLY);
    pthread_t all[threads];
    for (long i = 0; i < threads; i++) all[i] = thread(body, (void *)i);
    for (int i = 0; i < threads; i++) pthread_join(all[i], 0);
    puts("through");
}
