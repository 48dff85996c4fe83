// Reads a log front to back, block by block, as columns.

/// Streams a `.lacuna` log. Payloads of blocks already read stay available by id.
public final class TraceReader {
    public enum Block {
        case snapshot(StartSnapshot)
        /// Let it go before the next `nextBlock()`, so that its memory is reused.
        case events(EventBatch)
        case trailer(TraceTrailer)
    }

    public let header: TraceHeader
    /// What could be read; meaningful once `nextBlock()` has returned nil or thrown.
    public private(set) var recovery: Recovery
    /// What all payloads may come to, in bytes. Larger logs are refused instead of exhausting the machine.
    public var memoryLimit: UInt64

    /// Batches are kept by whoever reads them: each has memory of its own, no more than it needs.
    public var keepsBatches = false

    let blocks: BlockReader
    let payloads: PayloadStore
    private(set) var offset: UInt64 = 0
    /// Bytes of the blocks read so far, before compression.
    private(set) var rawBytes: UInt64 = 0
    private var sequence: UInt64 = 0
    private var events = EventDecoder()
    private var batch = EventBatch()
    private var isDone = false
    private var sawTrailer = false
    private var skipTarget: UInt64 = 0

    /// Opens a log and reads its header.
    ///
    /// - Throws: `.unreadable`, `.notATrace`, `.newerVersion`, or `.cut`/`.corrupt` if not even the header is whole.
    public convenience init(path: String) throws(TraceError) {
        try self.init(path: path, payloadBudget: PayloadStore.usualBudget)
    }

    /// - Parameter payloadBudget: what payloads may take in memory before those that were not used lately are let go.
    init(path: String, payloadBudget: Int) throws(TraceError) {
        let file = try LogFile(path: path)
        blocks = BlockReader(file: file)
        payloads = PayloadStore(blocks, budget: payloadBudget)
        recovery = Recovery(fileBytes: file.size)
        memoryLimit = (1 << 30) + file.size * 256
        let first = try blocks.header(at: 0)
        guard first.type == BlockType.header.rawValue else {
            throw blocks.corrupt(0, "the first block is not a log header")
        }
        let contents = try blocks.contents(of: first, at: 0)
        do { header = try Metadata.decode(contents, template: TraceHeader()) } catch {
            throw blocks.corrupt(0, "the log header cannot be used: \(error.reason)")
        }
        advance(first)
    }

    private func advance(_ header: BlockHeader) {
        offset += UInt64(TraceFormat.headerSize) + UInt64(header.storedSize)
        sequence += 1
        recovery.blocks += 1
        rawBytes += UInt64(header.rawSize)
    }

    /// The next block; nil at the end of a complete log.
    ///
    /// - Throws: once, where the usable prefix ends: `.cut` or `.corrupt` (also kept in `recovery`), `.tooLarge`, or
    ///   `.unreadable` for an I/O error. After that it returns nil.
    public func nextBlock() throws(TraceError) -> Block? {
        guard !isDone else { return nil }
        do throws(TraceError) {
            if let failure { throw failure }
            return try readBlock()
        } catch {
            isDone = true
            recovery.error = error
            recovery.droppedBytes = recovery.fileBytes - min(offset, recovery.fileBytes)
            throw error
        }
    }

    private func readBlock() throws(TraceError) -> Block? {
        while true {
            if offset == recovery.fileBytes {
                throw blocks.cut(offset, "the log ends without its trailer, as after a kill of the recorder")
            }
            let header = try blocks.header(at: offset)
            guard header.sequence == sequence else {
                throw blocks.corrupt(offset, "block \(header.sequence) stands where block \(sequence) belongs")
            }
            let contents = try blocks.contents(of: header, at: offset)
            let start = offset
            let block: Block?
            do { block = try decode(header, contents) } catch {
                throw failure(start, error)
            }
            advance(header)
            if header.type == BlockType.end.rawValue {
                isDone = true
                guard offset == recovery.fileBytes else {
                    recovery.droppedBytes = recovery.fileBytes - offset
                    throw blocks.corrupt(offset, "bytes follow the end of the log")
                }
                return nil
            }
            if let block { return block }
        }
    }

