// The payloads a reader has met so far, by id.

/// Contents of payloads 0 ..< count. Grows block by block; ids are positions.
struct PayloadStore {
    private var segments: [[UInt8]] = []
    private var segmentOf: [UInt32] = []
    private var starts: [UInt32] = []
    private var lengths: [UInt64] = []
    /// Ids that make up a payload in pieces.
    private var pieces: [Int: [Int]] = [:]
    private var partIDs: Set<Int> = []
    /// Bytes of all payloads, pieces counted again where they are put together.
    private(set) var totalBytes: UInt64 = 0
    private var columns = ColumnDecoder()
    private let scratch = Scratch<UInt64>(0)

    var count: Int { lengths.count }

    /// Other payloads are made of it.
    func isPart(_ id: Int) -> Bool { partIDs.contains(id) }

    func length(_ id: Int) -> UInt64 { lengths[id] }

    /// Calls `body` with the contents; put together in a temporary buffer if they are in pieces.
    func withBytes<T>(_ id: Int, _ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
        if pieces[id] != nil { return try bytes(id).withUnsafeBytes(body) }
        return try segments[Int(segmentOf[id])].withUnsafeBytes {
            let start = Int(starts[id])
            return try body(UnsafeRawBufferPointer(rebasing: $0[start..<(start + Int(lengths[id]))]))
        }
    }

    func bytes(_ id: Int) -> [UInt8] {
        guard let parts = pieces[id] else { return withBytes(id) { [UInt8]($0) } }
        var joined: [UInt8] = []
        joined.reserveCapacity(Int(lengths[id]))
        for part in parts { withBytes(part) { joined.append(contentsOf: $0) } }
        return joined
    }

    // MARK: - Decoding

    /// Reads a payload section. Ids continue from `count`, which the block must agree with.
    mutating func decode(_ cursor: inout ByteCursor, limit: UInt64) throws(Malformed) {
        let first = try cursor.varint()
        guard first == UInt64(count) else {
            throw Malformed("defines payload \(first) where \(count) is next: blocks before it are missing")
        }
        let runs = try cursor.count(limit: TraceFormat.maximumPayloads, "payload runs")
        var layouts: [(count: Int, layout: PayloadLayout)] = []
        let before = count
        var size: UInt64 = 0
        var tables: UInt64 = 0
        for _ in 0..<runs {
            let items = try cursor.count(limit: TraceFormat.maximumPayloads - (count - before), "payloads")
            guard let layout = PayloadLayout(rawValue: try cursor.byte()) else {
                throw Malformed("unknown payload layout")
            }
            if layout == .pieces {
                for _ in 0..<items { try decodePieces(&cursor) }
            } else if layout == .table {
                try decodeTable(&cursor, items, &tables, limit)
            } else {
                try decodeLengths(&cursor, items, layout, &size)
            }
            layouts.append((items, layout))
        }
        totalBytes += size
        guard totalBytes <= limit else { throw Malformed("payloads need more than \(limit) bytes of memory") }
        guard size <= UInt64(cursor.remaining) else { throw Malformed("payloads end too early") }
        let bytes = try cursor.take(Int(size))
        let segment = UInt32(truncatingIfNeeded: segments.count)
        segments.append(lay(bytes, layouts, from: before))
        for id in before..<count where segmentOf[id] == Self.dataOfBlock { segmentOf[id] = segment }
    }

    /// Stands for the segment of a block's data while its directory is read.
    private static let dataOfBlock = UInt32.max

