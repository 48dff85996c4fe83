// A task's part in a batch: calls one after the other, without a word to anybody between them.
#include "Kernel.h"

/// How much the reply to the present call may take.
static u64 reply_room(struct slot *s) {
    struct request *r = s->request;
    struct output *out = outputs_of(r);
    u64 room = sizeof(struct batch_answer) + 64 + sizeof(struct about);
    for (u32 i = 0; i < r->output_count && room < REPLY_LIMIT; i++)
        room += 32 + (out[i].limit < REPLY_LIMIT ? out[i].limit : REPLY_LIMIT);
    return room;
}

static int is_last(struct batch_item *item, i64 result) {
    if (item->stop & STOP_IF_FAILED && result < 0 && result >= -4095) return 1;
    return item->stop & STOP_IF_SHORT && result > 0 && result < item->recorded;
}

/// Ends early when the reply is full, after a call that says so, and with the one that the conductor waits for alone.
void run_batch(struct slot *s) {
    struct batch_item *item = (struct batch_item *)(REQUEST_OF(s) + 1);
    u32 count = (u32)REQUEST_OF(s)->number, done = 0;
    u64 used = 0;
    int has_ended = 0;
    s->open_start = s->open_end = 0;
    while (done < count && !has_ended) {
        s->request = (struct request *)(item + 1);
        if (done && used + reply_room(s) > REPLY_LIMIT) break;
        struct batch_answer *answer = (struct batch_answer *)((u8 *)s + SLOT_REPLY + used);
        s->reply_start = used + sizeof *answer;
        place(s);
        s->result = agent_call(s->request->number, s->request->arguments, 0);
        // Others have gone on meanwhile, and may have changed what is mapped.
        if (__atomic_load_n(&s->batch, __ATOMIC_ACQUIRE) & BATCH_ALONE) s->open_start = s->open_end = 0;
        gather(s);
        *answer = (struct batch_answer){s->result, s->chunk_count, s->reply_used};
        u32 before = done++;
        if (!__atomic_compare_exchange_n(&s->batch, &before, done, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return;
        used = s->reply_start + s->reply_used;
        has_ended = is_last(item, s->result);
        item = (struct batch_item *)((u8 *)s->request + item->size);
    }
    s->request = REQUEST_OF(s);
    s->reply_start = 0;
    s->reply_used = (u32)used;
    s->chunk_count = done;
    s->result = done;
}
