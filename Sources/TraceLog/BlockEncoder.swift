// Turns batches into blocks: groups the calls, stores each content once, compresses, frames.
import CZstd
import LinuxABI

/// Belongs to one thread at a time. All scratch memory is kept between blocks.
final class BlockEncoder {
    private let context = ZSTD_createCCtx()
    private var prefix = ZstdPrefix()
    /// Contents compressed so far, in bytes.
    private var rawBytes = 0
    private let output = ByteSink(capacity: 1 << 20)
    private let raw = ByteSink(capacity: 1 << 20)
    private var sequence: UInt64 = 0
    private var index: [IndexEntry] = []
    private var totalCalls: UInt64 = 0
    private let pieceSize: Int
    /// zstd level of the blocks that follow.
    var level: Int32 = 6

    let columns = ColumnEncoder()
    let section: PayloadSection
    /// Per content that is remembered, from number `firstContent`: its payload's id plus one, 0 if it has none yet.
    private let ids = Staging<UInt64>(capacity: 1 << 12)
    private var firstContent: UInt64 = 0
    private(set) var nextPayload: UInt64 = 0
    private let events: EventEncoder

    /// From this many bytes on, large contents get a block of their own.
    private static let bulkBlock = 256 << 10

    init(pieceSize: Int) {
        self.pieceSize = pieceSize
        section = PayloadSection(columns: columns)
        events = EventEncoder(columns: columns)
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
    }

    deinit { ZSTD_freeCCtx(context) }

    // MARK: - Payloads

    /// The reference of a content: 0 when this defines the next payload, else the earlier payload's id plus one.
    @inline(__always)
    func reference(_ content: UInt64, _ batch: Batch) -> UInt64 {
        let place = Int(content - firstContent)
        let known = ids[place]
        if known != 0 { return known }
        section.add(batch.bytes(batch.contents[Int(content - batch.firstContent)]))
        defineNext(place)
        return 0
    }

    private func defineNext(_ place: Int) {
        nextPayload += 1
        ids[place] = nextPayload
    }

    /// Makes room for the contents that a batch brings, and lets go of those that are forgotten.
    private func admit(_ batch: Batch) {
        let forgotten = Int(batch.oldestContent - firstContent)
        if forgotten > 0, forgotten * 2 >= ids.count {
            ids.removeFirst(forgotten)
            firstContent += UInt64(forgotten)
        }
        for position in 0..<batch.contents.count {
            let content = batch.contents[position]
            ids.append(content.place == .earlier ? ids[content.start - Int(firstContent)] : 0)
        }
    }

    /// Stores the large contents of a batch in payload blocks of their own if there are many: in order of capture,
    /// where what repeats in part (a file read, written to a pipe, read from it) stands near, and without a copy.
    private func storeBulk(_ batch: Batch) {
        guard batch.bulkBytes >= Self.bulkBlock || batch.pieces.count > 0 || batch.bulkBytes > 2 * pieceSize else {
            return
        }
        let large = (0..<batch.contents.count).filter {
            batch.contents[$0].place == .bulk || batch.contents[$0].place == .pieces
        }
        guard batch.pieces.count == 0, batch.bulkBytes <= 2 * pieceSize else { return spill(large, batch) }
        raw.clear()
        raw.appendVarint(nextPayload)
        raw.appendVarint(1)
        raw.appendVarint(large.count)
        raw.append(PayloadLayout.joined.rawValue)
        columns.encode(large.map { UInt64(batch.contents[$0].count) }, into: raw)
        let directory = raw.bytes
        guard directory.count <= Batch.bulkHeadroom else { return spill(large, batch) }
        let start = Batch.bulkHeadroom - directory.count
        UnsafeMutableRawBufferPointer(start: batch.bulk.base + start, count: directory.count)
            .copyMemory(from: directory)
        for position in large { defineNext(position + Int(batch.firstContent - firstContent)) }
        frame(.payloads, UnsafeRawBufferPointer(rebasing: batch.bulk.bytes[start...]))
    }

    /// The same for more than fits into a block, and for contents in pieces.
    private func spill(_ large: [Int], _ batch: Batch) {
        section.clear()
        var first = nextPayload
        func close() {
            guard section.count > 0 else { return }
            raw.clear()
            raw.appendVarint(first)
            section.encode(into: raw)
            frame(.payloads, raw.bytes)
            section.clear()
            first = nextPayload
        }
        let offset = Int(batch.firstContent - firstContent)
        for position in large {
            let content = batch.contents[position]
            if section.size + content.count > 2 * pieceSize || section.count >= TraceFormat.maximumPayloads / 4 {
                close()
            }
            if content.place == .pieces {
                let pieces = content.start..<(content.start + content.count)
                // A last piece may be short, and so not be among the large ones.
                section.addPieces(pieces.map { define(batch.pieces[$0], batch) - 1 })
                defineNext(position + offset)
            } else {
                _ = define(batch.firstContent + UInt64(position), batch)
            }
        }
        close()
    }

