// Code of the program's own making: call sites that are written, hot, overwritten, moved, unmapped and mapped anew.
#include "tier.h"

static unsigned char *make(unsigned char *at, int number, int padding) {
    unsigned char *start = at;
    while (padding--) *at++ = 0x90;
    *at++ = 0xb8;  // mov $number, %eax
    memcpy(at, &number, 4);
    at += 4;
    *at++ = 0x0f;  // syscall
    *at++ = 0x05;
    *at++ = 0xc3;  // ret
    return start;
}
static long run(unsigned char *code, long a) { return ((long (*)(long))code)(a); }

int main() {
    long number = 0, pid = getpid();
    size_t size = 2 * 4096;
    unsigned char *code = mmap(0, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int round = 0; round < 10; round++) {
        // Written while executable, then hot, then overwritten in place by another call.
        make(code, SYS_getpgid, round);
        for (int i = 0; i < 20; i++) check(run(code, MARK(1, number++)) == -ESRCH);
        make(code, SYS_getpid, round);
        for (int i = 0; i < 20; i++) check(run(code, 0) == pid);
        // Written while writable only, executed while executable only.
        check(mprotect(code, size, PROT_READ | PROT_WRITE) == 0);
        make(code + 64, SYS_getpgid, round);
        check(mprotect(code, size, PROT_READ | PROT_EXEC) == 0);
        for (int i = 0; i < 20; i++) check(run(code + 64, MARK(1, number++)) == -ESRCH);
        check(code[64] == (round ? 0x90 : 0xb8) && code[64 + round + 5] == 0x0f && code[64 + round + 6] == 0x05);
        // Gone, and other code in its place; in the even rounds after a move.
        if (round % 2 == 0) {
            unsigned char *moved = mremap(code, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, code + (1 << 20));
            check(moved == code + (1 << 20) && run(moved, 0) == pid);
            for (int i = 0; i < 20; i++) check(run(moved + 64, MARK(1, number++)) == -ESRCH);
            check(munmap(moved, size) == 0);
        } else
            check(munmap(code, size) == 0);
        void *again = mmap(code, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        check(again == code);
    }
    // A page of this program's text: writable, changed, and back.
    unsigned char *text = (unsigned char *)((unsigned long)main & ~4095UL), copy[4096];
    memcpy(copy, text, 4096);
    check(mprotect(text, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
    memcpy(text, copy, 4096);
    check(mprotect(text, 4096, PROT_READ | PROT_EXEC) == 0 && memcmp(text, copy, 4096) == 0);
    report_channel(1, number, number);
    report("getpid", 10 * 20 + 5 + 1);
    puts("own code");
}
