# mmap with MAP_FIXED_NOREPLACE
# Linux 4.17 got a flag for "here, unless something is here already". Older kernels take the address for a hint and ignore the flag, as
# unknown flags of mmap always were: callers look at where they got memory. WSL 1 refuses it.
> mmap(0x500000, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED_NOREPLACE, -1, 0) -> 0x500000
munmap(0x500000, 4096) -> 0
