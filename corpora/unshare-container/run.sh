#!/bin/bash
# User, pid, mount and UTS namespaces by util-linux; a private /proc and a tmpfs inside.
set -eu
ls /proc/self/ns
unshare -Urpfmu --mount-proc bash -eu -c '
    hostname boxed
    echo "pid $$ as $(id -u) on $(hostname)"
    cat /proc/self/uid_map
    mkdir -p box
    mount -t tmpfs none box
    echo inside > box/file
    mount --bind box box
    umount box
    grep -q "$PWD/box" /proc/self/mountinfo && echo mounted
    ps ax 2>/dev/null | tail -n +2 | wc -l
'
ls box 2>/dev/null | wc -l
