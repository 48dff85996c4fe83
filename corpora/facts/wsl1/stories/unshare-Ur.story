# unshare -Ur: a user namespace, the beginning of rootless containers
# In a namespace of users, everybody can be root without being root outside: so rootless podman, bubblewrap and Chrome's sandbox
# begin. WSL 1 has five of Linux' namespaces, and not this one.
> unshare(CLONE_NEWUSER) -> 0
openat(AT_FDCWD, "/proc/self/setgroups", O_WRONLY) -> 3
write(3, "deny", 4) -> 4
close(3) -> 0
openat(AT_FDCWD, "/proc/self/uid_map", O_WRONLY) -> 3
write(3, "0 1000 1", 8) -> 8
