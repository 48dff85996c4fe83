// Turns batches into blocks: groups the calls, stores each content once, compresses, frames.
import CZstd
import LinuxABI

/// Belongs to one thread at a time. All scratch memory is kept between blocks.
final class BlockEncoder {
    private let context = ZSTD_createCCtx()
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
    private var known: PayloadDictionary
    private(set) var nextPayload: UInt64 = 0
    private let events: EventEncoder

    init(rememberedPayloads: Int, pieceSize: Int) {
        self.pieceSize = pieceSize
        known = PayloadDictionary(limit: rememberedPayloads)
        section = PayloadSection(columns: columns)
        events = EventEncoder(columns: columns)
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
    }

    deinit { ZSTD_freeCCtx(context) }

    // MARK: - Payloads

    /// The reference of some contents: 0 when this defines the next payload, else the earlier payload's id plus one.
    func reference(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        let hash = ContentHash(of: bytes)
        if let id = known.find(hash) { return id + 1 }
        known.insert(hash, nextPayload)
        nextPayload += 1
        section.add(bytes)
        return 0
    }

    /// Whether the log already holds some contents (and the writer remembers).
    func isKnown(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.withUnsafeBytes { known.find(ContentHash(of: $0)) != nil }
    }

    /// Stores the contents of an oversized batch in payload blocks, so that the events only refer to them.
    private func spill(_ batch: Batch) {
        section.clear()
        var first = nextPayload
        func close() {
            guard section.count > 0 else { return }
            raw.clear()
            raw.appendVarint(first)
            section.encode(into: raw)
            frame(.payloads)
            section.clear()
            first = nextPayload
        }
        for position in 0..<batch.chunks.count {
            let chunk = batch.chunks[position]
            let bytes = UnsafeRawBufferPointer(rebasing: batch.arena.bytes[chunk.offset..<(chunk.offset + chunk.count)])
            if section.size + min(bytes.count, pieceSize) > 2 * pieceSize
                || section.count >= TraceFormat.maximumPayloads / 4
            {
                close()
            }
            guard bytes.count > pieceSize else {
                _ = reference(bytes)
                continue
            }
            let hash = ContentHash(of: bytes)
            guard known.find(hash) == nil else { continue }
            var pieces: [UInt64] = []
            for start in stride(from: 0, to: bytes.count, by: pieceSize) {
                let end = min(start + pieceSize, bytes.count)
                if section.size + end - start > 2 * pieceSize { close() }
                let found = reference(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                pieces.append(found == 0 ? nextPayload - 1 : found - 1)
            }
            known.insert(hash, nextPayload)
            nextPayload += 1
            section.addPieces(pieces)
        }
        close()
    }

    // MARK: - Blocks

    /// Encodes a batch as one events block, with payload blocks before it if it is large. Valid until the next call.
    func events(_ batch: Batch, at offset: UInt64) -> ByteSink {
        output.clear()
        if batch.arena.count > 3 * pieceSize { spill(batch) }
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
        frame(.events)
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
        frame(.end)
        return output
    }

    private func appendMetadata(_ type: BlockType, _ json: [UInt8]) {
        raw.clear()
        json.withUnsafeBytes { raw.append($0) }
        frame(type)
    }

    /// Compresses `raw` (or keeps it when that is no larger) and appends header and body to `output`.
    private func frame(_ type: BlockType) {
        let bound = ZSTD_compressBound(raw.count)
        scratch.clear()
        let room = scratch.extend(bound)
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        let size = ZSTD_compress2(context, room, bound, raw.base, raw.count)
        let isStored = ZSTD_isError(size) != 0 || size >= raw.count
        let body = isStored ? raw.bytes : UnsafeRawBufferPointer(start: room, count: size)
        let header = BlockHeader(
            type: type.rawValue,
            codec: (isStored ? BlockCodec.stored : .zstd).rawValue,
            storedSize: UInt32(body.count),
            rawSize: UInt32(raw.count),
            sequence: sequence,
            bodyHash: xxh64(body)
        )
        header.encode(to: output)
        output.append(body)
        sequence += 1
    }

    private let scratch = ByteSink(capacity: 1 << 20)
}
