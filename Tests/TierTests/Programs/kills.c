// Processes of two threads that are killed at random moments, in the middle of calls with payload.
#include "tier.h"

enum { children = 40 };

int main() {
    int data = numbered_pages(16);
    volatile struct { long made, begun; } *counts =
        mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    srandom(1);
    for (int i = 0; i < children; i++) {
        pid_t child = fork();
        if (child == 0) {
            long counter = 0;
            static unsigned page[1024];
            for (;;) {
                counts[i].begun = counter + 1;
                mark_in(i + 1, &counter);
                counts[i].made = counter;
                check(pread(data, page, 4096, counter % 16 * 4096) == 4096 && page[0] == counter % 16);
                if (counter > 100000) pause();
            }
        }
        usleep(random() % 1500);
        kill(child, SIGKILL);
        await(child, SIGKILL);
        report_channel(i + 1, counts[i].made, counts[i].begun);
    }
    puts("all killed");
}
