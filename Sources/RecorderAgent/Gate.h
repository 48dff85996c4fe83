// The gate: the only page whose calls the filter lets pass, and the way from a rewritten call site to it and back.
//
// A slot arrives here with the call's registers as for `syscall` and rcx = the address after the slot's own `syscall`
// instruction. Only rcx, r11 and flags may be lost, as with the instruction itself.
//
// The agent runs on the program's own stack, below the red zone, and takes little of it (a few hundred bytes: goroutine
// stacks have that much). A stack of its own would be wrong: a signal handler that interrupts the agent would run there,
// out of the sight of collectors that scan stacks, and the kernel would begin the alternate stack anew for a second
// handler. So handlers nest, jump away and switch stacks as if the agent were a function of the program. During the call
// itself the stack holds the way back and what the exit must know; nothing has to survive it in the agent's memory.
#define S(x) #x
#define X(x) S(x)

// Thread block of the running thread to r11 (rcx is lost), or on to `missing` if it has none. FIND_NEIGHBOUR is the rest,
// out of the way.
#define FIND_BLOCK(n, missing)                                                                                        \
    "rdfsbase %r11\n"                                                                                                 \
    "imul $" X(AGENT_HASH) ", %r11, %rcx\n"                                                                           \
    "shr $32, %rcx\n"                                                                                                 \
    "and $0xfff0, %ecx\n"                                                                                             \
    "cmp " X(AGENT_TABLE) "(%rcx), %r11\n"                                                                            \
    "jne " #n "1f\n"                                                                                                  \
    #n "0: mov " X(AGENT_TABLE) "+8(%rcx), %r11\n"                                                                    \
    "test %r11, %r11\n"                                                                                               \
    "jz " missing "\n"
#define FIND_NEIGHBOUR(n, missing)                                                                                    \
    #n "1: xor $16, %ecx\n"                                                                                           \
    "cmp " X(AGENT_TABLE) "(%rcx), %r11\n"                                                                            \
    "je " #n "0b\n"                                                                                                   \
    "jmp " missing "\n"

// The call's registers as a struct agent_frame at rsp, and back.
#define PUSH_REGISTERS "push %r9\npush %r8\npush %r10\npush %rdx\npush %rsi\npush %rdi\npush %rax\n"
#define POP_REGISTERS "pop %rax\npop %rdi\npop %rsi\npop %rdx\npop %r10\npop %r8\npop %r9\n"

__asm__(
    ".section lacuna_agent, \"ax\", @progbits\n"
    ".balign 4096\n"
    "agent_gate:\n"
    // The way back stays on the program's stack until the call is over: 128 bytes of red zone, then rcx.
    "lea -128(%rsp), %rsp\n"
    "push %rcx\n"
    "cmp $" X(AGENT_NUMBERS) "-1, %eax\n"
    "ja 8f\n"
    "4:\n"
    FIND_BLOCK(1, "7f")
    PUSH_REGISTERS
    "mov %rsp, %rdi\n"
    "mov %r11, %rsi\n"
    "call agent_before\n"
    "mov %rax, %rcx\n"  // token
    "mov %rdx, %r11\n"  // room
    POP_REGISTERS
    "test %rcx, %rcx\n"
    "jz 8f\n"
    "push %r11\n"
    "push %rcx\n"
    "syscall\n"
    FIND_BLOCK(2, "3f")
    PUSH_REGISTERS
    "mov %rsp, %rdi\n"
    "mov %r11, %rsi\n"
    "call agent_after\n"
    POP_REGISTERS
    "3: mov 16(%rsp), %rcx\n"
    "lea 152(%rsp), %rsp\n"
    "jmp *%rcx\n"

    // The agent does not want the call: let the slot's own instruction make it, notified.
    "8: pop %rcx\n"
    "lea 128(%rsp), %rsp\n"
    "lea -2(%rcx), %rcx\n"
    "jmp *%rcx\n"

    // A thread that is not in the table asks the supervisor for a block.
    "7:" PUSH_REGISTERS
    "mov $" X(AGENT_CALL_THREAD) ", %eax\n"
    "rdfsbase %rdi\n"
    "call agent_notified\n"
    "mov %rax, %rcx\n"
    POP_REGISTERS
    "test %rcx, %rcx\n"
    "jz 4b\n"
    "jmp 8b\n"
    FIND_NEIGHBOUR(1, "7b")
    FIND_NEIGHBOUR(2, "3b")

    // What the agent itself asks of the kernel.
    "agent_unseen: syscall\n"
    "ret\n"
    ".balign 4096, 0xcc\n"

    // Beyond the gate page, and so always notified.
    "agent_notified: syscall\n"
    "ret\n"
    ".text\n");
