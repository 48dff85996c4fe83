// Steps of a program that are made in one batch: of one task, and with nothing to decide between them.
#include "Program.h"

#define MEMBER_LIMIT 1024

/// What is in the slot's request.
static struct {
    struct step *steps[MEMBER_LIMIT];
    struct batch_item *items[MEMBER_LIMIT];
    u32 count;
    /// Of the program's bytes, from the first of them to behind the last.
    u64 length;
} batch;

static int is_plain(struct step *step, struct step *first) {
    struct request *r = request_in(step);
    if (step->operation != OP_CALL || !(step->flags & STEP_PLAIN) || step->condition != ALWAYS) return 0;
    return step->slot == first->slot && r->handled == request_in(first)->handled && !r->held && !refers_to(r, first->id);
}

/// A step that repairs what has failed: the batch ends with the failure. Returns whether it is not made otherwise.
static int is_passed(struct step *step) {
    if (step->other < batch.steps[0]->id) return !applies(step);
    u32 i = batch.count;
    while (i && batch.steps[i - 1]->id != step->other) i--;
    // Of a step that is not made itself.
    if (!i) return 1;
    if (step->condition == IF_FAILED) batch.items[i - 1]->stop |= STOP_IF_FAILED;
    // Who is asleep in a call is alone with it.
    return step->condition == IF_FAILED || step->condition == IF_PENDING;
}

/// As many steps as can be made together.
static void collect(struct slot *s, struct step *first) {
    struct request *all = REQUEST_OF(s);
    memset(all, 0, sizeof *all);
    all->flags = REQUEST_BATCH;
    all->handled = request_in(first)->handled;
    u8 *end = (u8 *)(all + 1);
    batch.count = 0;
    batch.length = 0;
    struct step *step;
    for (u64 ahead = 0; batch.count < MEMBER_LIMIT && (step = step_at(ahead)); ahead += step_size(step)) {
        if (batch.count && step->condition != ALWAYS && is_passed(step)) continue;
        if (!is_plain(step, first) || (u64)(end - (u8 *)all) + sizeof(struct batch_item) + step->length > REQUEST_LIMIT) break;
        struct batch_item *item = (struct batch_item *)end;
        *item = (struct batch_item){step->length, step->flags & STEP_TRANSFER ? STOP_IF_SHORT : 0, step->recorded};
        memcpy(item + 1, request_in(step), step->length);
        resolve_arguments((struct request *)(item + 1));
        end += sizeof *item + step->length;
        batch.steps[batch.count] = step;
        batch.items[batch.count++] = item;
        batch.length = ahead + step_size(step);
    }
    all->number = batch.count;
}

/// Waits for the batch. One that sleeps in a call ends there: `alone` is set, and that call ends by itself.
static enum status make_together(struct slot *s, int *alone) {
    flush_results();
    enum status status = make_call(s, (u64)batch.steps[0]->milliseconds * batch.count);
    while (status == ST_BLOCKED && !*alone) {
        u32 made = __atomic_load_n(&s->batch, __ATOMIC_ACQUIRE);
        *alone = __atomic_compare_exchange_n(&s->batch, &made, made | BATCH_ALONE, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        status = await_completion(s, *alone && made < batch.count ? batch.steps[made]->due : 1);
    }
    return status;
}

/// The slot's request is the item's, as if it had been made without others.
static void separate(struct slot *s, struct batch_item *item) {
    // From the front, so that it may overlap.
    memcpy(REQUEST_OF(s), item + 1, item->size);
    s->request = REQUEST_OF(s);
}

/// Reports the calls, and makes the steps that follow from them. Returns how many bytes of the program that was.
static u64 settle(struct slot *s, enum status status, u32 done, int is_whole, u64 begin) {
    u8 *answers = (u8 *)s + SLOT_REPLY;
    u64 ahead = 0;
    u32 i = 0;
    while (ahead < batch.length) {
        struct step *step = (struct step *)((u8 *)batch.steps[0] + ahead);
        if (step->condition != ALWAYS) {
            run_step(step);
        } else if (i < done) {
            struct batch_answer *answer = (struct batch_answer *)answers;
            struct batch_item *item = batch.items[i++];
            struct made made = {(struct request *)(item + 1), answer->result, answer->chunks, answer->size, (u8 *)(answer + 1)};
            report_made(s, step, step->id, ST_RETURNED, &made);
            answers += sizeof *answer + answer->size;
            if (i == done && is_whole) {
                s->result = answer->result;
                separate(s, item);
                complete_transfer(s, step);
            }
        } else if (!is_whole && i == done) {
            report(s, step, step->id, status);
            waiting[step->slot] = (struct waiting){status == ST_BLOCKED, step->id, begin};
            if (status == ST_RETURNED) {
                separate(s, batch.items[i]);
                complete_transfer(s, step);
            }
            i++;
        } else {
            break;
        }
        ahead += step_size(step);
    }
    return ahead;
}

int run_together(struct step *first) {
    struct slot *s = SLOT(first->slot);
    if (!first->slot || s->state != SLOT_IDLE || waiting[first->slot].is_pending || !is_plain(first, first)) return 0;
    reap();
    collect(s, first);
    if (batch.count < 2) return 0;
    int alone = 0;
    u64 begin = milliseconds_now();
    enum status status = make_together(s, &alone);
    // A batch that came to its end has put its place back.
    int is_whole = status == ST_RETURNED && s->reply_start == 0;
    u32 done = is_whole ? (u32)s->result : s->batch & ~BATCH_ALONE;
    advance(settle(s, status, done, is_whole, begin));
    return 1;
}
