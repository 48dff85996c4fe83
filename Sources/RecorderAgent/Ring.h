// The thread's ring: records reserved, committed, and given up when a handler jumped out of the agent.
#ifndef AGENT_RING_H
#define AGENT_RING_H
#include "Kernel.h"

INLINE struct agent_ring *ring_of(const struct agent_thread *thread) { return (struct agent_ring *)thread->ring; }
INLINE struct agent_record *record_at(struct agent_ring *ring, uint64_t position) {
    return (struct agent_record *)((uint8_t *)ring + AGENT_RING_HEADER + position % AGENT_RING_BYTES);
}
#define COMPILER_BARRIER __asm__ volatile("" ::: "memory")

/// A frame below this distance of a stack pointer above it is taken to be on the same stack.
#define STACK_REACH 0x4000
/// A thread that has made this many calls since is not taken to be in a handler any more.
#define HANDLER_CALLS 300

/// Whether whoever made a reservation is gone: the program runs above where it was, or has run on for long.
INLINE int is_abandoned(const struct agent_thread *thread, const struct agent_reservation *reservation, uint64_t stack) {
    int is_on_alternate = stack >= thread->alternate_start && stack < thread->alternate_end;
    if (!is_on_alternate && stack >= reservation->stack && stack - reservation->stack < STACK_REACH) return 1;
    return thread->arrivals - reservation->arrival > HANDLER_CALLS;
}

/// What a handler that jumped away had reserved and not committed becomes a gap. The last first: an outer one may have
/// aimed at the position that an inner one then took.
LOCAL void mend(struct agent_thread *thread, uint64_t stack) {
    struct agent_ring *ring = ring_of(thread);
    uint32_t count = 0;
    while (count < AGENT_RESERVATIONS && thread->reservations[count].stack) count++;
    for (; count > 0; count--) {
        struct agent_reservation *reservation = &thread->reservations[count - 1];
        if (!is_abandoned(thread, reservation, stack)) return;
        if (reservation->position) {
            uint64_t position = reservation->position - 1;
            struct agent_record *record = record_at(ring, position);
            int has_header = reservation->size >= sizeof *record;
            if (position < ring->head && has_header && record->stamp != position + 1) {
                record->size = reservation->size;
                record->kind = AGENT_SKIP;  // its sequence, if it had one, is excused by this record
                __atomic_store_n(&record->stamp, position + 1, __ATOMIC_RELEASE);
            }
            reservation->position = 0;
        }
        COMPILER_BARRIER;
        reservation->stack = 0;
        COMPILER_BARRIER;
    }
}

/// Where a record goes.
struct place {
    struct agent_record *record;
    uint64_t position;
    struct agent_reservation *reservation;
};

/// 0: the record was given up meanwhile, because what interrupted it had seemed to be over (it had switched stacks).
INLINE int commit(const struct place *place) {
    if (__atomic_load_n(&place->reservation->position, __ATOMIC_RELAXED) != place->position + 1) return 0;
    __atomic_store_n(&place->record->stamp, place->position + 1, __ATOMIC_RELEASE);
    COMPILER_BARRIER;
    place->reservation->position = 0;
    COMPILER_BARRIER;
    place->reservation->stack = 0;
    return 1;
}

/// Waits until `size` bytes fit; 0 if nobody reads any more.
LOCAL int wait_for_room(struct agent_ring *ring, uint64_t size) {
    while (ring->head + size - __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) > AGENT_RING_BYTES) {
        if (__atomic_load_n(&arena()->off, __ATOMIC_RELAXED)) return 0;
        // Parks in the kernel until the reader has made room. A signal handler may run after it and fill the ring again.
        notified(AGENT_CALL_FULL, size, 0, 0, 0, 0, 0);
    }
    return 1;
}

/// Room for a record of `size` bytes; 0 if nobody reads any more, or too many handlers are under way. The thread's own
/// signal handlers are the only other writers of its ring, so a plain compare-and-exchange does.
INLINE int reserve(struct agent_thread *thread, uint64_t size, struct place *place) {
    struct agent_ring *ring = ring_of(thread);
    uint32_t index = 0;
    while (__atomic_load_n(&thread->reservations[index].stack, __ATOMIC_RELAXED))
        if (++index == AGENT_RESERVATIONS) return 0;
    struct agent_reservation *reservation = &thread->reservations[index];
    reservation->arrival = thread->arrivals;
    COMPILER_BARRIER;
    // A handler that came before this store has used the place and freed it; one that comes after takes the next.
    reservation->stack = (uint64_t)__builtin_frame_address(0);
    COMPILER_BARRIER;
    for (;;) {
        uint64_t head = ring->head, rest = AGENT_RING_BYTES - head % AGENT_RING_BYTES;
        uint64_t total = rest < size ? rest : size, need = rest < size ? rest + size : size;
        if (head + need - __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) > AGENT_RING_BYTES) {
            if (!wait_for_room(ring, need)) {
                reservation->stack = 0;
                return 0;
            }
            continue;
        }
        reservation->size = (uint32_t)total;
        COMPILER_BARRIER;
        reservation->position = head + 1;
        COMPILER_BARRIER;
        uint8_t done;
        uint64_t expected = head;
        __asm__ volatile("cmpxchg %3, %1\n sete %0"
                         : "=q"(done), "+m"(ring->head), "+a"(expected)
                         : "r"(head + total)
                         : "memory", "cc");
        if (!done) {
            reservation->position = 0;
            COMPILER_BARRIER;
            continue;
        }
        struct agent_record *record = record_at(ring, head);
        if (total < sizeof *record) {
            // Not even a header fits before the end of the data: the reader knows that nothing begins there.
            reservation->position = 0;
            COMPILER_BARRIER;
            continue;
        }
        record->size = (uint32_t)total;
        record->kind = AGENT_SKIP;
        record->sequence = AGENT_NO_SEQUENCE;
        if (total == size) {
            place->record = record;
            place->position = head;
            place->reservation = reservation;
            return 1;
        }
        // The end of the data is too short: skip it.
        __atomic_store_n(&record->stamp, head + 1, __ATOMIC_RELEASE);
        COMPILER_BARRIER;
        reservation->position = 0;
        COMPILER_BARRIER;
    }
}

/// Gives the record the thread's next sequence number. The record has it before the counter moves, so that a record that
/// is never committed tells which number is missing.
INLINE uint32_t next_sequence(struct agent_thread *thread, struct agent_record *record) {
    for (;;) {
        uint32_t sequence = thread->sequence, expected = sequence;
        record->sequence = sequence;
        uint8_t done;
        __asm__ volatile("cmpxchg %3, %1\n sete %0"
                         : "=q"(done), "+m"(thread->sequence), "+a"(expected)
                         : "r"(sequence + 1)
                         : "memory", "cc");
        if (done) return sequence;
    }
}

#endif
