// A process of many threads that call all the time; one of them, seldom the first, executes the program anew.
#include "tier.h"

enum { generations = 15, others = 6 };
// Shared over all generations: how many marks a thread has made, or is in the middle of making.
static volatile struct { long made, begun; } *counts;
static int generation;
static char counts_name[32], generation_name[16];

static void *caller(void *number) {
    int channel = 1 + generation * (others + 1) + (int)(long)number;
    long counter = 0;
    for (;;) {
        counts[channel].begun = counter + 1;
        mark_in(channel, &counter);
        counts[channel].made = counter;
        if (number == 0 && counter == 200) {
            snprintf(generation_name, sizeof generation_name, "%d", generation + 1);
            execl("/proc/self/exe", "execs", counts_name, generation_name, (char *)0);
            check(!"exec");
            exit(1);
        }
        if (counter > 2000) pause();
    }
}

int main(int count, char **arguments) {
    int fd = count > 1 ? atoi(arguments[1]) : syscall(SYS_memfd_create, "counts", 0);
    generation = count > 2 ? atoi(arguments[2]) : 0;
    check(ftruncate(fd, 65536) == 0);
    counts = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    snprintf(counts_name, sizeof counts_name, "%d", fd);
    if (generation == generations) {
        for (int channel = 1; channel <= generations * (others + 1); channel++)
            report_channel(channel, counts[channel].made, counts[channel].begun);
        printf("generation %d\n", generation);
        return 0;
    }
    for (long i = 1; i < others; i++) thread(caller, (void *)i);
    // In every third generation the first thread executes, in the others a later one does.
    if (generation % 3 == 0) usleep(500), caller(0);
    thread(caller, 0);
    caller((void *)(long)others);
}
