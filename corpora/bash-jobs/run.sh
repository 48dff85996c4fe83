#!/bin/bash
# Job control without a terminal: background jobs, stop and continue, traps, wait statuses.
set -u
set -m
trap 'echo trapped USR1' USR1
trap 'echo goodbye' EXIT
sleep 0.3 &
sleeper=$!
(exit 7) &
wait $!
echo "waited $?"
kill -STOP "$sleeper"
kill -CONT "$sleeper"
wait "$sleeper"
echo "stopped and continued $?"
kill -USR1 $$
sleep 30 &
kill -TERM $!
wait $!
echo "terminated $?"
while read -r a b; do echo "$b $a"; done <<END
one two
three four
END
diff <(printf 'a\nb\n') <(printf 'a\nc\n') || echo "differs $?"
coproc CAT { cat; }
echo through >&"${CAT[1]}"
read -r line <&"${CAT[0]}"
echo "coproc $line"
exec {CAT[1]}>&-
ulimit -n 64
umask 027
(ulimit -S -n; umask)
mkfifo pipe
cat pipe &
echo fifo > pipe
wait
rm pipe
