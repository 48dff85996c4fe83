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

// MARK: - Calls that only the agent makes; always notified

/// The agent is mapped: put the program's code back. The reply's value is not looked at.
#define AGENT_CALL_READY 0x1ac0
/// A thread without a block: first argument is its thread pointer. 0: try again, else: go the notified way.
#define AGENT_CALL_THREAD 0x1ac1
/// The ring is full: the reply comes when there is room.
#define AGENT_CALL_FULL 0x1ac2

// MARK: - Rings

#define AGENT_RINGS 1024
/// Bytes of records in one ring; a power of two.
#define AGENT_RING_BYTES 0x100000
#define AGENT_RING_HEADER 0x1000
#define AGENT_RING_STRIDE (AGENT_RING_HEADER + AGENT_RING_BYTES)
#define AGENT_ARENA_HEADER 0x1000
#define AGENT_ARENA_SIZE (AGENT_ARENA_HEADER + (unsigned long)AGENT_RINGS * AGENT_RING_STRIDE)
/// A call that may have more than this to record goes the notified way.
#define AGENT_RECORD_LIMIT 0x30000

#ifndef __ASSEMBLER__
#include <stdint.h>

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
    /// Nothing: the end of the data before a wrap, or what a handler that jumped away left.
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
    /// Counts the thread's calls (entries) from 0; an exit has that of its entry.
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

enum agent_flags { AGENT_FLAG_INPUT_FAULT = 4, AGENT_FLAG_OUTPUT_FAULT = 8 };

/// Memory in an EXIT record (after the 40 bytes) — and, for memory that the call itself will overwrite, in an ENTRY (after
/// the arguments; `reserved` is then the number of chunks). `kept` bytes follow, padded to 8.
struct agent_chunk {
    uint64_t address;
    /// The full length; more than `kept` if cut.
    uint32_t length;
    uint32_t kept;
    /// 0 input, 1 output.
    uint32_t direction;
    uint32_t pad;
};
#endif
#endif
