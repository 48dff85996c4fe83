// SPDX-License-Identifier: MIT OR GPL-2.0
// What the kernel tells the supervisor: results and output memory at sys_exit, births, deaths, execs, signals, denials.
//
// Built by `make bpf` to *.bin (raw instructions), embedded in CLinux, loaded by bpf(2) without libbpf. Instead of ELF
// relocations, maps and constants are 64-bit immediates with a mark that the loader replaces.
#include "../include/CLinux_plan.h"

#define SECTION(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))

// bpf_func_id of <linux/bpf.h>.
static void *(*const map_lookup_elem)(void *, const void *) = (void *)1;
static uint64_t (*const ktime_get_ns)(void) = (void *)5;
static long (*const tail_call)(void *, void *, uint32_t) = (void *)12;
static uint64_t (*const get_current_pid_tgid)(void) = (void *)14;
static uint64_t (*const get_current_task)(void) = (void *)35;
static long (*const probe_read_user)(void *, uint32_t, const void *) = (void *)112;
static long (*const probe_read_kernel)(void *, uint32_t, const void *) = (void *)113;
static void *(*const ringbuf_reserve)(void *, uint64_t, uint64_t) = (void *)131;
static void (*const ringbuf_submit)(void *, uint64_t) = (void *)132;

#define NO_WAKEUP 1
#define IMMEDIATE(mark) ({ uint64_t v; asm volatile("%0 = " mark " ll" : "=r"(v)); v; })
#define THREADS ((void *)IMMEDIATE("0x6c61636e00000001"))
#define PLANS ((void *)IMMEDIATE("0x6c61636e00000002"))
#define RING ((void *)IMMEDIATE("0x6c61636e00000003"))
#define SCRATCH ((void *)IMMEDIATE("0x6c61636e00000004"))
#define CHAIN ((void *)IMMEDIATE("0x6c61636e00000005"))
/// Offset of `pid` in task_struct; `tgid` follows it.
#define PID_OFFSET IMMEDIATE("0x6c61636f00000001")
/// The thread that calibrates.
#define CALIBRATOR IMMEDIATE("0x6c61636f00000002")

struct context {
    uint64_t args[4];
};

INLINE uint32_t *thread(uint32_t tid) {
    return map_lookup_elem(THREADS, &tid);
}

INLINE void put(uint32_t kind, uint32_t tid, uint64_t sequence, int64_t value, uint64_t extra) {
    struct clinux_event *event = ringbuf_reserve(RING, sizeof *event, 0);
    if (!event) return;
    event->kind = kind;
    event->tid = tid;
    event->time = ktime_get_ns();
    event->sequence = sequence;
    event->value = value;
    event->a = (uint32_t)extra;
    event->b = (uint32_t)(extra >> 32);
    event->c = 0;
    event->d = 0;
    ringbuf_submit(event, NO_WAKEUP);
}

#define READ_KERNEL(address) ({ uint64_t v = 0; probe_read_kernel(&v, 8, (void *)(address)); v; })

// A return without a notification: the workload's own seccomp filter answered. The registers still hold the call.
INLINE int denied(struct context *context, uint32_t tid) {
    struct clinux_denied *record = ringbuf_reserve(RING, sizeof *record, 0);
    if (!record) return 0;
    uint64_t registers = context->args[0];
    record->event.kind = CLINUX_EVENT_DENIED;
    record->event.tid = tid;
    record->event.time = ktime_get_ns();
    record->event.sequence = 0;
    record->event.value = context->args[1];
    record->event.a = record->event.b = record->event.c = record->event.d = 0;
    // struct pt_regs of x86-64.
    record->number = READ_KERNEL(registers + 120);
    record->arguments[0] = READ_KERNEL(registers + 112);
    record->arguments[1] = READ_KERNEL(registers + 104);
    record->arguments[2] = READ_KERNEL(registers + 96);
    record->arguments[3] = READ_KERNEL(registers + 56);
    record->arguments[4] = READ_KERNEL(registers + 72);
    record->arguments[5] = READ_KERNEL(registers + 64);
    record->code_segment = READ_KERNEL(registers + 136);
    ringbuf_submit(record, NO_WAKEUP);
    return 0;
}

