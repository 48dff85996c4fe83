// Writes a log: one thread appends, a second encodes, compresses and writes whole blocks.
public import LinuxABI

/// Writes a `.lacuna` log.
///
/// All members are for one thread, the capture loop. `append` only copies into a batch; a full batch is handed to
/// a second thread through a bounded queue, so a slow disk slows the capture down instead of filling memory.
///
/// Memory is bounded: `queueBytes` of batches that wait, the batch being filled and the one being encoded (about
/// 12 MiB each unless a single buffer is larger), and 72 bytes for each of `rememberedPayloads` contents.
///
/// Errors of the second thread are thrown by the next call. Everything that was complete then stays readable.
public final class TraceWriter {
    public struct Options: Sendable, Hashable {
        /// zstd level, 1 to 19, while the second thread keeps up; 19 is for stored corpora. When batches queue up, lower
        /// levels are taken, see `Effort`.
        public var level: Int32 = 6
        /// Never takes a lower level: `append` waits instead. For logs that are not being recorded.
        public var keepsLevel = false
        /// Times of calls are rounded down to a multiple of this many nanoseconds, a power of two. What lies below is
        /// the noise of the recording, and storing noise costs more than storing the calls. 1 keeps every nanosecond.
        public var timeGranularity: UInt64 = 128
        /// A block is closed when this much is staged, in bytes before compression.
        public var batchBytes = 4 << 20
        /// A block is closed after this many calls.
        public var batchCalls = 1 << 16
        /// Memory of batches in flight between capture and encoder, in bytes; `append` waits when it is used up.
        public var queueBytes = 64 << 20
        /// Distinct payloads remembered for storing contents once; beyond it the oldest half is forgotten.
        /// At most 72 bytes of memory each.
        public var rememberedPayloads = 1 << 20
        /// Longer payloads are stored in pieces; a block with more than three times this is split. Bytes, for tests.
        var pieceSize = TraceFormat.pieceSize

        public init() {}
    }

    private let pipeline: WriterPipeline
    private let options: Options
    private let timeMask: UInt64
    private var batch: Batch
    private var stage: ContentStage
    private var finished = false
    /// How far behind the caller is with what it has to append, 0 (idle) to 1 (its own buffers are full): the second
    /// thread then compresses less, as if its queue were that full. Applies to the block that is being filled.
    public var pressure: Double {
        get { batch.pressure }
        set { batch.pressure = newValue }
    }
    /// Calls appended so far.
    public private(set) var callsAppended: UInt64 = 0
    private var openCall = StagedCall(
        index: 0,
        entryTime: 0,
        exitTime: 0,
        arguments: (0, 0, 0, 0, 0, 0),
        result: 0,
        task: 0,
        number: 0,
        firstChunk: 0,
        chunkCount: 0,
        flags: 0,
        kinds: 0,
        architecture: 0
    )

    /// Creates (or truncates) the file and writes the header block.
    public convenience init(path: String, header: TraceHeader, options: Options = Options()) throws(TraceError) {
        let output = try LogOutput(creating: path)
        try self.init(output: output, header: header, options: options)
    }

    /// Writes to an open descriptor, from its current offset; the writer closes it. `name` is for messages.
    public convenience init(
        descriptor: Int32,
        name: String,
        header: TraceHeader,
        options: Options = Options()
    ) throws(TraceError) {
        try self.init(output: LogOutput(descriptor: descriptor, name: name), header: header, options: options)
    }

    private init(output: LogOutput, header: TraceHeader, options: Options) throws(TraceError) {
        self.options = options
        let granularity = max(options.timeGranularity, 1)
        precondition(granularity & (granularity - 1) == 0, "timeGranularity is a power of two")
        timeMask = ~(granularity - 1)
        batch = Batch()
        stage = ContentStage(options: options)
        let encoder = BlockEncoder(pieceSize: options.pieceSize, keepsLevel: options.keepsLevel)
        pipeline = try WriterPipeline(output: output, encoder: encoder, options: options)
        try pipeline.writeMetadata(.header, Metadata.encode(header))
    }

    deinit { if !finished { pipeline.shutDown() } }

    /// Bytes of complete blocks written so far.
    public var bytesWritten: UInt64 { pipeline.bytesWritten }

    /// Writes the surroundings at start. Call it once, before the first call is appended.
    public func snapshot(_ snapshot: StartSnapshot) throws(TraceError) {
        try pipeline.writeMetadata(.snapshot, Metadata.encode(snapshot))
    }

    // MARK: - Calls

