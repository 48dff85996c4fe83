// Sixty-four threads at once, then a storm of short ones, joined and detached.
#include "tier.h"

enum { together = 64, storms = 40, batch = 10 };
static pthread_barrier_t barrier;
static int null;

static void *one(void *number) {
    char text[8] = "thread";
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 100; i++) {
        mark();
        check(write(null, text, 7) == 7);
    }
    report_marks();
    report("write/2=7", 100);
    pthread_barrier_wait(&barrier);
    return number;
}

static void *brief(void *number) {
    for (int i = 0; i < 5; i++) mark();
    report_marks();
    // An end without return for some.
    if ((long)number % 3 == 1) pthread_exit(number);
    return number;
}

int main() {
    null = open("/dev/null", O_WRONLY);
    pthread_barrier_init(&barrier, 0, together);
    pthread_t all[together];
    for (long i = 0; i < together; i++) all[i] = thread(one, (void *)i);
    for (long i = 0; i < together; i++) {
        void *result;
        check(pthread_join(all[i], &result) == 0 && result == (void *)i);
    }
    for (int storm = 0; storm < storms; storm++) {
        for (long i = 0; i < batch; i++) all[i] = thread(brief, (void *)i);
        for (long i = 0; i < batch; i++) check(pthread_join(all[i], 0) == 0);
    }
    puts("all joined");
}
