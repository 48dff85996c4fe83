// The calls of a recording around the place that a pass has come to.
import LinuxABI
import TraceLog

/// Calls by position in order of entry. Of a log only those are held that are near: `history` behind what was passed
/// last, and ahead as far as anybody has looked. A look beyond reads on in the log.
final class CallWindow {
    /// Where a call is. `position` tells whether the slot is of that call: no two that are so far apart are held together.
    private struct Place {
        private var low = UInt32.max
        var block: Int32 = 0
        var row: Int32 = 0

        init() {}

        init(position: Int, block: Int32, row: Int32) {
            low = UInt32(truncatingIfNeeded: position)
            self.block = block
            self.row = row
        }

        /// How far behind a position that is held it is; further than any for what is not held any more.
        func distance(from position: Int) -> Int { Int(low &- UInt32(truncatingIfNeeded: position)) }

        func isOf(_ position: Int) -> Bool { low == UInt32(truncatingIfNeeded: position) }
    }

    /// Calls in all.
    let count: Int
    /// Why the log could not be read on; it was whole when the recording was opened.
    var failure: TraceError? { readFailure ?? reader?.failure }
    private var readFailure: TraceError?
    /// Positions below are not held any more.
    private(set) var floor = 0
    /// How far back a look may go.
    static let history = 1 << 12

    private var places: [Place]
    private var mask: Int
    /// A block, its columns, and the position of its last call; nil: none of its calls are needed any more.
    private struct Held {
        var block: CallBlock?
        let columns: CallColumns
        let last: Int

        init(_ block: CallBlock, last: Int) {
            self.block = block
            columns = block.columns
            self.last = last
        }
    }
    /// Held blocks by number, the first of which is `firstBlock`.
    private var blocks: [Held] = []
    private var firstBlock: Int32 = 0
    private var reader: TraceReader?
    private var late: (held: Held, rows: [UInt64: Int])?
    private var contents = RecentContents()

    init(_ recording: Recording) {
        count = recording.count
        switch recording.source {
        case .memory(let block):
            mask = Int.max
            places = block.batch.indexes.indices.map { Place(position: $0, block: 0, row: Int32($0)) }
            blocks = [Held(block, last: Int.max)]
        case .log(let path, let memoryLimit, let lateBlock, let rows):
            mask = (1 << 16) - 1
            places = [Place](repeating: Place(), count: mask + 1)
            late = (Held(lateBlock, last: Int.max), rows)
            do throws(TraceError) {
                reader = try TraceReader(path: path)
                reader?.memoryLimit = memoryLimit
                reader?.keepsBatches = true
                reader?.skipsRecords = true
            } catch { readFailure = error }
        }
    }

    // MARK: - Holding

    /// Whether there is such a call and it can be looked at; reads on if it must.
    @inline(__always)
    func has(_ position: Int) -> Bool {
        position < count && position >= floor && (places[position & mask].isOf(position) || fetch(position))
    }

    /// Calls well before this one may go.
    func pass(_ position: Int) {
        guard reader != nil, position - Self.history > floor else { return }
        floor = position - Self.history
        guard position & 1023 == 0 else { return }
        for index in blocks.indices where blocks[index].last < floor { blocks[index].block = nil }
        let gone = blocks.prefix { $0.block == nil }.count
        blocks.removeFirst(gone)
        firstBlock += Int32(gone)
    }

    private func fetch(_ position: Int) -> Bool {
        if let row = late?.rows[UInt64(position)] {
            places[position & mask] = Place(position: position, block: -1, row: Int32(row))
            return true
        }
        while !places[position & mask].isOf(position) {
            guard failure == nil, let reader else { return false }
            do throws(TraceError) {
                guard let block = try reader.nextBlock() else { return false }
                if case .events(let batch) = block { add(CallBlock(batch)) }
            } catch {
                readFailure = error
                return false
            }
        }
        return true
    }

    private func add(_ block: CallBlock) {
        let number = firstBlock + Int32(blocks.count)
        var last = -1
        let indexes = block.columns.indexes
        for row in 0..<indexes.count {
            let position = Int(truncatingIfNeeded: indexes[row])
            // Late calls had their turn.
            guard position >= floor else { continue }
            while position - floor > mask { grow() }
            places[position & mask] = Place(position: position, block: number, row: Int32(row))
            last = max(last, position)
        }
        blocks.append(Held(block, last: last))
    }

