// The conductor: takes requests from its standard input, hands them to tasks, and answers on its standard output.
//
// Frames are {u32 length of the payload, u32 operation, u32 slot, u32 milliseconds} and the payload; replies are
// {u32 length, u32 status, u32 signals, u32 chunks, i64 result} and the payload: signal numbers (i32, padded to 8), then
// memory. The greeting comes first.
#include "Conductor.h"

struct frame {
    u32 length, operation, slot, milliseconds;
};
struct answer {
    u32 length, status, signals, chunks;
    i64 result;
};

static int requests = 0, replies = 1;

static void receive(void *to, u64 count) {
    u64 done = 0;
    while (done < count) {
        i64 got = kernel3(NR_read, requests, (u8 *)to + done, count - done);
        if (got == -E_INTR) continue;
        if (got <= 0) give_up(0);
        done += (u64)got;
    }
}

static void send(const void *from, u64 count) {
    u64 done = 0;
    while (done < count) {
        i64 sent = kernel3(NR_write, replies, (const u8 *)from + done, count - done);
        if (sent == -E_INTR) continue;
        if (sent <= 0) give_up(0);
        done += (u64)sent;
    }
}

static void reply(u32 status, i64 result) {
    struct answer a = {0, status, 0, 0, result};
    send(&a, sizeof a);
}

static void reply_slot(struct slot *s, u32 status) {
    u32 signals = s->signal_count;
    u32 padded = (signals * 4 + 7) & ~7U;
    u32 memory = status == ST_RETURNED ? s->reply_used : 0;
    struct answer a = {padded + memory, status, signals, memory ? s->chunk_count : 0, s->result};
    send(&a, sizeof a);
    send(s->signals, padded);
    send((u8 *)s + SLOT_REPLY, memory);
    s->signal_count = 0;
}

static void serve(struct frame *f) {
    struct slot *s = SLOT(f->slot);
    if (f->slot >= SLOT_COUNT || f->length > REQUEST_LIMIT) give_up(3);
    if (f->length) receive(REQUEST_OF(s), f->length);
    reap();
    switch (f->operation) {
    case OP_CALL: reply_slot(s, make_call(s, f->milliseconds)); break;
    case OP_WAIT: reply_slot(s, await_completion(s, f->milliseconds)); break;
    case OP_CANCEL: reply_slot(s, cancel_call(s, f->milliseconds)); break;
    case OP_SIGNAL: reply(ST_RETURNED, send_signal(s, f->milliseconds)); break;
    case OP_FREE:
        free_slot(s);
        reply(ST_RETURNED, 0);
        break;
    default: give_up(3);
    }
}

/// `lacuna-agent serve NAMESPACES [EMULATOR]`
void conduct(int argc, char **argv) {
    u64 namespaces = argc > 2 ? number_of(argv[2]) : 0;
    u64 made = prepare(namespaces, argc > 0 ? argv[0] : 0, argc > 3 ? argv[3] : 0, 0);
    u32 high = SHARED->mailbox_fd;
    requests = (int)kernel3(NR_fcntl, 0, 1030 /* F_DUPFD_CLOEXEC */, high + 2);
    replies = (int)kernel3(NR_fcntl, 1, 1030, high + 3);
    u64 greeting[] = {
        0x412d414e5543414cUL,  // "LACUNA-A"
        PROTOCOL_VERSION,
        made,
        (u64)agent_handler,
        (u64)agent_restorer,
        SHARED->emulator_fd ? high - 1 : high,
        high + 1,
        SLOT_COUNT,
    };
    send(greeting, sizeof greeting);
    for (;;) {
        struct frame f;
        receive(&f, sizeof f);
        serve(&f);
    }
}
