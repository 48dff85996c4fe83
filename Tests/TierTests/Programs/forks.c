// A storm of forks: children that fork again, make calls, and end in every way.
#include "tier.h"

static int null;

__attribute__((noreturn)) static void child(int generation) {
    marks = 0;
    for (int i = 0; i < 20; i++) mark();
    check(write(null, "text", 4) == 4);
    report("write/2=4", 1);
    if (generation > 0) {
        pid_t grandchild = fork();
        if (grandchild == 0) child(generation - 1);
        mark();
        await(grandchild, generation - 1 == 1 ? SIGKILL : (generation - 1) << 8);
    }
    report_marks();
    if (generation == 1) raise(SIGKILL);
    _exit(generation);
}

int main() {
    null = open("/dev/null", O_WRONLY);
    for (int round = 0; round < 25; round++) {
        pid_t children[3];
        for (int i = 0; i < 3; i++) {
            mark();
            if ((children[i] = fork()) == 0) child(i);
        }
        for (int i = 0; i < 3; i++) await(children[i], i == 1 ? SIGKILL : i << 8);
    }
    report_marks();
    puts("all ended as they should");
}
