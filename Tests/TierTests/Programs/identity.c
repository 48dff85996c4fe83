// Started as nobody from a setuid file of root: keeps its privileges, and drops them.
#include "tier.h"
#include <sys/auxv.h>

int main(int count, char **arguments) {
    if (count == 1) {
        if (getuid() == 0) check(setresuid(65534, 65534, 65534) == 0);
        for (int i = 0; i < 20; i++) mark();
        report_marks();
        // The second half may not write the report: it counts in a channel of its own, here.
        report_channel(1, 40, 40);
        printf("%d %d\n", getuid(), geteuid());
        fflush(stdout);
        execl(arguments[0], arguments[0], "again", (char *)0);
        check(!"exec");
    }
    long counter = 0;
    for (int i = 0; i < 20; i++) mark_in(1, &counter);
    printf("%d %d secure %ld\n", getuid(), geteuid(), getauxval(AT_SECURE));
    if (geteuid() == 0) check(setresuid(65534, 65534, 65534) == 0);
    for (int i = 0; i < 20; i++) mark_in(1, &counter);
    printf("%d %d\n", getuid(), geteuid());
}
