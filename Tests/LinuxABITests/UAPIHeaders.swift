// The headers that the descriptions are compared with, in groups that can be included together.

/// Headers of one translation unit: the kernel's and the C library's define the same structs, so they do not mix.
struct HeaderGroup: Sendable {
    let name: String
    /// Included in this order, each only if the machine has it.
    let headers: [String]

    var preamble: String {
        let includes = headers.map { "#if __has_include(<\($0)>)\n#include <\($0)>\n#endif\n" }.joined()
        return "#define _GNU_SOURCE\n#include <stddef.h>\n#include <linux/types.h>\n\(includes)"
    }

    /// The kernel's groups first: where a name is in several groups, the first decides.
    static let all: [HeaderGroup] = [
        HeaderGroup(
            name: "kernel",
            headers: words(
                """
                linux/fs.h linux/fcntl.h linux/stat.h linux/mount.h linux/openat2.h linux/falloc.h linux/memfd.h
                linux/mman.h linux/mempolicy.h linux/userfaultfd.h linux/futex.h linux/rseq.h linux/membarrier.h
                linux/sched.h linux/sched/types.h linux/wait.h linux/prctl.h linux/seccomp.h linux/filter.h
                linux/bpf.h linux/perf_event.h linux/keyctl.h linux/landlock.h linux/capability.h linux/kcmp.h
                linux/close_range.h linux/aio_abi.h linux/io_uring.h linux/random.h linux/reboot.h linux/kexec.h
                linux/module.h linux/quota.h linux/dqblk_xfs.h linux/ioprio.h linux/eventpoll.h linux/inotify.h
                linux/fanotify.h linux/xattr.h linux/loop.h linux/nsfs.h linux/fiemap.h linux/fsverity.h
                linux/fscrypt.h linux/pidfd.h linux/timerfd.h linux/time_types.h linux/time.h linux/timex.h
                linux/magic.h linux/securebits.h linux/elf.h linux/elf-em.h linux/audit.h linux/hdreg.h
                linux/blkzoned.h linux/blkpg.h linux/kd.h linux/vt.h linux/tty.h linux/rtc.h linux/msdos_fs.h
                linux/btrfs.h linux/fuse.h linux/ptrace.h linux/resource.h linux/utsname.h linux/sysinfo.h
                linux/posix_types.h linux/personality.h linux/swap.h linux/binfmts.h linux/limits.h linux/cn_proc.h
                linux/connector.h linux/auto_fs.h linux/watch_queue.h linux/dm-ioctl.h linux/if_tun.h
                linux/signalfd.h asm/prctl.h asm/ldt.h linux/vhost.h linux/kvm.h linux/udmabuf.h linux/dma-buf.h
                linux/lsm.h linux/uio.h linux/nbd.h linux/cdrom.h scsi/sg.h linux/raid/md_u.h linux/raid/md_p.h
                linux/mtio.h
                """
            )
        ),
        HeaderGroup(
            name: "kernel, networking",
            headers: words(
                """
                linux/socket.h linux/net.h linux/in.h linux/in6.h linux/tcp.h linux/udp.h linux/un.h linux/netlink.h
                linux/rtnetlink.h linux/if.h linux/if_ether.h linux/if_packet.h linux/if_link.h linux/if_addr.h
                linux/if_arp.h linux/if_bridge.h linux/if_tun.h linux/sockios.h linux/vm_sockets.h linux/can.h
                linux/can/raw.h linux/tipc.h linux/if_alg.h linux/if_xdp.h linux/ethtool.h linux/wireless.h
                linux/route.h linux/genetlink.h linux/net_tstamp.h linux/errqueue.h linux/ipv6.h linux/netfilter.h
                linux/netfilter_ipv4.h linux/netfilter_ipv4/ip_tables.h linux/netfilter_ipv6/ip6_tables.h
                linux/mroute.h linux/icmp.h linux/icmpv6.h linux/igmp.h linux/tls.h linux/smc.h linux/rds.h
                linux/sock_diag.h linux/inet_diag.h linux/kcm.h linux/l2tp.h linux/ip.h linux/dccp.h
                linux/time_types.h linux/llc.h linux/atm.h linux/ax25.h linux/rose.h linux/x25.h linux/netrom.h
                linux/bpqether.h linux/phonet.h linux/qrtr.h linux/mctp.h linux/rxrpc.h linux/ppp-ioctl.h
                linux/net_namespace.h
                """
            )
        ),
        HeaderGroup(
            name: "kernel, signals and terminals",
            headers: words(
                """
                asm/signal.h asm/siginfo.h linux/signal.h linux/stat.h asm/stat.h asm/statfs.h linux/ipc.h
                linux/shm.h linux/sem.h linux/msg.h linux/mqueue.h linux/times.h linux/utime.h asm/termios.h
                linux/termios.h asm/ioctls.h asm/poll.h linux/eventpoll.h linux/unistd.h linux/serial.h
                linux/tty_flags.h
                """
            )
        ),
        HeaderGroup(
            name: "C library",
            headers: words(
                """
                sys/types.h stdint.h unistd.h fcntl.h sys/stat.h sys/statfs.h sys/mman.h sys/socket.h netinet/in.h
                netinet/tcp.h netinet/udp.h sys/un.h sys/ioctl.h termios.h sys/wait.h sys/resource.h sys/time.h
                time.h sys/timex.h signal.h sched.h poll.h sys/epoll.h sys/eventfd.h sys/signalfd.h sys/timerfd.h
                sys/inotify.h sys/fanotify.h sys/xattr.h sys/ipc.h sys/shm.h sys/sem.h sys/msg.h mqueue.h
                sys/utsname.h sys/sysinfo.h sys/times.h sys/uio.h sys/ptrace.h sys/personality.h sys/reboot.h
                sys/random.h sys/file.h sys/quota.h sys/mount.h sys/swap.h sys/vfs.h sys/statvfs.h sys/klog.h
                sys/user.h utime.h dirent.h net/if.h sys/sendfile.h sys/rseq.h linux/capability.h sys/prctl.h
                """
            )
        ),
    ]

    /// x86-64's table, and the generic table with what arm64 asks of it (arch/arm64/include/uapi/asm/unistd.h).
    static let x86 = HeaderGroup(name: "x86-64 numbers", headers: ["asm/unistd_64.h"])
    static let arm64Macros = [
        "__ARCH_WANT_RENAMEAT", "__ARCH_WANT_NEW_STAT", "__ARCH_WANT_SET_GET_RLIMIT", "__ARCH_WANT_TIME32_SYSCALLS",
        "__ARCH_WANT_SYS_CLONE3", "__ARCH_WANT_MEMFD_SECRET",
    ]
    static let arm64 = HeaderGroup(name: "arm64 numbers", headers: ["asm-generic/unistd.h"])

    private static func words(_ text: String) -> [String] {
        text.split { $0 == " " || $0 == "\n" }.map(String.init)
    }
}
