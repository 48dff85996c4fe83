// Calls by int 0x80 from a 64-bit program, among others.
#include "tier.h"

int main() {
    pid_t self = getpid();
    for (int i = 0; i < 300; i++) {
        mark();
        long result;
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
        check(result == self);
    }
    report_marks();
    report("i386:20", 300);
    puts("both");
}