    /// Payloads as columns of their words. They get a segment of their own.
    private mutating func decodeTable(
        _ cursor: inout ByteCursor,
        _ rows: Int,
        _ tables: inout UInt64,
        _ limit: UInt64
    ) throws(Malformed) {
        let length = try cursor.count(limit: 1 << 16, "bytes in a row")
        guard length & 7 == 0, length > 0 else { throw Malformed("a table has rows of \(length) bytes") }
        let size = UInt64(rows * length)
        guard tables + size <= UInt64(TraceFormat.maximumRawSize) else { throw Malformed("payloads exceed the block") }
        tables += size
        totalBytes += size
        guard totalBytes <= limit else { throw Malformed("payloads need more than \(limit) bytes of memory") }
        let room = scratch.room(rows * length / 8)
        var bases: [UnsafeMutablePointer<UInt64>] = []
        for word in 0..<(length / 8) {
            let column = room + word * rows
            try columns.decode(&cursor, rows: rows, into: column, bases: bases)
            bases.append(column)
        }
        for row in 0..<rows {
            segmentOf.append(UInt32(truncatingIfNeeded: segments.count))
            starts.append(UInt32(row * length))
            lengths.append(UInt64(length))
        }
        segments.append(
            [UInt8](unsafeUninitializedCapacity: rows * length) { bytes, filled in
                let bytes = UnsafeMutableRawBufferPointer(bytes)
                for word in 0..<(length / 8) {
                    for row in 0..<rows {
                        bytes.storeBytes(
                            of: room[word * rows + row].littleEndian,
                            toByteOffset: row * length + word * 8,
                            as: UInt64.self
                        )
                    }
                }
                filled = rows * length
            }
        )
    }

    private mutating func decodePieces(_ cursor: inout ByteCursor) throws(Malformed) {
        let parts = try cursor.count(limit: cursor.remaining, "pieces")
        var ids: [Int] = []
        var length: UInt64 = 0
        for _ in 0..<parts {
            let id = try cursor.count(limit: Int.max, "as an id")
            guard id < count, pieces[id] == nil else { throw Malformed("a payload has an impossible piece") }
            ids.append(id)
            partIDs.insert(id)
            length += lengths[id]
        }
        guard length <= UInt64(UInt32.max) else { throw Malformed("a payload claims \(length) bytes") }
        pieces[count] = ids
        totalBytes += length
        segmentOf.append(0)
        starts.append(0)
        lengths.append(length)
    }

    private mutating func decodeLengths(
        _ cursor: inout ByteCursor,
        _ items: Int,
        _ layout: PayloadLayout,
        _ size: inout UInt64
    ) throws(Malformed) {
        guard items > 0 else { return }
        let scratch = scratch.room(items)
        try columns.decode(&cursor, rows: items, into: scratch)
        for row in 0..<items {
            let length = scratch[row]
            guard length <= UInt64(TraceFormat.maximumRawSize), layout != .transposed || length == scratch[0] else {
                throw Malformed("a payload claims \(length) bytes")
            }
            guard size + length <= UInt64(TraceFormat.maximumRawSize) else {
                throw Malformed("payloads exceed the block")
            }
            segmentOf.append(Self.dataOfBlock)
            starts.append(UInt32(size))
            lengths.append(length)
            size += length
        }
    }

    /// Copies the data out of the block, rows of transposed runs put back together.
    private func lay(
        _ bytes: UnsafeRawBufferPointer,
        _ layouts: [(count: Int, layout: PayloadLayout)],
        from first: Int
    ) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: bytes.count) { room, filled in
            var id = first
            var position = 0
            for (items, layout) in layouts {
                if layout == .transposed, items > 0 {
                    let length = Int(lengths[id])
                    for column in 0..<length {
                        for row in 0..<items {
                            room[position + row * length + column] = bytes[position + column * items + row]
                        }
                    }
                    position += length * items
                } else if layout == .joined, items > 0 {
                    var size = 0
                    for row in 0..<items { size += Int(lengths[id + row]) }
                    UnsafeMutableRawBufferPointer(
                        rebasing: UnsafeMutableRawBufferPointer(room)[position..<(position + size)]
                    )
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[position..<(position + size)]))
                    position += size
                }
                id += items
            }
            filled = bytes.count
        }
    }
}