// Calls that the agent makes inside the process (see RecorderAgent.h): it notes them itself.
INLINE int is_agents(struct context *context) {
    return READ_KERNEL(context->args[0] + 128) >> 15 == CLINUX_AGENT_CODE >> 15;
}

// How long the region is now that the call returned.
INLINE uint32_t measure(struct clinux_region *region, int64_t result) {
    int64_t base = result;
    if (region->source) {
        uint32_t word = 0;
        probe_read_user(&word, 4, (void *)region->source);
        base = word;
    }
    int64_t have = base * region->scale + region->bias;
    if (have < 0) have = 0;
    return have > region->maximum ? region->maximum : have;
}

// Copies a region; `capacity` is a power of two. The bytes beyond `n` in the ring are never looked at.
#define COPY(capacity)                                                                                                \
    {                                                                                                                 \
        struct clinux_event *event = ringbuf_reserve(RING, sizeof *event + (capacity), 0);                            \
        if (event) {                                                                                                  \
            uint32_t n = kept;                                                                                        \
            asm volatile("" : "+r"(n));                                                                               \
            if (n > (capacity)) n = (capacity);                                                                       \
            event->kind = CLINUX_EVENT_DATA;                                                                          \
            event->tid = tid;                                                                                         \
            event->time = region->address;                                                                            \
            event->sequence = plan->sequence;                                                                         \
            event->value = length;                                                                                    \
            event->a = region->owner;                                                                                 \
            event->b = 0;                                                                                             \
            event->c = n;                                                                                             \
            event->d = probe_read_user(event + 1, n, (void *)region->address) ? 1 : 0;                                \
            ringbuf_submit(event, NO_WAKEUP);                                                                         \
        } else {                                                                                                      \
            plan->lost++;                                                                                             \
        }                                                                                                             \
    }

// The verifier walks each step of the loop, which takes its time. So a run handles some regions, and calls itself for more.
SECTION("sys_exit") int on_sys_exit(struct context *context) {
    uint32_t tid = (uint32_t)get_current_pid_tgid();
    uint32_t *entry = thread(tid);
    if (!entry || *entry == CLINUX_THREAD_NONE) return 0;
    uint32_t value = *entry;
    if (value == CLINUX_THREAD_NEW) {
        *entry = CLINUX_THREAD_PENDING;
        return 0;
    }
    if (value == CLINUX_THREAD_PENDING) return is_agents(context) ? 0 : denied(context, tid);
    uint32_t slot = value - 1;
    // Volatile: what a step leaves is read back from the map, so that to the verifier every step begins alike.
    volatile struct clinux_plan *plan = map_lookup_elem(PLANS, &slot);
    if (!plan) return 0;
    if (!plan->armed) return is_agents(context) ? 0 : denied(context, tid);
    plan->result = context->args[1];
    if (plan->next < plan->count) {
        for (uint32_t step = 0; step < CLINUX_STEP_REGIONS; step++) {
            uint32_t index = plan->next;
            if (index >= plan->count || index >= CLINUX_PLAN_REGIONS) break;
            plan->next = index + 1;
            struct clinux_region *region = (struct clinux_region *)&plan->regions[index];
            int64_t result = plan->result;
            if (result < 0 && !region->always) continue;
            uint32_t length = measure(region, result);
            uint32_t kept = length > region->keep ? region->keep : length;
            // A region of which nothing is kept still tells its length.
            if (!length) continue;
            if (kept <= CLINUX_SMALL_BYTES) COPY(CLINUX_SMALL_BYTES)
            else COPY(CLINUX_REGION_BYTES)
        }
        if (plan->next < plan->count) {
            tail_call(context, CHAIN, 0);
            plan->lost += plan->count - plan->next;
        }
    }
    plan->armed = 0;
    if (plan->sequence != CLINUX_PLAN_PRIVATE) put(CLINUX_EVENT_EXIT, tid, plan->sequence, plan->result, 0);
    return 0;
}

