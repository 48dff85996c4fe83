// A task: waits for a call in its slot, makes it, reports, and never does anything else.
#include "Kernel.h"

static struct slot *own_slot(void) {
    u64 here;
    __asm__("mov %%rsp, %0" : "=r"(here));
    return SLOT((here - MAILBOX) / SLOT_SIZE);
}

static void set_mask(int how, u64 mask, u64 *old) { kernel4(NR_rt_sigprocmask, how, &mask, old, 8); }

/// Keeps the signals that have handlers out while the agent works for a call: they are delivered in calls and while
/// the task waits for one.
static void mask_between_calls(struct slot *s) {
    u64 handled = REQUEST_OF(s)->handled;
    if ((!handled && !s->held) || s->is_masked) return;
    u64 old = 0;
    set_mask(SIG_BLOCK, handled, &old);
    s->user_mask = old & ~s->held;
    s->is_masked = 1;
}

/// Lets in what the program lets in, less what is to come later.
static void unmask(struct slot *s) {
    s->held = REQUEST_OF(s)->held & REQUEST_OF(s)->handled & ~s->user_mask;
    s->is_masked = 0;
    set_mask(SIG_SETMASK, s->user_mask | s->held, 0);
}

/// rt_sigprocmask while a signal that must stay out is pending: the kernel would deliver it, so the agent keeps the mask.
static int keeps_mask(struct slot *s, i64 *result) {
    struct request *r = REQUEST_OF(s);
    u64 pending = 0, set = 0;
    if (r->number != NR_rt_sigprocmask || !r->held || !s->is_masked || r->arguments[3] != 8) return 0;
    kernel2(NR_rt_sigpending, &pending, 8);
    if (!(pending & r->held)) return 0;
    u64 how = r->arguments[0];
    if (r->arguments[1]) {
        if (how > 2 || read_memory(s, r->arguments[1], (u8 *)s + SLOT_REPLY, 8) != 8) return 0;
        set = *(u64 *)((u8 *)s + SLOT_REPLY) & ~0x40100UL;
    }
    u64 *old = (u64 *)((u8 *)s + SLOT_REPLY);
    *old = s->user_mask;
    if (r->arguments[2]) write_memory(s, r->arguments[2], old, 8);
    if (r->arguments[1]) s->user_mask = how == 0 ? s->user_mask | set : how == 1 ? s->user_mask & ~set : set;
    *result = 0;
    return 1;
}

void finish(struct slot *s) {
    if (!(REQUEST_OF(s)->flags & REQUEST_BATCH)) gather(s);
    s->reported = s->sequence;
    s->executing = 0;
    __atomic_store_n(&s->state, SLOT_DONE, __ATOMIC_RELEASE);
    __atomic_fetch_add(&SHARED->events, 1, __ATOMIC_SEQ_CST);
    kernel3(NR_futex, &SHARED->events, FUTEX_WAKE, 1);
}

/// First in a new task: on its own slot's stack, with nothing else of its parent's in use.
__attribute__((noreturn, used)) void agent_child(void) {
    struct slot *s = own_slot();
    s->tid = (u32)kernel0(NR_gettid);
    u64 handled = REQUEST_OF(s)->handled;
    if (handled) {
        set_mask(SIG_BLOCK, handled, &s->user_mask);
        s->is_masked = 1;
    }
    __atomic_store_n(&s->alive, 1, __ATOMIC_RELEASE);
    __atomic_fetch_add(&SHARED->events, 1, __ATOMIC_SEQ_CST);
    kernel3(NR_futex, &SHARED->events, FUTEX_WAKE, 1);
    task_loop(s);
    __builtin_unreachable();
}

/// Files of procfs and sysfs are the machine's, in whatever namespace they show: what the engine puts in the place of a
/// recorded file must not change them.
static int is_machines(struct request *r) {
    if (!(r->flags & REQUEST_OWN) || (r->number != NR_chmod && r->number != NR_lchown)) return 0;
    u64 words[16];
    if (kernel2(NR_statfs, r->arguments[0], words) < 0) return 0;
    return words[0] == 0x9fa0 || words[0] == 0x62656572;
}

