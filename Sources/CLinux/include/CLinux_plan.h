// What the supervisor and the eBPF programs share: exit plans (an array map, mapped by the supervisor) and ring records.
#ifndef CLINUX_PLAN_H
#define CLINUX_PLAN_H

#ifdef __bpf__
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef int int32_t;
typedef unsigned long long uint64_t;
typedef long long int64_t;
#else
#include <stdint.h>
#endif

/// Regions of output memory that one plan can hold.
#define CLINUX_PLAN_REGIONS 62
/// Regions that one run of the program at sys_exit handles.
#define CLINUX_STEP_REGIONS 4
/// The longest region; the supervisor splits longer ones.
#define CLINUX_REGION_BYTES 32768
/// Shorter ones take this much of the ring.
#define CLINUX_SMALL_BYTES 512

/// Memory to copy when a call returns: clamp(base * scale + bias, 0, maximum) bytes, where base is the call's result, or
/// the u32 at `source` if that is not 0. So a fixed length has scale 0, an element count scales the result, and a buffer of
/// a vector has minus the lengths of the buffers before it as bias.
struct clinux_region {
    uint64_t address;
    uint64_t source;
    int32_t bias;
    uint32_t maximum;
    /// Bytes copied of it; CLINUX_REGION_BYTES at most.
    uint16_t keep;
    uint8_t scale;
    /// 1: also when the call failed.
    uint8_t always;
    /// Regions of one owner are pieces of one buffer, in order.
    uint32_t owner;
};

/// What to do at the return of the one call a thread has under way. Written by the supervisor while the thread is parked.
struct clinux_plan {
    uint64_t sequence;
    uint32_t armed;
    uint32_t count;
    /// Written at the return: the result, and how many regions did not fit the ring.
    int64_t result;
    uint64_t lost;
    uint64_t reserved[3];
    /// The region to copy next; 0 when the plan is made.
    uint64_t next;
    struct clinux_region regions[CLINUX_PLAN_REGIONS];
};

/// Where the agent's code is in recorded processes, 32 KiB of it: AGENT_GATE of RecorderAgent.h.
#define CLINUX_AGENT_CODE 0x3f0000000000ULL
/// The sequence of a plan whose call is not the program's: its return is no event of the recording.
#define CLINUX_PLAN_PRIVATE 0

/// The upper half of an entry of the thread table is the parent's tid, until the thread has a slot.
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
    CLINUX_EVENT_GENERATED = 8,
};

/// A record of the ring. DATA is followed by `c` bytes at most.
struct clinux_event {
    uint32_t kind;
    uint32_t tid;
    /// CLOCK_MONOTONIC, ns. DATA: the region's address.
    uint64_t time;
    /// EXIT and DATA: the plan's sequence.
    uint64_t sequence;
    /// EXIT, DENIED: the result. FORK: tid | tgid << 32 of the child. EXEC: the thread's tid before. DEATH: tgid.
    /// SIGNAL, GENERATED: number | si_code << 32. DATA: the region's full length.
    int64_t value;
    /// DATA: owner, 0, bytes here, 1 if the memory could not be read.
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
