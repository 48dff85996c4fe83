// A log in memory: what replay and show work on.
public import LinuxABI

/// Everything a log holds. Equal payloads share their memory.
public struct Trace: Sendable {
    public var header: TraceHeader
    public var snapshot: StartSnapshot?
    /// nil for a cut log.
    public var trailer: TraceTrailer?
    /// In order of entry (`index`).
    public var calls: [CallRecord]
    public var tasks: [TaskRecord]
    public var signals: [SignalRecord]
    public var paths: [PathRecord]
    /// Whether the log was complete, and if not what was cut.
    public var recovery: Recovery

    public init(
        header: TraceHeader = TraceHeader(),
        snapshot: StartSnapshot? = nil,
        trailer: TraceTrailer? = nil,
        calls: [CallRecord] = [],
        tasks: [TaskRecord] = [],
        signals: [SignalRecord] = [],
        paths: [PathRecord] = [],
        recovery: Recovery = Recovery()
    ) {
        self.header = header
        self.snapshot = snapshot
        self.trailer = trailer
        self.calls = calls
        self.tasks = tasks
        self.signals = signals
        self.paths = paths
        self.recovery = recovery
    }

    /// Loads a log. `memoryLimit` in bytes refuses logs that unfold to more, by default 1 GiB and 256 times the file.
    /// A cut or damaged log loads the prefix that is intact, see `recovery`.
    ///
    /// - Throws: `.unreadable`, `.notATrace`, `.newerVersion`, `.tooLarge`, or `.cut`/`.corrupt` if not even the header
    ///   is whole.
    public static func load(path: String, memoryLimit: UInt64? = nil) throws(TraceError) -> Trace {
        let reader = try TraceReader(path: path)
        if let memoryLimit { reader.memoryLimit = memoryLimit }
        var recordBytes: UInt64 = 0
        var trace = Trace(header: reader.header)
        var contents = SharedContents()
        do throws(TraceError) {
            while let block = try reader.nextBlock() {
                switch block {
                case .snapshot(let snapshot): trace.snapshot = snapshot
                case .trailer(let trailer): trace.trailer = trailer
                case .events(let batch):
                    recordBytes += UInt64(batch.count * recordSize.call + batch.chunkCount * recordSize.chunk)
                    guard recordBytes + reader.payloads.totalBytes <= reader.memoryLimit else {
                        throw TraceError(
                            .tooLarge,
                            file: path,
                            offset: reader.offset,
                            message:
                                "unfolds to more than \(reader.memoryLimit) bytes; raise memoryLimit if it is trusted"
                        )
                    }
                    for position in 0..<batch.count { trace.calls.append(batch.call(position, reader, &contents)) }
                    trace.tasks.append(contentsOf: batch.taskRecords)
                    trace.signals.append(contentsOf: batch.signalRecords)
                    trace.paths.append(contentsOf: batch.pathRecords)
                }
            }
        } catch {
            guard error.code == .cut || error.code == .corrupt else { throw error }
        }
        trace.recovery = reader.recovery
        if zip(trace.calls, trace.calls.dropFirst()).contains(where: { $0.index > $1.index }) {
            trace.calls.sort { $0.index < $1.index }
        }
        return trace
    }

    /// Memory a call and a chunk take once loaded, in bytes, array headers included.
    private static let recordSize = (
        call: MemoryLayout<CallRecord>.stride + 32, chunk: MemoryLayout<MemoryRecord>.stride
    )

    /// The memory a call read (`.input`) or wrote (`.output`), for decoding and for engines.
    public func memory(of call: CallRecord, _ direction: MemoryRecord.Direction) -> MemoryChunks {
        MemoryChunks(
            call.chunks.compactMap { chunk in
                guard chunk.direction == direction else { return nil }
                return MemoryChunks.Chunk(address: chunk.address, bytes: chunk.bytes, length: chunk.length)
            }
        )
    }
}

/// One array per payload, shared by all chunks that hold it.
struct SharedContents {
    private var arrays: [[UInt8]?] = []

    mutating func bytes(_ id: Int, _ reader: TraceReader) -> [UInt8] {
        if arrays.count <= id {
            arrays.append(contentsOf: repeatElement(nil, count: reader.payloadCount - arrays.count))
        }
        if let known = arrays[id] { return known }
        let bytes = reader.payload(id)
        arrays[id] = bytes
        return bytes
    }
}

extension EventBatch {
    /// A call without its memory.
    package func head(_ i: Int) -> CallHead {
        CallHead(
            index: indexes[i],
            task: TaskID(rawValue: tasks[i]),
            number: numbers[i],
            architecture: Architecture(rawValue: architectures[i]) ?? .x86_64,
            flags: CallFlags(rawValue: flags[i]),
            arguments: SyscallArguments(
                arguments[6 * i],
                arguments[6 * i + 1],
                arguments[6 * i + 2],
                arguments[6 * i + 3],
                arguments[6 * i + 4],
                arguments[6 * i + 5]
            ),
            result: results[i],
            entryTime: entryTimes[i],
            exitTime: exitTimes[i]
        )
    }

    /// One call as a record; contents come from the reader that filled the batch.
    func call(_ i: Int, _ reader: TraceReader, _ contents: inout SharedContents) -> CallRecord {
        var record = CallRecord(head(i))
        let first = Int(firstChunks[i])
        record.chunks.reserveCapacity(Int(chunkCounts[i]))
        for chunk in first..<(first + Int(chunkCounts[i])) {
            record.chunks.append(
                MemoryRecord(
                    MemoryRecord.Direction(rawValue: chunkKinds[chunk] & 1) ?? .input,
                    address: chunkAddresses[chunk],
                    bytes: contents.bytes(chunkPayloads[chunk], reader),
                    length: Int(chunkLengths[chunk]),
                    hash: chunkHashes[chunk] ?? .zero
                )
            )
        }
        return record
    }
}
