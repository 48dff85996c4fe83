// What /proc says of tasks.
#include "Kernel.h"

static i64 read_file(char *path_end, u64 tid, u64 thread, const char *tail, char *text, u64 size) {
    // Built from its end: "/proc/TID/task/THREAD/tail".
    char *end = path_end;
    *--end = 0;
    for (u64 i = text_length(tail); i-- > 0;) *--end = tail[i];
    if (thread) {
        end = number_text(thread, end);
        static const char task[] = "/task/";
        for (u64 i = sizeof task - 1; i-- > 0;) *--end = task[i];
    }
    end = number_text(tid, end);
    static const char head[] = "/proc/";
    for (u64 i = sizeof head - 1; i-- > 0;) *--end = head[i];
    i64 file = kernel4(NR_openat, AT_FDCWD, end, O_CLOEXEC, 0);
    if (file < 0 || !text) return file;
    i64 count = kernel3(NR_read, file, text, size - 1);
    kernel1(NR_close, file);
    if (count >= 0) text[count] = 0;
    return count;
}

/// The state letter of /proc/TID/stat; 0 if there is no such task.
char state_of(i32 tid) {
    char path[96], text[512];
    i64 count = read_file(path + sizeof path, (u64)tid, 0, "/stat", text, sizeof text);
    // After the last parenthesis: the name may hold anything.
    for (i64 i = count - 3; i >= 0; i--)
        if (text[i] == ')') return text[i + 2];
    return 0;
}

/// The hexadecimal number after `name` at the start of a line; 0 where there is none.
static u64 mask_after(const char *text, const char *name) {
    u64 mask = 0;
    while (*text && !text_starts(text, name)) text++;
    if (!*text) return 0;
    for (text += text_length(name); *text == '\t' || *text == ' '; text++) {}
    for (;; text++) {
        if (*text >= '0' && *text <= '9') mask = mask * 16 + (u64)(*text - '0');
        else if (*text >= 'a' && *text <= 'f') mask = mask * 16 + (u64)(*text - 'a' + 10);
        else return mask;
    }
}

/// Whether a signal has not been delivered yet: 2, or 1 if the task does not let it in. A stopped or ended task takes in none.
int is_pending(u64 tid, u64 signal) {
    char path[96], text[4096];
    if (read_file(path + sizeof path, tid, 0, "/status", text, sizeof text) <= 0) return 0;
    u64 pending = mask_after(text, "\nSigPnd:") | mask_after(text, "\nShdPnd:");
    u64 blocked = mask_after(text, "\nSigBlk:");
    char state = state_of((i32)tid);
    if (state != 'R' && state != 'S' && state != 'D') return 0;
    // The agent's own mask is gone when the task waits for its next call.
    for (u32 i = 1; i < SLOT_COUNT; i++) {
        struct slot *s = SLOT(i);
        if (s->state == SLOT_FREE || s->host_tid != (i32)tid || !s->is_masked) continue;
        blocked = s->user_mask | (REQUEST_OF(s)->held & REQUEST_OF(s)->handled);
    }
    if (!(pending >> (signal - 1) & 1)) return 0;
    return blocked >> (signal - 1) & 1 ? 1 : 2;
}

/// The last number of the line "NSpid:": the task's own view of its tid.
static u64 innermost(u64 tid, u64 thread) {
    static char text[4096];
    char path[96];
    if (read_file(path + sizeof path, tid, thread, "/status", text, sizeof text) <= 0) return 0;
    for (char *line = text; *line; line++) {
        if (!text_starts(line, "\nNSpid:")) continue;
        char *end = line + 7;
        char *last = end;
        while (*end && *end != '\n') {
            if ((*end == '\t' || *end == ' ') && end[1] >= '0' && end[1] <= '9') last = end + 1;
            end++;
        }
        return number_of(last);
    }
    return 0;
}

static int is_known(i32 tid) {
    for (u32 i = 1; i < SLOT_COUNT; i++)
        if (SLOT(i)->state != SLOT_FREE && SLOT(i)->host_tid == tid) return 1;
    return 0;
}

/// Looks for a task that no slot has and that sees itself as `wanted`; the newest one. `process` 0: among processes.
static i32 find(u64 process, u64 wanted) {
    char path[96];
    i32 best = 0;
    i64 folder = read_file(path + sizeof path, process ? process : 1, 0, process ? "/task" : "/../", 0, 0);
    if (folder < 0) return 0;
    u8 entries[4096];
    for (;;) {
        i64 count = kernel3(NR_getdents64, folder, entries, sizeof entries);
        if (count <= 0) break;
        for (i64 at = 0; at < count;) {
            u16 length;
            memcpy(&length, entries + at + 16, 2);
            i32 tid = (i32)number_of((char *)entries + at + 19);
            at += length;
            if (tid <= 1 || tid <= best || is_known(tid)) {
                if (process || tid <= 1) continue;
            }
            if (!is_known(tid) && tid > best && innermost(process ? process : (u64)tid, process ? (u64)tid : 0) == wanted)
                best = tid;
            if (!process && !best) {
                i32 thread = find((u64)tid, wanted);
                if (thread > best) best = thread;
            }
        }
    }
    kernel1(NR_close, folder);
    return best;
}

/// The tid of a slot's task as the conductor sees it; 0 while it is not known.
i32 host_tid(struct slot *s) {
    if (s->host_tid) return s->host_tid;
    if (!s->tid) return 0;
    s->host_tid = s->nested ? find(0, s->tid) : (i32)s->tid;
    return s->host_tid;
}
