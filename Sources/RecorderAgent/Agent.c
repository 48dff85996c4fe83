// The agent: what runs inside a recorded process, before and after each call of a rewritten site.
//
// Freestanding: no libc, no data of its own (so the code can be copied anywhere), no vector registers. It runs on a
// Memory of the program is touched directly only where the kernel has just read or
// written it; all other memory is copied by the kernel, which survives bad pointers.
#include "RecorderAgent.h"

#include "Gate.h"

#define AGENT __attribute__((section("lacuna_agent"), used, visibility("hidden")))
#define LOCAL static __attribute__((section("lacuna_agent")))
#define INLINE static inline __attribute__((always_inline))

// Numbers of <asm/unistd_64.h>.
enum { CALL_CLOSE = 3, CALL_MMAP = 9, CALL_MADVISE = 28, CALL_GETPID = 39, CALL_READ_MEMORY = 310 };

struct iovec {
    uint64_t base, length;
};

INLINE uint64_t clock(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

#define DEFINE_CALL(name, target)                                                                                     \
    INLINE int64_t name(int64_t n, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {          \
        int64_t result;                                                                                               \
        register uint64_t r10 __asm__("r10") = d;                                                                     \
        register uint64_t r8 __asm__("r8") = e;                                                                       \
        register uint64_t r9 __asm__("r9") = f;                                                                       \
        __asm__ volatile("call " target                                                                               \
                         : "=a"(result)                                                                               \
                         : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)                                 \
                         : "rcx", "r11", "memory");                                                                   \
        return result;                                                                                                \
    }
DEFINE_CALL(unseen, "agent_unseen")
DEFINE_CALL(notified, "agent_notified")

INLINE void copy(void *to, const void *from, uint64_t count) {
    if (count <= 64) {
        uint64_t *to8 = to;
        const uint64_t *from8 = from;
        while (count >= 8) {
            *to8++ = *from8++;
            count -= 8;
            __asm__ volatile("" ::: "memory");  // a loop, not a call of memcpy
        }
        uint8_t *to1 = (uint8_t *)to8;
        const uint8_t *from1 = (const uint8_t *)from8;
        while (count--) {
            *to1++ = *from1++;
            __asm__ volatile("" ::: "memory");
        }
        return;
    }
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count)::"memory");
}

INLINE struct agent_arena *arena(void) { return (struct agent_arena *)AGENT_ARENA; }
INLINE const struct agent_calls *calls(void) { return (const struct agent_calls *)AGENT_CALLS; }
INLINE const struct agent_control *control(void) { return (const struct agent_control *)AGENT_CONTROL; }
INLINE uint64_t argument(const struct agent_frame *frame, uint32_t index) { return (&frame->rdi)[index]; }

// MARK: - The program's memory

/// Bytes at `address` that are surely mapped, because they share a page with the program's stack.
INLINE int is_on_stack_page(const void *frame, uint64_t address, uint64_t count) {
    return address >> 12 == (uint64_t)frame >> 12 && count <= 4096 - (address & 4095);
}

/// Copies memory that may not be there; 1 if all of it was.
LOCAL int read_carefully(struct agent_thread *thread, void *to, uint64_t address, uint64_t count) {
    struct iovec local = {(uint64_t)to, count}, remote = {address, count};
    if (is_on_stack_page(&local, address, count)) {
        copy(to, (const void *)address, count);
        return 1;
    }
    if (!thread->pid) thread->pid = (int32_t)unseen(CALL_GETPID, 0, 0, 0, 0, 0, 0);
    return unseen(CALL_READ_MEMORY, (uint64_t)thread->pid, (uint64_t)&local, 1, (uint64_t)&remote, 1, 0) == (int64_t)count;
}

// MARK: - The ring

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

// MARK: - Programs

INLINE const struct agent_program *program_of(const struct agent_frame *frame, uint32_t number) {
    const struct agent_calls *table = calls();
    if (number >= AGENT_NUMBERS) return NULL;
    const struct agent_call *call = (const struct agent_call *)(table + 1) + number;
    if (!call->variants) return NULL;
    const struct agent_variant *variant =
        (const struct agent_variant *)((const uint8_t *)table + table->variants) + call->first_variant;
    const struct agent_program *programs = (const struct agent_program *)((const uint8_t *)table + table->programs);
    for (uint32_t left = call->variants; left > 0; left--, variant++) {
        if (variant->argument[0] == 255) return &programs[variant->program];
        if ((argument(frame, variant->argument[0]) & variant->mask[0]) != variant->value[0]) continue;
        if (variant->argument[1] == 255 ||
            (argument(frame, variant->argument[1]) & variant->mask[1]) == variant->value[1])
            return &programs[variant->program];
    }
    return NULL;
}
INLINE const struct agent_step *steps_of(const struct agent_program *program) {
    const struct agent_calls *table = calls();
    return (const struct agent_step *)((const uint8_t *)table + table->steps) + program->first_step;
}

