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
    give_up(status);
}

u64 take(void *to, u64 count) {
    u64 done = 0;
    while (done < count) {
        i64 got = kernel3(NR_read, program, (u8 *)to + done, count - done);
        if (got == -E_INTR) continue;
        if (got <= 0) break;
        done += (u64)got;
    }
    return done;
}

void put(const void *from, u64 count) {
    u64 done = 0;
    while (done < count) {
        i64 sent = kernel3(NR_write, results, (const u8 *)from + done, count - done);
        if (sent == -E_INTR) continue;
        if (sent <= 0) stop("the results cannot be written", 0, 1);
        done += (u64)sent;
    }
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
    i64 mapped = kernel6(
        NR_mmap,
        OUTCOMES,
        (header->ids + 1) * sizeof(struct outcome),
        PROT_RW,
        MAP_PRIVATE_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
        -1,
        0
    );
    if (mapped != (i64)OUTCOMES) stop("there is no memory for results", 0, 2);
    head.namespaces = made;
    kernel1(NR_uname, head.machine);
    put(&head, sizeof head);
}
