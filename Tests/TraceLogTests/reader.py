#!/usr/bin/env python3
"""A second reader of .lacuna logs, from docs/trace-format.md alone; standard library, libzstd and libxxhash.

reader.py LOG prints one line per call and record, for comparison with the Swift reader."""
import ctypes
import ctypes.util
import json
import os
import struct
import sys

ZSTD = ctypes.CDLL(ctypes.util.find_library('zstd') or 'libzstd.so.1')
ZSTD.ZSTD_createDCtx.restype = ctypes.c_void_p
ZSTD.ZSTD_decompress_usingDict.restype = ctypes.c_size_t
ZSTD.ZSTD_decompress_usingDict.argtypes = [ctypes.c_void_p] + [ctypes.c_char_p, ctypes.c_size_t] * 3
CONTEXT = ZSTD.ZSTD_createDCtx()
DICTIONARY = open(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                               '../../Sources/CTraceDictionary/dictionary.bin'), 'rb').read()
XXH = ctypes.CDLL(ctypes.util.find_library('xxhash') or 'libxxhash.so.0')
XXH.XXH64.restype = ctypes.c_uint64
XXH.XXH64.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
MASK = (1 << 64) - 1


def xxh64(data):
    return XXH.XXH64(data, len(data), 0)


def unzigzag(value):
    return (value >> 1) ^ (-(value & 1) & MASK)