    /// Adds a finished (or forever unfinished) call.
    public func append(_ call: CallRecord) throws(TraceError) {
        beginCall(
            index: call.index,
            task: call.task,
            number: call.number,
            architecture: call.architecture,
            arguments: call.arguments
        )
        for chunk in call.chunks {
            chunk.bytes.withUnsafeBytes {
                addMemory(
                    chunk.direction,
                    address: chunk.address,
                    length: chunk.length,
                    bytes: $0,
                    hash: chunk.hash
                )
            }
        }
        try endCall(
            result: call.result,
            entryTime: call.entryTime,
            exitTime: call.exitTime,
            flags: call.flags
        )
    }

    /// Starts a call; `addMemory` and `endCall` follow, with no other append between.
    public func beginCall(
        index: UInt64,
        task: TaskID,
        number: UInt32,
        architecture: Architecture = .x86_64,
        arguments: SyscallArguments
    ) {
        openCall.index = index
        openCall.task = task.rawValue
        openCall.number = number
        openCall.architecture = architecture.rawValue
        openCall.arguments = arguments.words
        openCall.firstChunk = UInt32(truncatingIfNeeded: batch.chunks.count)
        openCall.chunkCount = 0
        openCall.kinds = 0
    }

    /// Adds memory of the started call. `bytes` are copied unless
    /// the log has them; `length` is the full length when they were cut, with
    /// `hash` the XXH3-128 of all of it.
    public func addMemory(
        _ direction: MemoryRecord.Direction,
        address: UInt64,
        length: Int? = nil,
        bytes: UnsafeRawBufferPointer,
        hash: ContentHash = .zero
    ) {
        let full = UInt64(clamping: length ?? bytes.count)
        let isSpecial = full != UInt64(bytes.count) || hash != .zero
        let kind = direction.rawValue | (isSpecial ? 2 : 0)
        if openCall.chunkCount < UInt32(TraceFormat.maximumSlots) {
            openCall.kinds |= UInt16(kind) << UInt16(truncatingIfNeeded: openCall.chunkCount * 2)
        }
        openCall.chunkCount += 1
        batch.chunks.append(
            StagedChunk(
                address: address,
                length: full,
                content: stage.add(bytes, to: batch),
                count: bytes.count,
                hash: hash,
                kind: kind
            )
        )
    }

    /// Completes the started call.
    public func endCall(
        result: Int64,
        entryTime: UInt64,
        exitTime: UInt64,
        flags: CallFlags = []
    ) throws(TraceError) {
        openCall.result = UInt64(bitPattern: result)
        openCall.entryTime = entryTime & timeMask
        openCall.exitTime = exitTime & timeMask
        openCall.flags = flags.rawValue
        batch.calls.append(openCall)
        callsAppended += 1
        try submitIfFull()
    }

    // MARK: - Other records

    public func append(_ record: TaskRecord) throws(TraceError) {
        batch.tasks.append(record)
        batch.recordBytes += 32
        if case .executed(let path, let arguments, let environment, let auxv) = record.kind {
            batch.recordBytes += path.utf8.count + auxv.count * 8
            batch.recordBytes += arguments.reduce(0) { $0 + $1.utf8.count + 8 }
            batch.recordBytes += environment.reduce(0) { $0 + $1.utf8.count + 8 }
        }
        try submitIfFull()
    }

    public func append(_ record: SignalRecord) throws(TraceError) {
        batch.signals.append(record)
        batch.recordBytes += 24
        try submitIfFull()
    }

    public func append(_ record: PathRecord) throws(TraceError) {
        batch.paths.append(record)
        batch.recordBytes += 64 + record.path.utf8.count + record.head.count
        try submitIfFull()
    }

    // MARK: - Blocks

    private func submitIfFull() throws(TraceError) {
        if batch.size >= options.batchBytes || batch.calls.count >= options.batchCalls
            || batch.chunks.count >= TraceFormat.maximumChunks / 4
        {
            try submit()
        }
    }

    /// Closes the current block and hands it to the second thread, without waiting for the disk.
    public func submit() throws(TraceError) {
        try pipeline.check()
        guard !batch.isEmpty else { return }
        stage.addRecords(of: batch)
        batch = try pipeline.exchange(batch)
        stage.begin(batch)
    }

    /// Returns when everything appended so far is in the file in complete blocks.
    public func flush() throws(TraceError) {
        try submit()
        try pipeline.drain()
    }

    /// Writes the trailer and the seek index and closes the file. `calls` is filled in by the writer.
    ///
    /// After an earlier error (a full disk) it still tries to end the log properly, then throws that error.
    public func finish(_ trailer: TraceTrailer) throws(TraceError) {
        guard !finished else { return }
        finished = true
        var failure: TraceError?
        do { try flush() } catch { failure = error }
        do { try pipeline.finish(trailer) } catch { failure = failure ?? error }
        pipeline.shutDown()
        if let failure { throw failure }
    }
}
