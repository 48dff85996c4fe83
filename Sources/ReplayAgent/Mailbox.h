// What the conductor and its tasks share: one slot of memory for each task, at the same address in all of them.
//
// The memory is a memfd that every task maps, and keeps open at a high descriptor: a program that a task executes is the
// agent again, and finds its slot there. A slot holds its task's stack too: a forked child, which has its parent's
// memory, runs on its own slot's stack from its first instruction.
#ifndef MAILBOX_H
#define MAILBOX_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long u64;
typedef long i64;

#define PROTOCOL_VERSION 2

/// Where the mailbox is in every task. Recorded programs have nothing near it.
#ifdef LACUNA_LOW_ADDRESSES
// The engine folds recorded addresses into what lies above; AgentEngine+Folding.swift.
#define MAILBOX 0x1ad0000000UL
#else
#define MAILBOX 0x1ad000000000UL
#endif
#define SLOT_COUNT 1024
#define SLOT_SIZE 0x800000UL
#define SLOT_STACK_TOP 0x60000UL
#define SLOT_REQUEST 0x60000UL
#define SLOT_REPLY 0x400000UL
#define REQUEST_LIMIT (SLOT_REPLY - SLOT_REQUEST)
#define REPLY_LIMIT (SLOT_SIZE - SLOT_REPLY)
#define MAILBOX_SIZE (SLOT_COUNT * SLOT_SIZE)
/// Where the conductor's own calls have their memory.
#define SCRATCH (MAILBOX + 0x1000000000UL)
#define SCRATCH_SIZE 0x2000000UL

/// Interrupts a parked call; no program waits for the last real-time signals. QEMU's user mode has 62 of them.
#define CANCEL_SIGNAL 62

/// Beside a signal's number: its handler's stack was not aligned as the processor's binary interface has it.
#define SIGNAL_MISALIGNED 0x100

enum slot_state { SLOT_FREE = 0, SLOT_IDLE = 1, SLOT_REQUESTED = 2, SLOT_DONE = 3, SLOT_EXITING = 4 };

enum request_flags {
    /// The call makes a task: it starts in slot `child`.
    REQUEST_CLONE = 1,
    /// The call executes a program.
    REQUEST_EXEC = 2,
    /// The call ends the task.
    REQUEST_EXIT = 4,
    /// Return from the handler that runs.
    REQUEST_SIGRETURN = 8,
    /// Only the memory is placed and read.
    REQUEST_NO_CALL = 16,
    /// Nothing that was mapped for an earlier call's memory is in [clear, clear + clear_length).
    REQUEST_CLEAR = 32,
    /// Memory is mapped in [clear, clear + clear_length).
    REQUEST_ENSURE = 64,
    /// The child shares its parent's memory until it executes a program.
    REQUEST_VFORK = 128,
    /// The child is in a pid namespace of its own, or the task is already.
    REQUEST_NESTED = 256,
    /// The engine's own call between recorded ones: no signal is let in for it.
    REQUEST_OWN = 512,
    /// `number` requests follow, each after a `struct batch_item`: calls that no signal and no other task has a part in,
    /// made one after the other. The reply has a `struct batch_answer` before each one's memory.
    REQUEST_BATCH = 1024,
};

/// After which of a batch's calls no other is made.
enum batch_stop {
    STOP_IF_FAILED = 1,
    /// Fewer than `recorded`, but some.
    STOP_IF_SHORT = 2,
};

struct batch_item {
    u32 size;
    u32 stop;
    i64 recorded;
};

struct batch_answer {
    i64 result;
    u32 chunks, size;
};

/// A call as the engine sends it; `inputs`, then `outputs` follow.
struct request {
    u32 flags;
    u32 child;
    i64 number;
    u64 arguments[6];
    /// Signals that have a handler of the program.
    u64 handled;
    /// Signals that are to stay out of this call, and until the next one.
    u64 held;
    u64 clear;
    u64 clear_length;
    /// Where a moment of `deadline_clock` is put, so many nanoseconds from now; 0: nowhere.
    u64 deadline;
    i64 distance;
    u32 deadline_clock;
    /// Of what the reply is to say more: ABOUT_DESCRIPTOR or ABOUT_PATH, and which argument; 0: nothing.
    u32 about;
    u32 input_count;
    u32 output_count;
};

