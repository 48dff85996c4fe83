// System calls without a libc, and the few numbers the agent itself needs.
#ifndef KERNEL_H
#define KERNEL_H
#include "Mailbox.h"

#if defined(__x86_64__)
#define NR_read 0
#define NR_write 1
#define NR_close 3
#define NR_fstat 5
#define NR_fchdir 81
#define NR_chmod 90
#define NR_lchown 94
#define NR_umount2 166
#define NR_mmap 9
#define NR_mprotect 10
#define NR_munmap 11
#define NR_rt_sigaction 13
#define NR_rt_sigprocmask 14
#define NR_pread64 17
#define NR_pwrite64 18
#define NR_mincore 27
#define NR_fcntl 72
#define NR_getsockopt 55
#define NR_uname 63
#define NR_rmdir 84
#define NR_statfs 137
#define NR_fstatfs 138
#define NR_clock_gettime 228
#define NR_newfstatat 262
#define NR_unlinkat 263
#define NR_ftruncate 77
#define NR_exit_group 231
#define NR_gettid 186
#define NR_futex 202
#define NR_tgkill 234
#define NR_openat 257
#define NR_wait4 61
#define NR_unshare 272
#define NR_clone 56
#define NR_prctl 157
#define NR_execve 59
#define NR_execveat 322
#define NR_memfd_create 319
#define NR_faccessat 269
#define NR_faccessat2 439
#define NR_tkill 200
#define NR_kill 62
#define NR_nanosleep 35
#define NR_dup3 292
#define NR_prlimit64 302
#define NR_getdents64 217
#define NR_mount 165
#define NR_mremap 25
#define NR_rt_sigpending 127
static inline i64 kernel(i64 n, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {
    i64 result;
    register u64 r10 __asm__("r10") = d;
    register u64 r8 __asm__("r8") = e;
    register u64 r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#else
#error "the agent knows x86-64 so far"
#endif

#define kernel0(n) kernel(n, 0, 0, 0, 0, 0, 0)
#define kernel1(n, a) kernel(n, (u64)(a), 0, 0, 0, 0, 0)
#define kernel2(n, a, b) kernel(n, (u64)(a), (u64)(b), 0, 0, 0, 0)
#define kernel3(n, a, b, c) kernel(n, (u64)(a), (u64)(b), (u64)(c), 0, 0, 0)
#define kernel4(n, a, b, c, d) kernel(n, (u64)(a), (u64)(b), (u64)(c), (u64)(d), 0, 0)
#define kernel5(n, a, b, c, d, e) kernel(n, (u64)(a), (u64)(b), (u64)(c), (u64)(d), (u64)(e), 0)
#define kernel6(n, a, b, c, d, e, f) kernel(n, (u64)(a), (u64)(b), (u64)(c), (u64)(d), (u64)(e), (u64)(f))

#define E_PERM 1
#define E_INTR 4
#define E_AGAIN 11
#define E_BUSY 16
#define E_NOEXEC 8
#define E_NOMEM 12
#define E_FAULT 14
#define E_INVAL 22
#define E_NOSYS 38
#define RESTART_NO_INTERRUPTION 513

#define PROT_RW 3
#define MAP_SHARED_FIXED 0x11
#define MAP_PRIVATE_ANONYMOUS 0x22
#define MAP_FIXED 0x10
#define MAP_NORESERVE 0x4000
#define MAP_FIXED_NOREPLACE 0x100000
#define PAGE 4096UL

#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define SIG_BLOCK 0
#define SIG_SETMASK 2

#define AT_FDCWD -100
#define AT_EMPTY_PATH 0x1000
#define AT_EACCESS 0x200
#define AT_SYMLINK_NOFOLLOW 0x100
/// Linux 6.14: would the file be executed?
#define AT_EXECVE_CHECK 0x10000
#define O_NOFOLLOW 0x20000
#define O_CLOEXEC 0x80000
#define PR_SET_NAME 15

struct timespec64 {
    i64 seconds;
    i64 nanoseconds;
};

/// The one place from which recorded calls are made. A child that the call made continues on `child_stack`.
i64 agent_call(i64 number, u64 *arguments, u64 child_stack);
extern char agent_call_instruction[], agent_call_after[], agent_call_end[];
void agent_restorer(void);

void *memcpy(void *to, const void *from, u64 count);
void *memset(void *to, int byte, u64 count);
u64 text_length(const char *text);
int text_starts(const char *text, const char *start);
u64 number_of(const char *text);
char *number_text(u64 number, char *end);
#endif
