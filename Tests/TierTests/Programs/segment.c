// Uses GS for itself, as emulators do, in several threads: set late, by call and by instruction.
#include "tier.h"
#include <asm/prctl.h>
#include <sys/auxv.h>

static long through_gs(void) {
    long value;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(value));
    return value;
}
static void calls(long *block) {
    for (int i = 0; i < 100; i++) {
        mark();
        if (block) check(through_gs() == *block);
    }
}
static void *body(void *number) {
    long block = (long)number + 1000, second = block * 2;
    unsigned long base = 1;
    calls(0);
    check(syscall(SYS_arch_prctl, ARCH_GET_GS, &base) == 0 && base == 0);
    check(syscall(SYS_arch_prctl, ARCH_SET_GS, &block) == 0);
    calls(&block);
    check(syscall(SYS_arch_prctl, ARCH_GET_GS, &base) == 0 && base == (unsigned long)&block);
    if (getauxval(AT_HWCAP2) & 2) {
        __asm__ volatile("wrgsbase %0" ::"r"(&second));
        calls(&second);
        __asm__ volatile("rdgsbase %0" : "=r"(base));
        check(base == (unsigned long)&second);
    }
    // A child has it too.
    pid_t child = number ? -1 : fork();
    if (child == 0) {
        marks = 0;
        check(through_gs() == block || through_gs() == second);
        calls(0);
        report_marks();
        _exit(0);
    }
    if (child > 0) await(child, 0);
    check(syscall(SYS_arch_prctl, ARCH_SET_GS, 0) == 0);
    calls(0);
    report_marks();
    return 0;
}

int main() {
    pthread_t all[3];
    for (long i = 0; i < 3; i++) all[i] = thread(body, (void *)(i + 1));
    body(0);
    for (int i = 0; i < 3; i++) pthread_join(all[i], 0);
    puts("through gs");
}
