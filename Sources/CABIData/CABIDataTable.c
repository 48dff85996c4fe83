// Hands the table of files to Swift, which does not import arrays of unknown size.
#include "CABIData.h"

const struct CABIDataFile *CABIData_table(void) { return CABIData_files; }
