// A recording as replays take it: what is not calls in memory, the calls from the log as they are needed.
public import TraceLog

/// A trace to replay.
///
/// Calls are in order of entry in a replay and in order of completion in a log. Nearly all of a log's calls are close to
/// their place; those that are not (a shell's wait for a long pipeline) are found by one look through the log, and kept.
public struct Recording: Sendable {
    enum Source: Sendable {
        case memory(CallBlock)
        /// A log whose calls have the indexes 0 ..< count. `late`: those far behind their place, by index.
        case log(path: String, memoryLimit: UInt64, late: CallBlock, rows: [UInt64: Int])
    }

    /// Everything but the calls.
    public let frame: Trace
    /// Calls in all.
    public let count: Int
    let source: Source

    /// A trace in memory.
    public init(_ trace: Trace) {
        source = .memory(CallBlock(trace.calls))
        count = trace.calls.count
        var frame = trace
        frame.calls = []
        self.frame = frame
    }

    private init(frame: Trace, count: Int, source: Source) {
        self.frame = frame
        self.count = count
        self.source = source
    }

    /// How many places a call may be behind before it counts as late: what a pass holds of a log at a time.
    static let spread: UInt64 = 1 << 15

    /// Looks through a log. A damaged one is loaded into memory, as far as it is whole (see `frame.recovery`).
    ///
    /// - Throws: as `Trace.load`.
    public static func open(path: String) throws(TraceError) -> Recording {
        try open(path: path, spread: spread)
    }

    static func open(path: String, spread: UInt64) throws(TraceError) -> Recording {
        let reader = try TraceReader(path: path)
        var scan = LogScan(header: reader.header, spread: spread)
        do throws(TraceError) {
            while let block = try reader.nextBlock() { scan.add(block, reader) }
        } catch {
            guard error.code == .cut || error.code == .corrupt else { throw error }
            return Recording(try Trace.load(path: path))
        }
        // Holes in the order: places cannot be told from indexes.
        guard scan.isDense else { return Recording(try Trace.load(path: path)) }
        scan.frame.recovery = reader.recovery
        scan.trim()
        return Recording(
            frame: scan.frame,
            count: scan.count,
            source: .log(
                path: path,
                memoryLimit: reader.memoryLimit,
                late: CallBlock(scan.late),
                rows: scan.lateRows
            )
        )
    }

    /// A trace that has, besides the frame, the calls with these indexes: to show them.
    public func excerpt(_ indexes: Set<UInt64>) throws(TraceError) -> Trace {
        var trace = frame
        let window = CallWindow(self)
        for position in 0..<count {
            guard trace.calls.count < indexes.count, window.has(position) else { break }
            if indexes.contains(window.index(position)) { trace.calls.append(window.record(position)) }
            window.pass(position)
        }
        if let failure = window.failure { throw failure }
        return trace
    }
}

/// What one look through a log finds.
private struct LogScan {
    var frame: Trace
    var count = 0
    var late: [CallRecord] = []
    var lateRows: [UInt64: Int] = [:]
    private let spread: UInt64
    private var highest: UInt64 = 0
    private var sum: UInt64 = 0
    private var contents = RecentContents()
    private var programs: Set<String> = []

    init(header: TraceHeader, spread: UInt64) {
        frame = Trace(header: header)
        self.spread = spread
    }

    mutating func add(_ block: TraceReader.Block, _ reader: TraceReader) {
        switch block {
        case .snapshot(let snapshot): frame.snapshot = snapshot
        case .trailer(let trailer): frame.trailer = trailer
        case .events(let batch):
            count += batch.count
            for row in 0..<batch.count {
                let index = batch.indexes[row]
                sum &+= index
                highest = max(highest, index)
                guard highest - index > spread else { continue }
                lateRows[index] = late.count
                late.append(CallBlock(batch).recordedCall(row) { contents.bytes($0, reader) }.wholeRecord)
            }
            for record in batch.taskRecords { frame.tasks.append(record.withoutTexts(&programs)) }
            frame.signals.append(contentsOf: batch.signalRecords)
            frame.paths.append(contentsOf: batch.pathRecords)
        }
    }

    /// Lists that have grown have room for more.
    mutating func trim() {
        frame.tasks = frame.tasks.map { $0 }
        frame.signals = frame.signals.map { $0 }
        frame.paths = frame.paths.map { $0 }
    }

    /// Whether the indexes are 0 ..< count, each once (as far as count, sum and maximum can tell).
    var isDense: Bool {
        let count = UInt64(count)
        return count == 0 || highest == count - 1 && sum == count / 2 &* (count - 1) &+ (count & 1) &* ((count - 1) / 2)
    }
}

extension TaskRecord {
    /// An exec without its texts, which replays do not read and which are most of it.
    ///
    /// - Parameter programs: paths so far: programs are few.
    fileprivate func withoutTexts(_ programs: inout Set<String>) -> TaskRecord {
        guard case .executed(let path, _, _, _) = kind else { return self }
        var record = self
        let program = programs.insert(path).memberAfterInsert
        record.kind = .executed(path: program, arguments: [], environment: [], auxv: [])
        return record
    }
}
