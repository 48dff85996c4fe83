// Runs a compiled replay program from a file, and writes what came of each call to another: a replay without a connection.
//
// The program is the live replay's own frames, made ahead as if every answer were the recorded one. What the live replay
// would do after another answer stands in it too, under a condition: grafts after a failure, the same call once more when
// its answer raced. Numbers that only the run knows (descriptors, pids) are references to results of earlier steps.
#include "Program.h"

struct waiting waiting[SLOT_COUNT];

u64 milliseconds_now(void) {
    struct timespec64 time = {0, 0};
    kernel2(NR_clock_gettime, 1 /* CLOCK_MONOTONIC */, &time);
    return (u64)time.seconds * 1000 + (u64)time.nanoseconds / 1000000;
}

// MARK: - Results

void report_made(struct slot *s, struct step *step, u32 id, enum status status, struct made *made) {
    struct request *r = made->request;
    if (status == ST_RETURNED) {
        struct outcome *outcome = OUTCOMES + id;
        outcome->result = made->result;
        outcome->is_known = 1;
        outcome->output = made->chunks ? *(u64 *)(made->memory + 16) : 0;
        // A child that was not made has no slot.
        if (r->flags & REQUEST_CLONE && is_error(made->result)) free_slot(SLOT(r->child));
    }
    if (!(step->flags & STEP_REPORT)) {
        s->signal_count = 0;
        return;
    }
    u32 signals = status == ST_SKIPPED ? 0 : s->signal_count;
    u32 padded = (signals * 4 + 7) & ~7U;
    u32 memory = status == ST_RETURNED ? made->size : 0;
    struct record record = {
        padded + memory, id, status, signals, memory ? made->chunks : 0, step->operation, made->result, {0},
    };
    for (int i = 0; i < 6; i++) record.arguments[i] = r->arguments[i];
    put(&record, sizeof record);
    put(s->signals, padded);
    put(made->memory, memory);
    if (status != ST_SKIPPED) s->signal_count = 0;
}

void report(struct slot *s, struct step *step, u32 id, enum status status) {
    struct made made = {s->request, s->result, s->chunk_count, s->reply_used, REPLY_OF(s)};
    report_made(s, step, id, status, &made);
}

// MARK: - Names that only the run knows

static u64 resolve(u64 value) {
    if (value >> 48 != REFERENCE) return value;
    struct outcome *outcome = OUTCOMES + (value & 0xffffffff);
    switch (value >> 40 & 0xff) {
    case REFERENCE_LOW: return outcome->output & 0xffffffff;
    case REFERENCE_HIGH: return outcome->output >> 32;
    default: return (u64)outcome->result;
    }
}

void resolve_arguments(struct request *r) {
    for (int i = 0; i < 6; i++) {
        // A process group is a pid with a minus sign.
        u64 value = r->arguments[i], negative = 0 - value;
        r->arguments[i] = negative >> 48 == REFERENCE ? 0 - resolve(negative) : resolve(value);
    }
}

int refers_to(struct request *r, u64 first) {
    for (int i = 0; i < 6; i++) {
        u64 value = r->arguments[i], negative = 0 - value;
        if (value >> 48 == REFERENCE && (value & 0xffffffff) >= first) return 1;
        if (negative >> 48 == REFERENCE && (negative & 0xffffffff) >= first) return 1;
    }
    return 0;
}

// MARK: - Steps

int applies(struct step *step) {
    struct outcome *outcome = OUTCOMES + step->other;
    switch (step->condition) {
    case IF_FAILED: return outcome->is_known && is_error(outcome->result);
    case IF_SUCCEEDED: return outcome->is_known && !is_error(outcome->result);
    case IF_PENDING: return waiting[step->slot].is_pending && waiting[step->slot].id == step->other;
    default: return 1;
    }
}

/// The step's request becomes the slot's, and is made.
static enum status start(struct slot *s, struct step *step, int is_due) {
    memcpy(REQUEST_OF(s), request_in(step), step->length);
    resolve_arguments(REQUEST_OF(s));
    flush_results();
    u64 begin = milliseconds_now();
    enum status status = make_call(s, step->milliseconds);
    if (status == ST_BLOCKED && is_due) status = await_completion(s, step->due);
    u64 index = SLOT_INDEX(s);
    waiting[index].is_pending = status == ST_BLOCKED;
    waiting[index].id = step->id;
    waiting[index].start = begin;
    return status;
}

/// Ends a call whose time is over, so that its task can go on. Returns whether it can.
static int end_waiting(struct slot *s, u32 slot) {
    struct step late = {.operation = OP_WAIT, .flags = STEP_REPORT};
    enum status status = await_completion(s, 20);
    if (status == ST_BLOCKED) {
        late.operation = OP_CANCEL;
        status = cancel_call(s, 200);
    }
    if (status == ST_BLOCKED) return 0;
    waiting[slot].is_pending = 0;
    report(s, &late, waiting[slot].id, status);
    return status == ST_RETURNED;
}

