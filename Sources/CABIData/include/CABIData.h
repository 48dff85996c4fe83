// The ABI descriptions of Sources/CABIData/descriptions, embedded as bytes.
#ifndef CABIDATA_H
#define CABIDATA_H
#include <stddef.h>

/// One description file: its name and its bytes.
struct CABIDataFile {
    const char *name;
    const unsigned char *bytes;
    size_t size;
};

/// Every description file, in the order in which they are parsed.
extern const struct CABIDataFile CABIData_files[];
/// The same, for Swift, which does not import arrays of unknown size.
const struct CABIDataFile *CABIData_table(void);
extern const size_t CABIData_count;
#endif