def signed(value, bits=64):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        assert self.at + count <= len(self.data)
        self.at += count
        return self.data[self.at - count:self.at]

    def byte(self):
        return self.take(1)[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def zigzag(self):
        return unzigzag(self.varint())

    def column(self, rows, tasks=None, bases=()):
        if rows == 0:
            return []
        tag = self.byte()
        packing, transform = tag & 3, tag >> 2 & 3
        base = bases[self.byte()] if tag & 16 else None
        if packing == 0:
            words = [self.varint()] * rows
        elif packing == 1:
            words = [self.varint() for _ in range(rows)]
        elif packing == 2:
            distinct, value = [], 0
            for _ in range(self.byte() + 1):
                value += self.varint()
                distinct.append(value)
            words = [distinct[position] for position in self.take(rows)]
        else:
            planes = [self.take(rows) for _ in range(self.byte())]
            words = [int.from_bytes(bytes(plane[row] for plane in planes), 'little') for row in range(rows)]
        values, last = [], {}
        for row, word in enumerate(words):
            key = None if transform == 0 else 0 if transform == 1 else tasks[row]
            value = (unzigzag(word) + (last.get(key, 0) if transform else 0)) & MASK
            last[key] = value
            values.append(value)
        return [(value + base[row]) & MASK for row, value in enumerate(values)] if base else values


class Log:
    def __init__(self, path):
        self.data = open(path, 'rb').read()
        self.payloads, self.in_pieces = [], set()
        self.calls, self.tasks, self.signals, self.paths = [], [], [], []
        self.header = self.snapshot = self.trailer = self.index = None
        self.cut, self.opening = None, b''
        at = sequence = 0
        while True:
            head = self.data[at:at + 40]
            if len(head) < 40:
                self.cut = at
                return
            magic, kind, codec, major, minor, stored, raw, number, body_hash, head_hash = struct.unpack('<4sBBBBIIQQQ', head)
            body = self.data[at + 40:at + 40 + stored]
            if magic != b'\x89LCN' or head_hash != xxh64(head[:32]) or number != sequence or len(body) < stored \
                    or xxh64(body) != body_hash:
                self.cut = at
                return
            assert major in (1, 2)
            if codec:
                prefix = b'' if codec == 1 else DICTIONARY + (self.opening if kind == 3 else b'')
                room = ctypes.create_string_buffer(max(raw, 1))
                assert ZSTD.ZSTD_decompress_usingDict(CONTEXT, room, raw, body, stored, prefix, len(prefix)) == raw
                body = room.raw[:raw]
            if kind == 1 or kind == 2 and self.snapshot is None:
                self.opening += body
            self.block(kind, (major, minor), Cursor(body))
            at, sequence = at + 40 + stored, sequence + 1
            if kind == 6:
                assert at == len(self.data)
                return

    def block(self, kind, version, cursor):
        if kind == 1:
            self.header = json.loads(cursor.data)
        elif kind == 2:
            self.snapshot = json.loads(cursor.data)
        elif kind == 3:
            self.next = len(self.payloads)
            self.section(cursor)
            self.first_task = len(self.tasks)
            self.events(cursor)
            if version >= (1, 1):
                self.counts(cursor)
        elif kind == 4:
            self.section(cursor)
        elif kind == 5:
            trailer = json.loads(cursor.data)
            self.trailer, self.index = trailer['trailer'], trailer['index']

    def section(self, cursor):
        assert cursor.varint() == len(self.payloads)
        first, plan = len(self.payloads), []
        for _ in range(cursor.varint()):
            count, layout = cursor.varint(), cursor.byte()
            if layout == 2:
                for _ in range(count):
                    plan.append((2, [[cursor.varint() for _ in range(cursor.varint())]]))
            elif layout == 3:
                table = []
                for _ in range(cursor.varint() // 8):
                    table.append(cursor.column(count, bases=table))
                plan.append((3, [struct.pack(f'<{len(table)}Q', *row) for row in zip(*table)]))
            else:
                plan.append((layout, cursor.column(count)))
        for layout, items in plan:
            if layout == 2:
                self.payloads.append(b''.join(self.payloads[part] for part in items[0]))
            elif layout == 3:
                self.payloads += items
            elif layout == 0:
                self.payloads += [cursor.take(length) for length in items]
            else:
                count, length = len(items), items[0]
                data = cursor.take(count * length)
                self.payloads += [data[row::count] for row in range(count)]
        assert first <= len(self.payloads)

    def resolve(self, reference):
        if reference:
            return self.payloads[reference - 1]
        self.next += 1
        return self.payloads[self.next - 1]

    def events(self, cursor):
        count, time, call = cursor.varint(), cursor.varint(), cursor.varint()
        if count:
            self.group_calls(cursor, count, time, call)
        self.records(cursor, time, call)

    def group_calls(self, cursor, count, time, base_call):
        ids = [cursor.varint() for _ in range(cursor.varint())]
        task = cursor.column(count)
        groups = []
        for _ in range(cursor.varint()):
            number, arch, flags, layout = cursor.varint(), cursor.byte(), cursor.varint(), cursor.byte()
            groups.append((number, arch, flags, layout, list(cursor.take(layout)) if layout != 255 else []))
        members = [[] for _ in groups]
        for position, group in enumerate(cursor.column(count)):
            members[group].append(position)
        index, gaps, durations = cursor.column(count), cursor.column(count), cursor.column(count)
        calls, expected, exits = [], base_call, {}
        for position in range(count):
            number = (expected + index[position]) & MASK
            expected = number + 1
            entry = (exits.get(task[position], time) + gaps[position]) & MASK
            exits[task[position]] = (entry + durations[position]) & MASK
            calls.append({'index': number, 'task': ids[task[position]], 'entry': entry, 'exit': exits[task[position]]})
        for (number, arch, flags, layout, kinds), rows in zip(groups, members):
            local = [task[position] for position in rows]
            for position in rows:
                calls[position].update(number=number, arch=arch, flags=flags, chunks=[])
            self.group(cursor, [calls[position] for position in rows], local, layout, kinds)
        self.calls += calls

    def group(self, cursor, calls, local, layout, kinds):
        rows, bases = len(calls), []
        for kind in kinds:
            contents = [self.resolve(reference) for reference in cursor.column(rows, local)]
            lengths, low, high = [len(content) for content in contents], [0] * rows, [0] * rows
            if kind & 2:
                lengths = [(a + b) & MASK for a, b in zip(lengths, cursor.column(rows))]
                low, high = cursor.column(rows), cursor.column(rows)
            bases.append(lengths)
            for row, call in enumerate(calls):
                call['chunks'].append([kind & 1, None, lengths[row], contents[row], low[row], high[row]])
        if layout == 255:
            self.list_chunks(cursor, calls)
        arguments = []
        for _ in range(6):
            arguments.append(cursor.column(rows, local, bases))
            bases.append(arguments[-1])
        for slot in range(len(kinds)):
            addresses = cursor.column(rows, local, bases)
            bases.append(addresses)
            for row, call in enumerate(calls):
                call['chunks'][slot][1] = addresses[row]
        results = cursor.column(rows, local, bases)
        for row, call in enumerate(calls):
            call.update(arguments=[column[row] for column in arguments], result=signed(results[row]))

    def list_chunks(self, cursor, calls):
        counts = cursor.column(len(calls))
        kinds = cursor.column(sum(counts))
        contents = [self.resolve(reference) for reference in cursor.column(len(kinds))]
        special = [row for row, kind in enumerate(kinds) if kind & 2]
        chunks = [[kind & 1, None, len(content), content, 0, 0] for kind, content in zip(kinds, contents)]
        for field in (2, 4, 5):
            for row, value in zip(special, cursor.column(len(special))):
                chunks[row][field] = (chunks[row][field] + value) & MASK
        expected = 0
        for chunk, gap in zip(chunks, cursor.column(len(kinds))):
            chunk[1] = (expected + gap) & MASK
            expected = chunk[1] + chunk[2]
        at = 0
        for call, count in zip(calls, counts):
            call['chunks'] = chunks[at:at + count]
            at += count

    def counts(self, cursor):
        for record in self.tasks[self.first_task:]:
            if record[3] == 2:
                count = cursor.varint()
                record += ['made', count - 1] if count else []

    def records(self, cursor, base_time, base_call):
        def text():
            return self.resolve(cursor.varint()).removesuffix(b'\0').decode()
        time, call = base_time, base_call
        for _ in range(cursor.varint()):
            kind, task = cursor.byte(), cursor.varint()
            time, call = (time + cursor.zigzag()) & MASK, (call + cursor.zigzag()) & MASK
            if kind == 0:
                rest = [signed(cursor.zigzag(), 32), signed(cursor.zigzag(), 32)]
                present = cursor.byte()
                rest += [cursor.varint() if present & bit else None for bit in (1, 2)]
            elif kind == 1:
                rest = [text(), [text() for _ in range(cursor.varint())], [text() for _ in range(cursor.varint())],
                        [cursor.varint() for _ in range(cursor.varint())]]
            else:
                rest = [signed(cursor.zigzag(), 32) if cursor.byte() else None]
            self.tasks.append([task, time, call, kind] + rest)
        time, call = base_time, base_call
        for _ in range(cursor.varint()):
            task = cursor.varint()
            time, call = (time + cursor.zigzag()) & MASK, (call + cursor.zigzag()) & MASK
            self.signals.append([task, time, call, signed(cursor.zigzag(), 32), signed(cursor.zigzag(), 32), cursor.varint()])
        rows = cursor.varint()
        before = [(base_call + gap) & MASK for gap in cursor.column(rows)]
        flags = cursor.column(rows)
        prefixed, absent, links, heads, status = ([row for row in range(rows) if flags[row] & bit] for bit in (16, 1, 2, 4, 8))
        prefixes, names = dict(zip(prefixed, cursor.column(len(prefixed)))), cursor.column(rows)
        paths = [((self.resolve(prefixes[row]) if row in prefixes else b'') + self.resolve(names[row]).removesuffix(b'\0')).decode()
                 for row in range(rows)]
        absent = dict(zip(absent, [signed(value, 32) for value in cursor.column(len(absent))]))
        links = dict(zip(links, [self.resolve(reference).decode() for reference in cursor.column(len(links))]))
        heads = dict(zip(heads, [self.resolve(reference) for reference in cursor.column(len(heads))]))
        status = dict(zip(status, [self.status(self.resolve(reference)) for reference in cursor.column(len(status))]))
        for row in range(rows):
            self.paths.append([paths[row], before[row], absent.get(row), links.get(row), heads.get(row, b'').hex(),
                               status.get(row, [0] * 13)])

    @staticmethod
    def status(content):
        dev, ino, nlink, mode, uid, gid, _, rdev, size, block, blocks, *times = struct.unpack('<QQQIIIIQqqq6q24x', content)
        return [dev, ino, mode, nlink, uid, gid, rdev, size, block, blocks] + [times[i] * 10**9 + times[i + 1] for i in (0, 2, 4)]


def main():
    log = Log(sys.argv[1])

    def word(value):
        return '-' if value is None else str(value)
    print('header', log.header['tool'], log.header['startMonotonic'])
    if log.trailer is not None:
        print('trailer', log.trailer['reason'], log.trailer['calls'], len(log.index))
    for call in log.calls:
        print('call', call['index'], call['task'], call['number'], call['arch'], call['flags'], *call['arguments'], call['result'],
              call['entry'], call['exit'], *(':'.join([*map(str, chunk[:3]), chunk[3].hex(), *map(str, chunk[4:])]) for chunk in call['chunks']))
    for record in log.tasks:
        print('task', *(','.join(map(str, item)) if isinstance(item, list) else word(item) for item in record))
    for record in log.signals:
        print('signal', *record)
    for path, before, absent, link, head, status in log.paths:
        print('path', path, before, word(absent), word(link), head, *status)
    print('cut', log.cut) if log.cut is not None else print('complete')


main()
