#include "RecorderAgent.h"

// The layouts that the assembly and the recorder's reader rely on.
_Static_assert(sizeof(struct agent_ring) == 192, "ring header");
_Static_assert(sizeof(struct agent_record) == AGENT_EXIT_SIZE, "record");
_Static_assert(sizeof(struct agent_chunk) == 24, "chunk");
