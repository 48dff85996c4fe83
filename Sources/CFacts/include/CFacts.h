// The sourced facts of corpora/facts/wsl1, embedded as bytes for the engine's profile.
#ifndef CFACTS_H
#define CFACTS_H
#include <stddef.h>

extern const unsigned char CFacts_syscalls[];
extern const size_t CFacts_syscalls_size;
extern const unsigned char CFacts_features[];
extern const size_t CFacts_features_size;
extern const unsigned char CFacts_ntstatus[];
extern const size_t CFacts_ntstatus_size;
extern const unsigned char CFacts_ntmapping[];
extern const size_t CFacts_ntmapping_size;
extern const unsigned char CFacts_behaviours[];
extern const size_t CFacts_behaviours_size;

/// A file of checks: its name and its bytes.
struct CFactsFile {
    const char *name;
    const unsigned char *bytes;
    size_t size;
};
extern const size_t CFacts_checks_count;
const struct CFactsFile *CFacts_checks(void);

// Swift does not import arrays of unknown bound: their first bytes.
static inline const unsigned char *CFacts_syscalls_start(void) { return CFacts_syscalls; }
static inline const unsigned char *CFacts_features_start(void) { return CFacts_features; }
static inline const unsigned char *CFacts_ntstatus_start(void) { return CFacts_ntstatus; }
static inline const unsigned char *CFacts_ntmapping_start(void) { return CFacts_ntmapping; }
static inline const unsigned char *CFacts_behaviours_start(void) { return CFacts_behaviours; }
#endif
