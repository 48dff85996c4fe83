// Holds a log against what it must be in itself, and against what the program counted.
import LinuxABI
import Testing
import TraceLog

/// One pass over a log.
struct Audit {
    private(set) var trailer: TraceTrailer?
    private(set) var calls = 0
    private var threads: [UInt32: Int32] = [:]
    private var marks: [Mark] = []
    private var spans: [Span] = []
    private var patterns: [UInt32: [CallPattern]] = [:]
    private var counts: [CallPattern: [UInt32: Int]] = [:]
    private var waits = FutexWaits()

    private struct Span {
        var index: UInt64
        var entry: UInt64
        var exit: UInt64?
    }

    /// Reads the log; `lines` say what to count.
    init(log: String, lines: [ReportLine]) throws {
        for pattern in Set(lines.map(\.calls)) { patterns[pattern.number, default: []].append(pattern) }
        let reader = try TraceReader(path: log)
        while let block = try reader.nextBlock() {
            switch block {
            case .snapshot: break
            case .trailer(let trailer): self.trailer = trailer
            case .events(let batch):
                add(batch)
                waits.add(batch, reader)
            }
        }
    }

    private mutating func add(_ batch: EventBatch) {
        calls += batch.count
        for record in batch.taskRecords {
            if case .created(let tid, _, _, _) = record.kind { threads[record.task.rawValue] = tid }
        }
        for i in 0..<batch.count {
            let flags = CallFlags(rawValue: batch.flags[i])
            let isOver = flags.isDisjoint(with: .withoutResult)
            let exit = isOver ? batch.exitTimes[i] : nil
            spans.append(Span(index: batch.indexes[i], entry: batch.entryTimes[i], exit: exit))
            let number = batch.numbers[i]
            guard number == Mark.number || patterns[number] != nil else { continue }
            // -ERESTART*: a signal came before the call did anything; the kernel makes it once more.
            if isOver, (-516 ... -512).contains(batch.results[i]) { continue }
            let first = batch.arguments[6 * i]
            if number == Mark.number, first & Mark.bit != 0 {
                let channel = (first & ~Mark.bit) >> 18
                marks.append(
                    Mark(index: batch.indexes[i], task: batch.tasks[i], channel: channel, count: first & ~Mark.mask)
                )
            }
            for pattern in patterns[number] ?? [] {
                guard pattern.architecture.rawValue == batch.architectures[i], isOver || !pattern.returned else {
                    continue
                }
                if let argument = pattern.argument {
                    let word = batch.arguments[6 * i + argument.position]
                    guard word & argument.mask == argument.value else { continue }
                }
                counts[pattern, default: [:]][batch.tasks[i], default: 0] += 1
            }
        }
    }

    /// What is wrong with the log itself: order, holes, notes of losses.
    func problems() -> [String] {
        var found: [String] = []
        guard let trailer else { return ["the log has no trailer"] }
        if trailer.calls != UInt64(calls) { found.append("\(calls) calls, \(trailer.calls) by the trailer") }
        // Paths are looked at after the call, in the process's tier: what was gone by then is no loss of a call.
        let losses = trailer.notes.filter { !$0.key.hasPrefix("paths gone before they were noted") }
        found += losses.map { "note: \($0.key) × \($0.value)" }
        let sorted = spans.sorted { $0.index < $1.index }
        if let twice = sorted.indices.dropFirst().first(where: { sorted[$0].index == sorted[$0 - 1].index }) {
            found.append("there are two calls \(sorted[twice].index)")
        }
        if waits.wrong > 10, waits.wrong * 10 > waits.all {
            found.append("\(waits.wrong) of \(waits.all) futex waits have another word than they waited for")
        }
        if let last = sorted.last, last.index != UInt64(calls - 1) {
            found.append("\(calls) calls, of which the last is call \(last.index)")
        }
        // Of two calls the one that was over before the other began comes first.
        var latest: UInt64 = 0
        for span in sorted {
            if let exit = span.exit, exit < latest {
                found.append("call \(span.index) was over \(latest - exit) ns before an earlier one began")
                break
            }
            latest = max(latest, span.entry)
        }
        return found + markProblems()
    }

    /// The marks of a channel are all there, in order: 0, 1, 2 …, and anew after an exec.
    private func markProblems() -> [String] {
        var found: [String] = []
        var last: [[UInt64]: UInt64] = [:]
        for mark in marks.sorted(by: { $0.index < $1.index }) {
            let key = mark.channel == 0 ? [0, UInt64(mark.task)] : [mark.channel]
            let expected = last[key].map { $0 + 1 } ?? 0
            if mark.count != expected, mark.channel != 0 || mark.count != 0 {
                found.append(
                    "call \(mark.index): mark \(mark.count) of channel \(mark.channel) in task \(mark.task), not \(expected)"
                )
            }
            last[key] = mark.count
        }
        return found.count > 5 ? found.prefix(5) + ["and \(found.count - 5) such marks more"] : found
    }

    /// Where the log and the program's own count differ.
    func differences(from lines: [ReportLine]) -> [String] {
        lines.compactMap { line in
            let tasks = counts[line.calls] ?? [:]
            let own = tasks.filter { line.thread == nil || threads[$0.key] == line.thread }
            let count = own.values.reduce(0, +)
            guard !line.range.contains(count) else { return nil }
            let thread = line.thread.map { "thread \($0)" } ?? "all threads"
            return "\(line.calls.text) of \(thread): \(count) in the log, \(line.range) made"
        }
    }

    /// The share of the calls that were recorded in the process itself.
    var inProcessShare: Double {
        calls == 0 ? 0 : Double(trailer?.ways["in-process"] ?? 0) / Double(calls)
    }
}
