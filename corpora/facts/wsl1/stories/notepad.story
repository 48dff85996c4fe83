# notepad.exe from a Linux shell
# Linux cannot execute a Windows program (ENOEXEC). WSL 1 can: its binfmt_misc hands programs that begin with MZ to /init, which has
# Windows start them, and waits for their exit status.
mkdir("/mnt", 0755) -> 0
mount("C:", "/mnt", "drvfs", 0, NULL) -> 0
openat(AT_FDCWD, "/mnt/notepad.exe", O_RDWR|O_CREAT, 0755) -> 3
write(3, "MZ program", 10) -> 10
close(3) -> 0
> execve("/mnt/notepad.exe", ["notepad.exe"], []) -> ENOEXEC