    /// The id plus one of a content, which is stored now if it was not yet.
    private func define(_ content: UInt64, _ batch: Batch) -> UInt64 {
        let reference = reference(content, batch)
        return reference == 0 ? nextPayload : reference
    }

    // MARK: - Blocks

    /// Encodes a batch as one events block, with payload blocks before it if it is large. Valid until the next call.
    func events(_ batch: Batch, at offset: UInt64) -> ByteSink {
        output.clear()
        admit(batch)
        storeBulk(batch)
        var entry = IndexEntry()
        entry.offset = offset + UInt64(output.count)
        entry.firstPayload = nextPayload
        entry.calls = UInt64(batch.calls.count)
        let calls = batch.calls.base
        if batch.calls.count > 0 {
            let first = calls[0]
            (entry.lowestCall, entry.highestCall) = (first.index, first.index)
            (entry.earliestEntry, entry.latestExit) = (first.entryTime, first.exitTime)
        }
        for row in 0..<batch.calls.count {
            entry.lowestCall = min(entry.lowestCall, calls[row].index)
            entry.highestCall = max(entry.highestCall, calls[row].index)
            entry.earliestEntry = min(entry.earliestEntry, calls[row].entryTime)
            entry.latestExit = max(entry.latestExit, calls[row].exitTime)
        }
        section.clear()
        events.encode(batch, self)
        entry.payloads = UInt64(section.count)
        raw.clear()
        raw.appendVarint(entry.firstPayload)
        section.encode(into: raw)
        raw.append(events.body.bytes)
        frame(.events, raw.bytes)
        index.append(entry)
        totalCalls += entry.calls
        return output
    }

    func metadata(_ type: BlockType, _ json: [UInt8]) -> ByteSink {
        output.clear()
        appendMetadata(type, json)
        return output
    }

    /// The trailer block and the fixed-size end block that points back at it.
    func trailer(_ trailer: TraceTrailer, at offset: UInt64) -> ByteSink {
        var trailer = trailer
        trailer.calls = totalCalls
        output.clear()
        appendMetadata(.trailer, Metadata.encode(TrailerMetadata(trailer: trailer, index: index)))
        raw.clear()
        raw.appendFixed(offset)
        frame(.end, raw.bytes)
        return output
    }

    private func appendMetadata(_ type: BlockType, _ json: [UInt8]) {
        raw.clear()
        json.withUnsafeBytes { raw.append($0) }
        frame(type, raw.bytes)
        prefix.add(type.rawValue, raw.bytes)
    }

    /// Compresses some contents (or keeps them when that is no larger) and appends header and body to `output`.
    private func frame(_ type: BlockType, _ contents: UnsafeRawBufferPointer) {
        let bound = ZSTD_compressBound(contents.count)
        let start = output.count
        let room = output.extend(TraceFormat.headerSize + bound) + TraceFormat.headerSize
        let level = level(type, contents.count)
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        // All of a block is in reach, so that what repeats in it is found.
        ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, level > 0 ? 24 : 0)
        let hasPrefix = type != .payloads && level > 0
        if hasPrefix {
            let known = prefix.bytes(for: type.rawValue)
            ZSTD_CCtx_refPrefix(context, known.baseAddress, known.count)
        }
        let size = ZSTD_compress2(context, room, bound, contents.baseAddress, contents.count)
        rawBytes += contents.count
        let isStored = ZSTD_isError(size) != 0 || size >= contents.count
        if isStored { UnsafeMutableRawBufferPointer(start: room, count: contents.count).copyMemory(from: contents) }
        let body = UnsafeRawBufferPointer(start: room, count: isStored ? contents.count : size)
        let header = BlockHeader(
            type: type.rawValue,
            codec: (isStored ? BlockCodec.stored : hasPrefix ? .zstdWithPrefix : .zstd).rawValue,
            storedSize: UInt32(body.count),
            rawSize: UInt32(contents.count),
            sequence: sequence,
            bodyHash: xxh64(body)
        )
        output.truncate(to: start)
        header.encode(to: output)
        _ = output.extend(body.count)
        sequence += 1
    }

    private func level(_ type: BlockType, _ size: Int) -> Int32 {
        // The lowest levels pay off for large contents only; columns shrink a lot with little effort.
        if type != .payloads, level < -6 { return -6 }
        // Small logs are worth the milliseconds that they take.
        return level >= 6 && rawBytes + size <= Self.thorough ? max(level, 16) : level
    }

    /// So much of a log, in bytes before compression, is compressed at a high level if there is time. Takes about 20 ms.
    private static let thorough = 192 << 10
}
