#!/usr/bin/env python3
"""Writes dictionary.bin: what the first blocks of nearly every log hold, for zstd to refer to. docs/trace-format.md.

The file is part of the format: logs written with it are read with it. Never change it; a new one needs a new codec."""
import json
import os
import struct

GLIBC = "/lib/x86_64-linux-gnu/"
LIBRARIES = ["libc.so.6", "libm.so.6", "libz.so.1", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libselinux.so.1",
             "libpcre2-8.so.0", "libcap.so.2", "libacl.so.1", "libattr.so.1", "libtinfo.so.6", "libgcc_s.so.1",
             "libcrypto.so.3", "libssl.so.3", "libzstd.so.1", "liblzma.so.5", "libbz2.so.1.0", "libcrypt.so.1"]
PATHS = ["/etc/ld.so.preload", "/etc/ld.so.cache", "/usr/lib/locale/locale-archive", "/usr/share/locale/locale.alias",
         "/usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache", "/etc/nsswitch.conf", "/etc/passwd", "/etc/group",
         "/etc/localtime", "/etc/resolv.conf", "/etc/hosts", "/proc/filesystems", "/proc/self/maps", "/proc/self/exe",
         "/proc/self/fd", "/proc/meminfo", "/proc/stat", "/proc/cpuinfo", "/proc/sys/vm/overcommit_memory",
         "/proc/sys/kernel/osrelease", "/sys/devices/system/cpu/online", "/dev/null", "/dev/tty", "/dev/urandom",
         "/usr/lib/locale/C.UTF-8/LC_CTYPE", "/usr/lib/locale/C.utf8/LC_CTYPE", "/usr/share/zoneinfo/UTC",
         "/usr/lib/ssl/openssl.cnf", "/run/systemd/notify", "/tmp/", "/var/lib/", "/etc/", "/usr/share/", "/usr/include/"]
LOCALE = ["LC_IDENTIFICATION", "LC_MEASUREMENT", "LC_TELEPHONE", "LC_ADDRESS", "LC_NAME", "LC_PAPER", "LC_MESSAGES",
          "LC_MONETARY", "LC_COLLATE", "LC_TIME", "LC_NUMERIC", "LC_CTYPE", "LC_ALL"]
ENVIRONMENT = ["SHELL=/bin/bash", "EDITOR=vi", "PAGER=less", "LANGUAGE=en", "LANG=C.UTF-8", "LANG=en_US.UTF-8",
               "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive", "LOGNAME=root", "USER=root", "MAIL=/var/mail/root",
               "XDG_SESSION_TYPE=tty", "XDG_RUNTIME_DIR=/run/user/0", "XDG_SESSION_ID=1", "SSH_CONNECTION=", "SSH_CLIENT=",
               "SSH_TTY=/dev/pts/0", "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/0/bus", "TERM=xterm-256color", "TERM=dumb",
               "COLORTERM=truecolor", "LESSOPEN=| /usr/bin/lesspipe %s", "LS_COLORS=", "HOSTNAME=", "HOME=/root",
               "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt", "OLDPWD=/", "PWD=/", "SHLVL=1", "_=/usr/bin/env",
               "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]


def elf(sections, offsets):
    """The header and program headers of a shared library as the loader reads it (832 bytes), from the ABI's rules."""
    text, data, end = offsets
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, end, 0, 64, 56, 9, 64, sections, sections - 1)
    rows = [(1, 4, 0, 0x5000, 0x5000, 0x1000), (1, 5, 0x6000, text, text, 0x1000), (1, 4, text, 0x3000, 0x3000, 0x1000),
            (1, 6, data, 0x800, 0x900, 0x1000), (2, 6, data + 0x100, 0x1F0, 0x1F0, 8), (4, 4, 0x238, 0x24, 0x24, 4),
            (0x6474E550, 4, text, 0x500, 0x500, 4), (0x6474E551, 6, 0, 0, 0, 16), (0x6474E552, 4, data, 0x700, 0x700, 1)]
    body = b"".join(struct.pack("<IIQQQQQQ", kind, flags, at, at, at, size, memory, align) for kind, flags, at, size, memory, align in rows)
    note = struct.pack("<III", 4, 20, 3) + b"GNU\0"
    return (head + body + note + bytes(832))[:832]


def status(mode=8630):
    return {"accessTime": 1700000000000000000, "blockSize": 4096, "blocks": 0, "changeTime": 1700000000000000000, "device": 6,
            "gid": 0, "inode": 3, "links": 1, "mode": mode, "modificationTime": 1700000000000000000, "size": 0,
            "specialDevice": 259, "uid": 0}


def descriptor(fd, target, flags):
    return {"fd": fd, "flags": flags, "isTerminal": False, "offset": 0, "status": status(), "target": target}


def text(value):
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


HEADER = {"architecture": 0, "command": ["sh", "-c"], "payloadLimit": 65536, "results": "ebpf", "startMonotonic": 1000000000000,
          "startRealtime": 1700000000000000000, "tier": "lockstep", "tool": "lacuna 0.1.0",
          "uname": ["Linux", "localhost", "6.1.0", "#1 SMP PREEMPT_DYNAMIC Debian ", "x86_64", "(none)"]}
