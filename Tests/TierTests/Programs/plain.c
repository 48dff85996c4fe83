// A little of everything: built dynamic, static and static-PIE.
#include "tier.h"

static void *other(void *data) {
    unsigned page[1024];
    for (int i = 0; i < 300; i++) check(pread(*(int *)data, page, 4096, i % 8 * 4096) == 4096 && page[0] == i % 8);
    for (int i = 0; i < 300; i++) mark();
    report("pread64/2=4096", 300);
    report_marks();
    return 0;
}

int main(int count, char **arguments) {
    int data = numbered_pages(8);
    if (count == 1) {
        pthread_t thread_ = thread(other, &data);
        other(&data);
        pthread_join(thread_, 0);
        pid_t child = fork();
        if (child == 0) {
            marks = 0;
            for (int i = 0; i < 50; i++) mark();
            report_marks();
            execl("/proc/self/exe", arguments[0], "again", (char *)0);
        }
        await(child, 5 << 8);
        puts("plain");
        return 0;
    }
    for (int i = 0; i < 50; i++) mark();
    report_marks();
    return 5;
}