/// The places that are read back after the call, further on.
static void move_outputs(struct request *r, u64 count) {
    u8 *position = (u8 *)(r + 1);
    for (u32 i = 0; i < r->input_count; i++) {
        struct input *in = (struct input *)position;
        position += sizeof *in + ((in->count + 7) & ~7UL);
    }
    struct output *out = (struct output *)position;
    for (u32 i = 0; i < r->output_count; i++) {
        if (out[i].address != r->arguments[1] - count) continue;
        out[i].address += count;
        out[i].limit -= count < out[i].limit ? count : out[i].limit;
    }
}

void complete_transfer(struct slot *s, struct step *step) {
    struct request *r = REQUEST_OF(s);
    if (!(step->flags & STEP_TRANSFER)) return;
    i64 total = 0;
    for (int round = 0; round < 64; round++) {
        i64 more = s->result;
        if (more <= 0 || more >= step->recorded - total) return;
        total += more;
        r->arguments[1] += (u64)more;
        r->arguments[2] -= (u64)more;
        move_outputs(r, (u64)more);
        enum status status = make_call(s, step->milliseconds);
        if (status == ST_BLOCKED) status = await_completion(s, 20);
        if (status == ST_BLOCKED) {
            cancel_call(s, 200);
            return;
        }
        report(s, step, step->id, status);
        if (status != ST_RETURNED) return;
    }
}

static void call(struct step *step) {
    struct slot *s = SLOT(step->slot);
    int is_there = step->slot == 0 || s->state != SLOT_FREE;
    if (is_there && step->slot && waiting[step->slot].is_pending) is_there = end_waiting(s, step->slot);
    if (!is_there) {
        struct made made = {request_in(step), 0, 0, 0, 0};
        report_made(s, step, step->id, ST_SKIPPED, &made);
        return;
    }
    enum status status = start(s, step, step->flags & STEP_DUE);
    report(s, step, step->id, status);
    if (status == ST_RETURNED) complete_transfer(s, step);
    if (!(step->flags & STEP_MUST)) return;
    if (status == ST_RETURNED && !is_error(s->result)) {
        has_root = 1;
        return;
    }
    if (step->flags & STEP_TRY && status == ST_RETURNED && s->result == -1 /* EPERM */) return;
    flush_results();
    say("lacuna-agent: cannot ");
    say(text_of(step));
    say(" for the replay in ");
    say(root);
    say(": errno ");
    say_number(-s->result);
    if (!has_root && s->result == -17 /* EEXIST */) say(": it is there already, left by a run that was killed? Remove it first");
    say("\n");
    clean_up();
    give_up(1);
}

static int is_interruption(i64 result) { return result == -E_INTR || (result <= -512 && result >= -516); }

/// Whether another answer than the recorded one may come from the order of calls, and asking again is harmless.
static int may_race(struct step *step, i64 result, int has_waited) {
    if (result == step->recorded || (is_interruption(result) && is_interruption(step->recorded))) return 0;
    if (result == 0) return step->flags & STEP_ZERO;
    return has_waited ? result == -110 /* ETIMEDOUT */ : is_error(result);
}

static void due(struct step *step) {
    struct slot *s = SLOT(step->slot);
    if (s->state == SLOT_FREE) return;
    int has_waited = waiting[step->slot].is_pending && waiting[step->slot].id == step->id;
    if (waiting[step->slot].is_pending && !has_waited) return;
    if (has_waited) {
        u64 elapsed = milliseconds_now() - waiting[step->slot].start;
        enum status status = await_completion(s, elapsed + 20 < step->due ? step->due - elapsed : 20);
        waiting[step->slot].is_pending = status == ST_BLOCKED;
        report(s, step, step->id, status);
        if (status != ST_RETURNED) return;
    }
    struct outcome *outcome = OUTCOMES + step->id;
    if (outcome->is_known && may_race(step, outcome->result, has_waited)) {
        enum status status = start(s, step, 1);
        report(s, step, step->id, status);
        if (status != ST_RETURNED) return;
    }
    // The slot's request is still this call's.
    if (outcome->is_known && waiting[step->slot].id == step->id) complete_transfer(s, step);
}

void run_step(struct step *step) {
    struct slot *s = SLOT(step->slot);
    reap();
    if (!applies(step)) return;
    switch (step->operation) {
    case OP_CALL: call(step); break;
    case OP_DUE: due(step); break;
    case OP_WAIT:
        if (s->state != SLOT_FREE) await_completion(s, step->milliseconds);
        break;
    case OP_SIGNAL:
        if (s->state != SLOT_FREE) send_signal(s, step->milliseconds);
        break;
    case OP_FREE:
        free_slot(s);
        waiting[step->slot].is_pending = 0;
        break;
    default: stop("the program has a step that is not known", 0, 2);
    }
}

// MARK: - Start
/// `lacuna-agent [-o RESULTS] [-e EMULATOR] PROGRAM`
void run_program(int argc, char **argv) {
    struct program_header header;
    begin(argc, argv, &header);
    memcpy(root, header.root, sizeof root - 1);
    struct step *step;
    while ((step = step_at(0))) {
        if (run_together(step)) continue;
        run_step(step);
        advance(step_size(step));
    }
    clean_up();
    struct record end = {0, ENDED, 0, 0, 0, 0, 0, {0}};
    put(&end, sizeof end);
    flush_results();
    give_up(0);
}
