// `serve`: runs programs for lacuna at the other end of one line, one at a time; also takes files and turns off the power.
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "Init.h"

static int line_in, line_out, machine;
// The program under way: its process, and our ends of its pipes. 0 and -1: none.
static pid_t program;
static int input = -1, outputs[2] = {-1, -1};
// What arrived for the program and it has not read yet.
static uint8_t pending[FRAME_LIMIT];
static size_t pending_at, pending_end;
static int input_over;
// The frame that is being read.
static struct frame head;
static uint8_t body[FRAME_LIMIT + 1];
static size_t received;
// Lines that must not be filled (a serial line of User-mode Linux never recovers): the host may have `window` bytes under
// way, and is told what has been taken. 0: no limit.
static uint32_t window, taken, told;

int root_is_disk;

static void send_frame(uint8_t type, uint8_t stream, const void *bytes, size_t count) {
    static uint8_t whole[sizeof(struct frame) + FRAME_LIMIT];
    struct frame header = {{FRAME_MAGIC_0, FRAME_MAGIC_1}, type, stream, (uint32_t)count};
    memcpy(whole, &header, sizeof header);
    memcpy(whole + sizeof header, bytes, count);
    size_t done = 0;
    while (done < sizeof header + count) {
        ssize_t written = write(line_out, whole + done, sizeof header + count - done);
        if (written >= 0) {
            done += (size_t)written;
            continue;
        }
        if (errno == EINTR) continue;
        // Nobody at the other end of a machine's line: the next to come says hello first, this frame is lost.
        if (errno != EAGAIN) return;
        struct pollfd room = {.fd = line_out, .events = POLLOUT};
        if (poll(&room, 1, -1) > 0 && (room.revents & POLLHUP)) return;
    }
}

static void problem(const char *what) {
    char message[512];
    int count = snprintf(message, sizeof message, "%s: %s", what, strerror(errno));
    send_frame('E', 0, message, (size_t)count < sizeof message ? (size_t)count : sizeof message - 1);
}

static void close_one(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static void end_program(void) {
    close_one(&input);
    close_one(&outputs[0]);
    close_one(&outputs[1]);
    pending_at = pending_end = 0;
    input_over = 0;
    if (program > 0) {
        kill(program, SIGKILL);
        end_descendants();
    }
    program = 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status, (void)kind;
    if (place->level > 0) remove(path);
    return 0;
}

// The program's own view of mounts, so that what it mounts is gone with it.
static void own_mounts(void) {
    if (unshare(CLONE_NEWNS) != 0) return;
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    // A place for roots. On tmpfs it is gone with the program, on a disk the next program finds it empty.
    mkdir("/replay", 0755);
    if (root_is_disk) nftw("/replay", remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    else mount("tmpfs", "/replay", "tmpfs", 0, "mode=755");
}

// cwd, number of arguments in decimal, arguments, environment; each ends with NUL.
static void run(size_t count) {
    static char *strings[4096];
    size_t total = 0;
    end_program();
    body[count] = 0;
    for (uint8_t *at = body; at < body + count && total < 4095; at += strlen((char *)at) + 1) strings[total++] = (char *)at;
    strings[total] = NULL;
    size_t arguments = total > 1 ? strtoul(strings[1], NULL, 10) : 0;
    if (arguments < 1 || arguments + 2 > total) {
        errno = EINVAL;
        problem("run");
        return;
    }
    static char *environment[4096];
    memcpy(environment, strings + 2 + arguments, (total - 2 - arguments + 1) * sizeof *strings);
    strings[2 + arguments] = NULL;
    int ends[3][2];
    for (int i = 0; i < 3; i++)
        if (pipe2(ends[i], O_CLOEXEC) != 0) return problem("pipe");
    program = fork();
    if (program == 0) {
        setsid();
        for (int i = 0; i < 3; i++) dup2(ends[i][i == 0 ? 0 : 1], i);
        signal(SIGPIPE, SIG_DFL);
        if (machine) own_mounts();
        if (chdir(strings[0]) != 0) fail(125, strings[0]);
        execvpe(strings[2], strings + 2, environment);
        fail(errno == ENOENT ? 127 : 126, strings[2]);
    }
    if (program < 0) problem("fork");
    for (int i = 0; i < 3; i++) close(ends[i][i == 0 ? 0 : 1]);
    input = ends[0][1];
    outputs[0] = ends[1][0];
    outputs[1] = ends[2][0];
    fcntl(input, F_SETFL, O_NONBLOCK);
}

// mode in octal, path, then the bytes of the file; each text ends with NUL. `kind` is 'F', 'D' or 'L' (target for bytes).
static void put(uint8_t kind, int append, size_t count) {
    body[count] = 0;
    char *mode_text = (char *)body, *path = mode_text + strlen(mode_text) + 1;
    mode_t mode = (mode_t)strtoul(mode_text, NULL, 8);
    if ((uint8_t *)path >= body + count) {
        errno = EINVAL;
        return problem("put");
    }
    uint8_t *bytes = (uint8_t *)path + strlen(path) + 1;
    size_t size = bytes < body + count ? (size_t)(body + count - bytes) : 0;
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0755);
        *slash = '/';
    }
    if (kind == 'D') {
        if (mkdir(path, 0755) != 0 && errno != EEXIST) return problem(path);
        if (chmod(path, mode) != 0) problem(path);
        return;
    }
    if (kind == 'L') {
        if (symlink((char *)bytes, path) != 0 && errno != EEXIST) problem(path);
        return;
    }
    if (!append) unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_EXCL), 0600);
    if (fd < 0 || write_all(fd, bytes, size) != 0 || fchmod(fd, mode) != 0) problem(path);
    if (fd >= 0) close(fd);
}

