// Few descriptors: opens until there are none, closes all, and finds the same numbers as ever.
#include "tier.h"
#include <dirent.h>

static void list(void) {
    DIR *all = opendir("/proc/self/fd");
    if (!all) {
        printf("no listing: %s\n", strerrorname_np(errno));
        return;
    }
    for (struct dirent *entry; (entry = readdir(all));)
        if (entry->d_name[0] != '.') printf("%s ", entry->d_name);
    puts("");
    closedir(all);
}

static void use(void) {
    for (int i = 0; i < 60; i++) mark();
    int last = -1, fd;
    while ((fd = open("/dev/null", O_WRONLY)) >= 0) check(write(last = fd, "x", 1) == 1);
    printf("last %d, %s\n", last, strerrorname_np(errno));
    for (int i = 0; i < 60; i++) mark();
    pid_t child = fork();
    if (child == 0) {
        marks = 0;
        for (int i = 0; i < 60; i++) mark();
        // The report needs a descriptor.
        if (last > 2) close(last);
        report_marks();
        _exit(0);
    }
    await(child, 0);
}

int main(int count, char **arguments) {
    list();
    use();
    closefrom(3);
    list();
    use();
    check(close_range(3, ~0U, 0) == 0);
    check(close_range(3, ~0U, CLOSE_RANGE_UNSHARE) == 0);
    list();
    if (count > 1) {
        // Fewer than are open, for this process and the next program.
        struct rlimit limit = {atoi(arguments[1]), atoi(arguments[1])};
        check(setrlimit(RLIMIT_NOFILE, &limit) == 0);
        for (int i = 0; i < 60; i++) mark();
        use();
        closefrom(3);
        report_marks();
        execl("/proc/self/exe", arguments[0], (char *)0);
        printf("exec: %s\n", strerrorname_np(errno));
    }
    closefrom(3);
    report_marks();
}
