// What the code inside a recorded process shares with the recorder: addresses, memory layouts, ring records.
//
// The agent answers system calls of rewritten call sites inside the process: it notes entry and exit in a ring that the
// recorder reads. docs/recording.md tells the whole story.
#ifndef RECORDER_AGENT_H
#define RECORDER_AGENT_H

// MARK: - Where things are in a recorded process

/// The first page of the agent: the only page from which the filter lets calls pass unnoticed. Above 4 GiB, so that no
/// 32-bit code can be there.
#define AGENT_GATE 0x3f0000000000
#define AGENT_GATE_SIZE 0x1000
/// Rings, shared with the recorder.
#define AGENT_ARENA 0x3f1000000000
/// Per-thread blocks, private to the process.
#define AGENT_THREADS 0x3f2000000000
/// Thread pointer -> thread block. Below 2 GiB, so that code reaches it with two registers. Wiped in a forked child.
#define AGENT_TABLE 0x200000
#define AGENT_TABLE_ENTRIES 4096
#define AGENT_TABLE_SIZE (AGENT_TABLE_ENTRIES * 16)

/// What the supervisor tells the agent of one process; after the table, not wiped by fork.
#define AGENT_CONTROL (AGENT_TABLE + AGENT_TABLE_SIZE)
#define AGENT_CONTROL_SIZE 0x1000
#define AGENT_READY 0x6c61636e
/// Slots of rewritten call sites: one area near the executable, one near its loader.
#define AGENT_SLOTS_SIZE 0x40000
/// The call table: after the agent's code in the same image.
#define AGENT_CALLS (AGENT_GATE + AGENT_CODE_SIZE)
#define AGENT_CODE_SIZE 0x8000

// MARK: - Thread blocks

/// Bytes between the blocks (struct agent_thread) of two threads.
#define AGENT_BLOCK_STRIDE 0x200
/// What multiplies the thread pointer for its place in the table: bits 36 to 47 of the product. They spread pointers at
/// any usual distance (stacks of one size, blocks of a heap).
#define AGENT_HASH 0x1e3779b1

// MARK: - Calls that only the agent makes; always notified

/// A thread without a block: first argument is its thread pointer. 0: try again, else: go the notified way.
#define AGENT_CALL_THREAD 0x1ac1
/// The ring is full: the reply comes when there is room.
#define AGENT_CALL_FULL 0x1ac2

// MARK: - Rings

#define AGENT_RINGS 1024
/// Bytes of records in one ring; a power of two.
#define AGENT_RING_BYTES 0x200000
#define AGENT_RING_HEADER 0x1000
#define AGENT_RING_STRIDE (AGENT_RING_HEADER + AGENT_RING_BYTES)
#define AGENT_ARENA_HEADER 0x1000
#define AGENT_ARENA_SIZE (AGENT_ARENA_HEADER + (unsigned long)AGENT_RINGS * AGENT_RING_STRIDE)
/// A call that may have more than this to record goes the notified way.
#define AGENT_RECORD_LIMIT 0x30000

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

// MARK: - Inside a process

/// One entry of the table at AGENT_TABLE; it may also be at the neighbour (index ^ 1).
struct agent_table_entry {
    uint64_t thread_pointer;
    /// Address of the block; 0: free.
    uint64_t block;
};
static inline uint32_t agent_table_index(uint64_t thread_pointer) {
    return (uint32_t)((thread_pointer * AGENT_HASH) >> 36) & (AGENT_TABLE_ENTRIES - 1);
}

struct agent_control {
    /// Mappings that hold rewritten code, slots or the agent; calls that change them go the notified way.
    uint32_t range_count;
    /// AGENT_READY once everything is mapped.
    uint32_t ready;
    struct agent_range {
        uint64_t start, end;
    } ranges[16];
};

/// Reservations of handlers and what they interrupted that may be under way in one thread.
#define AGENT_RESERVATIONS 12

