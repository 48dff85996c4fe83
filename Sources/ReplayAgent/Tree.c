// Removes the files of a replay's root; what is mounted there is unmounted, not removed.
#include "Program.h"

static u64 device_of(i64 directory, const char *name, u64 *is_directory) {
    u64 status[18];
    *is_directory = 0;
    if (kernel4(NR_newfstatat, directory, name, status, AT_SYMLINK_NOFOLLOW) < 0) return 0;
    *is_directory = (status[3] & 0xf000) == 0x4000;
    return status[0];
}

/// All mounts of the replay's own: they are below a directory that it made.
static void unmount(i64 directory, const char *name) {
    if (directory >= 0) kernel1(NR_fchdir, directory);
    for (int i = 0; i < 8; i++)
        if (kernel2(NR_umount2, name, 2 /* MNT_DETACH */) < 0) break;
}

/// `device` 0: whatever the first is on.
void remove_tree(i64 directory, const char *name, u64 device) {
    u64 is_directory;
    if (!device) unmount(directory, name);
    u64 own = device_of(directory, name, &is_directory);
    if (device && own != device) {
        unmount(directory, name);
        own = device_of(directory, name, &is_directory);
    }
    if (!own || (device && own != device)) return;
    if (!is_directory) {
        kernel3(NR_unlinkat, directory, name, 0);
        return;
    }
    // O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
    i64 folder = kernel4(NR_openat, directory, name, 0200000 | O_NOFOLLOW | O_CLOEXEC, 0);
    if (folder >= 0) {
        u8 entries[2048];
        for (;;) {
            i64 count = kernel3(NR_getdents64, folder, entries, sizeof entries);
            if (count <= 0) break;
            for (i64 at = 0; at < count;) {
                u16 length;
                memcpy(&length, entries + at + 16, 2);
                const char *entry = (char *)entries + at + 19;
                at += length;
                if (text_starts(entry, ".") && (entry[1] == 0 || (entry[1] == '.' && entry[2] == 0))) continue;
                remove_tree(folder, entry, own);
            }
        }
        kernel1(NR_close, folder);
    }
    // AT_REMOVEDIR
    if (kernel3(NR_unlinkat, directory, name, 0x200) != -E_BUSY) return;
    unmount(directory, name);
    kernel3(NR_unlinkat, directory, name, 0x200);
}
