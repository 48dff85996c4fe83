#!/bin/bash
# Packs a small tree with links and modes, compresses with two threads, unpacks, compares.
set -eu
mkdir -p in/deep/er unpacked
for i in $(seq 1 20); do seq "$i" $((i * 40)) > "in/deep/file$i"; done
ln in/deep/file1 in/deep/er/hard
ln -s ../file2 in/deep/er/soft
chmod 700 in/deep/er
tar -C in -cf - . | zstd -q -T2 -3 -o tree.tar.zst
zstd -qdc tree.tar.zst | tar -C unpacked -xpf -
diff -r in unpacked && echo same tree
tar -I zstd -tf tree.tar.zst | sort | head -3
