// What the supervisor and the eBPF programs share: exit plans (an array map, mapped by the supervisor) and ring records.
#ifndef CLINUX_PLAN_H
#define CLINUX_PLAN_H

#ifdef __bpf__
typedef unsigned char uint8_t;
typedef unsigned int uint32_t;
typedef int int32_t;
typedef unsigned long long uint64_t;
typedef long long int64_t;
#else
#include <stdint.h>
#endif

/// Regions of output memory that one plan can hold.
#define CLINUX_PLAN_REGIONS 62
/// Pieces of output memory that one call can give; 32 KiB each at most.
#define CLINUX_PLAN_PIECES 192
#define CLINUX_PIECE_BYTES 32768

/// How long a region is once the call returned.
enum clinux_length_rule {
    /// `maximum`.
    CLINUX_LENGTH_FIXED = 0,
    /// min(maximum, result * scale).
    CLINUX_LENGTH_RESULT = 1,
    /// min(maximum, what earlier STREAM regions of this call left of the result).
    CLINUX_LENGTH_STREAM = 2,
    /// min(maximum, u32 at `source` after the call * scale).
    CLINUX_LENGTH_MEMORY = 3,
};

/// Memory to copy when a call returns.
struct clinux_region {
    uint64_t address;
    uint64_t source;
    uint32_t maximum;
    uint32_t scale;
    uint32_t rule;
    /// 1: also when the call failed.
    uint32_t always;
};

/// What to do at the return of the one call a thread has under way. Written by the supervisor while the thread is parked.
struct clinux_plan {
    uint64_t sequence;
    uint32_t armed;
    uint32_t count;
    /// Bytes kept of each region.
    uint32_t limit;
    uint32_t cursor;
    uint32_t offset;
    uint32_t length;
    uint64_t left;
    uint64_t lost;
    uint64_t reserved[2];
    struct clinux_region regions[CLINUX_PLAN_REGIONS];
};

/// Values of the thread table (indexed by tid) that are not slot + 1.
#define CLINUX_THREAD_NONE 0u
/// Created by a traced thread; its own return from clone is still to come.
#define CLINUX_THREAD_NEW 0xffffffffu
/// Runs, but the supervisor has not seen a call of it yet.
#define CLINUX_THREAD_PENDING 0xfffffffeu

enum clinux_event_kind {
    CLINUX_EVENT_EXIT = 1,
    CLINUX_EVENT_DATA = 2,
    CLINUX_EVENT_FORK = 3,
    CLINUX_EVENT_EXEC = 4,
    CLINUX_EVENT_DEATH = 5,
    CLINUX_EVENT_SIGNAL = 6,
    CLINUX_EVENT_DENIED = 7,
};

/// A record of the ring. DATA is followed by `c` bytes at most.
struct clinux_event {
    uint32_t kind;
    uint32_t tid;
    /// CLOCK_MONOTONIC, ns.
    uint64_t time;
    /// EXIT and DATA: the plan's sequence.
    uint64_t sequence;
    /// EXIT, DENIED: the result. FORK: tid | tgid << 32 of the child. EXEC: the thread's tid before. DEATH: tgid.
    /// SIGNAL: number | si_code << 32. DATA: the region's full length.
    int64_t value;
    /// DATA: region index, offset of this piece, bytes here, 1 if the memory could not be read.
    uint32_t a, b, c, d;
};

/// Follows a DENIED event.
struct clinux_denied {
    struct clinux_event event;
    uint64_t number;
    uint64_t arguments[6];
    uint64_t code_segment;
};

/// Follows a SIGNAL event in place of a..d: the handler's address.
#define CLINUX_SIGNAL_HANDLER(e) (((uint64_t)(e)->b << 32) | (e)->a)
#endif
