// A program's files and folder: reads the program, writes the results, and leaves nothing else behind.
#include "Program.h"

static int program, results;
/// Where the root is laid out; there since the program made it.
char root[192];
int has_root;

void say(const char *text) { kernel3(NR_write, 2, text, text_length(text)); }

void say_number(i64 number) {
    char digits[24];
    char *end = digits + sizeof digits;
    *--end = 0;
    end = number_text((u64)(number < 0 ? -number : number), end);
    if (number < 0) *--end = '-';
    say(end);
}

void stop(const char *text, const char *more, int status) {
    say("lacuna-agent: ");
    say(text);
    if (more) say(more);
    say("\n");
    if (has_root) {
        flush_results();
        clean_up();
    }
    give_up(status);
}

// MARK: - Steps

/// Offsets in WINDOW.
static struct {
    u64 start, end, limit;
    int is_over;
} window;

static u64 take(void *to, u64 count) {
    u64 done = 0;
    while (done < count) {
        i64 got = kernel3(NR_read, program, (u8 *)to + done, count - done);
        if (got == -E_INTR) continue;
        if (got <= 0) break;
        done += (u64)got;
    }
    return done;
}

/// Keeps the next step in the window, as long as it may be.
static void fill_window(void) {
    u64 left = window.end - window.start;
    if (window.is_over || left >= sizeof(struct step) + PAGE + REQUEST_LIMIT) return;
    // It is less than a third of the window, so the two do not overlap.
    memcpy(WINDOW, WINDOW + window.start, left);
    window.start = 0;
    window.end = left + take(WINDOW + left, WINDOW_SIZE - left);
    window.is_over = window.end < WINDOW_SIZE;
}

struct step *step_at(u64 ahead) {
    if (!ahead) fill_window();
    u64 left = window.end - window.start - ahead;
    struct step *step = (struct step *)(WINDOW + window.start + ahead);
    if (!ahead && !left) return 0;
    int is_cut = left < sizeof *step;
    if (!is_cut) {
        if (step->slot >= SLOT_COUNT || step->length > REQUEST_LIMIT || step->length % 8 || text_size(step) > PAGE
            || step->id > window.limit || step->other > window.limit)
            stop("the program is damaged", 0, 2);
        is_cut = left < step_size(step);
    }
    if (is_cut && !ahead) stop("the program is cut off", 0, 2);
    return is_cut ? 0 : step;
}

void advance(u64 bytes) { window.start += bytes; }

// MARK: - Results

static u64 unwritten;

static void write_results(const u8 *from, u64 count) {
    u64 done = 0;
    while (done < count) {
        i64 sent = kernel3(NR_write, results, from + done, count - done);
        if (sent == -E_INTR) continue;
        if (sent <= 0) stop("the results cannot be written", 0, 1);
        done += (u64)sent;
    }
}

void flush_results(void) {
    u64 count = unwritten;
    unwritten = 0;
    write_results(RESULTS, count);
}

void put(const void *from, u64 count) {
    if (count > RESULTS_SIZE - unwritten) flush_results();
    if (count > RESULTS_SIZE) {
        write_results(from, count);
        return;
    }
    memcpy(RESULTS + unwritten, from, count);
    unwritten += count;
}

/// All that the program has left: tasks, and the files of its root.
void clean_up(void) {
    for (u32 i = 1; i < SLOT_COUNT; i++)
        if (SLOT(i)->state != SLOT_FREE) send_signal(SLOT(i), 9);
    for (u32 i = 1; i < SLOT_COUNT; i++)
        if (SLOT(i)->state != SLOT_FREE) await_slot(SLOT(i), 100000, 1000000);
    reap();
    char links[sizeof root + 8];
    u64 length = text_length(root);
    if (!has_root || !length) return;
    memcpy(links, root, length);
    memcpy(links + length, ".links", 7);
    remove_tree(AT_FDCWD, root, 0);
    remove_tree(AT_FDCWD, links, 0);
}

void begin(int argc, char **argv, struct program_header *header) {
    const char *emulator = 0, *output = 0, *file = 0;
    for (int i = 1; i < argc; i++) {
        int has_value = i + 1 < argc;
        if (text_starts(argv[i], "-e") && has_value) emulator = argv[++i];
        else if (text_starts(argv[i], "-o") && has_value) output = argv[++i];
        else if (argv[i][0] != '-' && !file) file = argv[i];
        else stop("usage: lacuna-agent [-o RESULTS] [-e EMULATOR] PROGRAM, or lacuna-agent serve NAMESPACES [EMULATOR]", 0, 2);
    }
    if (!file) stop("usage: lacuna-agent [-o RESULTS] [-e EMULATOR] PROGRAM", 0, 2);
    program = (int)kernel4(NR_openat, AT_FDCWD, file, O_CLOEXEC, 0);
    if (program < 0) stop("cannot read ", file, 2);
    if (take(header, sizeof *header) < sizeof *header || header->magic != PROGRAM_MAGIC) stop("is no replay program: ", file, 2);
    if (header->version != PROGRAM_VERSION) stop("is of another version: ", file, 2);
    if (header->handler != (u64)agent_handler || header->restorer != (u64)agent_restorer)
        stop("was compiled for another build of lacuna-agent: ", file, 2);
    // O_WRONLY | O_CREAT | O_TRUNC
    results = output ? (int)kernel4(NR_openat, AT_FDCWD, output, O_CLOEXEC | 01101, 0644) : 1;
    if (results < 0) stop("cannot write ", output, 2);
    struct results_header head = {RESULTS_MAGIC, PROGRAM_VERSION, 0, header->hash, 0, {0}};
    u32 high = header->high;
    u64 made = prepare(header->namespaces, argv[0], emulator, high);
    program = (int)kernel3(NR_fcntl, program, 1030 /* F_DUPFD_CLOEXEC */, high + 2);
    results = (int)kernel3(NR_fcntl, results, 1030, high + 2);
    if (program < 0 || results < 0) stop("there are too few descriptors", 0, 2);
    window.limit = header->ids;
    i64 mapped = kernel6(
        NR_mmap,
        WINDOW,
        (u64)(OUTCOMES + header->ids + 1) - (u64)WINDOW,
        PROT_RW,
        MAP_PRIVATE_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
        -1,
        0
    );
    if (mapped != (i64)WINDOW) stop("there is no memory for results", 0, 2);
    head.namespaces = made;
    kernel1(NR_uname, head.machine);
    put(&head, sizeof head);
}
