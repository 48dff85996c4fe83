# Two programs write to one SQLite database on an old build
# SQLite locks bytes of its file with fcntl, so that one program writes at a time: on Linux the second one is told to wait
# (EAGAIN). Early builds of WSL 1 granted such locks to everybody, and both wrote.
build 15063
openat(AT_FDCWD, "/db.sqlite", O_RDWR|O_CREAT, 0644) -> 3
second = fork() -> 101
fcntl(3, F_SETLK, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=1073741825, l_len=1}) -> 0
> second: fcntl(3, F_SETLK, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=1073741825, l_len=1}) -> EAGAIN
