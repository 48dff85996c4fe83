# sleep 1, with glibc 2.31, on Windows 10 1909
# Since version 2.31 the C library sleeps by clock_nanosleep on the realtime clock; before, it called nanosleep. After upgrading
# to Ubuntu 20.04, every sleep on 18363 and older failed with "cannot read realtime clock".
build 18363
> clock_nanosleep(CLOCK_REALTIME, 0, {tv_sec=1, tv_nsec=0}, NULL) -> 0 <1.0>
getpid() -> 100
