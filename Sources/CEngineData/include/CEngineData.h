// Definitions of the engines that lacuna knows, embedded as bytes.
#ifndef CENGINEDATA_H
#define CENGINEDATA_H
#include <stddef.h>

struct CEngineData_file {
    const char *name;
    const unsigned char *bytes;
    size_t size;
};
extern const struct CEngineData_file *const CEngineData_files;
extern const size_t CEngineData_count;

// Docker's default seccomp profile, JSON.
extern const unsigned char *const CEngineData_docker_seccomp;
extern const size_t CEngineData_docker_seccomp_size;
#endif