#define LENGTH_LIMIT (1ULL << 30)
#define UNBOUNDED (~0ULL)

INLINE uint64_t narrow(uint64_t value, const struct agent_length *length) {
    uint32_t shift = 64 - 8 * length->size;
    if (length->is_signed) {
        int64_t value64 = (int64_t)(value << shift) >> shift;
        return value64 < 0 ? 0 : (uint64_t)value64;
    }
    return value << shift >> shift;
}
INLINE uint64_t scaled(uint64_t value, uint32_t scale) {
    if (value > LENGTH_LIMIT) return LENGTH_LIMIT;
    value *= scale;
    return value > LENGTH_LIMIT ? LENGTH_LIMIT : value;
}

/// Bytes; `result` is -1 where it is not known, which bounds nothing.
INLINE uint64_t measure(const struct agent_frame *frame, const struct agent_length *length, int64_t result, uint64_t room) {
    if (length->kind == AGENT_LENGTH_FIXED) return length->scale;
    if (length->kind == AGENT_LENGTH_ARGUMENT) return scaled(narrow(argument(frame, length->argument), length), length->scale);
    if (length->kind == AGENT_LENGTH_RESULT) return result < 0 ? UNBOUNDED : scaled((uint64_t)result, length->scale);
    if (length->kind == AGENT_LENGTH_POINTEE) return scaled(room, length->scale);
    if (length->kind == AGENT_LENGTH_BITS) {
        uint64_t bits = narrow(argument(frame, length->argument), length);
        if (bits > 1 << 20) bits = 1 << 20;
        return (bits + 63) / 64 * 8;
    }
    return UNBOUNDED;
}
INLINE uint64_t bytes_of(const struct agent_frame *frame, const struct agent_step *step, int64_t result, uint64_t room) {
    uint64_t length = measure(frame, &step->length, result, room);
    uint64_t bound = measure(frame, &step->bound, result, room);
    if (bound < length) length = bound;
    if (length == UNBOUNDED) return LENGTH_LIMIT;
    return length + step->extra;
}
INLINE int applies(const struct agent_frame *frame, const struct agent_step *step) {
    if (!argument(frame, step->argument)) return 0;
    return step->condition == 255 || (argument(frame, step->condition) & step->mask);
}

INLINE int overlaps_range(uint64_t start, uint64_t length) {
    const struct agent_control *known = control();
    uint64_t end = start + length;
    if (end < start) return 1;
    for (uint32_t index = 0; index < known->range_count; index++)
        if (start < known->ranges[index].end && end > known->ranges[index].start) return 1;
    return 0;
}

#define PROT_EXEC 4
#define MAP_ANONYMOUS 0x20
#define MAP_FIXED 0x10
#define MAP_FIXED_NOREPLACE 0x100000
#define MREMAP_FIXED 2

/// Whether a call that maps or unmaps is the supervisor's business.
LOCAL int touches_code(const struct agent_frame *frame, const struct agent_program *program) {
    if (program->flags & AGENT_PROGRAM_MAPS) {
        if ((frame->rdx & PROT_EXEC) || !(frame->r10 & MAP_ANONYMOUS)) return 1;
        return (frame->r10 & (MAP_FIXED | MAP_FIXED_NOREPLACE)) && overlaps_range(frame->rdi, frame->rsi);
    }
    if ((program->flags & AGENT_PROGRAM_PROTECTS) && (frame->rdx & PROT_EXEC)) return 1;
    return overlaps_range(frame->rdi, frame->rsi);
}

// MARK: - Chunks

#define CHUNK_BYTES(kept) (sizeof(struct agent_chunk) + (((uint64_t)(kept) + 7) & ~7ULL))

/// Collects memory: first only measures it, then copies it into a record. What changes meanwhile is cut to the room.
struct collector {
    struct agent_thread *thread;
    /// NULL: measure.
    uint8_t *to;
    /// Bytes used so far; bytes there are.
    uint64_t bytes, room;
    uint32_t count, flags;
};

LOCAL void add(struct collector *into, uint64_t address, uint64_t length, uint64_t limit, int output, int careful) {
    if (!length || into->count == 255) return;
    uint64_t kept = length < limit ? length : limit, left = into->room - into->bytes;
    if (left < sizeof(struct agent_chunk)) return;
    left = (left - sizeof(struct agent_chunk)) & ~7ULL;
    if (kept > left) kept = left;
    if (into->to) {
        struct agent_chunk *chunk = (struct agent_chunk *)(into->to + into->bytes);
        chunk->address = address;
        chunk->length = (uint32_t)length;
        chunk->kept = (uint32_t)kept;
        chunk->direction = (uint32_t)output;
        chunk->pad = 0;
        if (!careful) {
            copy(chunk + 1, (const void *)address, kept);
        } else if (!read_carefully(into->thread, chunk + 1, address, kept)) {
            into->flags |= output ? AGENT_FLAG_OUTPUT_FAULT : AGENT_FLAG_INPUT_FAULT;
            chunk->direction = 2;
        }
    }
    into->bytes += CHUNK_BYTES(kept);
    into->count++;
}