SECTION("sched_process_fork") int on_sched_process_fork(struct context *context) {
    uint32_t tid = (uint32_t)get_current_pid_tgid();
    uint32_t *entry = thread(tid);
    if (!entry || *entry == CLINUX_THREAD_NONE) return 0;
    uint64_t ids = READ_KERNEL(context->args[1] + PID_OFFSET);
    uint32_t *child = thread((uint32_t)ids);
    if (child) {
        child[0] = CLINUX_THREAD_NEW;
        child[1] = tid;
    }
    put(CLINUX_EVENT_FORK, tid, 0, ids, 0);
    return 0;
}

// A thread that execs takes the thread group's id: its slot moves with it, or the result of execve would be lost.
SECTION("sched_process_exec") int on_sched_process_exec(struct context *context) {
    uint32_t tid = (uint32_t)get_current_pid_tgid();
    uint32_t before = (uint32_t)context->args[1];
    uint32_t *old = thread(before);
    uint32_t *entry = thread(tid);
    if (!old || !entry || *old == CLINUX_THREAD_NONE) return 0;
    if (before != tid) {
        *entry = *old;
        *old = CLINUX_THREAD_NONE;
    }
    put(CLINUX_EVENT_EXEC, tid, 0, before, 0);
    return 0;
}

SECTION("sched_process_exit") int on_sched_process_exit(struct context *context) {
    (void)context;
    uint64_t ids = get_current_pid_tgid();
    uint32_t tid = (uint32_t)ids;
    uint32_t *entry = thread(tid);
    if (!entry || *entry == CLINUX_THREAD_NONE) return 0;
    *entry = CLINUX_THREAD_NONE;
    put(CLINUX_EVENT_DEATH, tid, 0, ids >> 32, 0);
    return 0;
}

SECTION("signal_deliver") int on_signal_deliver(struct context *context) {
    uint32_t tid = (uint32_t)get_current_pid_tgid();
    uint32_t *entry = thread(tid);
    if (!entry || *entry == CLINUX_THREAD_NONE) return 0;
    uint64_t info = context->args[1];
    // SEND_SIG_NOINFO and SEND_SIG_PRIV are the addresses 0 and 1: SI_USER and SI_KERNEL.
    uint64_t code = info == 1 ? 0x80 : 0;
    if (info > 1) code = READ_KERNEL(info + 8) & 0xffffffff;
    uint64_t handler = READ_KERNEL(context->args[2]);
    put(CLINUX_EVENT_SIGNAL, tid, 0, (context->args[0] & 0xffffffff) | code << 32, handler);
    return 0;
}

// A fatal signal without a core dump is delivered as SIGKILL to each thread of the group: its name is known only here.
SECTION("signal_generate") int on_signal_generate(struct context *context) {
    uint32_t signal = (uint32_t)context->args[0];
    if (signal == 17 || signal == 18 || signal == 23 || signal == 28) return 0;  // CHLD, CONT, URG, WINCH: never fatal
    uint64_t ids = READ_KERNEL(context->args[2] + PID_OFFSET);
    uint32_t *entry = thread((uint32_t)ids);
    if (!entry || *entry == CLINUX_THREAD_NONE) return 0;
    uint64_t info = context->args[1];
    uint64_t code = info == 1 ? 0x80 : 0;
    if (info > 1) code = READ_KERNEL(info + 8) & 0xffffffff;
    put(CLINUX_EVENT_GENERATED, (uint32_t)ids, 0, signal | code << 32, 0);
    return 0;
}

// Copies the calibrating thread's task_struct, so that user space finds the offset of its pid without BTF.
SECTION("calibrate") int on_calibrate(struct context *context) {
    (void)context;
    if ((uint32_t)get_current_pid_tgid() != (uint32_t)CALIBRATOR) return 0;
    uint32_t zero = 0;
    uint8_t *scratch = map_lookup_elem(SCRATCH, &zero);
    if (!scratch) return 0;
    uint64_t task = get_current_task();
    for (uint32_t offset = 0; offset < 16384; offset += 512) probe_read_kernel(scratch + offset, 512, (void *)(task + offset));
    return 0;
}
