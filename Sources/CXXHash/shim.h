#include <xxhash.h>

/// XXH3-128 (seed 0). On x86 the shared library usually has variants for newer vector units, to be asked for by name:
/// twice as fast. A library without them will do.
#if defined(__x86_64__)
XXH128_hash_t XXH3_128bits_dispatch(const void *input, size_t len) __attribute__((weak));
static inline XXH128_hash_t lacuna_xxh3_128(const void *input, size_t len) {
    return XXH3_128bits_dispatch ? XXH3_128bits_dispatch(input, len) : XXH3_128bits(input, len);
}
#else
static inline XXH128_hash_t lacuna_xxh3_128(const void *input, size_t len) { return XXH3_128bits(input, len); }
#endif
