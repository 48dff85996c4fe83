#!/bin/bash
# Compile, link, run, through make.
set -eu
cat > main.c <<'C'
#include <stdio.h>
int answer(void);
int main(void) { printf("hello %d\n", answer()); return 0; }
C
echo 'int answer(void) { return 42; }' > answer.c
printf 'CFLAGS = -O2 -Wall\nprog: main.o answer.o\n\t$(CC) -o $@ $^\n' > Makefile
make -s CC=gcc
./prog
