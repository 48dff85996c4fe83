// `through`: runs a program under an emulator, and every program that it executes under the same one.
//
// An emulator of system calls hands an execve to this host's kernel, which would run the program itself. Here each execve stops
// (seccomp), and what is executed becomes the emulator with that program as its argument, as binfmt_misc would have it, but
// for nobody else on this host. Nothing else of the programs is stopped but what ptrace stops for: signals and new tasks.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "Init.h"

#ifdef __x86_64__

enum { SCRIPT_DEPTH = 5, STRINGS = 2 * SCRIPT_DEPTH + 4, TEXT = STRINGS * PATH_MAX, RED_ZONE = 128 };

// The emulator's path, its file, and the descriptor by which tasks reach it in a root of their own.
static const char *emulator;
static struct stat emulator_file;
static int emulator_fd;

// Registers to be put back where an execve that was changed fails, or has only made its stack longer.
static struct {
    pid_t pid;
    int is_growth;
    struct user_regs_struct before;
} changed[64];
static size_t next_changed;

static void keep(pid_t pid, const struct user_regs_struct *registers, int is_growth) {
    changed[next_changed].pid = pid;
    changed[next_changed].is_growth = is_growth;
    changed[next_changed].before = *registers;
    next_changed = (next_changed + 1) % (sizeof changed / sizeof *changed);
}

static ssize_t copy_from(pid_t pid, uint64_t address, void *bytes, size_t count) {
    struct iovec here = {bytes, count}, there = {(void *)address, count};
    return process_vm_readv(pid, &here, 1, &there, 1, 0);
}

static int copy_to(pid_t pid, uint64_t address, void *bytes, size_t count) {
    struct iovec here = {bytes, count}, there = {(void *)address, count};
    return process_vm_writev(pid, &here, 1, &there, 1, 0) == (ssize_t)count;
}

// A text that ends within PATH_MAX. Page by page: what follows it may not be there.
static int text_from(pid_t pid, uint64_t address, char *text) {
    for (size_t got = 0; got < PATH_MAX;) {
        size_t part = 4096 - (address + got) % 4096;
        if (part > PATH_MAX - got) part = PATH_MAX - got;
        if (copy_from(pid, address + got, text + got, part) != (ssize_t)part) return 0;
        if (memchr(text + got, 0, part)) return 1;
        got += part;
    }
    return 0;
}

