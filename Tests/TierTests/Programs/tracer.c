// Traces a child by ptrace: counts its calls, changes a result, is the only one it stops for.
#include "tier.h"
#include <sys/ptrace.h>
#include <sys/user.h>

int main() {
    pid_t child = fork();
    if (child == 0) {
        marks = 0;
        for (int i = 0; i < 100; i++) mark();
        check(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
        raise(SIGSTOP);
        for (int i = 0; i < 300; i++) mark();
        report_marks();
        // This one's result is changed by the parent.
        _exit(getpgid(MARK(1, 0)));
    }
    int status, entries = 0, exits = 0, in_call = 0, others = 0;
    check(waitpid(child, &status, 0) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    check(ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD) == 0);
    for (;;) {
        check(ptrace(PTRACE_SYSCALL, child, 0, 0) == 0);
        check(waitpid(child, &status, 0) == child);
        if (!WIFSTOPPED(status)) break;
        if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
            others++;
            continue;
        }
        in_call = !in_call;
        struct user_regs_struct registers;
        check(ptrace(PTRACE_GETREGS, child, 0, &registers) == 0);
        if (registers.orig_rax != SYS_getpgid) continue;
        if (in_call) entries++;
        else exits++;
        if (registers.rdi != MARK(1, 0) || in_call) continue;
        registers.rax = 21;
        check(ptrace(PTRACE_SETREGS, child, 0, &registers) == 0);
    }
    report_channel(1, 1, 1);
    printf("entries %d, exits %d, others %d, status %x\n", entries, exits, others, status);
}
