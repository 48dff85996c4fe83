// A compiled replay program and its results, as files. LiveEngine/Compiled is the other side.
#ifndef PROGRAM_H
#define PROGRAM_H
#include "Conductor.h"

#define PROGRAM_MAGIC 0x502d414e5543414cUL  // "LACUNA-P"
#define RESULTS_MAGIC 0x522d414e5543414cUL  // "LACUNA-R"
#define PROGRAM_VERSION 1

struct program_header {
    u64 magic;
    u32 version;
    /// The descriptor of the mailbox; one below and one above are taken as well.
    u32 high;
    /// Of all bytes after this header: results say which program they are of.
    u64 hash;
    /// Where this build of the agent has them: they stand in requests.
    u64 handler, restorer;
    u64 namespaces;
    /// Steps, at most.
    u64 ids;
    u64 reserved;
    /// The directory that becomes the root: made here, and removed in the end.
    char root[192];
};

enum step_flags {
    /// The results say what came of it.
    STEP_REPORT = 1,
    /// If it fails the program cannot go on; a text says what it was for.
    STEP_MUST = 2,
    /// EPERM is no failure.
    STEP_TRY = 4,
    /// Nothing overlaps the recorded call: its completion is due at once.
    STEP_DUE = 8,
    /// A result of 0 has changed nothing either.
    STEP_ZERO = 16,
    /// A read from a stream: what is missing of `recorded` bytes is read by the same call for the rest.
    STEP_TRANSFER = 32,
};

/// When a step is made.
enum step_condition {
    ALWAYS,
    /// The call of step `other` has answered with an error, or without.
    IF_FAILED,
    IF_SUCCEEDED,
    /// The call of step `other` has not completed.
    IF_PENDING,
};

/// One operation; a text, padded to 8, and a request follow.
struct step {
    u32 length, text_length;
    u32 operation, slot;
    u32 milliseconds;
    /// Milliseconds until the call's completion is due, since it was made.
    u32 due;
    u32 id, flags;
    u32 condition, other;
    /// For the schedule alone: whether an answer may come from the order of overlapping calls.
    i64 recorded;
};

struct results_header {
    u64 magic;
    u32 version, reserved;
    u64 hash, namespaces;
    /// struct utsname.
    char machine[392];
};

/// What came of a step. Signal numbers (i32, padded to 8) and memory follow.
struct record {
    u32 length, id, status, signals, chunks, operation;
    i64 result;
    u64 arguments[6];
};
/// The id of the last record.
#define ENDED 0xffffffffU

/// An argument that is the result of an earlier step: this in its top bits, the kind, the step.
#define REFERENCE 0x4a5aUL
enum reference_kind { REFERENCE_RESULT, REFERENCE_LOW, REFERENCE_HIGH };
/// What references find.
struct outcome {
    i64 result;
    /// The first eight bytes that it wrote.
    u64 output;
    u64 is_known;
};

/// What a step is for, behind the memory of the conductor's calls.
#define TEXT ((char *)(SCRATCH + SCRATCH_SIZE - PAGE))
/// Behind the conductor's scratch memory.
#define OUTCOMES ((struct outcome *)(SCRATCH + SCRATCH_SIZE))

/// Where the root is laid out; there since the program made it.
extern char root[192];
extern int has_root;

void begin(int argc, char **argv, struct program_header *header);
/// Reads from the program. Returns how many bytes there were.
u64 take(void *to, u64 count);
/// Writes to the results.
void put(const void *from, u64 count);
void say(const char *text);
void say_number(i64 number);
__attribute__((noreturn)) void stop(const char *text, const char *more, int status);
/// All that the program has left: tasks, and the files of its root.
void clean_up(void);
void remove_tree(i64 directory, const char *name, u64 device);
#endif
