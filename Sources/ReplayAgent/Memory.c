// A call's memory: placed before it, read back after it, by the kernel's own copying, which answers EFAULT where a plain
// copy would end the task.
#include "Kernel.h"

/// Maps what is not mapped in the range. Pages that are there stay as they are.
static void ensure_mapped(u64 address, u64 length) {
    if (!length || address + length < address || address + length > 0x7ffffffff000UL) return;
    u64 start = address & ~(PAGE - 1), end = (address + length + PAGE - 1) & ~(PAGE - 1);
    if (start < 0x10000) return;
    u8 present[512];
    while (start < end) {
        u64 part = end - start;
        if (part > sizeof present * PAGE) part = sizeof present * PAGE;
        if (kernel3(NR_mincore, start, part, present) == -E_NOMEM) {
            u64 mapped = (u64)kernel6(NR_mmap, start, part, PROT_RW, MAP_PRIVATE_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
            if (mapped != start) {
                for (u64 page = start; page < start + part; page += PAGE) {
                    if (kernel3(NR_mincore, page, PAGE, present) != -E_NOMEM) continue;
                    kernel6(NR_mmap, page, PAGE, PROT_RW, MAP_PRIVATE_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
                }
            }
        }
        start += part;
    }
}

static u64 file_offset(struct slot *s, const void *inside) { return (u64)inside - (u64)s + SLOT_INDEX(s) * SLOT_SIZE; }

static int is_open(struct slot *s, u64 address, u64 count) {
    return address >= s->open_start && address < s->open_end && count <= s->open_end - address;
}

/// Whether a call may change what is mapped where, or how, or the size of a file that is mapped.
static int changes_mappings(i64 number) {
    switch (number) {
    case NR_mmap: case NR_mprotect: case NR_munmap: case 12 /* brk */: case NR_mremap: case 28 /* madvise */:
    case 30 /* shmat */: case 67 /* shmdt */: case 216 /* remap_file_pages */: case 329 /* pkey_mprotect */:
    case 440 /* process_madvise */: case 2 /* open */: case 76 /* truncate */: case NR_ftruncate: case 85 /* creat */:
    case NR_openat: case 285 /* fallocate */: case 437 /* openat2 */: return 1;
    default: return 0;
    }
}

/// Copies from the slot to the program's memory.
void write_memory(struct slot *s, u64 address, const void *bytes, u64 count) {
    if (is_open(s, address, count)) {
        memcpy((void *)address, bytes, count);
        return;
    }
    u64 done = 0;
    int tries = 0;
    while (done < count) {
        i64 copied = kernel4(
            NR_pread64,
            SHARED->mailbox_fd,
            address + done,
            count - done,
            file_offset(s, bytes) + done
        );
        if (copied > 0) {
            done += (u64)copied;
            tries = 0;
            continue;
        }
        if (copied == -E_INTR) continue;
        if (copied != -E_FAULT || tries++) return;
        // Read-only: constants of a program. Its memory had these bytes, so they are put there.
        u64 page = (address + done) & ~(PAGE - 1);
        u64 length = ((address + count + PAGE - 1) & ~(PAGE - 1)) - page;
        if (kernel3(NR_mprotect, page, length, PROT_RW) < 0) {
            if (kernel3(NR_mprotect, page, PAGE, PROT_RW) < 0) return;
        }
    }
}

/// A moment that the call waits for: as far from now as it was when the program asked.
static void place_deadline(struct slot *s) {
    struct request *r = s->request;
    struct timespec64 time;
    if (kernel2(NR_clock_gettime, r->deadline_clock, &time) < 0) return;
    i64 moment = time.seconds * 1000000000 + time.nanoseconds + r->distance;
    if (moment < 0) moment = 0;
    u64 *bytes = (u64 *)((u8 *)s + SLOT_REPLY + s->reply_start);
    bytes[0] = (u64)moment / 1000000000;
    bytes[1] = (u64)moment % 1000000000;
    write_memory(s, r->deadline, bytes, 16);
}

/// Puts the request's input memory in place.
void place(struct slot *s) {
    struct request *r = s->request;
    if (!(REQUEST_OF(s)->flags & REQUEST_BATCH) || changes_mappings(r->number)) s->open_start = s->open_end = 0;
    if (r->flags & REQUEST_CLEAR) kernel2(NR_munmap, r->clear, r->clear_length);
    if (r->flags & REQUEST_ENSURE) ensure_mapped(r->clear, r->clear_length);
    u8 *position = (u8 *)(r + 1);
    for (u32 i = 0; i < r->input_count; i++) {
        struct input *in = (struct input *)position;
        position += sizeof *in;
        if (!is_open(s, in->address, in->span)) ensure_mapped(in->address, in->span);
        write_memory(s, in->address, position, in->count);
        position += (in->count + 7) & ~7UL;
    }
    if (r->deadline) place_deadline(s);
    struct output *out = (struct output *)position;
    for (u32 i = 0; i < r->output_count; i++) {
        if (!is_open(s, out[i].address, out[i].limit)) ensure_mapped(out[i].address, out[i].limit);
    }
}

/// In a batch: remembers the pages around memory that the kernel has just read and written without a fault.
static void open_memory(struct slot *s, u64 address, u64 count) {
    if (!(REQUEST_OF(s)->flags & REQUEST_BATCH) || is_open(s, address, count)) return;
    u64 start = address & ~(PAGE - 1), end = (address + count + PAGE - 1) & ~(PAGE - 1);
    // The reply's last word is a place to copy through.
    u64 place = SLOT_INDEX(s) * SLOT_SIZE + SLOT_SIZE - 8;
    for (u64 page = start; page < end; page += PAGE) {
        if (kernel4(NR_pwrite64, SHARED->mailbox_fd, page, 8, place) != 8) return;
        if (kernel4(NR_pread64, SHARED->mailbox_fd, page, 8, place) != 8) return;
    }
    s->open_start = start;
    s->open_end = end;
}

struct output *outputs_of(struct request *r) {
    u8 *position = (u8 *)(r + 1);
    for (u32 i = 0; i < r->input_count; i++) {
        struct input *in = (struct input *)position;
        position += sizeof *in + ((in->count + 7) & ~7UL);
    }
    return (struct output *)position;
}

/// Copies from the program's memory into the reply. Returns how many bytes were readable.
u64 read_memory(struct slot *s, u64 address, void *bytes, u64 count) {
    if (is_open(s, address, count)) {
        memcpy(bytes, (void *)address, count);
        return count;
    }
    u64 done = 0;
    while (done < count) {
        i64 copied = kernel4(
            NR_pwrite64,
            SHARED->mailbox_fd,
            address + done,
            count - done,
            file_offset(s, bytes) + done
        );
        if (copied == -E_INTR) continue;
        if (copied <= 0) break;
        done += (u64)copied;
    }
    if (done) open_memory(s, address, done);
    return done;
}

/// What the call's file is, as the request asks.
static void look(struct slot *s, struct about *about) {
    struct request *r = s->request;
    u64 argument = r->arguments[r->about & 7];
    u64 words[18];
    about->system = about->mode = about->device = about->domain = -1;
    if (r->about & ABOUT_PATH) {
        if (kernel2(NR_statfs, argument, words) >= 0) about->system = (i64)words[0];
        return;
    }
    if (kernel2(NR_fstatfs, argument, words) >= 0) about->system = (i64)words[0];
    if (kernel2(NR_fstat, argument, words) < 0) return;
    about->mode = (i64)(words[3] & 0xffffffff);
    about->device = (i64)words[5];
    i32 domain = -1;
    u32 size = sizeof domain;
    if ((about->mode & 0xf000) != 0xc000) return;
    if (kernel5(NR_getsockopt, argument, 1 /* SOL_SOCKET */, 39 /* SO_DOMAIN */, &domain, &size) >= 0) about->domain = domain;
}

/// Reads the output memory that the call has written: {address, count, 0} and bytes, padded to 8.
void gather(struct slot *s) {
    struct request *r = s->request;
    struct output *out = outputs_of(r);
    u8 *reply = REPLY_OF(s);
    u64 room = REPLY_LIMIT - s->reply_start - 8;
    u64 used = 0;
    s->chunk_count = 0;
    int failed = s->result < 0 && s->result >= -4095;
    for (u32 i = 0; i < r->output_count; i++, out++) {
        if (failed && !out->always) continue;
        u64 count = out->limit;
        if (out->kind != 0) {
            u64 base = (u64)s->result;
            if (out->kind == 2) {
                u32 *word = (u32 *)(reply + used);
                base = read_memory(s, out->length_address, word, 4) == 4 ? *word : 0;
            }
            if (failed && out->kind == 1) base = 0;
            u64 counted = base * out->scale + out->extra;
            counted = counted > out->skip ? counted - out->skip : 0;
            if (counted < count) count = counted;
        }
        if (used + 24 >= room) break;
        if (count > room - used - 24) count = room - used - 24;
        if (!count) continue;
        u64 *head = (u64 *)(reply + used);
        u64 got = read_memory(s, out->address, reply + used + 16, count);
        if (!got) continue;
        head[0] = out->address;
        head[1] = got;
        used += 16 + ((got + 7) & ~7UL);
        s->chunk_count++;
    }
    if (r->about && !failed && used + 16 + sizeof(struct about) <= room) {
        u64 *head = (u64 *)(reply + used);
        head[0] = ABOUT_ADDRESS;
        head[1] = sizeof(struct about);
        look(s, (struct about *)(head + 2));
        used += 16 + sizeof(struct about);
        s->chunk_count++;
    }
    s->reply_used = (u32)used;
}
