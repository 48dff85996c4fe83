// Little address space: RLIMIT_AS a few megabytes above what is used, kept by a thread, a child and a next program.
#include "tier.h"

static void *body(void *unused) {
    for (int i = 0; i < 200; i++) mark();
    report_marks();
    return 0;
}

int main(int count, char **arguments) {
    for (int i = 0; i < 200; i++) mark();
    if (count > 1) {
        FILE *file = fopen("/proc/self/statm", "r");
        long pages = 0;
        check(fscanf(file, "%ld", &pages) == 1);
        fclose(file);
        long wanted = pages * 4096 + (4 << 20);
        struct rlimit limit = {wanted, wanted};
        check(setrlimit(RLIMIT_AS, &limit) == 0);
        for (int i = 0; i < 200; i++) mark();
        check(mmap(0, 64 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == ENOMEM);
        pthread_attr_t small;
        pthread_attr_init(&small);
        pthread_attr_setstacksize(&small, 65536);
        for (int i = 0; i < 10; i++) {
            pthread_t other;
            check(pthread_create(&other, &small, body, 0) == 0);
            pthread_join(other, 0);
        }
    }
    pid_t child = fork();
    if (child == 0) {
        marks = 0;
        body(0);
        if (count > 1) execl("/proc/self/exe", arguments[0], (char *)0);
        _exit(count > 1 ? 9 : 0);
    }
    await(child, 0);
    report_marks();
    puts("fits");
}
