// The agent: what runs inside a recorded process, before and after each call of a rewritten site.
//
// Freestanding: no libc, no data of its own (so the code can be copied anywhere), no vector registers. It runs on a
// stack of its own level (Gate.h). Memory of the program is touched directly only where the kernel has just read or
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
INLINE uint64_t block_of(uint64_t level) { return level & -(uint64_t)AGENT_BLOCK_STRIDE; }
INLINE struct agent_thread *thread_of(uint64_t level) { return (struct agent_thread *)(block_of(level) + AGENT_THREAD); }
INLINE struct agent_frame *frame_of(uint64_t level) { return (struct agent_frame *)(level + AGENT_FRAME); }
INLINE uint64_t argument(const struct agent_frame *frame, uint32_t index) { return (&frame->rdi)[index]; }

// MARK: - The program's memory

/// Bytes at `address` that are surely mapped, because they share a page with the program's stack pointer.
INLINE int is_on_stack_page(const struct agent_frame *frame, uint64_t address, uint64_t count) {
    return address >> 12 == frame->rsp >> 12 && count <= 4096 - (address & 4095);
}

/// Copies memory that may not be there; 1 if all of it was.
LOCAL int read_carefully(uint64_t level, void *to, uint64_t address, uint64_t count) {
    if (is_on_stack_page(frame_of(level), address, count)) {
        copy(to, (const void *)address, count);
        return 1;
    }
    struct agent_thread *thread = thread_of(level);
    if (!thread->pid) thread->pid = (int32_t)unseen(CALL_GETPID, 0, 0, 0, 0, 0, 0);
    struct iovec local = {(uint64_t)to, count}, remote = {address, count};
    return unseen(CALL_READ_MEMORY, (uint64_t)thread->pid, (uint64_t)&local, 1, (uint64_t)&remote, 1, 0) == (int64_t)count;
}

// MARK: - The ring

INLINE struct agent_ring *ring_of(uint64_t level) { return (struct agent_ring *)thread_of(level)->ring; }
INLINE struct agent_record *record_at(struct agent_ring *ring, uint64_t position) {
    return (struct agent_record *)((uint8_t *)ring + AGENT_RING_HEADER + position % AGENT_RING_BYTES);
}
#define COMPILER_BARRIER __asm__ volatile("" ::: "memory")

/// What a handler that jumped away had reserved and not committed becomes a gap. Deeper levels first: an outer one may
/// have aimed at the position that a deeper one then took.
LOCAL void mend(uint64_t level) {
    struct agent_thread *thread = thread_of(level);
    uint64_t block = block_of(level);
    struct agent_ring *ring = ring_of(level);
    for (uint32_t index = AGENT_LEVELS + 1; index > 0; index--) {
        struct agent_frame *frame = frame_of(block + ((uint64_t)index << AGENT_LEVEL_SHIFT));
        if (!frame->reserved_position) continue;
        uint64_t position = frame->reserved_position - 1;
        struct agent_record *record = record_at(ring, position);
        int has_header = frame->reserved_size >= sizeof *record;
        if (position < ring->head && has_header && record->stamp != position + 1) {
            record->size = (uint32_t)frame->reserved_size;
            record->kind = AGENT_SKIP;  // its sequence, if it had one, is excused by this record
            __atomic_store_n(&record->stamp, position + 1, __ATOMIC_RELEASE);
        }
        frame->reserved_position = 0;
    }
    thread->reserving = 0;
}

