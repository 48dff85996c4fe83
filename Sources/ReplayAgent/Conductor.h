// The conductor's own: what Slots.c does for both ways of getting requests, a connection and a file.
#ifndef CONDUCTOR_H
#define CONDUCTOR_H
#include "Kernel.h"

enum operation { OP_CALL = 1, OP_WAIT = 2, OP_CANCEL = 3, OP_SIGNAL = 4, OP_FREE = 5, OP_DUE = 6 };
enum status { ST_RETURNED = 0, ST_BLOCKED = 1, ST_EXITED = 2, ST_FAILED = 3, ST_SKIPPED = 4 };

__attribute__((noreturn)) void give_up(int status);
/// `high`: the descriptor of the mailbox; 0: the highest that the limit allows.
u64 prepare(u64 namespaces, const char *self, const char *emulator_path, u32 high);
void reap(void);
/// Starts the slot's request and waits until it is done, its task gone, or asleep in the call.
enum status make_call(struct slot *s, u64 milliseconds);
/// Waits until the slot's call is done, its task gone, or asleep in the call for `patience` microseconds.
enum status await_slot(struct slot *s, u64 patience, u64 limit);
enum status await_completion(struct slot *s, u64 milliseconds);
enum status cancel_call(struct slot *s, u64 milliseconds);
i64 send_signal(struct slot *s, u64 signal);
void free_slot(struct slot *s);
#endif
