// System call shims that Swift cannot import: variadic calls, ioctl constants, the tracee's side of a spawn.
#ifndef CLINUX_H
#define CLINUX_H
#include <stdint.h>

#include "CLinux_recorder.h"

/// syscall(2) with six arguments; returns -errno on failure.
long CLinux_syscall(long number, long a, long b, long c, long d, long e, long f);
#endif
