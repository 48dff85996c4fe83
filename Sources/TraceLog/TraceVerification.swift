// Checks a log through and through: every checksum, every order, every count.
import LinuxABI

/// What `verify` found.
public struct TraceVerification: Sendable {
    /// Everything that is wrong, in file order, at most `problemLimit`.
    public var problems: [TraceError] = []
    /// Problems beyond the limit.
    public var omittedProblems = 0
    public var statistics = TraceStatistics()

    public static let problemLimit = 100

    public var isSound: Bool { problems.isEmpty }

    /// Checks every block's checksums (also after damage, up to the end of the file), then what the blocks say: call
    /// indexes unique and (in a whole log) without gaps, entry times non-decreasing within a task, exits not before entries, references, counts against
    /// the trailer and against what tasks counted themselves, no contents stored twice.
    ///
    /// - Throws: `.unreadable`, `.notATrace` or `.newerVersion`; damage is not thrown but listed.
    public static func verify(path: String) throws(TraceError) -> TraceVerification {
        var result = TraceVerification()
        try result.checkBlocks(path)
        do {
            result.statistics = try TraceStatistics.gather(path: path)
            var order = OrderCheck(file: path)
            try order.run()
            for problem in order.problems { result.add(problem) }
        } catch {
            guard error.code == .cut || error.code == .corrupt || error.code == .tooLarge else { throw error }
            result.add(error)
        }
        if let error = result.statistics.recovery.error { result.add(error) }
        return result
    }

    private mutating func add(_ problem: TraceError) {
        guard
            !problems.contains(where: {
                $0.offset == problem.offset && $0.code == problem.code && problem.offset != nil
            })
        else { return }
        if problems.count < Self.problemLimit { problems.append(problem) } else { omittedProblems += 1 }
    }

    /// Walks all blocks by their headers; after damage goes on at the next header that is whole.
    private mutating func checkBlocks(_ path: String) throws(TraceError) {
        let file = try LogFile(path: path)
        let blocks = BlockReader(file: file)
        var offset: UInt64 = 0
        while offset < file.size {
            do {
                let header = try blocks.header(at: offset)
                offset += UInt64(TraceFormat.headerSize) + UInt64(header.storedSize)
                _ = try blocks.contents(
                    of: header,
                    at: offset - UInt64(TraceFormat.headerSize) - UInt64(header.storedSize)
                )
            } catch {
                switch error.code {
                case .notATrace, .newerVersion, .unreadable: throw error
                default: break
                }
                guard offset == error.offset else {
                    add(error)
                    continue
                }
                let next = try blocks.nextHeader(from: offset + 1)
                var problem = error
                problem.message += next.map { "; the next whole block header is at byte \($0)" } ?? "; no block follows"
                add(problem)
                offset = next ?? file.size
            }
        }
    }
}

/// What only the whole log shows: orders and uniqueness.
private struct OrderCheck {
    let file: String
    var problems: [TraceError] = []
    private var lastEntry: [UInt32: (time: UInt64, index: UInt64)] = [:]
    private var indexes = IndexSet()
    private var contents: Set<ContentHash> = []
    private var checkedPayloads = 0
    private var calls: UInt64 = 0
    private var callsOfTask: [UInt32: UInt64] = [:]
    /// What ended tasks counted.
    private var made: [(task: UInt32, calls: UInt64)] = []

    init(file: String) { self.file = file }

    private mutating func report(_ message: String) {
        problems.append(TraceError(.corrupt, file: file, message: "\(message); the recorder erred, record again"))
    }

    mutating func run() throws(TraceError) {
        let reader = try TraceReader(path: file)
        do {
            while let block = try reader.nextBlock() {
                switch block {
                case .snapshot: break
                case .events(let batch): check(batch, reader)
                case .trailer(let trailer):
                    if trailer.calls != calls {
                        report("the trailer counts \(trailer.calls) calls, the log holds \(calls)")
                    }
                    if let gap = indexes.firstGap {
                        let (first, last) = (gap.lowerBound, gap.upperBound - 1)
                        report(first == last ? "there is no call \(first)" : "there are no calls \(first) to \(last)")
                    }
                }
            }
        } catch {
            guard error.code == .cut || error.code == .corrupt else { throw error }
        }
        // All calls of a task stand before its end, so this holds for a cut log, too.
        for task in made where callsOfTask[task.task, default: 0] != task.calls {
            let held = callsOfTask[task.task, default: 0]
            report("task \(task.task) made \(task.calls) calls, the log holds \(held)")
        }
    }

    private mutating func check(_ batch: EventBatch, _ reader: TraceReader) {
        calls += UInt64(batch.count)
        for record in batch.taskRecords {
            if let calls = record.callsMade { made.append((record.task.rawValue, calls)) }
        }
        for position in 0..<batch.count {
            let index = batch.indexes[position]
            if !indexes.insert(index) { report("call \(index) occurs twice") }
            if batch.exitTimes[position] < batch.entryTimes[position] {
                report("call \(index) returns before it is entered")
            }
            let entry = batch.entryTimes[position]
            if let last = lastEntry[batch.tasks[position]], entry < last.time || index < last.index {
                report("call \(index) of task \(batch.tasks[position]) is out of order after call \(last.index)")
            }
            lastEntry[batch.tasks[position]] = (entry, index)
            callsOfTask[batch.tasks[position], default: 0] += 1
        }
        // Parts are what lies between the ends of contents: they may repeat by chance.
        for id in checkedPayloads..<reader.payloadCount where !reader.isPart(id) {
            let hash = reader.withPayload(id) { ContentHash(of: $0) }
            // Beyond what a writer remembers, repeats are legitimate.
            guard contents.count < TraceWriter.Options().rememberedPayloads / 2 else { break }
            if !contents.insert(hash).inserted { report("payload \(id) is stored twice") }
        }
        checkedPayloads = reader.payloadCount
        for (chunk, hash) in batch.chunkHashes where hash != .zero {
            let length = batch.chunkLengths[chunk]
            let matches = reader.withPayload(batch.chunkPayloads[chunk]) {
                UInt64($0.count) != length || ContentHash(of: $0) == hash
            }
            if !matches { report("memory at \(batch.chunkAddresses[chunk]) does not have its hash") }
        }
    }
}

/// Which call indexes occurred: the highest, and what is missing below it, which is nearly always little.
private struct IndexSet {
    private var next: UInt64 = 0
    /// Ascending, apart.
    private var missing: [Range<UInt64>] = []

    var firstGap: Range<UInt64>? { missing.first }

    /// - Returns: whether it is new.
    mutating func insert(_ index: UInt64) -> Bool {
        guard index < next else {
            guard index < .max else { return false }
            if index > next { missing.append(next..<index) }
            next = index + 1
            return true
        }
        var low = 0
        var high = missing.count
        while low < high {
            let middle = (low + high) / 2
            if missing[middle].upperBound <= index { low = middle + 1 } else { high = middle }
        }
        guard low < missing.count, missing[low].contains(index) else { return false }
        let rest = [missing[low].lowerBound..<index, (index + 1)..<missing[low].upperBound]
        missing.replaceSubrange(low...low, with: rest.filter { !$0.isEmpty })
        return true
    }
}