    private func failure(_ start: UInt64, _ error: Malformed) -> TraceError {
        guard payloads.totalBytes <= memoryLimit else {
            return TraceError(
                .tooLarge,
                file: blocks.file.name,
                offset: start,
                message: "the block \(error.reason); raise memoryLimit if the log is trusted"
            )
        }
        return blocks.corrupt(start, "the block \(error.reason)")
    }

    /// A block's meaning; nil if there is nothing to hand out.
    private func decode(_ header: BlockHeader, _ contents: UnsafeRawBufferPointer) throws(Malformed) -> Block? {
        var cursor = ByteCursor(contents)
        guard let type = BlockType(rawValue: header.type) else { return nil }
        guard !sawTrailer || type == .end else { throw Malformed("follows the trailer") }
        switch type {
        case .header: throw Malformed("is a second log header")
        case .snapshot: return .snapshot(try Metadata.decode(contents, template: Metadata.snapshotTemplate))
        case .payloads:
            try payloads.decode(&cursor, blocks.place(at: offset), limit: memoryLimit)
            guard cursor.remaining == 0 else { throw Malformed("has \(cursor.remaining) bytes too many") }
            return nil
        case .events:
            let first = payloads.count
            try payloads.decode(&cursor, blocks.place(at: offset), limit: memoryLimit)
            if offset < skipTarget { return nil }
            if keepsBatches { batch = EventBatch() }
            try events.decode(
                &cursor,
                into: &batch,
                payloads: payloads,
                firstNew: first,
                version: header.version
            )
            return .events(batch)
        case .trailer:
            sawTrailer = true
            return .trailer(try Metadata.decode(contents, template: TrailerMetadata.template).trailer)
        case .end:
            guard sawTrailer else { throw Malformed("ends a log that has no trailer") }
            return nil
        }
    }

    // MARK: - Seeking

    /// Offset of the first block that may hold a call, by the trailer's index; nil without index or call.
    func blockOffset(ofCall call: UInt64) -> UInt64? {
        guard let index = seekIndex() else { return nil }
        return index.first { $0.calls > 0 && $0.lowestCall <= call && call <= $0.highestCall }?.offset
    }

    /// The trailer's index, found through the end block; nil for a cut log.
    func seekIndex() -> [IndexEntry]? {
        let size = UInt64(TraceFormat.headerSize + 8)
        guard recovery.fileBytes > size else { return nil }
        do {
            let end = try blocks.header(at: recovery.fileBytes - size)
            guard end.type == BlockType.end.rawValue else { return nil }
            var cursor = ByteCursor(try blocks.contents(of: end, at: recovery.fileBytes - size))
            let start = try cursor.fixed64()
            guard start < recovery.fileBytes - size else { return nil }
            let trailer = try blocks.header(at: start)
            guard trailer.type == BlockType.trailer.rawValue else { return nil }
            return try Metadata.decode(blocks.contents(of: trailer, at: start), template: TrailerMetadata.template)
                .index
        } catch { return nil }
    }

    /// Skips ahead so that `nextBlock()` next returns the first block that may hold this call. Blocks between are
    /// read for their payloads only. Does nothing on a log without index (a cut one): read on from the front.
    public func skip(toCall call: UInt64) throws(TraceError) {
        guard let target = blockOffset(ofCall: call), target > offset else { return }
        skipTarget = target
    }

    /// Whether batches have calls only, and no records of tasks, signals and paths.
    public var skipsRecords: Bool {
        get { events.skipsRecords }
        set { events.skipsRecords = newValue }
    }

    // MARK: - Payloads

    /// Why payloads of an earlier block could not be read again: they read as zeros, and `nextBlock()` throws it.
    public var failure: TraceError? { payloads.failure }
    /// Number of payloads met so far; their ids are 0 ..< this.
    public var payloadCount: Int { payloads.count }
    /// Whether other payloads are made of it.
    func isPart(_ id: Int) -> Bool { payloads.isPart(id) }

    /// Contents of a payload of the current or an earlier block.
    public func payload(_ id: Int) -> [UInt8] { payloads.bytes(id) }

    /// Contents of a payload without a copy (unless it is stored in pieces). Valid during `body`.
    public func withPayload<T>(_ id: Int, _ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
        try payloads.withBytes(id, body)
    }
}
