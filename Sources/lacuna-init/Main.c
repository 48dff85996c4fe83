// First process of what an engine runs: keeps processes together on the host, boots guests, describes the environment.
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "Init.h"

_Noreturn void fail(int status, const char *what) {
    fprintf(stderr, "lacuna-init: %s: %s\n", what, strerror(errno));
    _exit(status);
}

int write_all(int fd, const void *bytes, size_t count) {
    const char *at = bytes;
    while (count > 0) {
        ssize_t written = write(fd, at, count);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return -1;
        at += written;
        count -= (size_t)written;
    }
    return 0;
}

void loopback_up(void) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    struct ifreq request = {.ifr_name = "lo"};
    if (ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
        request.ifr_flags |= IFF_UP | IFF_RUNNING;
        ioctl(fd, SIOCSIFFLAGS, &request);
    }
    close(fd);
}

static int echo(void) {
    static char buffer[1 << 16];
    for (;;) {
        ssize_t got = read(STDIN_FILENO, buffer, sizeof buffer);
        if (got == 0) return 0;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 || write_all(STDOUT_FILENO, buffer, (size_t)got) != 0) fail(1, "echo");
    }
}

int main(int argc, char **argv) {
    const char *mode = argc > 1 ? argv[1] : "";
    // Both kernels and -append of `-- boot …` arrive here.
    if (getpid() == 1 && strcmp(mode, "boot") == 0) boot(argc - 2, argv + 2);
    if (strcmp(mode, "keep") == 0) return keep_main(argc - 2, argv + 2);
    if (strcmp(mode, "probe") == 0) return probe_main();
    if (strcmp(mode, "echo") == 0) return echo();
    if (strcmp(mode, "files") == 0 && argc > 2) return files_main(argv[2]);
    if (strcmp(mode, "serve") == 0) return serve(STDIN_FILENO, STDOUT_FILENO, 0);
    if (strcmp(mode, "enter") == 0 && argc > 4) enter(argv[2], argv[3], argv + 4);
    if (strcmp(mode, "through") == 0 && argc > 3) return through(argv[2], argv + 3);
    if (strcmp(mode, "network") == 0 && argc > 2) {
        loopback_up();
        execvp(argv[2], argv + 2);
        fail(errno == ENOENT ? 127 : 126, argv[2]);
    }
    fputs("usage: lacuna-init keep [--detached] [--own-mounts] [--user UID:GID] [--folder DIR] [--remove DIR]\n"
          "       [--after SCRIPT] COMMAND… | probe | echo | serve | files DIR |\n"
          "       network COMMAND… | enter ROOT DIR COMMAND… | through EMULATOR COMMAND…\n", stderr);
    return 2;
}