INLINE void commit(uint64_t level, struct agent_record *record, uint64_t position) {
    __atomic_store_n(&record->stamp, position + 1, __ATOMIC_RELEASE);
    COMPILER_BARRIER;
    frame_of(level)->reserved_position = 0;
    COMPILER_BARRIER;
    thread_of(level)->reserving--;
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

/// Room for a record of `size` bytes; NULL if nobody reads any more. The thread's own signal handlers are the only other
/// writers of its ring, so a plain compare-and-exchange does.
INLINE struct agent_record *reserve(uint64_t level, uint64_t size, uint64_t *at) {
    struct agent_ring *ring = ring_of(level);
    struct agent_frame *frame = frame_of(level);
    struct agent_thread *thread = thread_of(level);
    for (;;) {
        uint64_t head = ring->head, rest = AGENT_RING_BYTES - head % AGENT_RING_BYTES;
        uint64_t total = rest < size ? rest : size, need = rest < size ? rest + size : size;
        if (head + need - __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) > AGENT_RING_BYTES) {
            if (!wait_for_room(ring, need)) return NULL;
            continue;
        }
        frame->reserved_size = total;
        COMPILER_BARRIER;
        frame->reserved_position = head + 1;
        COMPILER_BARRIER;
        thread->reserving++;
        uint8_t done;
        uint64_t expected = head;
        __asm__ volatile("cmpxchg %3, %1\n sete %0"
                         : "=q"(done), "+m"(ring->head), "+a"(expected)
                         : "r"(head + total)
                         : "memory", "cc");
        if (!done) {
            frame->reserved_position = 0;
            COMPILER_BARRIER;
            thread->reserving--;
            continue;
        }
        struct agent_record *record = record_at(ring, head);
        if (total < sizeof *record) {
            // Not even a header fits before the end of the data: the reader knows that nothing begins there.
            frame->reserved_position = 0;
            COMPILER_BARRIER;
            thread->reserving--;
            continue;
        }
        record->size = (uint32_t)total;
        record->kind = AGENT_SKIP;
        record->sequence = AGENT_NO_SEQUENCE;
        if (total == size) {
            *at = head;
            return record;
        }
        // The end of the data is too short: skip it.
        commit(level, record, head);
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
    const struct agent_call *call = &table->calls[number];
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

// MARK: - Before

/// Largest memory that is captured before the call, in one call.
#define BEFORE_LIMIT 4096
#define CHUNK_BYTES(kept) (sizeof(struct agent_chunk) + (((uint64_t)(kept) + 7) & ~7ULL))

/// Whether all input of the vectors will fit: each within the payload limit, together within a record.
LOCAL int vectors_fit(uint64_t level, uint64_t address, uint64_t count) {
    struct iovec vectors[64];
    uint64_t total = 0;
    if (count > 64) return 0;
    if (!read_carefully(level, vectors, address, count * sizeof *vectors)) return 1;
    for (uint64_t index = 0; index < count; index++) {
        if (vectors[index].length > arena()->payload_limit) return 0;
        total += CHUNK_BYTES(vectors[index].length);
    }
    return total <= AGENT_RECORD_LIMIT;
}

LOCAL int message_fits(uint64_t level, uint64_t address) {
    uint64_t header[7];
    if (!read_carefully(level, header, address, sizeof header)) return 1;
    // msg_controllen; then msg_iov and msg_iovlen.
    return header[5] <= 65536 && vectors_fit(level, header[2], header[3]);
}

/// Notes the call. The token of the exit, or 0: the call is to be made the notified way.
AGENT uint64_t agent_before(uint64_t level) {
    struct agent_frame *frame = frame_of(level);
    struct agent_thread *thread = thread_of(level);
    uint32_t number = (uint32_t)frame->rax;
    const struct agent_program *program = program_of(frame, number);
    if (!program || arena()->off) return 0;
    if (program->flags) {
        if (program->flags & AGENT_PROGRAM_NOTIFY) return 0;
        if ((program->flags & AGENT_PROGRAM_NOTIFY_IF) && (argument(frame, program->condition) & program->mask)) return 0;
        if ((program->flags & (AGENT_PROGRAM_MAPS | AGENT_PROGRAM_CHANGES)) && touches_code(frame, program)) return 0;
    }
    if (thread->depth == 1 && thread->reserving) mend(level);

    uint8_t before[BEFORE_LIMIT];
    uint64_t used = 0, expected = 0;
    uint32_t chunks = 0, flags = 0;
    frame->room = 0;
    const struct agent_step *step = steps_of(program);
    for (uint32_t left = program->steps; left > 0; left--, step++) {
        if (!applies(frame, step)) continue;
        uint64_t address = argument(frame, step->argument);
        if (step->operation == AGENT_BYTES) {
            uint64_t length = bytes_of(frame, step, -1, frame->room);
            if (step->flags & AGENT_STEP_BEFORE) {
                if (length == 0) continue;
                if (used + CHUNK_BYTES(length) > BEFORE_LIMIT) return 0;
                struct agent_chunk *chunk = (struct agent_chunk *)(before + used);
                if (!read_carefully(level, chunk + 1, address, length)) {
                    flags |= AGENT_FLAG_INPUT_FAULT;
                    continue;
                }
                chunk->address = address;
                chunk->length = chunk->kept = (uint32_t)length;
                chunk->direction = chunk->pad = 0;
                used += CHUNK_BYTES(length);
                chunks++;
                // The room that a value-result length announces.
                if (length == 4) frame->room = *(uint32_t *)(chunk + 1);
            } else if (step->flags & AGENT_STEP_INPUT) {
                if (length > arena()->payload_limit) return 0;
                expected += length;
            } else {
                uint64_t limit = arena()->payload_limit;
                expected += length < limit ? length : limit;
            }
        } else if (step->operation == AGENT_VECTORS && (step->flags & AGENT_STEP_INPUT)) {
            if (!vectors_fit(level, address, bytes_of(frame, step, -1, 0))) return 0;
        } else if (step->operation == AGENT_MESSAGE) {
            if (step->flags & AGENT_STEP_INPUT) {
                if (!message_fits(level, address)) return 0;
            } else {
                struct agent_chunk *chunk = (struct agent_chunk *)(before + used);
                if (used + CHUNK_BYTES(56) > BEFORE_LIMIT) return 0;
                if (!read_carefully(level, chunk + 1, address, 56)) {
                    flags |= AGENT_FLAG_INPUT_FAULT;
                    continue;
                }
                chunk->address = address;
                chunk->length = chunk->kept = 56;
                chunk->direction = chunk->pad = 0;
                used += CHUNK_BYTES(56);
                chunks++;
            }
        }
        if (expected > AGENT_RECORD_LIMIT) return 0;
    }

    uint64_t position, size = AGENT_ENTRY_SIZE(program->arguments) + used;
    struct agent_record *record = reserve(level, size, &position);
    if (!record) return 0;
    uint32_t sequence = next_sequence(thread, record);
    record->kind = AGENT_ENTRY;
    record->count = program->arguments;
    record->number = (uint16_t)number;
    record->flags = (uint16_t)flags;
    record->reserved = (uint16_t)chunks;
    for (uint32_t index = 0; index < program->arguments; index++) {
        (&record->value)[index] = (int64_t)argument(frame, index);
        COMPILER_BARRIER;
    }
    if (used) copy((uint8_t *)record + AGENT_ENTRY_SIZE(program->arguments), before, used);
    record->time = clock();
    commit(level, record, position);
    return 1ULL << 63 | (uint64_t)flags << 48 | (uint64_t)sequence << 16 | number;
}

// MARK: - After

/// A piece of memory to put into an exit record.
struct piece {
    uint64_t address;
    uint32_t length, kept;
    uint8_t output, careful;
};
#define PIECES 96
struct pieces {
    uint32_t count;
    uint32_t flags;
    uint64_t bytes;
    struct piece list[PIECES];
};

LOCAL void add(struct pieces *pieces, uint64_t address, uint64_t length, uint64_t limit, int output, int careful) {
    if (!length) return;
    uint64_t kept = length < limit ? length : limit;
    uint64_t room = 2 * AGENT_RECORD_LIMIT - pieces->bytes;
    if (kept > room) kept = room;
    if (pieces->count == PIECES) {
        pieces->flags |= output ? AGENT_FLAG_OUTPUT_FAULT : AGENT_FLAG_INPUT_FAULT;
        return;
    }
    struct piece *piece = &pieces->list[pieces->count++];
    piece->address = address;
    piece->length = (uint32_t)length;
    piece->kept = (uint32_t)kept;
    piece->output = (uint8_t)output;
    piece->careful = (uint8_t)careful;
    pieces->bytes += CHUNK_BYTES(kept);
}

/// Bytes of a string with its NUL. What the kernel has read is there; else it is looked for page by page.
LOCAL uint64_t string_length(uint64_t level, uint64_t address, int careful) {
    uint64_t length = 0;
    if (!careful) {
        const volatile char *text = (const volatile char *)address;
        while (length < 4096 && text[length]) length++;
        return length < 4096 ? length + 1 : length;
    }
    char part[256];
    while (length < 4096) {
        uint64_t count = sizeof part, rest = 4096 - ((address + length) & 4095);
        if (count > rest) count = rest;
        if (!read_carefully(level, part, address + length, count)) return 0;
        for (uint64_t index = 0; index < count; index++)
            if (!part[index]) return length + index + 1;
        length += count;
    }
    return length < 4096 ? length : 4096;
}

/// The vectors and their buffers; output holds `result` bytes in all.
LOCAL void add_vectors(uint64_t level, struct pieces *pieces, uint64_t address, uint64_t count, uint32_t flags, int64_t result) {
    struct iovec vectors[64];
    uint64_t limit = arena()->payload_limit, left = result < 0 ? 0 : (uint64_t)result, total = 0;
    if (!count || count > 1024) return;
    int careful = result < 0;
    add(pieces, address, count * sizeof(struct iovec), UNBOUNDED, 0, careful);
    for (uint64_t first = 0; first < count; first += 64) {
        uint64_t some = count - first < 64 ? count - first : 64;
        if (!read_carefully(level, vectors, address + first * sizeof *vectors, some * sizeof *vectors)) return;
        for (uint64_t index = 0; index < some; index++) {
            uint64_t length = vectors[index].length > LENGTH_LIMIT ? LENGTH_LIMIT : vectors[index].length;
            if (flags & AGENT_STEP_INPUT) {
                total += length;
                // What the kernel consumed is there; a partial write leaves the rest unproven.
                add(pieces, vectors[index].base, length, limit, 0, careful || total > left);
            } else {
                uint64_t here = length < left ? length : left;
                add(pieces, vectors[index].base, here, limit, 1, 0);
                left -= here;
            }
        }
    }
}

LOCAL void add_message(uint64_t level, struct pieces *pieces, uint64_t address, uint32_t flags, int64_t result) {
    uint64_t header[7];
    if (!read_carefully(level, header, address, sizeof header)) {
        pieces->flags |= AGENT_FLAG_INPUT_FAULT;
        return;
    }
    uint64_t name = header[0], name_length = (uint32_t)header[1], control_length = header[5];
    int careful = result < 0;
    if (flags & AGENT_STEP_INPUT) {
        add(pieces, address, 56, UNBOUNDED, 0, careful);
        if (name && name_length <= 4096) add(pieces, name, name_length, UNBOUNDED, 0, careful);
        if (header[4] && control_length <= 65536) add(pieces, header[4], control_length, UNBOUNDED, 0, careful);
        add_vectors(level, pieces, header[2], header[3], flags, result);
        return;
    }
    add_vectors(level, pieces, header[2], header[3], 0, result < 0 ? -1 : 0);
    if (result < 0) return;
    add(pieces, address, 56, UNBOUNDED, 1, 0);
    if (name) add(pieces, name, name_length < 128 ? name_length : 128, UNBOUNDED, 1, 1);
    if (header[4]) add(pieces, header[4], control_length < 65536 ? control_length : 65536, UNBOUNDED, 1, 1);
    struct pieces *last = pieces;
    uint32_t from = last->count;
    add_vectors(level, pieces, header[2], header[3], flags, result);
    // The array was added above, before the output.
    if (from < last->count) {
        last->bytes -= CHUNK_BYTES(last->list[from].kept);
        for (uint32_t index = from; index + 1 < last->count; index++) last->list[index] = last->list[index + 1];
        last->count--;
    }
}

LOCAL void plan(uint64_t level, struct pieces *pieces, const struct agent_program *program, int64_t result, uint32_t faults) {
    struct agent_frame *frame = frame_of(level);
    uint64_t payload_limit = arena()->payload_limit;
    const struct agent_step *step = steps_of(program);
    int failed = result < 0;
    for (uint32_t left = program->steps; left > 0; left--, step++) {
        if (!applies(frame, step)) continue;
        uint64_t address = argument(frame, step->argument);
        if (step->operation == AGENT_STRING) {
            uint64_t length = string_length(level, address, failed);
            if (!length) pieces->flags |= AGENT_FLAG_INPUT_FAULT;
            add(pieces, address, length, UNBOUNDED, 0, failed);
        } else if (step->operation == AGENT_VECTORS) {
            add_vectors(level, pieces, address, bytes_of(frame, step, -1, 0), step->flags, result);
        } else if (step->operation == AGENT_MESSAGE) {
            add_message(level, pieces, address, step->flags, result);
        } else {
            uint64_t limit = step->flags & AGENT_STEP_PAYLOAD ? payload_limit : UNBOUNDED;
            if ((step->flags & AGENT_STEP_INPUT) && !(step->flags & AGENT_STEP_BEFORE)) {
                uint64_t length = bytes_of(frame, step, -1, frame->room);
                // A payload that the kernel took whole is there.
                int careful = !((step->flags & AGENT_STEP_PAYLOAD) && (uint64_t)result == length);
                add(pieces, address, length, limit, 0, careful);
            }
            if (step->flags & AGENT_STEP_OUTPUT) {
                if (failed && !(step->flags & AGENT_STEP_ALWAYS)) continue;
                // A failed call's result bounds nothing, so -1 would: 0 does.
                uint64_t length = bytes_of(frame, step, failed ? 0 : result, frame->room);
                int careful = failed || (faults & AGENT_FLAG_INPUT_FAULT);
                if (step->length.kind == AGENT_LENGTH_POINTEE || step->bound.kind == AGENT_LENGTH_POINTEE) {
                    // As much as the kernel says now, at most the room that was announced.
                    uint32_t index = step->length.kind == AGENT_LENGTH_POINTEE ? step->length.argument : step->bound.argument;
                    uint32_t now = 0;
                    read_carefully(level, &now, argument(frame, index), 4);
                    uint64_t written = scaled(now, step->length.kind == AGENT_LENGTH_POINTEE ? step->length.scale : step->bound.scale);
                    if (written + step->extra < length) length = written + step->extra;
                    careful = 1;
                }
                add(pieces, address, length, limit, 1, careful);
            }
        }
    }
}

/// Notes the result and the memory of a call that has returned. Registers but the result are those of the call.
AGENT void agent_after(uint64_t level) {
    uint64_t time = clock();
    struct agent_frame *frame = frame_of(level);
    int64_t result = frame->rax;
    uint32_t number = frame->token & 0xffff;
    const struct agent_program *program = program_of(frame, number);
    if (!program || arena()->off) return;
    if (thread_of(level)->depth == 1 && thread_of(level)->reserving) mend(level);

    struct pieces pieces;
    pieces.count = 0;
    pieces.bytes = 0;
    pieces.flags = 0;
    if (program->steps) plan(level, &pieces, program, result, frame->token >> 48 & 0xff);

    uint64_t position, size = AGENT_EXIT_SIZE + pieces.bytes;
    struct agent_record *record = reserve(level, size, &position);
    if (!record) return;
    record->sequence = (uint32_t)(frame->token >> 16);
    record->kind = AGENT_EXIT;
    record->number = (uint16_t)number;
    record->reserved = 0;
    record->time = time;
    record->value = result;
    uint8_t *to = (uint8_t *)record + AGENT_EXIT_SIZE;
    for (uint32_t index = 0; index < pieces.count; index++) {
        const struct piece *piece = &pieces.list[index];
        struct agent_chunk *chunk = (struct agent_chunk *)to;
        chunk->address = piece->address;
        chunk->length = piece->length;
        chunk->kept = piece->kept;
        chunk->direction = piece->output;
        chunk->pad = 0;
        if (piece->careful) {
            if (!read_carefully(level, chunk + 1, piece->address, piece->kept)) {
                pieces.flags |= piece->output ? AGENT_FLAG_OUTPUT_FAULT : AGENT_FLAG_INPUT_FAULT;
                // Its room in the record stays, marked as nothing.
                chunk->direction = 2;
            }
        } else {
            copy(chunk + 1, (const void *)piece->address, piece->kept);
        }
        to += CHUNK_BYTES(piece->kept);
    }
    record->flags = (uint16_t)pieces.flags;
    record->count = (uint8_t)pieces.count;
    commit(level, record, position);
}

// MARK: - Start

#define PROT_READ 1
#define PROT_WRITE 2
#define MAP_SHARED 1
#define MAP_PRIVATE 2
#define MAP_NORESERVE 0x4000
#define MADV_WIPEONFORK 18

INLINE int map(uint64_t address, uint64_t size, int protection, int flags, int fd) {
    if (!address) return 1;
    return unseen(CALL_MMAP, address, size, (uint64_t)protection, (uint64_t)flags | MAP_FIXED_NOREPLACE, (uint64_t)fd, 0) ==
           (int64_t)address;
}

/// Runs once in each new program, on its stack.
AGENT void agent_start(int arena_fd, int code_fd, uint64_t slots, uint64_t more_slots) {
    const int own = MAP_PRIVATE | MAP_ANONYMOUS;
    int done = map(AGENT_TABLE, AGENT_TABLE_SIZE + AGENT_CONTROL_SIZE, PROT_READ | PROT_WRITE, own, -1);
    int mapped = done;
    done = done && unseen(CALL_MADVISE, AGENT_TABLE, AGENT_TABLE_SIZE, MADV_WIPEONFORK, 0, 0, 0) == 0;
    done = done && map(AGENT_ARENA, AGENT_ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, arena_fd);
    done = done && map(AGENT_THREADS, (uint64_t)AGENT_RINGS * AGENT_BLOCK_STRIDE, PROT_READ | PROT_WRITE, own | MAP_NORESERVE, -1);
    done = done && map(slots, AGENT_SLOTS_SIZE, PROT_READ | PROT_EXEC, own, -1);
    done = done && map(more_slots, AGENT_SLOTS_SIZE, PROT_READ | PROT_EXEC, own, -1);
    unseen(CALL_CLOSE, (uint64_t)arena_fd, 0, 0, 0, 0, 0);
    unseen(CALL_CLOSE, (uint64_t)code_fd, 0, 0, 0, 0, 0);
    if (mapped && done) ((struct agent_control *)AGENT_CONTROL)->ready = AGENT_READY;
}
