# Mapping an empty file
# Programs map files without asking for their size first. On Linux that works for an empty file, too; only a look at
# the memory would fail.
openat(AT_FDCWD, "/empty", O_RDWR|O_CREAT, 0644) -> 3
> mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 3, 0) -> 0x7f0000000000
munmap(0x7f0000000000, 4096) -> 0
