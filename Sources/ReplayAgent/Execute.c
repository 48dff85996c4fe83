// A program is executed: the kernel decides whether the file may be, and the agent runs in its place.
#include "Kernel.h"

/// How files begin whose content nobody knows: no binary format, so the kernel checks everything and then says ENOEXEC.
static const char unknown_program[] = "\177LACUNA";

enum program { PROGRAM_NONE, PROGRAM_UNKNOWN, PROGRAM_ELF, PROGRAM_SCRIPT };

/// Opens the file for reading; an empty path is the directory descriptor itself, which may be open for its path only.
static i64 open_program(i64 directory, const char *path, u64 flags) {
    if (*path) return kernel4(NR_openat, directory, path, O_CLOEXEC | flags, 0);
    char name[48];
    char *end = name + sizeof name;
    *--end = 0;
    end = number_text((u64)directory, end);
    static const char head[] = "/proc/self/fd/";
    for (u64 i = sizeof head - 1; i-- > 0;) *--end = head[i];
    return kernel4(NR_openat, AT_FDCWD, end, O_CLOEXEC, 0);
}

/// What kind of program the file is. A script's interpreter goes to `interpreter`.
static enum program kind_of(i64 directory, const char *path, u64 flags, char *interpreter, u64 size) {
    char head[256];
    i64 file = open_program(directory, path, flags);
    i64 count = kernel4(NR_pread64, file, head, sizeof head - 1, 0);
    if (file >= 0) kernel1(NR_close, file);
    if (count < 4) return PROGRAM_NONE;
    head[count] = 0;
    if (text_starts(head, unknown_program)) return PROGRAM_UNKNOWN;
    if (text_starts(head, "\177ELF")) return PROGRAM_ELF;
    if (head[0] != '#' || head[1] != '!') return PROGRAM_NONE;
    u64 from = 2, used = 0;
    while (head[from] == ' ' || head[from] == '\t') from++;
    while (head[from] > ' ' && used + 1 < size) interpreter[used++] = head[from++];
    interpreter[used] = 0;
    return PROGRAM_SCRIPT;
}

static void note_command(struct slot *s, const char *path) {
    const char *base = path;
    for (const char *c = path; *c; c++)
        if (*c == '/') base = c + 1;
    u32 used = 0;
    while (base[used] && used < sizeof s->command - 1) {
        s->command[used] = base[used];
        used++;
    }
    s->command[used] = 0;
}

/// Opens the program's file where the executed agent finds it.
static void keep_program(i64 directory, const char *path, u64 flags) {
    i64 file = open_program(directory, path, flags);
    if (file < 0) return;
    kernel3(NR_dup3, file, SHARED->agent_fd + 1, 0);
    kernel1(NR_close, file);
}

/// "/proc/self/fd/N", ending before `end`.
static char *descriptor_path(u32 fd, char *end) {
    static const char folder[] = "/proc/self/fd/";
    *--end = 0;
    end = number_text(fd, end);
    for (u64 i = sizeof folder - 1; i-- > 0;) *--end = folder[i];
    return end;
}

/// Executes the emulator with the agent: by paths, as emulators read their program's file themselves.
static i64 emulate_agent(char **arguments, char **environment, char **words, char *room) {
    u64 count = 0;
    words[count++] = "emulator";
    if (arguments && arguments[0]) {
        words[count++] = "-0";
        words[count++] = arguments[0];
    }
    words[count++] = descriptor_path(SHARED->agent_fd, room + 128);
    for (u64 i = 1; arguments && arguments[0] && arguments[i] && i < 65536; i++) words[count++] = arguments[i];
    words[count] = 0;
    return kernel3(NR_execve, descriptor_path(SHARED->emulator_fd, room + 176), words, environment);
}

