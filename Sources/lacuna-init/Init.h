// What the parts of lacuna-init share.
#ifndef LACUNA_INIT_H
#define LACUNA_INIT_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Frames on the line between `lacuna` and `lacuna-init serve`: this header, then `length` bytes. Little-endian.
// docs/engines.md describes the protocol; Sources/EngineLauncher/Line has the other end.
struct frame {
    uint8_t magic[2];
    uint8_t type;
    // Of output: 1 or 2. Of files: 1 appends.
    uint8_t stream;
    uint32_t length;
};
enum {
    FRAME_MAGIC_0 = 0x4c,
    FRAME_MAGIC_1 = 0xac,
    FRAME_LIMIT = 65536,
};

// Reports what failed, with errno, and exits with `status`.
_Noreturn void fail(int status, const char *what);
// Writes all; -1 with errno.
int write_all(int fd, const void *bytes, size_t count);

// Ends every process below this one, until none is left; needs /proc. The caller is a child subreaper or process 1.
void end_descendants(void);
// Brings the loopback interface up; failure is left to whoever needs it.
void loopback_up(void);

int keep_main(int argc, char **argv);
int probe_main(void);
int files_main(const char *folder);
// The guest's root is an ext4, as recorded programs mostly had; else a tmpfs.
extern int root_is_disk;
int serve(int in, int out, int own_machine);
// Runs a program, and all that it executes, under an emulator of this host's system calls; its exit status.
int through(const char *emulator, char **command);
_Noreturn void enter(const char *root, const char *folder, char **command);
_Noreturn void boot(int argc, char **argv);
#endif
