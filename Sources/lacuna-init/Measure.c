// `files`: what file I/O costs here. One JSON object of nanoseconds.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "Init.h"

// Small files as a compiler or a package manager has them, and one that is larger than any buffer on the way.
enum { FILES = 300, SMALL = 4096, PART = 1 << 16, LARGE = 16 << 20 };

static char block[PART];

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static const char *name_of(int index) {
    static char name[16];
    snprintf(name, sizeof name, "f%03d", index);
    return name;
}

static int open_or_fail(const char *name, int flags) {
    int fd = open(name, flags | O_CLOEXEC, 0644);
    if (fd < 0) fail(1, name);
    return fd;
}

static void make_files(void) {
    for (int i = 0; i < FILES; i++) {
        int fd = open_or_fail(name_of(i), O_WRONLY | O_CREAT | O_EXCL);
        if (write_all(fd, block, SMALL) != 0) fail(1, "write");
        close(fd);
    }
}

static void look_at_files(void) {
    struct stat status;
    for (int i = 0; i < FILES; i++)
        if (stat(name_of(i), &status) != 0) fail(1, "stat");
}

static void read_files(void) {
    for (int i = 0; i < FILES; i++) {
        int fd = open_or_fail(name_of(i), O_RDONLY);
        if (read(fd, block, SMALL) != SMALL) fail(1, "read");
        close(fd);
    }
}

static void list_files(void) {
    DIR *folder = opendir(".");
    int count = 0;
    if (!folder) fail(1, "opendir");
    while (readdir(folder)) count++;
    closedir(folder);
    if (count != FILES + 2) errno = EIO, fail(1, "readdir");
}

static void remove_files(void) {
    for (int i = 0; i < FILES; i++)
        if (unlink(name_of(i)) != 0) fail(1, "unlink");
}

static void write_large(void) {
    int fd = open_or_fail("large", O_WRONLY | O_CREAT | O_EXCL);
    for (int done = 0; done < LARGE; done += PART)
        if (write_all(fd, block, PART) != 0) fail(1, "write");
    if (fsync(fd) != 0) fail(1, "fsync");
    close(fd);
}

static void read_large(void) {
    int fd = open_or_fail("large", O_RDONLY);
    for (int done = 0; done < LARGE; done += PART)
        if (read(fd, block, PART) != PART) fail(1, "read");
    close(fd);
}

int files_main(const char *folder) {
    static const struct {
        const char *name;
        void (*run)(void);
    } steps[] = {
        {"create", make_files}, {"stat", look_at_files},      {"read", read_files},     {"list", list_files},
        {"remove", remove_files}, {"writeLarge", write_large}, {"readLarge", read_large},
    };
    char path[4096];
    snprintf(path, sizeof path, "%s/lacuna-files.%d", folder, (int)getpid());
    if (mkdir(path, 0755) != 0 || chdir(path) != 0) fail(1, path);
    printf("{\"files\":%d,\"fileBytes\":%d,\"largeBytes\":%d", FILES, SMALL, LARGE);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        long long start = now();
        steps[i].run();
        printf(",\"%s\":%lld", steps[i].name, now() - start);
    }
    printf("}\n");
    unlink("large");
    if (chdir("/") != 0 || rmdir(path) != 0) fail(1, path);
    return fflush(stdout) == 0 ? 0 : 1;
}
