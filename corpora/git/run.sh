#!/bin/bash
# A short life of a repository.
set -eu
export GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a
export GIT_COMMITTER_EMAIL=a@example.org GIT_AUTHOR_DATE='2024-01-01T00:00:00Z' GIT_COMMITTER_DATE='2024-01-01T00:00:00Z'
git init -q -b main repo
cd repo
mkdir src
for i in 1 2 3 4 5 6 7 8; do printf 'int f%d(void) { return %d; }\n' "$i" "$i" > "src/f$i.c"; done
git add .
git commit -qm 'first'
git checkout -qb side
echo 'int g(void);' > src/g.h
git add .
git commit -qm 'side work'
git checkout -q main
echo change >> src/f1.c
git commit -qam 'change on main'
git merge -q --no-edit -m 'merge side' side
git log --oneline --graph
git diff HEAD~1 --stat
git gc -q
git fsck 2>/dev/null
git status
