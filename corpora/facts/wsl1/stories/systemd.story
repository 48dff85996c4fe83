# systemd starts as process 1
# It finds /proc, /sys and /dev mounted. It would like the unified hierarchy of control groups and can do without; then it mounts
# a hierarchy of its own, name=systemd, to keep services apart. That one it needs: "Failed to mount cgroup ... freezing".
mkdir("/cg", 0755) -> 0
mount("tmpfs", "/cg", "tmpfs", MS_NOSUID|MS_NODEV|MS_NOEXEC, "mode=755") -> 0
mkdir("/cg/unified", 0755) -> 0
mount("cgroup2", "/cg/unified", "cgroup2", MS_NOSUID|MS_NODEV|MS_NOEXEC, "nsdelegate") -> 0
mkdir("/cg/systemd", 0755) -> 0
> mount("cgroup", "/cg/systemd", "cgroup", MS_NOSUID|MS_NODEV|MS_NOEXEC, "none,name=systemd") -> 0
mkdir("/cg/systemd/init.scope", 0755) -> 0
openat(AT_FDCWD, "/cg/systemd/init.scope/cgroup.procs", O_WRONLY|O_CLOEXEC) -> 3
write(3, "1", 1) -> 1
