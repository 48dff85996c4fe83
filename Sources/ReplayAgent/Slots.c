// What a conductor does with its slots: hands a call to a task and waits until it is done, gone, or asleep in the call.
#include "Conductor.h"

void give_up(int status) {
    kernel1(NR_exit_group, status);
    __builtin_unreachable();
}

// MARK: - What the kernel says of a task

/// Orphans end here: what init would do.
void reap(void) {
    int status;
    while (kernel4(NR_wait4, -1, &status, 1 /* WNOHANG */, 0) > 0) {}
}

static void sleep_on_events(u32 seen, u64 microseconds) {
    struct timespec64 time = {(i64)(microseconds / 1000000), (i64)(microseconds % 1000000 * 1000)};
    kernel4(NR_futex, &SHARED->events, FUTEX_WAIT, seen, &time);
}

/// A child is known by its pid before it has run: it may be killed first.
static void note_child(struct slot *s) {
    struct request *r = REQUEST_OF(s);
    if (!(r->flags & REQUEST_CLONE) || s->result <= 0 || s->nested || SLOT(r->child)->nested) return;
    SLOT(r->child)->host_tid = (i32)s->result;
}

/// A call that sleeps so long, in microseconds, waits for somebody.
#define ASLEEP 400
/// Running or in an uninterruptible wait, a call gets this much longer.
#define BUSY_LIMIT 2000000

enum status await_slot(struct slot *s, u64 patience, u64 limit) {
    u64 waited = 0, asleep = 0, step = 100;
    u32 made = s->batch;
    for (;;) {
        u32 seen = __atomic_load_n(&SHARED->events, __ATOMIC_ACQUIRE);
        u32 state = __atomic_load_n(&s->state, __ATOMIC_ACQUIRE);
        if (state == SLOT_DONE) {
            s->state = SLOT_IDLE;
            note_child(s);
            return ST_RETURNED;
        }
        sleep_on_events(seen, step);
        if (__atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == SLOT_DONE) continue;
        waited += step;
        i32 tid = host_tid(s);
        char now = tid ? state_of(tid) : s->alive ? 'S' : 'R';
        if (now == 0 || now == 'Z' || now == 'X') {
            if (__atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == SLOT_DONE) continue;
            reap();
            s->state = SLOT_FREE;
            return ST_EXITED;
        }
        // The parent of a vfork sleeps until its child has gone on: it is the child that may be busy.
        struct slot *child = REQUEST_OF(s)->flags & REQUEST_VFORK ? SLOT(REQUEST_OF(s)->child) : 0;
        if (child && child->alive) now = host_tid(child) ? state_of(child->host_tid) : 'S';
        u32 made_now = __atomic_load_n(&s->batch, __ATOMIC_ACQUIRE);
        if (made_now != made) asleep = 0;
        made = made_now;
        asleep = now == 'S' || now == 'T' || now == 't' ? asleep + step : 0;
        if (asleep >= patience || waited >= limit) break;
        if (step < 2000) step += step / 4;
    }
    return ST_BLOCKED;
}

// MARK: - Operations

/// A signal that is sent again before it was delivered is delivered once: so it is delivered before anything else happens.
/// Most targets only wait for a processor.
#define DELIVERY_LIMIT 500000
/// The agent masks signals for a moment around calls.
#define MASK_CHANGE 5000

static void await_delivery(struct slot *s) {
    struct request *r = REQUEST_OF(s);
    i64 number = r->number;
    if ((number != NR_kill && number != NR_tkill && number != NR_tgkill) || s->result != 0) return;
    if (r->flags & REQUEST_OWN || s->nested) return;
    i64 task = (i32)r->arguments[number == NR_tgkill ? 1 : 0];
    u64 signal = r->arguments[number == NR_tgkill ? 2 : 1];
    if (task <= 0 || signal < 1 || signal > 64 || signal == 9) return;
    for (u64 waited = 0; waited < DELIVERY_LIMIT; waited += 100) {
        int pending = is_pending((u64)task, signal);
        if (!pending || (pending == 1 && waited >= MASK_CHANGE)) return;
        struct timespec64 time = {0, 100000};
        kernel2(NR_nanosleep, &time, 0);
    }
}

enum status make_call(struct slot *s, u64 milliseconds) {
    struct request *r = REQUEST_OF(s);
    if (r->flags & REQUEST_CLONE) {
        struct slot *child = SLOT(r->child);
        child->state = SLOT_IDLE;
        child->alive = 0;
        child->depth = child->signal_count = child->is_masked = child->is_returning = 0;
        child->nested = r->flags & REQUEST_NESTED ? 1 : 0;
        child->tid = 0;
        child->held = 0;
        child->reply_start = 0;
        child->request = REQUEST_OF(child);
        child->host_tid = 0;
        REQUEST_OF(child)->handled = r->handled;
        REQUEST_OF(child)->held = 0;
    }
    s->sequence++;
    s->cancelled = 0;
    s->batch = 0;
    if (s == SLOT(0)) {
        s->request = r;
        place(s);
        u64 child_stack = r->flags & REQUEST_CLONE ? (u64)SLOT(r->child) + SLOT_STACK_TOP : 0;
        s->result = agent_call(r->number, r->arguments, child_stack);
        gather(s);
        return ST_RETURNED;
    }
    __atomic_store_n(&s->state, SLOT_REQUESTED, __ATOMIC_RELEASE);
    kernel3(NR_futex, &s->state, FUTEX_WAKE, 1);
    enum status status = await_slot(s, ASLEEP, milliseconds * 1000);
    if (status == ST_RETURNED) await_delivery(s);
    return status;
}