/// Executes the agent with the program's arguments and environment, and one variable more.
static i64 execute_agent(struct slot *s, char **arguments, char **environment) {
    char **copy = (char **)((u8 *)s + SLOT_REPLY);
    u64 count = 0;
    while (environment && environment[count] && count < 65536) {
        copy[count] = environment[count];
        count++;
    }
    static const char name[] = "LACUNA_AGENT=";
    // Behind it, an emulator's arguments.
    u64 more = 0;
    while (SHARED->emulator_fd && arguments && arguments[more] && more < 65536) more++;
    char *variable = (char *)(copy + count + more + 12);
    char *end = variable + 80;
    *--end = 0;
    end = number_text(SHARED->agent_fd, end);
    *--end = ',';
    end = number_text(SHARED->mailbox_fd, end);
    *--end = ',';
    end = number_text(SLOT_INDEX(s), end);
    for (u64 i = sizeof name - 1; i-- > 0;) *--end = name[i];
    copy[count++] = end;
    copy[count] = 0;
    s->executing = 1;
    i64 result = SHARED->emulator_fd
        ? emulate_agent(arguments, copy, copy + count + 1, variable)
        : kernel5(NR_execveat, SHARED->agent_fd, "", arguments, copy, AT_EMPTY_PATH);
    s->executing = 0;
    kernel1(NR_close, SHARED->agent_fd + 1);
    return result;
}

/// The request's execve or execveat. Returns only if it failed.
i64 execute_program(struct slot *s) {
    struct request *r = REQUEST_OF(s);
    u64 arguments[6];
    for (int i = 0; i < 6; i++) arguments[i] = r->arguments[i];
    int is_at = r->number == NR_execveat;
    i64 directory = is_at ? (i64)(i32)arguments[0] : AT_FDCWD;
    u64 *rest = arguments + is_at;
    u64 flags = is_at ? arguments[4] : 0;
    // The path itself is read by the kernel alone: it may be a bad pointer.
    char path[4096], interpreter[256];
    i64 length = 0;
    while (length < (i64)sizeof path - 1) {
        // Byte by byte through the slot would be slow; pages are copied as far as they are there.
        u64 from = rest[0] + (u64)length;
        u64 part = PAGE - from % PAGE;
        if (part > sizeof path - 1 - (u64)length) part = sizeof path - 1 - (u64)length;
        u64 place = SLOT_INDEX(s) * SLOT_SIZE + SLOT_REPLY;
        i64 got = kernel4(NR_pwrite64, SHARED->mailbox_fd, from, part, place);
        if (got <= 0) break;
        memcpy(path + length, (u8 *)s + SLOT_REPLY, (u64)got);
        length += got;
        path[length] = 0;
        if (text_length(path) < (u64)length) break;
    }
    path[length] = 0;
    enum program kind = kind_of(
        directory,
        path,
        flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0,
        interpreter,
        sizeof interpreter
    );
    int is_script = kind == PROGRAM_SCRIPT;
    for (int depth = 0; kind == PROGRAM_SCRIPT && depth < 4; depth++) {
        char next[256];
        enum program inner = kind_of(AT_FDCWD, interpreter, 0, next, sizeof next);
        if (inner == PROGRAM_ELF) break;
        if (inner != PROGRAM_SCRIPT) {
            kind = inner;
            break;
        }
        memcpy(interpreter, next, sizeof next);
    }
    i64 result;
    if (kind == PROGRAM_ELF || kind == PROGRAM_SCRIPT) {
        // It would really run: only ask.
        result = kernel5(NR_execveat, directory, rest[0], rest[1], rest[2], flags | AT_EXECVE_CHECK);
        if (result == -E_INVAL || result == -E_NOSYS) result = kernel4(NR_faccessat2, directory, rest[0], 1, AT_EACCESS | flags);
        if (result == -E_NOSYS) result = kernel3(NR_faccessat, directory, rest[0], 1);
        if (result < 0) return result;
    } else {
        result = agent_call(r->number, arguments, 0);
        if (result != -E_NOEXEC || kind == PROGRAM_NONE) return result;
    }
    note_command(s, path);
    if (is_script) {
        keep_program(AT_FDCWD, interpreter, 0);
    } else {
        keep_program(directory, path, flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0);
    }
    return execute_agent(s, (char **)rest[1], (char **)rest[2]);
}

// MARK: - In the place of the program

struct program_header {
    u32 type, flags;
    u64 offset, address, physical, file_size, memory_size, alignment;
};

/// struct prctl_mm_map.
struct memory_map {
    u64 start_code, end_code, start_data, end_data, start_brk, brk, start_stack, arg_start, arg_end, env_start, env_end;
    u64 *auxv;
    u32 auxv_size, exe_fd;
};

