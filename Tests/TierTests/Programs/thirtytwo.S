# A 32-bit program: 200 times getpid, then exit.
.globl _start
_start: mov $200, %esi
1:      mov $20, %eax
        int $0x80
        test %eax, %eax
        jle 2f
        dec %esi
        jnz 1b
2:      mov $1, %eax
        mov %esi, %ebx
        int $0x80