static void frame_done(void) {
    size_t count = head.length;
    switch (head.type) {
    case 'H':
        end_program();
        // A number that only this greeting has, and the window.
        if (count != 12) return;
        memcpy(&window, body + 8, sizeof window);
        taken = told = 0;
        send_frame('H', 0, body, count);
        return;
    case 'R': return run(count);
    case 'I':
        memcpy(pending, body, count);
        pending_at = 0;
        pending_end = input >= 0 ? count : 0;
        return;
    case 'C': input_over = 1; return;
    case 'K': return end_program();
    case 'F':
    case 'D':
    case 'L': return put(head.type, head.stream, count);
    case 'O':
        end_program();
        if (machine) {
            sync();
            reboot(RB_POWER_OFF);
        }
        _exit(0);
    }
}

// Reads on; whatever does not begin like a frame is skipped, so that a line can be taken over in the middle of one.
static int line_ready(void) {
    int in_head = received < sizeof head;
    void *at = in_head ? (uint8_t *)&head + received : body + (received - sizeof head);
    size_t wanted = in_head ? sizeof head - received : sizeof head + head.length - received;
    ssize_t got = read(line_in, at, wanted);
    if (got < 0) return errno == EINTR || errno == EAGAIN;
    if (got == 0) {
        if (!machine) return 0;
        received = 0;
        usleep(10000);
        return 1;
    }
    received += (size_t)got;
    taken += (uint32_t)got;
    while (received > 0 && received <= sizeof head
           && (head.magic[0] != FRAME_MAGIC_0 || (received > 1 && head.magic[1] != FRAME_MAGIC_1)
               || (received == sizeof head && head.length > FRAME_LIMIT)))
        memmove(&head, (uint8_t *)&head + 1, --received);
    if (received >= sizeof head && received == sizeof head + head.length) {
        received = 0;
        frame_done();
    }
    if (window && taken - told >= window / 3) {
        told = taken;
        send_frame('a', 0, &told, sizeof told);
    }
    return 1;
}

static void output_ready(int which) {
    static uint8_t buffer[FRAME_LIMIT];
    ssize_t got = read(outputs[which], buffer, sizeof buffer);
    if (got > 0) send_frame('o', (uint8_t)(which + 1), buffer, (size_t)got);
    else if (got == 0 || errno != EINTR) close_one(&outputs[which]);
}

static void input_ready(void) {
    ssize_t written = write(input, pending + pending_at, pending_end - pending_at);
    if (written < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (written < 0) {
        // It reads no more: the rest goes nowhere, as with a pipe.
        close_one(&input);
        pending_at = pending_end;
        return;
    }
    pending_at += (size_t)written;
}

// The end of the program is told after all that it has written.
static void program_over(int status) {
    end_descendants();
    for (int i = 0; i < 2; i++)
        while (outputs[i] >= 0) output_ready(i);
    char text[16];
    int count = snprintf(text, sizeof text, "%d", status);
    program = 0;
    end_program();
    send_frame('X', 0, text, (size_t)count);
}

int serve(int in, int out, int own_machine) {
    line_in = in;
    line_out = out;
    machine = own_machine;
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    // A blocked SIGCHLD could be lost between waitpid and poll; a short timeout cannot.
    for (;;) {
        int waiting = pending_at < pending_end;
        if (!waiting && input_over) {
            close_one(&input);
            input_over = 0;
        }
        struct pollfd polled[] = {
            {.fd = waiting ? -1 : line_in, .events = POLLIN},
            {.fd = outputs[0], .events = POLLIN},
            {.fd = outputs[1], .events = POLLIN},
            {.fd = waiting ? input : -1, .events = POLLOUT},
        };
        if (poll(polled, 4, program > 0 ? 5 : -1) < 0 && errno != EINTR) fail(1, "poll");
        for (int i = 0; i < 2; i++)
            if (polled[1 + i].revents) output_ready(i);
        if (polled[3].revents) input_ready();
        if (polled[0].revents && !line_ready()) {
            end_program();
            return 0;
        }
        int status;
        for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;)
            if (ended == program) program_over(status);
    }
}