// The file that a task means by a path. Links with a target from the root are followed in the task's root.
static int open_for(pid_t pid, const char *path) {
    if (strncmp(path, "/proc/", 6) == 0) {
        // Descriptors of the task: links that only procfs itself follows.
        char own[PATH_MAX + 32];
        snprintf(own, sizeof own, "%s", path);
        if (strncmp(path, "/proc/self/", 11) == 0) snprintf(own, sizeof own, "/proc/%d/%s", pid, path + 11);
        return open(own, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    }
    char folder[PATH_MAX + 64], whole[2 * PATH_MAX + 64];
    snprintf(folder, sizeof folder, "/proc/%d/root", pid);
    int root = open(folder, O_PATH | O_CLOEXEC);
    if (root < 0) return -1;
    snprintf(whole, sizeof whole, "%s", path);
    if (path[0] != '/') {
        char current[PATH_MAX];
        snprintf(folder, sizeof folder, "/proc/%d/cwd", pid);
        ssize_t length = readlink(folder, current, sizeof current - 1);
        current[length < 0 ? 0 : length] = 0;
        // The link is written from this process' root.
        char own_root[PATH_MAX];
        snprintf(folder, sizeof folder, "/proc/%d/root", pid);
        ssize_t skip = readlink(folder, own_root, sizeof own_root - 1);
        if (skip < 1 || strncmp(current, own_root, (size_t)skip) != 0 || skip == 1) skip = 0;
        snprintf(whole, sizeof whole, "%s/%s", current + skip, path);
    }
    struct {
        uint64_t flags, mode, resolve;
    } how = {O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0, 0x10 /* RESOLVE_IN_ROOT */};
    int file = (int)syscall(SYS_openat2, root, whole, &how, sizeof how);
    close(root);
    return file;
}

// How a file begins, if the kernel would execute it; 0 for what is left to the kernel: what is not there, not executable, or
// the emulator itself. A path of a descriptor becomes one that outlives the execve.
static size_t program_head(pid_t pid, char *path, char *head, size_t size) {
    int file = open_for(pid, path);
    struct stat status;
    ssize_t got = 0;
    if (file >= 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_mode & 0111
        && (status.st_ino != emulator_file.st_ino || status.st_dev != emulator_file.st_dev))
        got = pread(file, head, size - 1, 0);
    if (got < 0) got = 0;
    head[got] = 0;
    if (got > 0 && strncmp(path, "/proc/", 6) == 0) {
        // The descriptor may be closed by the execve: the emulator opens this process' one.
        static int kept[16];
        static size_t next;
        if (kept[next]) close(kept[next]);
        kept[next] = file;
        next = (next + 1) % (sizeof kept / sizeof *kept);
        snprintf(path, PATH_MAX, "/proc/%d/fd/%d", getpid(), file);
    } else if (file >= 0) {
        close(file);
    }
    return (size_t)got;
}

static int is_program(const char *head, size_t size) {
    // EI_CLASS is ELFCLASS64, e_machine is EM_X86_64.
    return size > 20 && memcmp(head, "\177ELF\2", 5) == 0 && head[18] == 62 && head[19] == 0;
}

// A script's interpreter and its one argument, which may be empty; they lie in `head`.
static int script(char *head, char **interpreter, char **argument) {
    if (head[0] != '#' || head[1] != '!') return 0;
    head[strcspn(head, "\n")] = 0;
    *interpreter = head + 2 + strspn(head + 2, " \t");
    char *end = *interpreter + strcspn(*interpreter, " \t");
    *argument = end + strspn(end, " \t");
    *end = 0;
    for (char *last = *argument + strlen(*argument); last > *argument && (last[-1] == ' ' || last[-1] == '\t');)
        *--last = 0;
    return **interpreter != 0;
}

// The words in front of the program's own arguments but the first: the emulator's, and those of the scripts on the way. 0:
// the execve is left as it is.
static size_t words_for(pid_t pid, char *path, const char *first, char words[STRINGS][PATH_MAX]) {
    char name[PATH_MAX], head[512];
    char scripts[2 * SCRIPT_DEPTH][PATH_MAX];
    size_t depth = 0, count = 0, before = 0;
    snprintf(name, sizeof name, "%s", path);
    for (;;) {
        size_t size = program_head(pid, name, head, sizeof head);
        if (is_program(head, size)) break;
        char *interpreter, *argument;
        if (depth++ == SCRIPT_DEPTH || !script(head, &interpreter, &argument)) return 0;
        // Read from the outermost script inwards; the kernel wants them the other way.
        snprintf(scripts[before++], PATH_MAX, "%s", name);
        if (*argument) snprintf(scripts[before++], PATH_MAX, "%s", argument);
        snprintf(name, sizeof name, "%s", interpreter);
    }
    snprintf(words[count++], PATH_MAX, "%s", emulator);
    snprintf(words[count++], PATH_MAX, "-0");
    snprintf(words[count++], PATH_MAX, "%s", depth ? name : first);
    snprintf(words[count++], PATH_MAX, "%s", name);
    while (before > 0) snprintf(words[count++], PATH_MAX, "%s", scripts[--before]);
    return count;
}

// The task still has the descriptor that it was started with.
static int has_emulator(pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, emulator_fd);
    struct stat status;
    return stat(path, &status) == 0 && status.st_ino == emulator_file.st_ino && status.st_dev == emulator_file.st_dev;
}

// The stack ends above `base`, and only the task itself can make it longer: a call that writes there stands in for the
// execve, which is made again afterwards. 0: that was in vain before.
static int grow_stack(pid_t pid, const struct user_regs_struct *registers, uint64_t base) {
    static struct {
        pid_t pid;
        uint64_t base;
    } last;
    if (last.pid == pid && last.base == base) return 0;
    last.pid = pid;
    last.base = base;
    struct user_regs_struct next = *registers;
    next.orig_rax = SYS_getrandom;
    next.rdi = base;
    next.rsi = 1;
    next.rdx = 1 /* GRND_NONBLOCK */;
    keep(pid, registers, 1);
    return ptrace(PTRACE_SETREGS, pid, NULL, &next) == 0;
}

