// The payloads of one block, and how they are read from it. docs/trace-format.md, "Payloads".

/// Payloads `first` ..< `first + count`, as one block of a log defines them.
final class PayloadPage {
    let first: Int
    fileprivate(set) var lengths: [UInt32] = []
    fileprivate var starts: [UInt32] = []
    /// Contents, one after the other; `starts` and `lengths` say where.
    fileprivate var contents: [UInt8] = []
    /// Ids that make up a payload in pieces, by its place.
    private(set) var pieces: [Int: [Int]] = [:]

    fileprivate init(first: Int) { self.first = first }

    var count: Int { lengths.count }

    /// What it takes, nearly.
    var memory: Int { contents.count + 8 * lengths.count + pieces.reduce(0) { $0 + 64 + 8 * $1.value.count } + 256 }

    /// Calls `body` with a payload that is not in pieces.
    @inline(__always)
    func withBytes<T>(_ place: Int, _ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
        try contents.withUnsafeBytes {
            let start = Int(starts[place])
            return try body(UnsafeRawBufferPointer(rebasing: $0[start..<(start + Int(lengths[place]))]))
        }
    }

    fileprivate func append(_ ids: [Int]) {
        pieces[lengths.count] = ids
        append(start: 0, length: 0)
    }

    fileprivate func append(start: Int, length: Int) {
        starts.append(UInt32(truncatingIfNeeded: start))
        lengths.append(UInt32(truncatingIfNeeded: length))
    }
}

/// Reads payload sections.
struct PayloadDecoder {
    private typealias Run = (count: Int, layout: PayloadLayout)

    private var columns = ColumnDecoder()
    private let scratch = Scratch<UInt64>(0)
    private let tables = ByteSink()

    /// Reads a section whose first payload has the id `first`. Lengths of payloads in pieces are left to the caller.
    ///
    /// - Parameter total: grows by what the payloads take; no higher than `limit`.
    mutating func decode(
        _ cursor: inout ByteCursor,
        first: Int,
        total: inout UInt64,
        limit: UInt64
    ) throws(Malformed) -> PayloadPage {
        let claimed = try cursor.varint()
        guard claimed == UInt64(first) else {
            throw Malformed("defines payload \(claimed) where \(first) is next: blocks before it are missing")
        }
        let page = PayloadPage(first: first)
        let count = try cursor.count(limit: TraceFormat.maximumPayloads, "payload runs")
        var runs: [Run] = []
        var size = 0
        tables.clear()
        for _ in 0..<count {
            let items = try cursor.count(limit: TraceFormat.maximumPayloads - page.count, "payloads")
            guard let layout = PayloadLayout(rawValue: try cursor.byte()) else {
                throw Malformed("unknown payload layout")
            }
            switch layout {
            case .pieces: for _ in 0..<items { page.append(try decodePieces(&cursor)) }
            case .table: try decodeTable(&cursor, items, page, &total, limit)
            case .joined, .transposed: try decodeLengths(&cursor, items, layout, page, &size)
            }
            runs.append((items, layout))
        }
        total += UInt64(size)
        guard total <= limit else { throw Malformed("payloads need more than \(limit) bytes of memory") }
        guard size <= cursor.remaining else { throw Malformed("payloads end too early") }
        lay(try cursor.take(size), runs, page)
        return page
    }

    /// Payloads as columns of their words.
    private mutating func decodeTable(
        _ cursor: inout ByteCursor,
        _ rows: Int,
        _ page: PayloadPage,
        _ total: inout UInt64,
        _ limit: UInt64
    ) throws(Malformed) {
        let length = try cursor.count(limit: 1 << 16, "bytes in a row")
        guard length & 7 == 0, length > 0 else { throw Malformed("a table has rows of \(length) bytes") }
        let (size, before) = (rows * length, tables.count)
        guard before + size <= Int(TraceFormat.maximumRawSize) else { throw Malformed("payloads exceed the block") }
        total += UInt64(size)
        guard total <= limit else { throw Malformed("payloads need more than \(limit) bytes of memory") }
        let room = scratch.room(size / 8)
        var bases: [UnsafeMutablePointer<UInt64>] = []
        for word in 0..<(length / 8) {
            let column = room + word * rows
            try columns.decode(&cursor, rows: rows, into: column, bases: bases)
            bases.append(column)
        }
        let out = UnsafeMutableRawPointer(tables.extend(size))
        for word in 0..<(length / 8) {
            for row in 0..<rows {
                let value = room[word * rows + row].littleEndian
                out.storeBytes(of: value, toByteOffset: row * length + word * 8, as: UInt64.self)
            }
        }
        for row in 0..<rows { page.append(start: before + row * length, length: length) }
    }

    private func decodePieces(_ cursor: inout ByteCursor) throws(Malformed) -> [Int] {
        let parts = try cursor.count(limit: cursor.remaining, "pieces")
        var ids: [Int] = []
        ids.reserveCapacity(parts)
        for _ in 0..<parts { ids.append(try cursor.count(limit: Int.max, "as an id")) }
        return ids
    }

    private mutating func decodeLengths(
        _ cursor: inout ByteCursor,
        _ items: Int,
        _ layout: PayloadLayout,
        _ page: PayloadPage,
        _ size: inout Int
    ) throws(Malformed) {
        guard items > 0 else { return }
        let scratch = scratch.room(items)
        try columns.decode(&cursor, rows: items, into: scratch)
        for row in 0..<items {
            let isUneven = layout == .transposed && scratch[row] != scratch[0]
            guard scratch[row] <= UInt64(TraceFormat.maximumRawSize), !isUneven else {
                throw Malformed("a payload claims \(scratch[row]) bytes")
            }
            let length = Int(scratch[row])
            guard size + length <= Int(TraceFormat.maximumRawSize) else { throw Malformed("payloads exceed the block") }
            page.append(start: size, length: length)
            size += length
        }
    }

    /// Copies the data out of the block, rows of transposed runs put back together. Tables come after it.
    private func lay(_ bytes: UnsafeRawBufferPointer, _ runs: [Run], _ page: PayloadPage) {
        let tables = tables.bytes
        page.contents = [UInt8](unsafeUninitializedCapacity: bytes.count + tables.count) { room, filled in
            let room = UnsafeMutableRawBufferPointer(room)
            var place = 0
            var position = 0
            for (items, layout) in runs where items > 0 {
                switch layout {
                case .transposed:
                    let length = Int(page.lengths[place])
                    for column in 0..<length {
                        for row in 0..<items {
                            room[position + row * length + column] = bytes[position + column * items + row]
                        }
                    }
                    position += length * items
                case .joined:
                    var size = 0
                    for row in 0..<items { size += Int(page.lengths[place + row]) }
                    UnsafeMutableRawBufferPointer(rebasing: room[position..<(position + size)])
                        .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[position..<(position + size)]))
                    position += size
                case .table: for row in 0..<items { page.starts[place + row] += UInt32(bytes.count) }
                case .pieces: break
                }
                place += items
            }
            UnsafeMutableRawBufferPointer(rebasing: room[bytes.count...]).copyMemory(from: tables)
            filled = room.count
        }
    }
}
