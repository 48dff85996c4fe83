#!/bin/sh
# Bytes per call of a lacuna log against `strace -f -ttt -T -xx -s 65536 -v | zstd -3` of the same command, and the ratio.
# usage: trace-size.sh LACUNA; needs root, strace, zstd. Runs each command twice: choose commands that do the same again.
set -eu
lacuna=${1:?usage: trace-size.sh LACUNA}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
for i in 1 2 3 4; do
    printf '#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\nint f%d(void) { return printf("%d"); }\n' $i $i > "$work/src/f$i.c"
done
cd "$work/src"

compare() {
    name=$1
    shift
    "$lacuna" record -o "$work/log" -- "$@" > /dev/null 2>&1
    strace -f -ttt -T -xx -s 65536 -v -o "$work/text" "$@" > /dev/null 2>&1
    lacuna_bytes=$(wc -c < "$work/log")
    strace_bytes=$(zstd -3 -q -c "$work/text" | wc -c)
    calls=$(grep -c ' = ' "$work/text")
    awk -v n="$name" -v c="$calls" -v l="$lacuna_bytes" -v s="$strace_bytes" \
        'BEGIN { printf "%-8s %7d calls  lacuna %8.1f B/call  strace %8.1f B/call  ratio %.3f\n", n, c, l / c, s / c, l / s }'
}

compare find find /usr/share/doc -newer /etc/passwd -size +1
compare cc sh -c 'for i in 1 2 3 4; do gcc -c f$i.c; done'
compare ls ls -l /etc
compare python python3 -c 'import json, asyncio, threading'
compare tar tar cf /dev/null /usr/include/linux
compare git sh -c 'git init -q r && cd r && cp ../*.c . && git add . && git -c user.name=a -c user.email=a@b commit -qm m && git log --stat; cd .. && rm -rf r'
