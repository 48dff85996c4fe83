// A library that makes calls of its own. PADDING moves the call sites: two libraries, the same addresses, other code.
#include <sys/syscall.h>
#ifndef PADDING
#define PADDING 0
#endif

int made(int first, int count) {
    int good = 0;
    for (int i = 0; i < count; i++) {
        long result;
        __asm__ volatile(".fill %c3, 1, 0x90\n\tmov %1, %%eax\n\tsyscall"
                         : "=&a"(result) : "i"(SYS_getpgid), "D"((long)first + i), "i"(PADDING) : "rcx", "r11", "memory");
        good += result == -3;
    }
    return good;
}
