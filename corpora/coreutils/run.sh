#!/bin/bash
# Makes, sorts, counts, links, renames and removes files the way a shell script does.
set -eu
mkdir -p tree/a tree/b
printf 'gamma\nalpha\nbeta\ngamma\nalpha\ngamma\n' > tree/a/words
sort tree/a/words | uniq -c | sort -rn | sed 's/^ *//' > tree/b/counts
cat tree/b/counts
cp -a tree/a/words tree/b/words
ln tree/b/words tree/b/hard
ln -s ../a/words tree/b/soft
chmod 640 tree/b/words
touch -d '2024-01-02 03:04:05 UTC' tree/b/words
stat -c '%a %h %s %Y %N' tree/b/words tree/b/soft
mv tree/b/hard tree/b/renamed
ls -la --time-style=+%s tree/b | wc -l
find tree -type f | sort | xargs cat | wc -lc
head -c 100000 /dev/zero | tr '\0' 'x' | tee tree/big | md5sum
dd if=tree/big of=tree/copy bs=4096 status=none
cmp tree/big tree/copy && echo sum ok
cut -c1-3 tree/a/words | paste -sd, -
du -s --apparent-size tree >/dev/null
df tree >/dev/null
rm -r tree
