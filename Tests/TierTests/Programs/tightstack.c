// Calls with little stack, as goroutines have (they keep about 800 bytes): below the stack pointer lies a page that faults, or another's data, as on a goroutine.
#include "tier.h"

// The kernel needs no stack of the program; the agent takes some of it, below the red zone.
static long call_on(void *stack, long argument) {
    long result;
    __asm__ volatile("mov %%rsp, %%r12\n\tmov %[stack], %%rsp\n\t"
                     "mov %[number], %%eax\n\tsyscall\n\t"
                     "mov %%r12, %%rsp"
                     : "=&a"(result)
                     : [stack] "r"(stack), [number] "i"(SYS_getpgid), "D"(argument)
                     : "rcx", "r11", "r12", "memory");
    return result;
}

int main() {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, 0);
    char *pages = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(mprotect(pages, 4096, PROT_NONE) == 0);
    char *bottom = pages + 4096;
    memset(bottom, 0x5a, 2 * 4096);
    int room[] = {4096, 1024, 512}, number = 0;
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 200; i++) check(call_on(bottom + room[k], MARK(1, number++)) == -ESRCH);
        // The red zone is the program's own.
        for (int i = 1; i <= 128 && i <= room[k]; i++) check(bottom[room[k] - i] == 0x5a);
        printf("%d bytes\n", room[k]);
        fflush(stdout);
    }
    report_channel(1, number, number);
}
