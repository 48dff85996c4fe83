# Creating FOO beside foo on a drive mounted with case=off
# On Linux two names are one only if each letter is the same. A Windows drive can be mounted with case=off: then names are as Windows has
# them, and FOO is foo. Archives with both (the Linux kernel's sources have some) do not unpack there.
mkdir("/mnt", 0755) -> 0
mount("C:", "/mnt", "drvfs", 0, "case=off") -> 0
openat(AT_FDCWD, "/mnt/foo", O_RDWR|O_CREAT, 0644) -> 3
> openat(AT_FDCWD, "/mnt/FOO", O_RDWR|O_CREAT|O_EXCL, 0644) -> 4
write(4, "other", 5) -> 5