/// State of a thread; written by the supervisor while the thread is parked, else by the agent.
struct agent_thread {
    /// Address of the ring's header in the process.
    uint64_t ring;
    /// The alternate signal stack.
    uint64_t alternate_start, alternate_end;
    /// Calls made so far.
    uint32_t sequence;
    /// The process id as the process sees it; 0: not asked yet.
    int32_t pid;
    /// Calls that came to the agent, those that it refused too.
    uint32_t arrivals;
    uint32_t reserved;
    /// Usually none when a call enters. Inner ones (of handlers) follow outer ones.
    struct agent_reservation {
        /// Stack pointer of whoever made it; 0: free. Taking and freeing a place is one store.
        uint64_t stack;
        /// Position + 1; 0: none yet, or done.
        uint64_t position;
        uint32_t size;
        /// `arrivals` when it was made.
        uint32_t arrival;
    } reservations[AGENT_RESERVATIONS];
};

/// What the gate leaves on the program's stack: the call's registers, then what the exit must know.
struct agent_frame {
    /// At the entry the call's number, at the exit its result.
    int64_t rax;
    uint64_t rdi, rsi, rdx, r10, r8, r9;
    /// At the exit only.
    uint64_t token, room;
};

// MARK: - The call table

enum agent_length_kind {
    AGENT_LENGTH_NONE = 0,
    AGENT_LENGTH_FIXED = 1,
    AGENT_LENGTH_ARGUMENT = 2,
    AGENT_LENGTH_RESULT = 3,
    /// The u32 that an argument points to: at the exit, at most what it was at the entry.
    AGENT_LENGTH_POINTEE = 4,
    /// Bits of an argument, in 64-bit words.
    AGENT_LENGTH_BITS = 5,
};
struct agent_length {
    uint8_t kind;
    uint8_t argument;
    /// Bytes of the argument that count, and whether it is signed (a negative one is 0).
    uint8_t size;
    uint8_t is_signed;
    /// FIXED: the length; else what multiplies.
    uint32_t scale;
};
enum agent_operation { AGENT_BYTES = 0, AGENT_STRING = 1, AGENT_VECTORS = 2, AGENT_MESSAGE = 3 };
enum agent_step_flags {
    AGENT_STEP_INPUT = 1,
    AGENT_STEP_OUTPUT = 2,
    AGENT_STEP_PAYLOAD = 4,
    /// Output also when the call failed.
    AGENT_STEP_ALWAYS = 8,
    /// Input that the call overwrites: captured before it.
    AGENT_STEP_BEFORE = 16,
};
/// Memory of a call: min(length, bound) + extra bytes at an argument.
struct agent_step {
    uint8_t operation;
    uint8_t argument;
    uint8_t flags;
    /// Only if this argument has a bit of the mask; 255: always.
    uint8_t condition;
    uint32_t extra;
    uint64_t mask;
    struct agent_length length, bound;
};
enum agent_program_flags {
    /// Always the notified way.
    AGENT_PROGRAM_NOTIFY = 1,
    /// Notified if argument `condition` has a bit of `mask`.
    AGENT_PROGRAM_NOTIFY_IF = 2,
    /// Maps memory: notified if it is a file's, executable, or overlaps a range of the control page.
    AGENT_PROGRAM_MAPS = 4,
    /// Changes mappings: notified if it overlaps, or makes memory executable (argument 2, if the flag PROTECTS is set).
    AGENT_PROGRAM_CHANGES = 8,
    AGENT_PROGRAM_PROTECTS = 16,
};
struct agent_program {
    /// Arguments that are recorded.
    uint8_t arguments;
    uint8_t flags;
    uint8_t condition;
    uint8_t steps;
    uint32_t first_step;
    uint64_t mask;
};
/// The first whose arguments match is taken; the last always matches (255).
struct agent_variant {
    uint8_t argument[2];
    uint16_t reserved;
    uint32_t program;
    uint64_t mask[2], value[2];
};
#define AGENT_NUMBERS 512
struct agent_call {
    uint32_t first_variant;
    /// 0: always the notified way.
    uint32_t variants;
};
/// First in the table; AGENT_NUMBERS calls follow.
struct agent_calls {
    /// Offsets from here.
    uint32_t variants, programs, steps, size;
};

