// `enter`: runs a program of a guest on the host's files, which are there read-only.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "Init.h"

// `folder` is a place in `root`, or a folder of the guest's own, which is then shown there.
_Noreturn void enter(const char *root, const char *folder, char **command) {
    static const char *const own[] = {"proc", "sys", "dev", "tmp"};
    char path[4096];
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        char source[16];
        snprintf(source, sizeof source, "/%s", own[i]);
        snprintf(path, sizeof path, "%s/%s", root, own[i]);
        if (mount(source, path, NULL, MS_BIND | MS_REC, NULL) != 0) fail(125, path);
    }
    if (chdir(root) != 0) fail(125, root);
    // Below a chroot user namespaces are forbidden.
    if (syscall(SYS_pivot_root, ".", ".") == 0) {
        if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) fail(125, root);
    } else if (chroot(".") != 0) {
        fail(125, root);
    }
    if (chdir(folder) != 0) fail(125, folder);
    execvp(command[0], command);
    fail(errno == ENOENT ? 127 : 126, command[0]);
}
