// The agent: what runs inside a recorded process, before and after each call of a rewritten site.
//
// Freestanding: no libc, no data of its own (so the code can be copied anywhere), no vector registers, little stack
// (Gate.h says why it is the program's). Memory of the program is touched directly only where the kernel has just read
// or written it; all other memory is copied by the kernel, which survives bad pointers.
#include "Collect.h"
#include "Gate.h"
#include "Ring.h"

LOCAL int has_headroom(const struct agent_thread *thread) {
    struct agent_ring *ring = ring_of(thread);
    return ring->head - __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) < AGENT_RING_BYTES - 2 * AGENT_RECORD_LIMIT;
}

struct answer {
    uint64_t token, room;
};

/// Notes the call. The token of the exit, or 0: the call is to be made the notified way.
AGENT struct answer agent_before(const struct agent_frame *frame, struct agent_thread *thread) {
    const struct answer refused = {0, 0};
    struct answer answer = refused;
    uint32_t number = (uint32_t)frame->rax;
    const struct agent_program *program = program_of(frame, number);
    if (!program || arena()->off) return refused;
    if (program->flags) {
        if (program->flags & AGENT_PROGRAM_NOTIFY) return refused;
        if ((program->flags & AGENT_PROGRAM_NOTIFY_IF) && (argument(frame, program->condition) & program->mask)) return refused;
        if ((program->flags & (AGENT_PROGRAM_MAPS | AGENT_PROGRAM_CHANGES)) && touches_code(frame, program)) return refused;
    }
    thread->arrivals++;
    if (thread->reservations[0].stack) {
        mend(thread, (uint64_t)frame);
        // A handler's call, before what it interrupted has finished its record: the reader cannot pass that, so waiting
        // for room would be for ever. There must be room for all that this call may need.
        if (thread->reservations[0].stack && !has_headroom(thread)) return refused;
    }

    struct collector collector = {.thread = thread, .to = NULL, .room = AGENT_RECORD_LIMIT};
    if (program->steps && !collect_before(&collector, frame, program, &answer.room)) return refused;
    uint64_t entry = AGENT_ENTRY_SIZE(program->arguments);
    struct place place;
again:
    if (!reserve(thread, entry + collector.bytes, &place)) return refused;
    struct agent_record *record = place.record;
    uint32_t sequence = next_sequence(thread, record);
    if (collector.count) {
        collector = (struct collector){.thread = thread, .to = (uint8_t *)record + entry, .room = collector.bytes};
        collect_before(&collector, frame, program, &answer.room);
    }
    record->count = program->arguments;
    record->number = (uint16_t)number;
    record->flags = (uint16_t)collector.flags;
    record->reserved = (uint16_t)collector.count;
    for (uint32_t index = 0; index < program->arguments; index++) {
        (&record->value)[index] = (int64_t)argument(frame, index);
        COMPILER_BARRIER;
    }
    record->kind = AGENT_ENTRY;
    record->time = clock();
    if (!commit(&place)) goto again;
    answer.token = 1ULL << 63 | (uint64_t)collector.flags << 48 | (uint64_t)sequence << 16 | number;
    return answer;
}

/// Notes the result and the memory of a call that has returned. Registers but the result are those of the call.
AGENT void agent_after(const struct agent_frame *frame, struct agent_thread *thread) {
    uint64_t time = clock();
    uint32_t number = frame->token & 0xffff;
    const struct agent_program *program = program_of(frame, number);
    if (!program || arena()->off) return;
    if (thread->reservations[0].stack) mend(thread, (uint64_t)frame);

    struct collector collector = {.thread = thread, .to = NULL, .room = 2 * AGENT_RECORD_LIMIT};
    if (program->steps) collect_after(&collector, frame, program);
    struct place place;
again:
    if (!reserve(thread, AGENT_EXIT_SIZE + collector.bytes, &place)) return;
    struct agent_record *record = place.record;
    record->sequence = (uint32_t)(frame->token >> 16);
    if (collector.bytes) {
        collector = (struct collector){
            .thread = thread, .to = (uint8_t *)record + AGENT_EXIT_SIZE, .room = collector.bytes, .flags = collector.flags};
        collect_after(&collector, frame, program);
    }
    record->number = (uint16_t)number;
    record->flags = (uint16_t)collector.flags;
    record->reserved = 0;
    record->count = (uint8_t)collector.count;
    record->time = time;
    record->value = frame->rax;
    record->kind = AGENT_EXIT;
    if (!commit(&place)) goto again;
}

// MARK: - Start

#define PROT_READ 1
#define PROT_WRITE 2
#define MAP_SHARED 1
#define MAP_PRIVATE 2
#define MAP_NORESERVE 0x4000
#define MADV_WIPEONFORK 18

INLINE int map(uint64_t address, uint64_t size, int protection, int flags, int fd, uint64_t offset) {
    if (!address) return 1;
    return unseen(CALL_MMAP, address, size, (uint64_t)protection, (uint64_t)flags | MAP_FIXED_NOREPLACE, (uint64_t)fd, offset) ==
           (int64_t)address;
}

/// Runs once in each new program, on its stack.
AGENT void agent_start(int file, uint64_t rings, uint64_t slots, uint64_t more_slots) {
    const int own = MAP_PRIVATE | MAP_ANONYMOUS;
    int done = map(AGENT_TABLE, AGENT_TABLE_SIZE + AGENT_CONTROL_SIZE, PROT_READ | PROT_WRITE, own, -1, 0);
    int mapped = done;
    done = done && unseen(CALL_MADVISE, AGENT_TABLE, AGENT_TABLE_SIZE, MADV_WIPEONFORK, 0, 0, 0) == 0;
    const int shared = MAP_SHARED | MAP_NORESERVE, writable = PROT_READ | PROT_WRITE, executable = PROT_READ | PROT_EXEC;
    done = done && map(AGENT_ARENA, AGENT_ARENA_SIZE, writable, shared, file, rings);
    done = done && map(AGENT_THREADS, (uint64_t)AGENT_RINGS * AGENT_BLOCK_STRIDE, writable, own | MAP_NORESERVE, -1, 0);
    done = done && map(slots, AGENT_SLOTS_SIZE, executable, own, -1, 0);
    done = done && map(more_slots, AGENT_SLOTS_SIZE, executable, own, -1, 0);
    unseen(CALL_CLOSE, (uint64_t)file, 0, 0, 0, 0, 0);
    if (mapped && done) ((struct agent_control *)AGENT_CONTROL)->ready = AGENT_READY;
}
