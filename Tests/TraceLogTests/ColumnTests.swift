// Columns come back whatever encoding was chosen for them, and the encodings are chosen.
import Testing

@testable import TraceLog

@Suite struct ColumnTests {
    private func encode(_ values: [UInt64], tasks: [UInt32]? = nil, bases: [[UInt64]] = []) -> [UInt8] {
        let encoder = ColumnEncoder()
        encoder.taskCount = 4
        let sink = ByteSink()
        func staged<T: BitwiseCopyable>(_ values: [T]) -> Staging<T> {
            let staging = Staging<T>()
            for value in values { staging.append(value) }
            return staging
        }
        let column = staged(values)
        let rowTasks = tasks.map { staged($0) }
        let others = bases.map { staged($0) }
        encoder.encode(
            column.base,
            values.count,
            tasks: rowTasks.map { UnsafePointer($0.base) },
            bases: others.map { UnsafePointer($0.base) },
            into: sink
        )
        return withExtendedLifetime((column, rowTasks, others)) { Array(sink.bytes) }
    }

    private func decode(_ bytes: [UInt8], rows: Int, tasks: [UInt32]? = nil, bases: [[UInt64]] = []) throws -> [UInt64]
    {
        var decoder = ColumnDecoder()
        decoder.taskCount = 4
        let out = Scratch<UInt64>(0)
        let rooms = bases.map { base in
            let room = Scratch<UInt64>(0)
            let words = room.room(base.count)
            for row in base.indices { words[row] = base[row] }
            return room
        }
        let pointers = rooms.map { $0.room(0) }
        let local = Scratch<UInt32>(0)
        let taskRoom = local.room(tasks?.count ?? 0)
        for (row, task) in (tasks ?? []).enumerated() { taskRoom[row] = task }
        return try bytes.withUnsafeBytes { raw in
            var cursor = ByteCursor(raw)
            let room = out.room(rows)
            try decoder.decode(&cursor, rows: rows, into: room, tasks: tasks == nil ? nil : taskRoom, bases: pointers)
            #expect(cursor.remaining == 0)
            return withExtendedLifetime((rooms, local)) { (0..<rows).map { room[$0] } }
        }
    }

    private static let extremes: [UInt64] = [0, 1, .max, .max - 1, 1 << 63, 1 << 63 - 1, 127, 128, 16383, 16384]

    @Test func anyColumnComesBack() throws {
        var random = SeededGenerator(seed: 4)
        for round in 0..<400 {
            let rows = Int(random.next() % 300)
            let shape = round % 8
            let pool = (0..<(1 + random.next() % 400)).map { _ in random.next() >> (random.next() % 64) }
            var values: [UInt64] = []
            for row in 0..<rows {
                switch shape {
                case 0: values.append(7)
                case 1: values.append(random.next())
                case 2: values.append(pool.randomElement(using: &random) ?? 0)
                case 3: values.append(0x7FFF_0000_0000 + UInt64(row) * 4096)
                case 4: values.append(Self.extremes.randomElement(using: &random) ?? 0)
                case 5: values.append(random.next() % 3)
                case 6: values.append(random.next() % 70_000)
                default: values.append(UInt64(bitPattern: -Int64(random.next() % 5)))
                }
            }
            let tasks = (0..<rows).map { _ in UInt32(random.next() % 4) }
            let near = values.map { $0 &+ 16 &+ (random.next() % 10 == 0 ? 1 : 0) }
            let bases = [values.map { _ in random.next() }, near]
            #expect(try decode(encode(values), rows: rows) == values)
            #expect(try decode(encode(values, tasks: tasks), rows: rows, tasks: tasks) == values)
            let based = encode(values, tasks: tasks, bases: bases)
            #expect(try decode(based, rows: rows, tasks: tasks, bases: bases) == values)
        }
    }

    @Test func regularColumnsCostNextToNothing() {
        let rows = 0..<1000
        #expect(encode(rows.map { _ in 0x7FFF_1234_5678 }).count < 10)
        let random = rows.map { UInt64($0) &* 0x9E37_79B9_7F4A_7C15 }
        #expect(encode(random.map { $0 &+ 24 }, bases: [rows.map { _ in 5 }, random]).count < 12)
        #expect(encode(rows.map { 0x7F00_0000_0000 + UInt64($0) * 8 }).count < 1012)
        #expect(encode(rows.map { $0 % 2 == 0 ? 0x7FFF_0000_1000 : 0x5555_0000_2000 }).count < 1020)
        let tasks = rows.map { UInt32($0 % 3) }
        let perTask = rows.map { UInt64($0 % 3) << 40 + UInt64($0) * 4 }
        #expect(encode(perTask, tasks: tasks).count < 1030)
    }

    @Test func integersOfAnySizeComeBack() throws {
        let sink = ByteSink()
        for value in Self.extremes {
            sink.appendVarint(value)
            sink.appendZigzag(value)
        }
        var cursor = ByteCursor(sink.bytes)
        for value in Self.extremes {
            #expect(varintSize(value) == max(1, (71 - value.leadingZeroBitCount - 1) / 7))
            #expect(try cursor.varint() == value)
            #expect(try cursor.zigzag() == value)
        }
        #expect(cursor.remaining == 0)
    }
}
