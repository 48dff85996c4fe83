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
    let raw = ByteSink(capacity: 1 << 20)
    private var sequence: UInt64 = 0
    private var index: [IndexEntry] = []
    private var totalCalls: UInt64 = 0
    let pieceSize: Int
    /// The level is taken for large contents as well.
    private let keepsLevel: Bool
    /// zstd level of the blocks that follow.
    var level: Int32 = 6

    let columns = ColumnEncoder()
    let section: PayloadSection
    /// Per content that is remembered, from number `firstContent`: its payload's id plus one, 0 if it has none yet.
    let ids = Staging<UInt64>(capacity: 1 << 12)
    private(set) var firstContent: UInt64 = 0
    var nextPayload: UInt64 = 0
    private let events: EventEncoder

    init(pieceSize: Int, keepsLevel: Bool = false) {
        self.pieceSize = pieceSize
        self.keepsLevel = keepsLevel
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

    func defineNext(_ place: Int) {
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
    func frame(_ type: BlockType, _ contents: UnsafeRawBufferPointer) {
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
        // Of large contents level 6 takes away a tenth more than level 1, and takes five times as long.
        if type == .payloads, !keepsLevel, (1...6).contains(level) { return level == 6 ? 2 : 1 }
        // Small logs are worth the milliseconds that they take.
        guard level >= 6 else { return level }
        return max(level, rawBytes + size <= Self.tiny ? 16 : rawBytes + size <= Self.small ? 9 : level)
    }

    /// So much of a log, in bytes before compression, is compressed at a high level if there is time: level 16 takes 8 ms,
    /// then level 9 2 ms. (Level 16 for all of it would make logs of 30 KB 8 % smaller, and take 35 ms.)
    private static let tiny = 48 << 10
    private static let small = 192 << 10
}