TRAILER = {"index": [{"calls": 1, "earliestEntry": 0, "firstPayload": 0, "highestCall": 0, "latestExit": 0, "lowestCall": 0,
                      "offset": 2000, "payloads": 0}],
           "trailer": {"calls": 1, "notes": {}, "reason": "exited", "status": 0, "ways": {"agent": 0, "notified": 0}}}
UNLIMITED = (1 << 64) - 1
LIMITS = [UNLIMITED] * 3 + [8388608, 0, UNLIMITED, 63000, 1024, 8388608, UNLIMITED, UNLIMITED, 63000, 819200, 0, 0, UNLIMITED]
CONTROLLERS = ["cpuset", "cpu", "cpuacct", "blkio", "memory", "devices", "freezer", "net_cls", "perf_event", "net_prio",
               "hugetlb", "pids", "rdma", "misc", "name=systemd"]
MOUNTS = [
    "22 27 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw", "22 27 0:21 / /proc rw,relatime - proc proc rw",
    "23 27 0:22 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw", "23 27 0:22 / /sys ro,relatime - sysfs sysfs rw",
    "24 27 0:6 / /dev rw,nosuid,relatime shared:2 - devtmpfs devtmpfs rw,size=8000000k,nr_inodes=2000000,mode=755,inode64",
    "25 24 0:23 / /dev/pts rw,nosuid,noexec,relatime shared:3 - devpts devpts rw,gid=5,mode=620,ptmxmode=000",
    "26 24 0:24 / /dev/shm rw,nosuid,nodev shared:4 - tmpfs tmpfs rw,inode64", "29 24 0:20 / /dev/mqueue rw - mqueue mqueue rw",
    "27 1 0:50 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/,upperdir=,workdir=",
    "27 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,discard,errors=remount-ro",
    "28 27 0:25 / /run rw,nosuid,nodev,noexec,relatime shared:5 - tmpfs tmpfs rw,size=1600000k,mode=755,inode64",
    "28 27 0:26 / /run/lock rw,nosuid,nodev,noexec,relatime shared:6 - tmpfs tmpfs rw,size=5120k,inode64",
    "28 27 254:1 /etc/hosts /etc/hosts rw,relatime - ext4 /dev/vda1 rw", "28 27 8:1 / /boot/efi rw,relatime - vfat /dev/sda15 rw",
    "30 23 0:27 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:8 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot",
    "30 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755",
] + [f"{31 + i} 30 0:{29 + i} / /sys/fs/cgroup/{name.split('=')[-1]} rw,relatime - cgroup cgroup rw,{name}" for i, name in enumerate(CONTROLLERS)]
SNAPSHOT = {
    "arguments": ["sh", "-c"], "blockedSignals": 0, "capabilities": [0, 2199023255551, 2199023255551, 2199023255551, 0],
    "cgroups": [f"{i}:{name}:/" for i, name in enumerate(CONTROLLERS, 1)] + ["0::/user.slice/user-0.slice/session-1.scope", "0::/"],
    "cpuCount": 2,
    "descriptors": [descriptor(0, "/dev/pts/0", 32770), descriptor(0, "/dev/null", 32768), descriptor(1, "pipe:[100000]", 1),
                    descriptor(2, "socket:[100000]", 32769), descriptor(3, "anon_inode:[eventpoll]", 2)],
    "environment": ENVIRONMENT, "gids": [0, 0, 0, 0], "groups": [0], "hasTerminal": False, "ignoredSignals": 0,
    "limits": [{"hard": value, "resource": i, "soft": value} for i, value in enumerate(LIMITS)], "masked": [], "mounts": MOUNTS,
    "namespaces": {name: f"{name}:[402653183{i}]" for i, name in enumerate(["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"])},
    "noNewPrivileges": False, "parent": 1000, "pid": 1001, "processGroup": 1001, "root": "/", "session": 1000, "uids": [0, 0, 0, 0],
    "umask": 18, "workingDirectory": "/root"}


def main():
    strings = [GLIBC + name for name in LIBRARIES] + ["/usr" + GLIBC + "glibc-hwcaps/x86-64-v4/", "/usr" + GLIBC + "glibc-hwcaps/x86-64-v3/"] + PATHS
    strings += ["/usr/lib/locale/C.UTF-8/" + name for name in LOCALE] + LOCALE + ENVIRONMENT
    strings += ["/usr/share/locale/en_US.UTF-8/LC_MESSAGES/", "/usr/share/locale/en/LC_MESSAGES/coreutils.mo", "/bin/sh", "/usr/bin/"]
    plain = "".join(string + "\0" for string in strings).encode()
    files = [b"root:x:0:0:root:/root:/bin/bash\n", b"nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tcgroup2\n\text4\n",
             b"passwd:         files systemd\ngroup:          files systemd\nhosts:          files dns\n",
             b"TZif2" + bytes(15) + struct.pack(">6I", 0, 0, 0, 0, 1, 4) + bytes(6) + b"UTC\0TZif2" + bytes(15) + b"\nUTC0\n"]
    parts = [elf(29, (0x14000, 0x1AD60, 0x1B4C8)), elf(27, (0x97000, 0xDED00, 0xDF3C0)), b"".join(files), plain,
             text(TRAILER).encode(), text(SNAPSHOT).encode(), text(HEADER).encode()]
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "dictionary.bin"), "wb") as out:
        out.write(b"".join(parts))


main()
