#!/usr/bin/env python3
"""Turns `strace -f -ttt -T -xx -s 65536 -v -o LOG` output into the calls and buffers it shows, for TraceLogBenchmark size.

What strace does not show (buffer addresses, nanoseconds, layouts it decoded) is made up at realistic cost: an address per
task, call and argument with some spread, random nanoseconds below strace's microseconds, integers of a decoded structure
as 4-byte words (struct stat and linux_dirent64 in their true layout)."""
import random
import re
import struct
import sys
import zlib

LINE = re.compile(r'^(\d+)\s+(\d+)\.(\d{6}) (.*)$')
CALL = re.compile(r'^(\w+)\((.*)\)\s+= (\S+)(.*)$', re.S)
OUTPUTS = {'read', 'pread64', 'recvmsg', 'recvfrom', 'readlink', 'readlinkat', 'getcwd', 'getrandom', 'newfstatat', 'fstat',
           'stat', 'lstat', 'statx', 'getdents64', 'uname', 'pipe2', 'wait4', 'prlimit64', 'sysinfo', 'statfs', 'fstatfs', 'readv'}
TYPES = {'DT_REG': 8, 'DT_DIR': 4, 'DT_LNK': 10}
rng = random.Random(1)


def split(text):
    parts, depth, quoted, start = [], 0, False, 0
    for i, c in enumerate(text):
        if c == '"':
            quoted = not quoted
        elif not quoted:
            if c in '{[(':
                depth += 1
            elif c in '}])':
                depth -= 1
            elif c == ',' and depth == 0:
                parts.append(text[start:i].strip())
                start = i + 1
    parts.append(text[start:].strip())
    return parts


def unquote(text):
    return bytes.fromhex(text[1:text.rindex('"')].replace('\\x', ''))


def number(text):
    m = re.match(r'-?(0x[0-9a-f]+|\d+)', text)
    if not m:
        return -100 if text.startswith('AT_FDCWD') else 0 if text.startswith('NULL') else zlib.crc32(text.encode()) & 0xffff
    t = m.group(0)
    return int(t, 16) if 'x' in t else int(t, 8) if t.lstrip('-').startswith('0') and len(t) > 1 and t.isdigit() else int(t)


def stat_bytes(text):
    def field(name, default=0):
        m = re.search(name + r'=([^,}]*)', text)
        return m.group(1) if m else default
    dev = zlib.crc32(str(field('st_dev')).encode()) & 0xffff
    mode = zlib.crc32(str(field('st_mode')).split('|')[0].encode()) & 0xf000 | number(str(field('st_mode', '0')).split('|')[-1]) & 0xfff
    size = number(str(field('st_size', '0')))
    def time(name):
        m = re.search(name + r'=(\d+)', text)
        n = re.search(name + r'_nsec=(\d+)', text)
        return (int(m.group(1)) if m else 0, int(n.group(1)) if n else 0)
    a, m, c = time('st_atime'), time('st_mtime'), time('st_ctime')
    return struct.pack('<QQQIIIIQQQQ6Q3Q', dev, number(str(field('st_ino', '0'))), number(str(field('st_nlink', '0'))), mode,
                       number(str(field('st_uid', '0'))), number(str(field('st_gid', '0'))), 0, 0, size,
                       number(str(field('st_blksize', '0'))), number(str(field('st_blocks', '0'))), *a, *m, *c, 0, 0, 0)


def dirents(text):
    out = b''
    for m in re.finditer(r'd_ino=(\d+), d_off=(\d+), d_reclen=(\d+), d_type=(\w+), d_name="([^"]*)"', text):
        name = bytes.fromhex(m.group(5).replace('\\x', ''))
        reclen = int(m.group(3))
        entry = struct.pack('<QqHB', int(m.group(1)), int(m.group(2)), reclen, TYPES.get(m.group(4), 0)) + name + b'\0'
        out += entry.ljust(reclen, b'\0')
    return out


def main():
    pending, tasks, numbers = {}, {}, {}
    out = open(sys.argv[2], 'wb')
    index, start = 0, None
    for line in open(sys.argv[1], errors='replace'):
        m = LINE.match(line)
        if not m:
            continue
        pid, sec, usec, rest = m.groups()
        at = (int(sec) * 1000000 + int(usec)) * 1000
        start = start or at
        if rest.endswith('<unfinished ...>'):
            pending[pid] = (at, rest[:-len('<unfinished ...>')])
            continue
        r = re.match(r'<\.\.\. \w+ resumed>(.*)$', rest)
        if r and pid in pending:
            at, head = pending.pop(pid)
            rest = head + r.group(1)
        took = re.search(r' <(\d+)\.(\d{6})>$', rest)
        rest = rest[:took.start()] if took else rest
        c = CALL.match(rest)
        if not c:
            continue
        name, args, result, tail = c.groups()
        args = split(args) if args else []
        words, chunks = [], []
        for i, arg in enumerate(args[:6]):
            content = None
            if arg.startswith('"'):
                content = unquote(arg)
                if name not in ('read', 'write', 'pread64', 'pwrite64') and name not in OUTPUTS or name.endswith('at') and i == 1:
                    content += b'\0'
            elif 'st_dev=' in arg:
                content = stat_bytes(arg)
            elif 'd_reclen=' in arg:
                content = dirents(arg)
            elif arg.startswith('[') and '"' in arg:
                for part in split(arg[1:arg.rindex(']')]):
                    if part.startswith('"'):
                        chunks.append((0, 0x7ffd00000000 + rng.randrange(4096) * 8, unquote(part) + b'\0'))
            elif arg.startswith(('{', '[')):
                content = b''.join(struct.pack('<I', int(x) & 0xffffffff) for x in re.findall(r'\d+', arg)) or b'\0\0\0\0'
            if content is None:
                words.append(number(arg) & 0xffffffffffffffff)
                continue
            base = 0x7ffd00000000 + (zlib.crc32(f'{pid}{name}{i}'.encode()) & 0xffffff) * 16
            address = base + zlib.crc32(content) % 16 * 64
            words.append(address)
            chunks.append((1 if name in OUTPUTS and not (i == 1 and name in ('newfstatat', 'readlinkat', 'statx')) else 0, address, content))
        words += [0] * (6 - len(words))
        value = -2 if result == '-1' else number(result) if result != '?' else 0
        if result == '-1':
            value = -(zlib.crc32(tail.split()[0].encode()) % 133)
        entry = at - start + rng.randrange(1000)
        duration = (int(took.group(2)) + int(took.group(1)) * 1000000) * 1000 + rng.randrange(1000) if took else 0
        value &= 0xffffffffffffffff
        out.write(struct.pack('<QIIQQQ6QI', index, tasks.setdefault(pid, len(tasks)), numbers.setdefault(name, len(numbers)),
                              value, entry, entry + duration, *words, len(chunks)))
        for direction, address, content in chunks:
            out.write(struct.pack('<IIQ', direction, len(content), address) + content)
        index += 1
    print(index)


main()
