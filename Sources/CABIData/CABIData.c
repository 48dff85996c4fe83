// Embeds the description files; adding a file is one EMBED block and one table line.
#include "CABIData.h"

static const unsigned char process[] = {
#embed "descriptions/process.abi"
};

const struct CABIDataFile CABIData_files[] = {
    {"process.abi", process, sizeof process},
};
const size_t CABIData_count = sizeof CABIData_files / sizeof CABIData_files[0];
