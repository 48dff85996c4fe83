// Embeds corpora/facts/wsl1; the files stay where people read them.
#include "CFacts.h"

const unsigned char CFacts_syscalls[] = {
#embed "../../corpora/facts/wsl1/syscalls.tsv"
};
const size_t CFacts_syscalls_size = sizeof CFacts_syscalls;
const unsigned char CFacts_features[] = {
#embed "../../corpora/facts/wsl1/features.tsv"
};
const size_t CFacts_features_size = sizeof CFacts_features;
const unsigned char CFacts_ntstatus[] = {
#embed "../../corpora/facts/wsl1/ntstatus-errno.tsv"
};
const size_t CFacts_ntstatus_size = sizeof CFacts_ntstatus;
const unsigned char CFacts_ntmapping[] = {
#embed "../../corpora/facts/wsl1/nt-mapping.tsv"
};
const size_t CFacts_ntmapping_size = sizeof CFacts_ntmapping;
const unsigned char CFacts_behaviours[] = {
#embed "../../corpora/facts/wsl1/behaviours.md"
};
const size_t CFacts_behaviours_size = sizeof CFacts_behaviours;

static const unsigned char aio_checks[] = {
#embed "../../corpora/facts/wsl1/checks/aio.checks" suffix(, 0) if_empty(0)
};
static const unsigned char cgroups_checks[] = {
#embed "../../corpora/facts/wsl1/checks/cgroups.checks" suffix(, 0) if_empty(0)
};
static const unsigned char fs_checks[] = {
#embed "../../corpora/facts/wsl1/checks/fs.checks" suffix(, 0) if_empty(0)
};
static const unsigned char ipc_checks[] = {
#embed "../../corpora/facts/wsl1/checks/ipc.checks" suffix(, 0) if_empty(0)
};
static const unsigned char memory_checks[] = {
#embed "../../corpora/facts/wsl1/checks/memory.checks" suffix(, 0) if_empty(0)
};
static const unsigned char mount_checks[] = {
#embed "../../corpora/facts/wsl1/checks/mount.checks" suffix(, 0) if_empty(0)
};
static const unsigned char namespaces_checks[] = {
#embed "../../corpora/facts/wsl1/checks/namespaces.checks" suffix(, 0) if_empty(0)
};
static const unsigned char net_checks[] = {
#embed "../../corpora/facts/wsl1/checks/net.checks" suffix(, 0) if_empty(0)
};
static const unsigned char other_checks[] = {
#embed "../../corpora/facts/wsl1/checks/other.checks" suffix(, 0) if_empty(0)
};
static const unsigned char process_checks[] = {
#embed "../../corpora/facts/wsl1/checks/process.checks" suffix(, 0) if_empty(0)
};
static const unsigned char security_checks[] = {
#embed "../../corpora/facts/wsl1/checks/security.checks" suffix(, 0) if_empty(0)
};
static const unsigned char signals_checks[] = {
#embed "../../corpora/facts/wsl1/checks/signals.checks" suffix(, 0) if_empty(0)
};
static const unsigned char statuses_checks[] = {
#embed "../../corpora/facts/wsl1/checks/statuses.checks" suffix(, 0) if_empty(0)
};
static const unsigned char timers_checks[] = {
#embed "../../corpora/facts/wsl1/checks/timers.checks" suffix(, 0) if_empty(0)
};
static const unsigned char tracing_checks[] = {
#embed "../../corpora/facts/wsl1/checks/tracing.checks" suffix(, 0) if_empty(0)
};
static const unsigned char tty_checks[] = {
#embed "../../corpora/facts/wsl1/checks/tty.checks" suffix(, 0) if_empty(0)
};

#define CHECKS(family) {#family ".checks", family##_checks, sizeof family##_checks - 1}
static const struct CFactsFile checks[] = {
    CHECKS(aio),
    CHECKS(cgroups),
    CHECKS(fs),
    CHECKS(ipc),
    CHECKS(memory),
    CHECKS(mount),
    CHECKS(namespaces),
    CHECKS(net),
    CHECKS(other),
    CHECKS(process),
    CHECKS(security),
    CHECKS(signals),
    CHECKS(statuses),
    CHECKS(timers),
    CHECKS(tracing),
    CHECKS(tty),
};
const size_t CFacts_checks_count = sizeof checks / sizeof *checks;
const struct CFactsFile *CFacts_checks(void) { return checks; }
