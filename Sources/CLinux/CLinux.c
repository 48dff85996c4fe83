// syscall(2) for Swift, which cannot import variadic functions.
#include "CLinux.h"

#include <errno.h>
#include <unistd.h>

long CLinux_syscall(long number, long a, long b, long c, long d, long e, long f) {
    long result = syscall(number, a, b, c, d, e, f);
    return result == -1 ? -errno : result;
}
