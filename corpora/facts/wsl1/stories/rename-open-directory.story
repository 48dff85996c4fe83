# Renaming a directory while a file in it is open
# npm, git and editors move whole directories. On Linux the files in them may be open: a name is not the file. WSL 1 keeps
# files on NTFS, and NTFS knows an open file by its path.
mkdir("/home", 0755) -> 0
mkdir("/home/node_modules", 0755) -> 0
openat(AT_FDCWD, "/home/node_modules/a.js", O_RDWR|O_CREAT, 0644) -> 3
> rename("/home/node_modules", "/home/old") -> 0
openat(AT_FDCWD, "/home/old/a.js", O_RDONLY) -> 4
