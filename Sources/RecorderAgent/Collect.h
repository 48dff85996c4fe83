// The memory of a call, collected by its program: before the call what it will overwrite, after it the rest.
#ifndef AGENT_COLLECT_H
#define AGENT_COLLECT_H
#include "Program.h"

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

#endif