void perform(struct slot *s) {
    struct request *r = REQUEST_OF(s);
    s->request = r;
    u32 sequence = s->sequence;
    i64 result = 0;
    s->reply_start = 0;
    if (r->flags & REQUEST_BATCH) {
        mask_between_calls(s);
        s->called = sequence;
        run_batch(s);
        finish(s);
        return;
    }
    int is_own = r->flags & REQUEST_OWN;
    if (!is_own) mask_between_calls(s);
    place(s);
    if (r->flags & REQUEST_EXIT) {
        if (s->is_masked) set_mask(SIG_SETMASK, s->user_mask, 0);
        __atomic_store_n(&s->state, SLOT_EXITING, __ATOMIC_RELEASE);
        __atomic_fetch_add(&SHARED->events, 1, __ATOMIC_SEQ_CST);
        kernel3(NR_futex, &SHARED->events, FUTEX_WAKE, 1);
        agent_call(r->number, r->arguments, 0);
    }
    if (!is_own && keeps_mask(s, &result)) {
        s->called = sequence;
        s->result = result;
        finish(s);
        return;
    }
    // What is pending is delivered here; its handler may make the call itself. A change of the mask is the kernel's.
    if (s->is_masked && !is_own) {
        // So is the mask that a child or an executed program has from it.
        if (r->number == NR_rt_sigprocmask || r->flags & (REQUEST_CLONE | REQUEST_EXEC)) r->held = 0;
        unmask(s);
    }
    if (s->sequence == sequence && s->reported != sequence) {
        s->called = sequence;
        if (r->flags & REQUEST_EXEC) {
            result = execute_program(s);
        } else if (is_machines(r)) {
            result = -E_PERM;
        } else if (!(r->flags & REQUEST_NO_CALL)) {
            u64 arguments[6];
            for (int i = 0; i < 6; i++) arguments[i] = r->arguments[i];
            u64 child_stack = r->flags & REQUEST_CLONE ? (u64)SLOT(r->child) + SLOT_STACK_TOP : 0;
            result = agent_call(r->number, arguments, child_stack);
        }
    }
    s->result = result;
    s->is_returning = 0;
    if (!is_own) mask_between_calls(s);
    if (s->reported == s->sequence) return;
    s->result = result;
    finish(s);
}

/// Serves requests; returns when the running handler must return.
void task_loop(struct slot *s) {
    for (;;) {
        u32 state = __atomic_load_n(&s->state, __ATOMIC_ACQUIRE);
        if (state != SLOT_REQUESTED) {
            // Open to signals as the program is: the kernel gives them to the thread that Linux would.
            if (s->is_masked) unmask(s);
            kernel4(NR_futex, &s->state, FUTEX_WAIT, state, 0);
            mask_between_calls(s);
            continue;
        }
        if (REQUEST_OF(s)->flags & REQUEST_SIGRETURN) {
            if (s->depth > 0 && !s->is_returning) return;
            // A handler that ran between calls has returned already; else none ran here.
            s->result = s->is_returning ? 0 : -E_NOSYS;
            s->is_returning = 0;
            finish(s);
            continue;
        }
        // Made, and then interrupted before it could be reported.
        if (s->called == s->sequence && s->reported != s->sequence) {
            finish(s);
            continue;
        }
        perform(s);
    }
}

// MARK: - Signals

/// The places of the interrupted registers in struct ucontext (x86-64): rax and rip.
#define CONTEXT_RESULT 18
#define CONTEXT_COUNTER 21

/// Stands in for every handler of the program: notes the delivery and serves the handler's calls.
void agent_handler(int signal, void *information, void *context) {
    (void)information;
    struct slot *s = own_slot();
    u64 *words = (u64 *)context;
    u64 counter = words[CONTEXT_COUNTER];
    int in_call = counter >= (u64)agent_call_instruction && counter < (u64)agent_call_end;
    if (in_call && counter == (u64)agent_call_instruction) {
        // Linux would make the call again after the handler; the recording has that as a call of its own.
        words[CONTEXT_RESULT] = (u64)-RESTART_NO_INTERRUPTION;
        words[CONTEXT_COUNTER] = (u64)agent_call_after;
    }
    if (signal == CANCEL_SIGNAL) {
        s->cancelled = 1;
        return;
    }
    // The frame pointer is two words below what is a multiple of 16 where functions are entered rightly.
    int misaligned = (u64)__builtin_frame_address(0) % 16 ? SIGNAL_MISALIGNED : 0;
    if (s->signal_count < sizeof s->signals / sizeof s->signals[0]) s->signals[s->signal_count++] = signal | misaligned;
    u32 state = __atomic_load_n(&s->state, __ATOMIC_ACQUIRE);
    if (in_call && state == SLOT_REQUESTED && s->reported != s->sequence) {
        s->result = (i64)words[CONTEXT_RESULT];
        u64 old = 0;
        u64 handled = REQUEST_OF(s)->handled;
        set_mask(SIG_BLOCK, handled, &old);
        s->user_mask = old & ~s->held;
        s->is_masked = 1;
        finish(s);
    } else {
        s->is_masked = 0;
        mask_between_calls(s);
    }
    s->depth++;
    task_loop(s);
    s->depth--;
    // The kernel puts the interrupted mask back; whoever is outside notes it again, and reports the return.
    s->is_masked = 0;
    s->is_returning = !in_call;
}
