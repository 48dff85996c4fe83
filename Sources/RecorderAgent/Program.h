// What the call table says of a call: its program, how long its memory is, whether it is the supervisor's business.
#ifndef AGENT_PROGRAM_H
#define AGENT_PROGRAM_H
#include "Kernel.h"

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

/// Whether a call that maps or unmaps is the supervisor's business.
LOCAL int touches_code(const struct agent_frame *frame, const struct agent_program *program) {
    if (program->flags & AGENT_PROGRAM_MAPS) {
        if ((frame->rdx & PROT_EXEC) || !(frame->r10 & MAP_ANONYMOUS)) return 1;
        return (frame->r10 & (MAP_FIXED | MAP_FIXED_NOREPLACE)) && overlaps_range(frame->rdi, frame->rsi);
    }
    if ((program->flags & AGENT_PROGRAM_PROTECTS) && (frame->rdx & PROT_EXEC)) return 1;
    return overlaps_range(frame->rdi, frame->rsi);
}

#endif