    private func grow() {
        let old = places
        mask = mask << 1 | 1
        places = [Place](repeating: Place(), count: mask + 1)
        for place in old {
            let distance = place.distance(from: floor)
            if distance < old.count { places[(floor + distance) & mask] = place }
        }
    }

    // MARK: - Looking

    /// The columns that have a call, and its row in them: valid until the window is asked for another.
    @inline(__always)
    private func find(_ position: Int) -> (columns: CallColumns, row: Int) {
        precondition(has(position), "a call that is not held")
        let place = places[position & mask]
        guard place.block >= 0 else { return findLate(place) }
        return (blocks[Int(place.block - firstBlock)].columns, Int(place.row))
    }

    @inline(never)
    private func findLate(_ place: Place) -> (columns: CallColumns, row: Int) {
        guard let late else { fatalError("a late call of no log") }
        return (late.held.columns, Int(place.row))
    }

    /// What the order of calls depends on.
    struct Head {
        var index: UInt64
        var task: TaskID
        var flags: CallFlags
        var entryTime: UInt64
        var exitTime: UInt64
    }

    @inline(__always)
    func head(_ position: Int) -> Head {
        let (columns, row) = find(position)
        return Head(
            index: columns.indexes[row],
            task: TaskID(rawValue: columns.tasks[row]),
            flags: CallFlags(rawValue: columns.flags[row]),
            entryTime: columns.entryTimes[row],
            exitTime: columns.exitTimes[row]
        )
    }

    func index(_ position: Int) -> UInt64 {
        let (columns, row) = find(position)
        return columns.indexes[row]
    }

    /// A wait4: whom it asked for, and its result.
    func wait(_ position: Int) -> (task: TaskID, asked: Int32, result: Int64, exitTime: UInt64)? {
        let (columns, row) = find(position)
        let (number, architecture) = columns.number(row)
        guard KnownCall.of(number, architecture) == .wait4 else { return nil }
        return (
            TaskID(rawValue: columns.tasks[row]), Int32(truncatingIfNeeded: columns.argument(0, of: row)),
            columns.result(row), columns.exitTimes[row]
        )
    }

    func name(_ position: Int) -> String {
        let (columns, row) = find(position)
        let (number, architecture) = columns.number(row)
        return ABI.name(Int(number), architecture)
    }

    /// The call with its memory, made anew each time.
    ///
    /// - Parameter used: a call that nobody else has, to make it of.
    func call(_ position: Int, reusing used: RecordedCall? = nil) -> RecordedCall {
        let (columns, row) = find(position)
        guard let reader, places[position & mask].block >= 0 else { return heldCall(position, row) }
        let call = columns.recordedCall(row, reusing: used) { contents.bytes($0, reader) }
        if columns.hasHashes { block(position).takeHashes(of: row, call) }
        return call
    }

    /// A call whose contents are in memory.
    private func heldCall(_ position: Int, _ row: Int) -> RecordedCall {
        let block = block(position)
        guard let contents = block.contents else { fatalError("a block of no log") }
        return block.recordedCall(row) { contents[$0] }
    }

    private func block(_ position: Int) -> CallBlock {
        let place = places[position & mask]
        let block = place.block < 0 ? late?.held.block : blocks[Int(place.block - firstBlock)].block
        guard let block else { fatalError("a block that is not held") }
        return block
    }

    func record(_ position: Int) -> CallRecord { call(position).wholeRecord }

    /// The position of the call with that index, if it is held.
    func position(ofCall index: UInt64) -> Int? {
        let place = place(afterCalls: index)
        return place < count && has(place) && self.index(place) == index ? place : nil
    }

    /// The first position with that index or a higher one: in memory, some indexes may not be in use.
    func place(afterCalls: UInt64) -> Int {
        var high = min(Int(clamping: afterCalls), count)
        guard reader == nil, failure == nil, high > 0, index(high - 1) >= afterCalls else { return high }
        var low = 0
        while low < high {
            let middle = (low + high) / 2
            if index(middle) < afterCalls { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
