// `keep`: runs an engine so that nothing of it is left, whatever ends first: the engine, lacuna or this process.
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "Init.h"

// Descriptors that lacuna hands over: one that ends when lacuna does, and one for the wait status of the command.
enum { LIFE = 3, STATUS = 4 };

static pid_t parent_of(const char *pid) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%.16s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    if (got <= 0) return -1;
    text[got] = 0;
    // The name may hold anything, also parentheses: what follows the last one is "state parent …".
    char *end = strrchr(text, ')');
    int parent;
    return end && sscanf(end + 1, " %*c %d", &parent) == 1 ? parent : -1;
}

void end_descendants(void) {
    pid_t self = getpid();
    for (;;) {
        // Orphans of what is ended here come to this process, so the next round finds them.
        DIR *proc = opendir("/proc");
        if (!proc) return;
        for (struct dirent *entry; (entry = readdir(proc));)
            if (isdigit((unsigned char)entry->d_name[0]) && parent_of(entry->d_name) == self)
                kill(atoi(entry->d_name), SIGKILL);
        closedir(proc);
        pid_t ended;
        while ((ended = waitpid(-1, NULL, WNOHANG)) > 0) {}
        if (ended < 0 && errno == ECHILD) return;
        usleep(2000);
    }
}

// `ids` are "uid:gid".
static void become(const char *ids) {
    unsigned user, group;
    if (sscanf(ids, "%u:%u", &user, &group) != 2) errno = EINVAL, fail(125, ids);
    if (setgroups(0, NULL) || setgid(group) || setuid(user)) fail(125, ids);
}

struct command {
    const char *user, *folder;
    int own_mounts;
};
// A folder that goes with the command, and a line of shell that undoes what only the engine can.
static const char *removed, *after;

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status, (void)kind, (void)place;
    remove(path);
    return 0;
}

static void clean_up(void) {
    end_descendants();
    if (after) {
        pid_t undoing = fork();
        if (undoing == 0) {
            sigset_t none;
            sigemptyset(&none);
            sigprocmask(SIG_SETMASK, &none, NULL);
            alarm(10);
            execl("/bin/sh", "sh", "-c", after, (char *)NULL);
            _exit(127);
        }
        if (undoing > 0) waitpid(undoing, NULL, 0);
        end_descendants();
    }
    // Never across a mount: what is mounted there is somebody else's.
    if (removed) nftw(removed, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static _Noreturn void start(char **command, const struct command *given, const sigset_t *old, pid_t keeper) {
    close(LIFE);
    close(STATUS);
    // What the engine mounts is gone with it. Who may not do this may not mount either.
    if (given->own_mounts && unshare(CLONE_NEWNS) == 0) mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    if (given->user && geteuid() == 0) become(given->user);
    if (given->folder && chdir(given->folder) != 0) fail(125, given->folder);
    sigprocmask(SIG_SETMASK, old, NULL);
    // After the change of user, which clears it. A keeper that is killed takes at least the command with it.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != keeper) _exit(125);
    execvp(command[0], command);
    fail(errno == ENOENT ? 127 : 126, command[0]);
}

int keep_main(int argc, char **argv) {
    struct command given = {0};
    int detached = 0;
    for (; argc > 0 && argv[0][0] == '-'; argv++, argc--) {
        if (strcmp(argv[0], "--detached") == 0) {
            detached = 1;
            continue;
        }
        if (strcmp(argv[0], "--own-mounts") == 0) {
            given.own_mounts = 1;
            continue;
        }
        if (argc < 2) break;
        if (strcmp(argv[0], "--user") == 0) given.user = argv[1];
        else if (strcmp(argv[0], "--folder") == 0) given.folder = argv[1];
        else if (strcmp(argv[0], "--remove") == 0) removed = argv[1];
        else if (strcmp(argv[0], "--after") == 0) after = argv[1];
        else break;
        argv++;
        argc--;
    }
    if (argc < 1) {
        fputs("lacuna-init: keep: no command\n", stderr);
        return 2;
    }
    setsid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    fcntl(LIFE, F_SETFD, FD_CLOEXEC);
    fcntl(STATUS, F_SETFD, FD_CLOEXEC);
    sigset_t caught, old;
    sigemptyset(&caught);
    int signals[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaddset(&caught, signals[i]);
    sigprocmask(SIG_BLOCK, &caught, &old);
    int arrivals = signalfd(-1, &caught, SFD_CLOEXEC);
    if (arrivals < 0) fail(125, "signalfd");
    pid_t keeper = getpid(), command = fork();
    if (command < 0) fail(125, "fork");
    if (command == 0) start(argv, &given, &old, keeper);
    // The command alone holds its ends now: who reads its output sees the end of it.
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);

    for (;;) {
        struct pollfd polled[] = {{.fd = detached ? -1 : LIFE, .events = POLLIN}, {.fd = arrivals, .events = POLLIN}};
        if (poll(polled, 2, -1) < 0 && errno != EINTR) break;
        if (polled[0].revents) break;
        if (!polled[1].revents) continue;
        struct signalfd_siginfo arrival;
        if (read(arrivals, &arrival, sizeof arrival) != sizeof arrival) continue;
        if (arrival.ssi_signo != SIGCHLD) break;
        int status;
        for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;) {
            if (ended != command) continue;
            clean_up();
            write_all(STATUS, &status, sizeof status);
            return 0;
        }
    }
    clean_up();
    return 0;
}
