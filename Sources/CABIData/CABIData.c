// Embeds the description files; adding a file is one EMBED block and one table line.
#include "CABIData.h"

static const unsigned char common_file[] = {
#embed "descriptions/common.abi"
};
static const unsigned char path_classes_file[] = {
#embed "descriptions/path-classes.abi"
};
static const unsigned char fs_file[] = {
#embed "descriptions/fs.abi"
};
static const unsigned char paths_file[] = {
#embed "descriptions/paths.abi"
};
static const unsigned char fcntl_file[] = {
#embed "descriptions/fcntl.abi"
};
static const unsigned char ioctl_tty_file[] = {
#embed "descriptions/ioctl-tty.abi"
};
static const unsigned char ioctl_fs_file[] = {
#embed "descriptions/ioctl-fs.abi"
};
static const unsigned char ioctl_net_file[] = {
#embed "descriptions/ioctl-net.abi"
};
static const unsigned char ioctl_device_file[] = {
#embed "descriptions/ioctl-device.abi"
};
static const unsigned char memory_file[] = {
#embed "descriptions/memory.abi"
};
static const unsigned char process_file[] = {
#embed "descriptions/process.abi"
};
static const unsigned char prctl_file[] = {
#embed "descriptions/prctl.abi"
};
static const unsigned char identity_file[] = {
#embed "descriptions/identity.abi"
};
static const unsigned char sched_file[] = {
#embed "descriptions/sched.abi"
};
static const unsigned char signals_file[] = {
#embed "descriptions/signals.abi"
};
static const unsigned char timers_file[] = {
#embed "descriptions/timers.abi"
};
static const unsigned char poll_file[] = {
#embed "descriptions/poll.abi"
};
static const unsigned char futex_file[] = {
#embed "descriptions/futex.abi"
};
static const unsigned char ipc_file[] = {
#embed "descriptions/ipc.abi"
};
static const unsigned char net_file[] = {
#embed "descriptions/net.abi"
};
static const unsigned char net_constants_file[] = {
#embed "descriptions/net-constants.abi"
};
static const unsigned char sockopt_file[] = {
#embed "descriptions/sockopt.abi"
};
static const unsigned char sockopt_ip_file[] = {
#embed "descriptions/sockopt-ip.abi"
};
static const unsigned char mount_file[] = {
#embed "descriptions/mount.abi"
};
static const unsigned char security_file[] = {
#embed "descriptions/security.abi"
};
static const unsigned char bpf_file[] = {
#embed "descriptions/bpf.abi"
};
static const unsigned char tracing_file[] = {
#embed "descriptions/tracing.abi"
};
static const unsigned char aio_file[] = {
#embed "descriptions/aio.abi"
};
static const unsigned char system_file[] = {
#embed "descriptions/system.abi"
};

const struct CABIDataFile CABIData_files[] = {
    {"common.abi", common_file, sizeof common_file},
    {"path-classes.abi", path_classes_file, sizeof path_classes_file},
    {"fs.abi", fs_file, sizeof fs_file},
    {"paths.abi", paths_file, sizeof paths_file},
    {"fcntl.abi", fcntl_file, sizeof fcntl_file},
    {"ioctl-tty.abi", ioctl_tty_file, sizeof ioctl_tty_file},
    {"ioctl-fs.abi", ioctl_fs_file, sizeof ioctl_fs_file},
    {"ioctl-net.abi", ioctl_net_file, sizeof ioctl_net_file},
    {"ioctl-device.abi", ioctl_device_file, sizeof ioctl_device_file},
    {"memory.abi", memory_file, sizeof memory_file},
    {"process.abi", process_file, sizeof process_file},
    {"prctl.abi", prctl_file, sizeof prctl_file},
    {"identity.abi", identity_file, sizeof identity_file},
    {"sched.abi", sched_file, sizeof sched_file},
    {"signals.abi", signals_file, sizeof signals_file},
    {"timers.abi", timers_file, sizeof timers_file},
    {"poll.abi", poll_file, sizeof poll_file},
    {"futex.abi", futex_file, sizeof futex_file},
    {"ipc.abi", ipc_file, sizeof ipc_file},
    {"net.abi", net_file, sizeof net_file},
    {"net-constants.abi", net_constants_file, sizeof net_constants_file},
    {"sockopt.abi", sockopt_file, sizeof sockopt_file},
    {"sockopt-ip.abi", sockopt_ip_file, sizeof sockopt_ip_file},
    {"mount.abi", mount_file, sizeof mount_file},
    {"security.abi", security_file, sizeof security_file},
    {"bpf.abi", bpf_file, sizeof bpf_file},
    {"tracing.abi", tracing_file, sizeof tracing_file},
    {"aio.abi", aio_file, sizeof aio_file},
    {"system.abi", system_file, sizeof system_file},
};
const size_t CABIData_count = sizeof CABIData_files / sizeof CABIData_files[0];
