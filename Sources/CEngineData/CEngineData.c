// Embeds engines/*.yaml; adding a file is one block and one line of the table, which is in the order of listings.
#include "CEngineData.h"

static const unsigned char native[] = {
#embed "engines/native.yaml"
};
static const unsigned char gvisor[] = {
#embed "engines/gvisor.yaml"
};
static const unsigned char qemu_user[] = {
#embed "engines/qemu-user.yaml"
};
static const unsigned char uml[] = {
#embed "engines/uml.yaml"
};
static const unsigned char wsl2[] = {
#embed "engines/wsl2.yaml"
};
static const unsigned char proot[] = {
#embed "engines/proot.yaml"
};
static const unsigned char valgrind[] = {
#embed "engines/valgrind.yaml"
};
static const unsigned char crun[] = {
#embed "engines/crun.yaml"
};
static const unsigned char docker_default[] = {
#embed "engines/docker-default.yaml"
};
// github.com/moby/moby 20.10.24, profiles/seccomp/default.json, unchanged (Apache License 2.0).
static const unsigned char docker_seccomp[] = {
#embed "engines/docker-seccomp.json"
};
const unsigned char *const CEngineData_docker_seccomp = docker_seccomp;
const size_t CEngineData_docker_seccomp_size = sizeof docker_seccomp;

static const struct CEngineData_file files[] = {
    {"native", native, sizeof native},
    {"gvisor", gvisor, sizeof gvisor},
    {"qemu-user", qemu_user, sizeof qemu_user},
    {"uml", uml, sizeof uml},
    {"wsl2", wsl2, sizeof wsl2},
    {"proot", proot, sizeof proot},
    {"valgrind", valgrind, sizeof valgrind},
    {"crun", crun, sizeof crun},
    {"docker-default", docker_default, sizeof docker_default},
};
const struct CEngineData_file *const CEngineData_files = files;
const size_t CEngineData_count = sizeof files / sizeof *files;
