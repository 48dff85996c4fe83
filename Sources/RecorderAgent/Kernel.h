// What the agent has in place of a libc: where its functions go, its calls, its clock, and careful copies.
#ifndef AGENT_KERNEL_H
#define AGENT_KERNEL_H
#include "RecorderAgent.h"

// All code in one section, to be copied out of the program; only what the gate calls has a name.
#define AGENT __attribute__((section("lacuna_agent"), used, visibility("hidden")))
#define LOCAL static __attribute__((section("lacuna_agent")))
#define INLINE static inline __attribute__((always_inline))

// Numbers of <asm/unistd_64.h>.
enum { CALL_CLOSE = 3, CALL_MMAP = 9, CALL_MADVISE = 28, CALL_GETPID = 39, CALL_READ_MEMORY = 310 };

struct iovec {
    uint64_t base, length;
};

INLINE uint64_t clock(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

#define DEFINE_CALL(name, target)                                                                                     \
    INLINE int64_t name(int64_t n, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {          \
        int64_t result;                                                                                               \
        register uint64_t r10 __asm__("r10") = d;                                                                     \
        register uint64_t r8 __asm__("r8") = e;                                                                       \
        register uint64_t r9 __asm__("r9") = f;                                                                       \
        __asm__ volatile("call " target                                                                               \
                         : "=a"(result)                                                                               \
                         : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)                                 \
                         : "rcx", "r11", "memory");                                                                   \
        return result;                                                                                                \
    }
DEFINE_CALL(unseen, "agent_unseen")
DEFINE_CALL(notified, "agent_notified")

INLINE void copy(void *to, const void *from, uint64_t count) {
    if (count <= 64) {
        uint64_t *to8 = to;
        const uint64_t *from8 = from;
        while (count >= 8) {
            *to8++ = *from8++;
            count -= 8;
            __asm__ volatile("" ::: "memory");  // a loop, not a call of memcpy
        }
        uint8_t *to1 = (uint8_t *)to8;
        const uint8_t *from1 = (const uint8_t *)from8;
        while (count--) {
            *to1++ = *from1++;
            __asm__ volatile("" ::: "memory");
        }
        return;
    }
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count)::"memory");
}

INLINE struct agent_arena *arena(void) { return (struct agent_arena *)AGENT_ARENA; }
INLINE const struct agent_calls *calls(void) { return (const struct agent_calls *)AGENT_CALLS; }
INLINE const struct agent_control *control(void) { return (const struct agent_control *)AGENT_CONTROL; }
INLINE uint64_t argument(const struct agent_frame *frame, uint32_t index) { return (&frame->rdi)[index]; }

/// Bytes at `address` that are surely mapped, because they share a page with the program's stack.
INLINE int is_on_stack_page(const void *frame, uint64_t address, uint64_t count) {
    return address >> 12 == (uint64_t)frame >> 12 && count <= 4096 - (address & 4095);
}

/// Copies memory that may not be there; 1 if all of it was.
LOCAL int read_carefully(struct agent_thread *thread, void *to, uint64_t address, uint64_t count) {
    struct iovec local = {(uint64_t)to, count}, remote = {address, count};
    if (is_on_stack_page(&local, address, count)) {
        copy(to, (const void *)address, count);
        return 1;
    }
    if (!thread->pid) thread->pid = (int32_t)unseen(CALL_GETPID, 0, 0, 0, 0, 0, 0);
    return unseen(CALL_READ_MEMORY, (uint64_t)thread->pid, (uint64_t)&local, 1, (uint64_t)&remote, 1, 0) == (int64_t)count;
}

#endif