// MARK: - Before

/// Whether all input of the vectors will fit: each within the payload limit, together within a record.
LOCAL int vectors_fit(struct agent_thread *thread, uint64_t address, uint64_t count) {
    struct iovec vector;
    uint64_t total = 0;
    if (count > 64) return 0;
    for (uint64_t index = 0; index < count; index++) {
        // A bad pointer is the kernel's to refuse.
        if (!read_carefully(thread, &vector, address + index * sizeof vector, sizeof vector)) return 1;
        if (vector.length > arena()->payload_limit) return 0;
        total += CHUNK_BYTES(vector.length);
    }
    return total <= AGENT_RECORD_LIMIT;
}

LOCAL int message_fits(struct agent_thread *thread, uint64_t address) {
    uint64_t header[7];
    if (!read_carefully(thread, header, address, sizeof header)) return 1;
    // msg_controllen; then msg_iov and msg_iovlen.
    return header[5] <= 65536 && vectors_fit(thread, header[2], header[3]);
}

/// Memory that the call will overwrite, and whether all of it will fit.
LOCAL int collect_before(
    struct collector *into, const struct agent_frame *frame, const struct agent_program *program, uint64_t *room) {
    const struct agent_step *step = steps_of(program);
    uint64_t expected = 0, limit = arena()->payload_limit;
    for (uint32_t left = program->steps; left > 0; left--, step++) {
        if (!applies(frame, step)) continue;
        uint64_t address = argument(frame, step->argument);
        if (step->operation == AGENT_BYTES) {
            uint64_t length = bytes_of(frame, step, -1, *room);
            if (step->flags & AGENT_STEP_BEFORE) {
                if (length > AGENT_RECORD_LIMIT / 2) return 0;
                add(into, address, length, UNBOUNDED, 0, 1);
                // The room that a value-result length announces.
                uint32_t announced = 0;
                if (length == 4 && read_carefully(into->thread, &announced, address, 4)) *room = announced;
                expected += length;
            } else if (step->flags & AGENT_STEP_INPUT) {
                if (length > limit) return 0;
                expected += length;
            } else {
                expected += length < limit ? length : limit;
            }
        } else if (into->to) {
            if (step->operation == AGENT_MESSAGE && !(step->flags & AGENT_STEP_INPUT)) add(into, address, 56, UNBOUNDED, 0, 1);
        } else if (step->operation == AGENT_VECTORS && (step->flags & AGENT_STEP_INPUT)) {
            if (!vectors_fit(into->thread, address, bytes_of(frame, step, -1, 0))) return 0;
        } else if (step->operation == AGENT_MESSAGE) {
            if (!(step->flags & AGENT_STEP_INPUT)) add(into, address, 56, UNBOUNDED, 0, 1);
            else if (!message_fits(into->thread, address)) return 0;
        }
        if (expected > AGENT_RECORD_LIMIT) return 0;
    }
    return 1;
}

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

// MARK: - After

/// Bytes of a string with its NUL; 0 if it is not there. What the kernel has read is; else it is looked at in pieces.
LOCAL uint64_t string_length(struct agent_thread *thread, uint64_t address, int careful) {
    uint64_t length = 0;
    if (!careful) {
        const volatile char *text = (const volatile char *)address;
        while (length < 4096 && text[length]) length++;
        return length < 4096 ? length + 1 : length;
    }
    char part[64];
    while (length < 4096) {
        uint64_t count = sizeof part - ((address + length) & 63);
        if (!read_carefully(thread, part, address + length, count)) return 0;
        for (uint64_t index = 0; index < count && length + index < 4096; index++)
            if (!part[index]) return length + index + 1;
        length += count;
    }
    return 4096;
}

enum vector_parts { VECTOR_ARRAY = 1, VECTOR_BUFFERS = 2 };

