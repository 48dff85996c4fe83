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
    /// Needs nothing but its task, and waits for nobody: may be made with its neighbours, without a word between them.
    STEP_PLAIN = 64,
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

/// Steps that are read and not made yet, behind the conductor's scratch memory; then results that are not written yet.
#define WINDOW ((u8 *)(SCRATCH + SCRATCH_SIZE))
#define WINDOW_SIZE 0x1000000UL
#define RESULTS (WINDOW + WINDOW_SIZE)
#define RESULTS_SIZE 0x100000UL
#define OUTCOMES ((struct outcome *)(RESULTS + RESULTS_SIZE))

/// The call that a slot's task is asleep in.
struct waiting {
    u32 is_pending, id;
    u64 start;
};
extern struct waiting waiting[SLOT_COUNT];

/// A call that is made: in its slot, or one of a batch.
struct made {
    struct request *request;
    i64 result;
    u32 chunks, size;
    u8 *memory;
};

static inline u64 text_size(struct step *step) { return (step->text_length + 7) & ~7UL; }
static inline u64 step_size(struct step *step) { return sizeof *step + text_size(step) + step->length; }
static inline const char *text_of(struct step *step) { return (const char *)(step + 1); }
static inline struct request *request_in(struct step *step) {
    return (struct request *)((u8 *)(step + 1) + text_size(step));
}
static inline int is_error(i64 result) { return result < 0 && result >= -4095; }

/// Where the root is laid out; there since the program made it.
extern char root[192];
extern int has_root;

void begin(int argc, char **argv, struct program_header *header);
/// The step so many bytes after the next one. 0: the end, or so far ahead that it is not read yet.
struct step *step_at(u64 ahead);
/// The next step is so many bytes further.
void advance(u64 bytes);
/// Adds to the results.
void put(const void *from, u64 count);
/// Writes what was added: before anything that may never return.
void flush_results(void);
u64 milliseconds_now(void);
int applies(struct step *step);
void run_step(struct step *step);
/// Makes the next steps in a batch. 0: they are not for one.
int run_together(struct step *first);
/// Whether the outcome of a step from `first` on is an argument.
int refers_to(struct request *r, u64 first);
void resolve_arguments(struct request *r);
void report_made(struct slot *s, struct step *step, u32 id, enum status status, struct made *made);
/// Of the call that stands in the slot.
void report(struct slot *s, struct step *step, u32 id, enum status status);
/// Reads on where bytes are missing.
void complete_transfer(struct slot *s, struct step *step);
void say(const char *text);
void say_number(i64 number);
__attribute__((noreturn)) void stop(const char *text, const char *more, int status);
/// All that the program has left: tasks, and the files of its root.
void clean_up(void);
void remove_tree(i64 directory, const char *name, u64 device);
#endif