// 0: the execve goes on as it is, or as one that fails.
static int change(pid_t pid) {
    static char path[PATH_MAX], first[PATH_MAX], words[STRINGS][PATH_MAX];
    static uint64_t pointers[1 + 65536];
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, pid, NULL, &registers) != 0) return 0;
    size_t given = 0;
    if (!text_from(pid, registers.rdi, path)) return 0;
    while (registers.rsi && given < 65536) {
        if (copy_from(pid, registers.rsi + given * 8, pointers + given, 8) != 8) return 0;
        if (!pointers[given]) break;
        given++;
    }
    first[0] = 0;
    if (given > 0 && !text_from(pid, pointers[0], first)) return 0;
    size_t count = words_for(pid, path, first, words);
    if (count == 0) return 0;
    // Below the stack, where nothing is: the texts, and above the pointers to them and to the program's own.
    static uint8_t block[TEXT + (STRINGS + 65537) * 8];
    size_t used = 0, offsets[STRINGS];
    for (size_t i = 0; i < count; i++) {
        offsets[i] = used;
        used += strlen(strcpy((char *)block + used, words[i])) + 1;
    }
    used = (used + 7) & ~(size_t)7;
    size_t rest = given > 1 ? given - 1 : 0, size = used + (count + rest + 1) * 8;
    uint64_t base = (registers.rsp - RED_ZONE - size) & ~15UL, *list = (uint64_t *)(block + used);
    for (size_t i = 0; i < count; i++) list[i] = base + offsets[i];
    if (rest) memcpy(list + count, pointers + 1, rest * 8);
    list[count + rest] = 0;
    struct user_regs_struct next = registers;
    if (!copy_to(pid, base, block, size)) {
        if (grow_stack(pid, &registers, base)) return 1;
        // Better that it fails than that it leaves the emulator.
        next.orig_rax = (uint64_t)-1;
        next.rax = (uint64_t)-ENOMEM;
        ptrace(PTRACE_SETREGS, pid, NULL, &next);
        return 0;
    }
    keep(pid, &registers, 0);
    if (has_emulator(pid)) {
        static const char empty[] = "";
        // The end of the last text is an empty one.
        next.orig_rax = SYS_execveat;
        next.rdi = (uint64_t)emulator_fd;
        next.rsi = base + offsets[count - 1] + strlen(words[count - 1]) + strlen(empty);
        next.rdx = base + used;
        next.r10 = registers.rdx;
        next.r8 = 0x1000 /* AT_EMPTY_PATH */;
    } else {
        next.rdi = base;
        next.rsi = base + used;
    }
    return ptrace(PTRACE_SETREGS, pid, NULL, &next) == 0;
}

// A call that was changed has returned. The program's registers become as after its own where an execve failed, and as before
// it where the stack was made longer.
static void put_back(pid_t pid) {
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, pid, NULL, &registers) != 0) return;
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        if (changed[i].pid != pid) continue;
        struct user_regs_struct before = changed[i].before;
        changed[i].pid = 0;
        if (!changed[i].is_growth && (int64_t)registers.rax >= 0) continue;
        before.rax = changed[i].is_growth ? before.orig_rax : registers.rax;
        // The instruction `syscall` has two bytes.
        before.rip = registers.rip - (changed[i].is_growth ? 2 : 0);
        ptrace(PTRACE_SETREGS, pid, NULL, &before);
    }
}

static void go_on(pid_t pid, int status) {
    int event = status >> 16, signal = WSTOPSIG(status);
    if (event == PTRACE_EVENT_SECCOMP) {
        ptrace(change(pid) ? PTRACE_SYSCALL : PTRACE_CONT, pid, NULL, NULL);
    } else if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
        // Stopped by a signal: it stays so until SIGCONT.
        ptrace(PTRACE_LISTEN, pid, NULL, NULL);
    } else if (signal == (SIGTRAP | 0x80)) {
        put_back(pid);
        ptrace(PTRACE_CONT, pid, NULL, NULL);
    } else {
        ptrace(PTRACE_CONT, pid, NULL, event ? 0 : (long)signal);
    }
}

static _Noreturn void begin(int ready, char **command) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    char byte;
    if (read(ready, &byte, 1) != 1) _exit(125);
    close(ready);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0
        && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0))
        fail(125, "seccomp");
    execvp(command[0], command);
    fail(errno == ENOENT ? 127 : 126, command[0]);
}

int through(const char *path, char **command) {
    emulator = path;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &emulator_file) != 0) fail(127, path);
    struct rlimit files = {1024, 1024};
    getrlimit(RLIMIT_NOFILE, &files);
    // As high as it goes, below what emulators keep for themselves.
    emulator_fd = fcntl(file, F_DUPFD, files.rlim_cur > 1024 ? 1000 : (int)files.rlim_cur - 8);
    int ready[2];
    if (emulator_fd < 0 || pipe2(ready, O_CLOEXEC) != 0) fail(125, "through");
    pid_t first = fork();
    if (first < 0) fail(125, "fork");
    if (first == 0) begin(ready[0], command);
    close(emulator_fd);
    long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK
        | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;
    if (ptrace(PTRACE_SEIZE, first, NULL, options) != 0) fail(125, "ptrace");
    if (write(ready[1], "", 1) != 1) fail(125, "through");
    close(ready[1]);
    for (int i = 0; i < 2; i++) dup2(open("/dev/null", O_RDWR), i);
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0 && errno == EINTR) continue;
        if (pid < 0) return 125;
        if (WIFSTOPPED(status)) {
            go_on(pid, status);
        } else if (pid == first) {
            if (!WIFSIGNALED(status)) return WEXITSTATUS(status);
            signal(WTERMSIG(status), SIG_DFL);
            struct rlimit none = {0, 0};
            setrlimit(RLIMIT_CORE, &none);
            raise(WTERMSIG(status));
            return 128 + WTERMSIG(status);
        }
    }
}

#else

int through(const char *path, char **command) {
    (void)command;
    errno = ENOSYS;
    fail(125, path);
}

#endif
