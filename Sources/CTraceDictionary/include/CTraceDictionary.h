// What zstd may refer to in the first blocks of every log; written by make-dictionary.py.
#ifndef CTRACEDICTIONARY_H
#define CTRACEDICTIONARY_H
#include <stddef.h>

extern const unsigned char CTraceDictionary_bytes[];
extern const size_t CTraceDictionary_size;

// Swift does not import arrays of unknown bound: the first byte.
static inline const unsigned char *CTraceDictionary_start(void) { return CTraceDictionary_bytes; }
#endif