/// The vectors and their buffers; output holds `result` bytes in all.
LOCAL void add_vectors(
    struct collector *into, uint64_t address, uint64_t count, uint32_t flags, int64_t result, int parts) {
    uint64_t limit = arena()->payload_limit, left = result < 0 ? 0 : (uint64_t)result;
    if (!count || count > 1024) return;
    int careful = result < 0;
    if (parts & VECTOR_ARRAY) add(into, address, count * sizeof(struct iovec), UNBOUNDED, 0, careful);
    if (!(parts & VECTOR_BUFFERS)) return;
    for (uint64_t index = 0; index < count; index++) {
        struct iovec vector;
        uint64_t at = address + index * sizeof vector;
        if (!careful) copy(&vector, (const void *)at, sizeof vector);
        else if (!read_carefully(into->thread, &vector, at, sizeof vector)) return;
        uint64_t length = vector.length > LENGTH_LIMIT ? LENGTH_LIMIT : vector.length;
        if (flags & AGENT_STEP_INPUT) {
            add(into, vector.base, length, limit, 0, 1);
        } else {
            uint64_t here = length < left ? length : left;
            add(into, vector.base, here, limit, 1, 0);
            left -= here;
        }
    }
}

LOCAL void add_message(struct collector *into, uint64_t address, uint32_t flags, int64_t result) {
    uint64_t header[7];
    if (!read_carefully(into->thread, header, address, sizeof header)) {
        into->flags |= AGENT_FLAG_INPUT_FAULT;
        return;
    }
    uint64_t name = header[0], name_length = (uint32_t)header[1], control_length = header[5];
    int careful = result < 0;
    if (flags & AGENT_STEP_INPUT) {
        add(into, address, 56, UNBOUNDED, 0, careful);
        if (name && name_length <= 4096) add(into, name, name_length, UNBOUNDED, 0, 1);
        if (header[4] && control_length <= 65536) add(into, header[4], control_length, UNBOUNDED, 0, 1);
        add_vectors(into, header[2], header[3], flags, result, VECTOR_ARRAY | VECTOR_BUFFERS);
        return;
    }
    add_vectors(into, header[2], header[3], flags, result, VECTOR_ARRAY);
    if (result < 0) return;
    add(into, address, 56, UNBOUNDED, 1, 0);
    if (name) add(into, name, name_length < 128 ? name_length : 128, UNBOUNDED, 1, 1);
    if (header[4]) add(into, header[4], control_length < 65536 ? control_length : 65536, UNBOUNDED, 1, 1);
    add_vectors(into, header[2], header[3], flags, result, VECTOR_BUFFERS);
}

/// Length of output behind a value-result length: as much as the kernel says now, at most the room that was announced.
LOCAL uint64_t written(
    struct collector *into, const struct agent_frame *frame, const struct agent_step *step, uint64_t length) {
    const struct agent_length *pointee = step->length.kind == AGENT_LENGTH_POINTEE ? &step->length : &step->bound;
    uint32_t now = 0;
    read_carefully(into->thread, &now, argument(frame, pointee->argument), 4);
    uint64_t bytes = scaled(now, pointee->scale) + step->extra;
    return bytes < length ? bytes : length;
}

LOCAL void collect_after(struct collector *into, const struct agent_frame *frame, const struct agent_program *program) {
    int64_t result = frame->rax;
    uint64_t payload_limit = arena()->payload_limit;
    const struct agent_step *step = steps_of(program);
    int failed = result < 0 && result >= -4095;
    int had_fault = frame->token >> 48 & AGENT_FLAG_INPUT_FAULT;
    for (uint32_t left = program->steps; left > 0; left--, step++) {
        if (!applies(frame, step)) continue;
        uint64_t address = argument(frame, step->argument);
        if (step->operation == AGENT_STRING) {
            uint64_t length = string_length(into->thread, address, failed);
            if (!length) into->flags |= AGENT_FLAG_INPUT_FAULT;
            add(into, address, length, UNBOUNDED, 0, failed);
        } else if (step->operation == AGENT_VECTORS) {
            add_vectors(
                into, address, bytes_of(frame, step, -1, 0), step->flags, result, VECTOR_ARRAY | VECTOR_BUFFERS);
        } else if (step->operation == AGENT_MESSAGE) {
            add_message(into, address, step->flags, result);
        } else {
            uint64_t limit = step->flags & AGENT_STEP_PAYLOAD ? payload_limit : UNBOUNDED;
            if ((step->flags & AGENT_STEP_INPUT) && !(step->flags & AGENT_STEP_BEFORE)) {
                uint64_t length = bytes_of(frame, step, -1, frame->room);
                // Even if the call took it: /dev/null does not look at what it takes.
                add(into, address, length, limit, 0, 1);
            }
            if (step->flags & AGENT_STEP_OUTPUT) {
                if (failed && !(step->flags & AGENT_STEP_ALWAYS)) continue;
                uint64_t length = bytes_of(frame, step, failed ? 0 : result, frame->room);
                int careful = failed || had_fault;
                if (step->length.kind == AGENT_LENGTH_POINTEE || step->bound.kind == AGENT_LENGTH_POINTEE) {
                    length = written(into, frame, step, length);
                    careful = 1;
                }
                add(into, address, length, limit, 1, careful);
            }
        }
    }
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