/// Puts copies of the agent's own segments where they are: no mapping of its file is left.
static int leave_file(void) {
    extern u8 __ehdr_start[];
    struct program_header *headers = (struct program_header *)(__ehdr_start + *(u64 *)(__ehdr_start + 32));
    int count = *(u16 *)(__ehdr_start + 56);
    for (int i = 0; i < count; i++) {
        if (headers[i].type != 1) continue;
        u64 start = headers[i].address & ~(PAGE - 1);
        u64 length = ((headers[i].address + headers[i].memory_size + PAGE - 1) & ~(PAGE - 1)) - start;
        i64 copy = kernel6(NR_mmap, 0, length, PROT_RW, MAP_PRIVATE_ANONYMOUS, -1, 0);
        if (copy < 0 && copy >= -4095) return 0;
        memcpy((void *)copy, (void *)start, length);
        u64 protection = headers[i].flags & 1 ? 5 : PROT_RW;
        if (protection != PROT_RW && kernel3(NR_mprotect, copy, length, protection) < 0) return 0;
        // MREMAP_MAYMOVE | MREMAP_FIXED
        if (kernel5(NR_mremap, copy, length, length, 3, start) != (i64)start) return 0;
    }
    return 1;
}

/// /proc/PID/exe is the program's file, where the kernel allows it (CAP_CHECKPOINT_RESTORE); environ ends before `own`.
static void become_program(char **argv, char **entry, char *own) {
    u32 file = SHARED->agent_fd + 1;
    if (kernel2(NR_fcntl, file, 1 /* F_GETFD */) < 0) return;
    if (leave_file()) {
        char **environment = argv;
        while (*environment) environment++;
        environment++;
        u64 first = argv[0] ? (u64)argv[0] : (u64)own;
        u64 middle = environment < entry ? (u64)*environment : (u64)own;
        struct memory_map map = {
            0x10000, 0x11000, 0x11000, 0x12000, 0x13000, 0x13000, (u64)argv, first, middle, middle, (u64)own, 0, 0, file,
        };
        kernel5(NR_prctl, 35 /* PR_SET_MM */, 14 /* PR_SET_MM_MAP */, &map, sizeof map, 0);
    }
    kernel1(NR_close, file);
}

/// The handler of the signal that interrupts parked calls. The engine answers for its action.
void catch_cancel(void) {
    u64 action[4] = {(u64)agent_handler, 0x04000000 /* SA_RESTORER */, (u64)agent_restorer, 0};
    kernel4(NR_rt_sigaction, CANCEL_SIGNAL, action, 0, 8);
}

/// The agent as the program that a task has executed: takes up the task's slot.
void attach(char **argv, char **entry, char *value) {
    u64 slot = number_of(value);
    while (*value && *value != ',') value++;
    u64 mailbox = number_of(value + 1);
    i64 mapped = kernel6(NR_mmap, MAILBOX, MAILBOX_SIZE, PROT_RW, MAP_SHARED_FIXED | MAP_NORESERVE, mailbox, 0);
    if (mapped != (i64)MAILBOX) kernel1(NR_exit_group, 125);
    become_program(argv, entry, value - 13);
    *entry = 0;
    struct slot *s = SLOT(slot);
    s->tid = (u32)kernel0(NR_gettid);
    kernel2(NR_prctl, PR_SET_NAME, s->command);
    catch_cancel();
    s->is_masked = 0;
    s->held = 0;
    s->depth = 0;
    s->result = 0;
    // From here on the slot's own stack.
    u64 stack = (u64)s + SLOT_STACK_TOP;
    __asm__ volatile("mov %0, %%rsp\n"
                     "xor %%ebp, %%ebp\n"
                     "mov %1, %%rdi\n"
                     "call agent_executed\n"
                     :
                     : "r"(stack), "r"(s)
                     : "rdi", "memory");
    __builtin_unreachable();
}

__attribute__((noreturn, used)) void agent_executed(struct slot *s) {
    struct request *r = REQUEST_OF(s);
    s->request = r;
    s->reply_start = 0;
    r->handled = 0;
    r->output_count = 0;
    finish(s);
    task_loop(s);
    __builtin_unreachable();
}
