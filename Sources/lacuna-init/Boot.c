// `boot`: process 1 of a guest. Makes a root on tmpfs, loads modules, opens the line to the host, serves it.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "Init.h"

static _Noreturn void give_up(const char *what) {
    fprintf(stderr, "lacuna-init: boot: %s: %s\n", what, strerror(errno));
    sync();
    reboot(RB_POWER_OFF);
    _exit(1);
}

// /modules/order names files beside it, in the order of their loading. One that fails is said and passed over.
static void load_modules(void) {
    FILE *order = fopen("/modules/order", "re");
    char name[256], path[300];
    while (order && fgets(name, sizeof name, order)) {
        name[strcspn(name, "\n")] = 0;
        snprintf(path, sizeof path, "/modules/%s", name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST)) perror(path);
        if (fd >= 0) close(fd);
    }
    if (order) fclose(order);
}

// Copies what the host packed for programs (`/files`), not what only booting needs.
static void copy_tree(const char *from, const char *to) {
    DIR *folder = opendir(from);
    if (!folder) return;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char source[1024], target[1024], buffer[1 << 15];
        snprintf(source, sizeof source, "%s/%s", from, entry->d_name);
        snprintf(target, sizeof target, "%s/%s", to, entry->d_name);
        struct stat status;
        if (lstat(source, &status) != 0) continue;
        if (S_ISDIR(status.st_mode)) {
            mkdir(target, status.st_mode & 07777);
            copy_tree(source, target);
            continue;
        }
        int in = open(source, O_RDONLY | O_CLOEXEC);
        int out = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, status.st_mode & 07777);
        for (ssize_t got; (got = read(in, buffer, sizeof buffer)) > 0;)
            if (write_all(out, buffer, (size_t)got) != 0) perror(target);
        close(in);
        close(out);
        unlink(source);
    }
    closedir(folder);
}

static void mount_kernel(const char *root) {
    static const struct {
        const char *type, *place;
    } all[] = {{"proc", "proc"}, {"sysfs", "sys"}, {"devtmpfs", "dev"}};
    char path[64];
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        snprintf(path, sizeof path, "%s/%s", root, all[i].place);
        mkdir(path, 0755);
        if (mount(all[i].type, path, all[i].type, 0, NULL) != 0) perror(path);
    }
}

// A module's device appears a little after the module.
static int mount_disk(const char *disk) {
    for (int tries = 0; tries < 200; tries++) {
        if (mount(disk, "/new", "ext4", 0, NULL) == 0) return 1;
        if (errno != ENOENT && errno != ENXIO) break;
        usleep(10000);
    }
    perror(disk);
    return 0;
}

// The initial file system cannot be left by pivot_root: programs get the disk, or a tmpfs, as a distribution's root is no
// initramfs.
static void new_root(const char *disk) {
    mkdir("/new", 0755);
    root_is_disk = disk && mount_disk(disk);
    if (!root_is_disk && mount("root", "/new", "tmpfs", 0, "mode=755") != 0) give_up("tmpfs");
    copy_tree("/files", "/new");
    mount_kernel("/new");
    mkdir("/new/tmp", 01777);
    chmod("/new/tmp", 01777);
    umount2("/dev", MNT_DETACH);
    umount2("/sys", MNT_DETACH);
    umount2("/proc", MNT_DETACH);
    if (chdir("/new") != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0)
        give_up("the new root");
    mkdir("/dev/pts", 0755);
    mount("devpts", "/dev/pts", "devpts", 0, "mode=620,ptmxmode=666");
    mkdir("/dev/shm", 01777);
    mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
    symlink("/proc/self/fd", "/dev/fd");
    symlink("/proc/self/fd/0", "/dev/stdin");
    symlink("/proc/self/fd/1", "/dev/stdout");
    symlink("/proc/self/fd/2", "/dev/stderr");
    // As systemd leaves it, so that what a program finds is what programs find.
    mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL);
    if (mount("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) perror("cgroup2");
}

static int open_line(const char *path) {
    int fd = -1;
    // A module's device appears a little after the module.
    for (int tries = 0; fd < 0 && tries < 200; tries++) {
        fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (fd < 0) usleep(10000);
    }
    if (fd < 0) give_up(path);
    struct termios line;
    if (tcgetattr(fd, &line) == 0) {
        cfmakeraw(&line);
        cfsetspeed(&line, B115200);
        line.c_cflag |= CLOCAL | CREAD;
        tcsetattr(fd, TCSANOW, &line);
    }
    return fd;
}

// A disk without a header: everything on it is swap.
static void swap_on(const char *disk) {
    static uint8_t page[4096];
    int fd = open(disk, O_RDWR | O_CLOEXEC);
    if (fd < 0) return perror(disk);
    off_t size = lseek(fd, 0, SEEK_END);
    uint32_t *info = (uint32_t *)(page + 1024);
    info[0] = 1;
    info[1] = (uint32_t)(size / (off_t)sizeof page - 1);
    memcpy(page + sizeof page - 10, "SWAPSPACE2", 10);
    if (pwrite(fd, page, sizeof page, 0) != sizeof page) perror(disk);
    fsync(fd);
    close(fd);
    if (swapon(disk, 0) != 0) perror(disk);
}

_Noreturn void boot(int argc, char **argv) {
    const char *line = "/dev/ttyS0", *swap = NULL, *share = NULL, *disk = NULL;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "line=", 5) == 0) line = argv[i] + 5;
        if (strncmp(argv[i], "swap=", 5) == 0) swap = argv[i] + 5;
        if (strncmp(argv[i], "disk=", 5) == 0) disk = argv[i] + 5;
        if (strncmp(argv[i], "host=", 5) == 0) share = argv[i] + 5;
    }
    // A kernel without a console starts process 1 without descriptors.
    mount_kernel("");
    for (int fd = 0; fd >= 0 && fd < 3;) fd = open("/dev/null", O_RDWR);
    load_modules();
    new_root(disk);
    loopback_up();
    if (swap) swap_on(swap);
    if (share) {
        // "type:source": the host's files, read-only.
        char type[32] = "";
        const char *source = strchr(share, ':');
        if (source && (size_t)(source - share) < sizeof type) memcpy(type, share, (size_t)(source - share));
        mkdir("/host", 0755);
        const char *options = strcmp(type, "hostfs") == 0 ? source + 1 : NULL;
        if (!source || mount(source + 1, "/host", type, MS_RDONLY, options) != 0) perror("/host");
    }
    sethostname("lacuna", 6);
    int fd = open_line(line);
    serve(fd, fd, 1);
    give_up("the line is closed");
}
