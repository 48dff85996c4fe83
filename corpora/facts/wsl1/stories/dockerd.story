# The Docker daemon starts
# It tries a storage driver (overlay works), mounts what is there of control groups (without a memory controller it only warns),
# and sets up a network for containers with iptables. There it ends: "failed to initialize network controller".
mkdir("/var", 0755) -> 0
mkdir("/var/l", 0755) -> 0
mkdir("/var/u", 0755) -> 0
mkdir("/var/w", 0755) -> 0
mkdir("/var/m", 0755) -> 0
mount("overlay", "/var/m", "overlay", 0, "lowerdir=/var/l,upperdir=/var/u,workdir=/var/w") -> 0
umount2("/var/m", MNT_DETACH) -> 0
mkdir("/memory", 0755) -> 0
mount("cgroup", "/memory", "cgroup", MS_NOSUID|MS_NODEV|MS_NOEXEC, "memory") -> 0
iptables = fork() -> 101
iptables: socket(AF_INET, SOCK_RAW, IPPROTO_RAW) -> 3
> iptables: getsockopt(3, SOL_IP, IPT_SO_GET_INFO, _, [84]) -> 0
iptables: setsockopt(3, SOL_IP, 64, _, 920) -> 0
