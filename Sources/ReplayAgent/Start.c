// Where the kernel enters the agent.
__attribute__((naked, noreturn, used)) void _start(void) {
    __asm__("xor %ebp, %ebp\n"
            "mov %rsp, %rdi\n"
            "mov $60, %eax\n"
            "xor %edi, %edi\n"
            "syscall\n");
}
