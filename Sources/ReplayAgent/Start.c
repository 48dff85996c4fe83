// Where the kernel enters the agent, where recorded calls leave it, and what a libc would have.
#include "Kernel.h"

__attribute__((naked, noreturn, used)) void _start(void) {
    __asm__("xor %ebp, %ebp\n"
            "mov %rsp, %rdi\n"
            "and $-16, %rsp\n"
            "call agent_main\n");
}

__attribute__((noreturn, used)) void agent_main(u64 *stack) {
    int argc = (int)stack[0];
    char **argv = (char **)(stack + 1);
    char **environment = argv + argc + 1;
    for (char **entry = environment; *entry; entry++)
        if (text_starts(*entry, "LACUNA_AGENT=")) attach(argv, entry, *entry + 13);
    if (argc > 1 && text_starts(argv[1], "serve")) {
        conduct(argc, argv);
    } else {
        run_program(argc, argv);
    }
    kernel1(NR_exit_group, 0);
    __builtin_unreachable();
}

// Signals that come during a recorded call are known by where they interrupted it.
__asm__(".text\n"
        ".globl agent_call, agent_call_instruction, agent_call_after, agent_call_end, agent_restorer\n"
        "agent_call:\n"
        "push %rbx\n"
        "push %rbp\n"
        "push %r12\n"
        "mov %rdx, %r12\n"
        "mov %rsi, %rbx\n"
        "mov %rdi, %rax\n"
        "mov 0(%rbx), %rdi\n"
        "mov 8(%rbx), %rsi\n"
        "mov 16(%rbx), %rdx\n"
        "mov 24(%rbx), %r10\n"
        "mov 32(%rbx), %r8\n"
        "mov 40(%rbx), %r9\n"
        "agent_call_instruction:\n"
        "syscall\n"
        "agent_call_after:\n"
        "test %r12, %r12\n"
        "jz 1f\n"
        "test %rax, %rax\n"
        "jnz 1f\n"
        "mov %r12, %rsp\n"
        "xor %ebp, %ebp\n"
        "call agent_child\n"
        "1:\n"
        "pop %r12\n"
        "pop %rbp\n"
        "pop %rbx\n"
        "agent_call_end:\n"
        "ret\n"
        "agent_restorer:\n"
        "mov $15, %eax\n"
        "syscall\n");

void *memcpy(void *to, const void *from, u64 count) {
    void *result = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
    return result;
}

void *memset(void *to, int byte, u64 count) {
    void *result = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(byte) : "memory");
    return result;
}

u64 text_length(const char *text) {
    u64 length = 0;
    while (text[length]) length++;
    return length;
}

int text_starts(const char *text, const char *start) {
    while (*start)
        if (*text++ != *start++) return 0;
    return 1;
}

u64 number_of(const char *text) {
    u64 number = 0;
    while (*text >= '0' && *text <= '9') number = number * 10 + (u64)(*text++ - '0');
    return number;
}

/// The decimal digits of a number, written so that they end before `end`.
char *number_text(u64 number, char *end) {
    do {
        *--end = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    return end;
}
