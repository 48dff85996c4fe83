// The agent's code as bytes, for the recorder.
#include "RecorderAgent.h"

// The layouts that the assembly and the recorder's reader rely on.
_Static_assert(sizeof(struct agent_ring) == 192, "ring header");
_Static_assert(sizeof(struct agent_record) == AGENT_EXIT_SIZE, "record");
_Static_assert(sizeof(struct agent_chunk) == 24, "chunk");
_Static_assert(offsetof(struct agent_frame, token) == 56, "Gate.h");
_Static_assert(offsetof(struct agent_frame, room) == 64, "Gate.h");
_Static_assert(sizeof(struct agent_thread) <= AGENT_BLOCK_STRIDE, "blocks");
_Static_assert(sizeof(struct agent_control) <= AGENT_CONTROL_SIZE, "control page");

extern const uint8_t __start_lacuna_agent[] __attribute__((visibility("hidden")));
extern const uint8_t __stop_lacuna_agent[] __attribute__((visibility("hidden")));
void agent_start(int file, uint64_t rings, uint64_t slots, uint64_t more_slots) __attribute__((visibility("hidden")));

const uint8_t *agent_code(size_t *size) {
    *size = (size_t)(__stop_lacuna_agent - __start_lacuna_agent);
    return __start_lacuna_agent;
}

size_t agent_start_offset(void) { return (size_t)((const uint8_t *)agent_start - __start_lacuna_agent); }