#define ABOUT_DESCRIPTOR 0x100
#define ABOUT_PATH 0x200
/// The address of the chunk that says so.
#define ABOUT_ADDRESS (~0UL - 4095)

/// What a file that the call was on is, so that a reader knows whose content it is. -1: not known.
struct about {
    i64 system, mode, device, domain;
};

/// Memory before the call: `count` bytes follow, padded to 8; `span` bytes are mapped.
struct input {
    u64 address;
    u32 count;
    u32 span;
};

/// Memory after the call: ExitItem of LinuxABI.
struct output {
    u64 address;
    u64 limit;
    u64 skip;
    u64 extra;
    u64 length_address;
    u32 scale;
    u8 kind;
    u8 always;
    u16 reserved;
};

struct slot {
    u32 state;
    u32 sequence;
    u32 reported;
    u32 tid;
    i64 result;
    /// The task has run.
    u32 alive;
    u32 chunk_count;
    u32 reply_used;
    /// How many calls of a batch are made. With BATCH_ALONE the call that is under way is waited for alone: it ends as
    /// if it were no batch's, and none follows.
    u32 batch;
    /// Where the reply to the present call begins: a batch has one after the other.
    u64 reply_start;
    /// The present call; within a batch not the slot's first.
    struct request *request;
    /// Memory that the agent itself may read and write: nothing has changed the mappings since the kernel did so for it.
    u64 open_start, open_end;
    u32 cancelled;
    u32 signal_count;
    i32 signals[59];
    /// Signals of `held` that the program does not block itself, in the kernel's mask now.
    u64 held;
    /// The program's own signal mask while signals with handlers are kept out between calls.
    u64 user_mask;
    u32 is_masked;
    /// Handlers that run, one within the other.
    u32 depth;
    /// The last request whose call has been made.
    u32 called;
    /// The innermost handler, which interrupted no call, has returned.
    u32 is_returning;
    /// A program is being executed; the name that the kernel would give the task.
    u32 executing;
    char command[16];
    /// Conductor's: the task's tid in the conductor's pid namespace.
    i32 host_tid;
    u32 nested;
};

/// Slot 0 is the conductor's; its page has this as well.
struct shared {
    /// Changes whenever a slot's state does; a futex.
    u32 events;
    u32 mailbox_fd;
    u32 agent_fd;
    u32 flags;
    /// A program that runs the agent, as it ran the conductor: an emulator that follows no execve. 0: none.
    u32 emulator_fd;
};

#define BATCH_ALONE 0x80000000U

#define SLOT(i) ((struct slot *)(MAILBOX + (u64)(i) * SLOT_SIZE))
#define SHARED ((struct shared *)(MAILBOX + 0x1000))
#define SLOT_INDEX(s) (((u64)(s) - MAILBOX) / SLOT_SIZE)
#define REQUEST_OF(s) ((struct request *)((u64)(s) + SLOT_REQUEST))
#define REPLY_OF(s) ((u8 *)(s) + SLOT_REPLY + (s)->reply_start)

void task_loop(struct slot *s);
void finish(struct slot *s);
void perform(struct slot *s);
void place(struct slot *s);
void gather(struct slot *s);
void run_batch(struct slot *s);
struct output *outputs_of(struct request *r);
void write_memory(struct slot *s, u64 address, const void *bytes, u64 count);
u64 read_memory(struct slot *s, u64 address, void *bytes, u64 count);
i64 execute_program(struct slot *s);
void attach(char **argv, char **entry, char *value);
char state_of(i32 tid);
int is_pending(u64 tid, u64 signal);
i32 host_tid(struct slot *s);
void catch_cancel(void);
void conduct(int argc, char **argv);
void run_program(int argc, char **argv);
void agent_handler(int signal, void *information, void *context);
#endif
