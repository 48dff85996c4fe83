// Embeds dictionary.bin, a part of the trace format.
#include "CTraceDictionary.h"

const unsigned char CTraceDictionary_bytes[] = {
#embed "dictionary.bin"
};
const size_t CTraceDictionary_size = sizeof CTraceDictionary_bytes;