enum status await_completion(struct slot *s, u64 milliseconds) {
    return await_slot(s, milliseconds * 1000, milliseconds * 1000 + BUSY_LIMIT);
}

enum status cancel_call(struct slot *s, u64 milliseconds) {
    if (host_tid(s)) kernel2(NR_tkill, s->host_tid, CANCEL_SIGNAL);
    return await_slot(s, milliseconds * 1000, milliseconds * 1000);
}

i64 send_signal(struct slot *s, u64 signal) { return host_tid(s) ? kernel2(NR_tkill, s->host_tid, signal) : -3; }

void free_slot(struct slot *s) {
    s->state = SLOT_FREE;
    s->host_tid = 0;
}

/// The highest descriptors that the limit allows, out of the way of programs.
static u32 move_high(i64 fd, u32 number) {
    i64 moved = kernel3(NR_dup3, fd, number, 0);
    if (moved < 0) give_up(4);
    kernel1(NR_close, fd);
    return (u32)moved;
}

/// Namespaces of its own, as far as allowed: CLONE_NEW* bits. In a new pid namespace this process's child goes on.
static u64 isolate(u64 wanted) {
    u64 made = 0;
    for (u64 bit = 1; bit && bit <= wanted; bit <<= 1)
        if (wanted & bit && kernel1(NR_unshare, bit) == 0) made |= bit;
    if (!(made & 0x20000000)) return made;
    i64 child = kernel5(NR_clone, 17 /* SIGCHLD */, 0, 0, 0, 0);
    if (child < 0) give_up(5);
    if (child == 0) {
        kernel2(NR_prctl, 1 /* PR_SET_PDEATHSIG */, 9);
        if (made & 0x20000) {
            // Its own view of its own tasks.
            kernel5(NR_mount, "none", "/", 0, 0x44000 /* MS_REC | MS_PRIVATE */, 0);
            kernel5(NR_mount, "proc", "/proc", "proc", 0, 0);
        }
        return made;
    }
    kernel1(NR_close, 0);
    kernel1(NR_close, 1);
    int status = 0;
    while (kernel4(NR_wait4, child, &status, 0, 0) == -E_INTR) {}
    give_up(status & 0x7f ? 128 + (status & 0x7f) : status >> 8);
    return 0;
}

/// Descriptors, mailbox and scratch memory of a conductor. Returns the namespaces that it got.
u64 prepare(u64 namespaces, const char *self, const char *emulator_path, u32 high) {
    i64 agent = kernel4(NR_openat, AT_FDCWD, "/proc/self/exe", O_CLOEXEC, 0);
    if (agent < 0 && self) agent = kernel4(NR_openat, AT_FDCWD, self, O_CLOEXEC, 0);
    // Dispositions survive an execve: whoever started this may ignore signals that the recording does not.
    u64 action[4] = {0, 0, 0, 0};
    for (int signal = 1; signal <= 64; signal++) kernel4(NR_rt_sigaction, signal, action, 0, 8);
    i64 emulator = emulator_path ? kernel4(NR_openat, AT_FDCWD, emulator_path, O_CLOEXEC, 0) : -1;
    if (emulator_path && emulator < 0) give_up(10);
    u64 made = isolate(namespaces);
    u64 limits[2] = {0, 0};
    kernel4(NR_prlimit64, 0, 7 /* RLIMIT_NOFILE */, 0, limits);
    if (!high) high = limits[1] > 4000 ? 3990 : (u32)limits[1] - 4;
    if (limits[1] < high + 4) give_up(12);
    u64 raised[2] = {limits[1], limits[1]};
    kernel4(NR_prlimit64, 0, 7, raised, 0);
    i64 mailbox = kernel2(NR_memfd_create, "lacuna", 0);
    if (mailbox < 0 || agent < 0) give_up(6);
    mailbox = move_high(mailbox, high);
    agent = move_high(agent, high + 1);
    if (kernel2(NR_ftruncate, mailbox, MAILBOX_SIZE) < 0) give_up(7);
    i64 mapped = kernel6(NR_mmap, MAILBOX, MAILBOX_SIZE, PROT_RW, MAP_SHARED_FIXED | MAP_NORESERVE, mailbox, 0);
    if (mapped != (i64)MAILBOX) give_up(8);
    mapped = kernel6(
        NR_mmap,
        SCRATCH,
        SCRATCH_SIZE,
        PROT_RW,
        MAP_PRIVATE_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
        -1,
        0
    );
    if (mapped != (i64)SCRATCH) give_up(9);
    SHARED->mailbox_fd = (u32)mailbox;
    SHARED->agent_fd = (u32)agent;
    if (emulator >= 0) SHARED->emulator_fd = move_high(emulator, high - 1);
    SLOT(0)->host_tid = (i32)kernel0(NR_gettid);
    return made;
}
