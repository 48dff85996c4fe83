// The gate: the only page whose calls the filter lets pass, and the way from a rewritten call site to it and back.
//
// A slot arrives here with the call's registers as for `syscall` and rcx = the address after the slot's own `syscall`
// instruction. Only rcx, r11 and flags may be lost, as with the instruction itself. The program's stack holds, below the
// red zone, the way back and what the exit must know; so nothing has to survive a call in the agent's memory, and a
// handler may interrupt the call, make calls, or jump away.
#define S(x) #x
#define X(x) S(x)

// Thread block of the running thread to r11 (rcx is lost), or on to `missing` if it has none. FIND_NEIGHBOUR is the rest,
// out of the way.
#define FIND_BLOCK(n, missing)                                                                                        \
    "rdfsbase %r11\n"                                                                                                 \
    "imul $" X(AGENT_HASH) ", %r11, %rcx\n"                                                                           \
    "shr $48, %rcx\n"                                                                                                 \
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

// Enters the level after ecx (the depth): r11 becomes the level, its frame is filled, the stack is the level's.
#define ENTER_LEVEL                                                                                                   \
    "inc %ecx\n"                                                                                                      \
    "mov %ecx, " X(AGENT_THREAD) "(%r11)\n"                                                                           \
    "shl $" X(AGENT_LEVEL_SHIFT) ", %rcx\n"                                                                           \
    "add %rcx, %r11\n"                                                                                                \
    "mov %rax, " X(AGENT_FRAME) "(%r11)\n"                                                                            \
    "mov %rdi, " X(AGENT_FRAME) "+8(%r11)\n"                                                                          \
    "mov %rsi, " X(AGENT_FRAME) "+16(%r11)\n"                                                                         \
    "mov %rdx, " X(AGENT_FRAME) "+24(%r11)\n"                                                                         \
    "mov %r10, " X(AGENT_FRAME) "+32(%r11)\n"                                                                         \
    "mov %r8, " X(AGENT_FRAME) "+40(%r11)\n"                                                                          \
    "mov %r9, " X(AGENT_FRAME) "+48(%r11)\n"                                                                          \
    "mov %rsp, " X(AGENT_FRAME) "+56(%r11)\n"

#define CALL_ON_LEVEL(function)                                                                                       \
    "lea " X(AGENT_STACK_TOP) "(%r11), %rsp\n"                                                                        \
    "mov %r11, %rdi\n"                                                                                                \
    "call " function "\n"                                                                                             \
    "lea -" X(AGENT_STACK_TOP) "(%rsp), %r11\n"

#define LOAD_REGISTERS                                                                                                \
    "mov " X(AGENT_FRAME) "(%r11), %rax\n"                                                                            \
    "mov " X(AGENT_FRAME) "+8(%r11), %rdi\n"                                                                          \
    "mov " X(AGENT_FRAME) "+16(%r11), %rsi\n"                                                                         \
    "mov " X(AGENT_FRAME) "+24(%r11), %rdx\n"                                                                         \
    "mov " X(AGENT_FRAME) "+32(%r11), %r10\n"                                                                         \
    "mov " X(AGENT_FRAME) "+40(%r11), %r8\n"                                                                          \
    "mov " X(AGENT_FRAME) "+48(%r11), %r9\n"

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
    "mov " X(AGENT_THREAD) "(%r11), %ecx\n"
    "test %ecx, %ecx\n"
    "jnz 6f\n"
    "5:\n"
    ENTER_LEVEL
    CALL_ON_LEVEL("agent_before")
    "mov %rax, %rcx\n"
    LOAD_REGISTERS
    "mov " X(AGENT_FRAME) "+56(%r11), %rsp\n"
    "test %rcx, %rcx\n"
    "jz 9f\n"
    "push " X(AGENT_FRAME) "+72(%r11)\n"  // room
    "push %rcx\n"                         // token
    "and $-" X(AGENT_BLOCK_STRIDE) ", %r11\n"
    "decl " X(AGENT_THREAD) "(%r11)\n"
    "syscall\n"
    // From here on the thread may be one whose stack the kernel gave a signal frame and back; registers are the call's.
    FIND_BLOCK(2, "3f")
    "mov " X(AGENT_THREAD) "(%r11), %ecx\n"
    "cmp $" X(AGENT_LEVELS) ", %ecx\n"
    "ja 3f\n"
    ENTER_LEVEL
    "mov (%rsp), %rcx\n"
    "mov %rcx, " X(AGENT_FRAME) "+64(%r11)\n"
    "mov 8(%rsp), %rcx\n"
    "mov %rcx, " X(AGENT_FRAME) "+72(%r11)\n"
    CALL_ON_LEVEL("agent_after")
    LOAD_REGISTERS
    "mov " X(AGENT_FRAME) "+56(%r11), %rsp\n"
    "and $-" X(AGENT_BLOCK_STRIDE) ", %r11\n"
    "decl " X(AGENT_THREAD) "(%r11)\n"
    "3: mov 16(%rsp), %rcx\n"
    "lea 152(%rsp), %rsp\n"
    "jmp *%rcx\n"

    // The agent's code was interrupted in this thread. A level whose stack pointer was below ours was left by a jump out
    // of the handler (handlers run below what they interrupt, or on the alternate stack): it is free again.
    "6: shl $" X(AGENT_LEVEL_SHIFT) ", %rcx\n"
    "mov " X(AGENT_FRAME) "+56(%r11,%rcx), %rcx\n"
    "sub %rsp, %rcx\n"
    "jg 2f\n"
    "cmp $-0x100000, %rcx\n"
    "jl 2f\n"
    "cmp " X(AGENT_THREAD) "+16(%r11), %rsp\n"
    "jb 1f\n"
    "cmp " X(AGENT_THREAD) "+24(%r11), %rsp\n"
    "jb 2f\n"
    "1: decl " X(AGENT_THREAD) "(%r11)\n"
    "mov " X(AGENT_THREAD) "(%r11), %ecx\n"
    "test %ecx, %ecx\n"
    "jnz 6b\n"
    "jmp 5b\n"
    "2: mov " X(AGENT_THREAD) "(%r11), %ecx\n"
    "cmp $" X(AGENT_LEVELS) ", %ecx\n"
    "jb 5b\n"
    "jmp 8f\n"

    // The agent does not want the call: leave the level, and let the slot's own instruction make it, notified.
    "9: and $-" X(AGENT_BLOCK_STRIDE) ", %r11\n"
    "decl " X(AGENT_THREAD) "(%r11)\n"
    "8: pop %rcx\n"
    "lea 128(%rsp), %rsp\n"
    "lea -2(%rcx), %rcx\n"
    "jmp *%rcx\n"

    // A thread that is not in the table asks the supervisor for a block.
    "7: push %rax\n"
    "push %rdi\n"
    "push %rsi\n"
    "push %rdx\n"
    "push %r10\n"
    "push %r8\n"
    "push %r9\n"
    "mov $" X(AGENT_CALL_THREAD) ", %eax\n"
    "rdfsbase %rdi\n"
    "call agent_notified\n"
    "mov %rax, %rcx\n"
    "pop %r9\n"
    "pop %r8\n"
    "pop %r10\n"
    "pop %rdx\n"
    "pop %rsi\n"
    "pop %rdi\n"
    "pop %rax\n"
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
