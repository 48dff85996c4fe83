// Embeds corpora/facts/wsl1/*.tsv; the files stay where people read them.
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
