// ptrace(2) with kernel types only: <sys/ptrace.h> and <linux/ptrace.h> do not go together.
#include "CLinux.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/ptrace.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

const uint64_t clinux_ptrace_options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
                                       PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;

int clinux_ptrace(int request, pid_t pid, uint64_t data) {
    static const int requests[] = {PTRACE_CONT,      PTRACE_SYSCALL, PTRACE_SEIZE,
                                   PTRACE_INTERRUPT, PTRACE_LISTEN,  PTRACE_DETACH};
    return syscall(SYS_ptrace, requests[request], pid, 0, data) < 0 ? -errno : 0;
}

int clinux_ptrace_message(pid_t pid, uint64_t *message) {
    unsigned long value = 0;
    if (syscall(SYS_ptrace, PTRACE_GETEVENTMSG, pid, 0, &value) < 0) return -errno;
    *message = value;
    return 0;
}

int clinux_ptrace_syscall(pid_t pid, struct clinux_syscall_stop *stop) {
    struct ptrace_syscall_info info;
    memset(&info, 0, sizeof info);
    if (syscall(SYS_ptrace, PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) < 0) return -errno;
    memset(stop, 0, sizeof *stop);
    stop->audit_architecture = info.arch;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        stop->kind = 1;
        stop->number = info.entry.nr;
        for (int i = 0; i < 6; i++) stop->arguments[i] = info.entry.args[i];
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
        stop->kind = 2;
        stop->result = info.exit.rval;
    }
    return 0;
}

int clinux_ptrace_signal_code(pid_t pid, int32_t *code) {
    siginfo_t info;
    if (syscall(SYS_ptrace, PTRACE_GETSIGINFO, pid, 0, &info) < 0) return -errno;
    *code = info.si_code;
    return 0;
}

pid_t clinux_wait_any(int32_t *status, int nohang) {
    // This thread's own: a program that embeds the recorder may have other children.
    pid_t pid = waitpid(-1, status, __WALL | __WNOTHREAD | (nohang ? WNOHANG : 0));
    return pid < 0 ? -errno : pid;
}

pid_t clinux_wait(pid_t pid, int32_t *status, int nohang, int stops) {
    pid_t found = waitpid(pid, status, __WALL | (nohang ? WNOHANG : 0) | (stops ? WUNTRACED : 0));
    return found < 0 ? -errno : found;
}