/// The agent's code, to be mapped at AGENT_GATE.
const uint8_t *agent_code(size_t *size);
/// Offset in it of `void agent_start(int file, uint64_t rings, uint64_t slots, uint64_t more_slots)`, which maps the rest
/// (the rings are at that offset of the file) and closes the descriptor. An address of 0 maps no slots.
size_t agent_start_offset(void);

/// First in the arena.
struct agent_arena {
    /// 1: nobody reads any more; every call goes the notified way.
    uint32_t off;
    /// Bytes kept of a payload; longer input goes the notified way.
    uint32_t payload_limit;
};

/// First in each ring; records follow at AGENT_RING_HEADER. Positions count bytes from the ring's beginning of use and
/// never wrap; a record begins at data[position % AGENT_RING_BYTES], is contiguous, and is committed when its first
/// word is its position + 1.
struct agent_ring {
    /// Reserved up to here. Written by the thread.
    uint64_t head;
    uint64_t pad0[7];
    /// Read up to here. Written by the recorder's reader.
    uint64_t tail;
    /// seccomp notification of the thread that waits for room; answered by the reader. 0: none.
    uint64_t parked;
    uint64_t pad1[6];
    /// Written by the supervisor when it gives the ring to a thread; tid as the recorder sees it. 0: free.
    int32_t tid;
    /// Counts owners, so that the reader sees a change.
    uint32_t generation;
    /// The thread's pointer (fs base) when it last asked.
    uint64_t thread_pointer;
    /// Set by the reader once the owner is gone and everything is read; the supervisor may then give it away again.
    uint32_t drained;
    uint32_t pad2[11];
};

enum agent_record_kind {
    /// Nothing: the end of the data before a wrap (AGENT_NO_SEQUENCE), or a record that a handler that jumped away left
    /// unfinished: the call of its sequence was then not made, or its entry stands and its exit is missing.
    AGENT_SKIP = 0,
    AGENT_ENTRY = 1,
    AGENT_EXIT = 2,
};

/// Common beginning of records; sizes are multiples of 8.
struct agent_record {
    /// Position + 1 once committed.
    uint64_t stamp;
    /// Bytes to the next record, this header included.
    uint32_t size;
    /// Counts the thread's calls (entries) from 0; an exit has that of its entry. Entries of a handler that interrupted
    /// the agent may come a little out of order.
    uint32_t sequence;
    uint8_t kind;
    /// ENTRY: arguments that follow. EXIT: chunks that follow.
    uint8_t count;
    /// System call number.
    uint16_t number;
    /// CallFlags of the log (agent_flags).
    uint16_t flags;
    uint16_t reserved;
    /// Time stamp counter.
    uint64_t time;
    /// EXIT: the kernel's result. ENTRY: the first argument, if any (the others follow; all `count` of them start here).
    int64_t value;
};
/// Bytes of an ENTRY with n arguments, before its chunks; an ENTRY has room for one argument at least.
#define AGENT_ENTRY_SIZE(n) (40 + 8 * ((n) > 1 ? (n)-1 : 0))
#define AGENT_EXIT_SIZE 40
#define AGENT_NO_SEQUENCE 0xffffffffu

enum agent_flags { AGENT_FLAG_INPUT_FAULT = 4, AGENT_FLAG_OUTPUT_FAULT = 8 };

/// Memory in an EXIT record (after the 40 bytes) — and, for memory that the call itself will overwrite, in an ENTRY (after
/// the arguments; `reserved` is then the number of chunks). `kept` bytes follow, padded to 8.
struct agent_chunk {
    uint64_t address;
    /// The full length; more than `kept` if cut.
    uint32_t length;
    uint32_t kept;
    /// 0 input, 1 output, 2 nothing: memory that could not be read; skip it.
    uint32_t direction;
    uint32_t pad;
};
#endif
#endif
