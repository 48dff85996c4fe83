// A program is executed: the kernel decides whether the file may be, and the agent runs in its place.
#include "Kernel.h"

/// How files begin whose content nobody knows: no binary format, so the kernel checks everything and then says ENOEXEC.
static const char unknown_program[] = "\177LACUNA";

enum program { PROGRAM_NONE, PROGRAM_UNKNOWN, PROGRAM_ELF, PROGRAM_SCRIPT };

/// What kind of program the file is. A script's interpreter goes to `interpreter`.
static enum program kind_of(i64 directory, const char *path, u64 flags, char *interpreter, u64 size) {
    char head[256];
    i64 file = -1, count;
    if (path && *path) file = kernel4(NR_openat, directory, path, O_CLOEXEC | flags, 0);
    count = kernel4(NR_pread64, path && *path ? file : directory, head, sizeof head - 1, 0);
    if (path && *path && file >= 0) kernel1(NR_close, file);
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

/// Executes the agent with the program's arguments and environment, and one variable more.
static i64 execute_agent(struct slot *s, char **arguments, char **environment) {
    char **copy = (char **)((u8 *)s + SLOT_REPLY);
    u64 count = 0;
    while (environment && environment[count] && count < 65536) {
        copy[count] = environment[count];
        count++;
    }
    static const char name[] = "LACUNA_AGENT=";
    char *variable = (char *)(copy + count + 8);
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
    i64 result = kernel5(NR_execveat, SHARED->agent_fd, "", arguments, copy, AT_EMPTY_PATH);
    s->executing = 0;
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
        if (result == -E_INVAL) result = kernel4(NR_faccessat2, directory, rest[0], 1, AT_EACCESS | flags);
        if (result < 0) return result;
    } else {
        result = agent_call(r->number, arguments, 0);
        if (result != -E_NOEXEC || kind == PROGRAM_NONE) return result;
    }
    note_command(s, path);
    return execute_agent(s, (char **)rest[1], (char **)rest[2]);
}

/// The handler of the signal that interrupts parked calls. The engine answers for its action.
void catch_cancel(void) {
    u64 action[4] = {(u64)agent_handler, 0x04000000 /* SA_RESTORER */, (u64)agent_restorer, 0};
    kernel4(NR_rt_sigaction, CANCEL_SIGNAL, action, 0, 8);
}

/// The agent as the program that a task has executed: takes up the task's slot.
void attach(char **entry, char *value) {
    u64 slot = number_of(value);
    while (*value && *value != ',') value++;
    u64 mailbox = number_of(value + 1);
    i64 mapped = kernel6(NR_mmap, MAILBOX, MAILBOX_SIZE, PROT_RW, MAP_SHARED_FIXED | MAP_NORESERVE, mailbox, 0);
    if (mapped != (i64)MAILBOX) kernel1(NR_exit_group, 125);
    *entry = 0;
    struct slot *s = SLOT(slot);
    s->tid = (u32)kernel0(NR_gettid);
    kernel2(NR_prctl, PR_SET_NAME, s->command);
    catch_cancel();
    s->is_masked = 0;
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
    r->handled = 0;
    r->output_count = 0;
    finish(s);
    task_loop(s);
    __builtin_unreachable();
}
