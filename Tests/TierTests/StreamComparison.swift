// Compares recordings of one program: the same calls, results and memory, task by task.
//
// Runs of a program differ in addresses, process ids, times, chance and the pace of its processes. What differs so is
// learned: a task recorded by the other tier must have the sequence of calls it had in one of the recordings learned
// from, and may differ from it only where recordings of the same sequence differ among themselves.
import LinuxABI
import TraceLog

struct StreamComparison {
    private var samples: [Place: [[StreamedCall]]] = [:]
    private var families: [Set<Place>] = []

    /// Takes a recording as an example of how the program may run.
    mutating func learn(_ trace: Trace) {
        let streams = trace.streams()
        families.append(Set(streams.keys))
        for (place, calls) in streams { samples[place, default: []].append(calls) }
    }

    /// For each task of a recording how it differs from what was learned, nil if in nothing; and whether it has the
    /// tasks of one of the examples.
    func differences(_ trace: Trace) -> (isFamily: Bool, tasks: [Place: String?]) {
        let streams = trace.streams()
        let tasks = streams.map { place, calls in (place, difference(place, calls)) }
        return (families.contains(Set(streams.keys)), Dictionary(uniqueKeysWithValues: tasks))
    }

    /// Tasks of which no sequence of calls is the usual one: how often a pipe is read depends on who writes when.
    var racing: Set<Place> {
        let usual = samples.mapValues { known in
            Dictionary(grouping: known) { $0.map(\.number) }.values.map(\.count).max() ?? 0
        }
        return Set(samples.keys.filter { 2 * usual[$0, default: 0] <= samples[$0, default: []].count })
    }

    private func difference(_ place: Place, _ calls: [StreamedCall]) -> String? {
        guard let known = samples[place], let last = known.last else { return "task \(place): a new task" }
        let alike = known.filter { $0.map(\.number) == calls.map(\.number) }
        guard let example = alike.first else { return "task \(place), " + Self.otherSequence(last, calls) }
        for i in calls.indices {
            // The result of a call that kills its caller is not seen from inside.
            let isLast = i == calls.count - 1 && (example[i].result == nil || calls[i].result == nil)
            if isLast { continue }
            guard let difference = Self.difference(example[i], alike.map { $0[i] }, calls[i]) else { continue }
            return "task \(place), call \(i) (\(example[i].index), \(calls[i].index)), \(calls[i].name): \(difference)"
        }
        return nil
    }

    private static func otherSequence(_ a: [StreamedCall], _ b: [StreamedCall]) -> String {
        for (i, (left, right)) in zip(a, b).enumerated() where left.number != right.number {
            return "call \(i) (\(left.index), \(right.index)): \(left.name) against \(right.name)"
        }
        let more = (a.count > b.count ? a : b)[min(a.count, b.count)]
        return "\(a.count) calls against \(b.count), from \(more.name) on"
    }

    /// What is different in `call`, and the same in all of `samples`, of which `example` is one.
    private static func difference(
        _ example: StreamedCall,
        _ samples: [StreamedCall],
        _ call: StreamedCall
    ) -> String? {
        func isConstant<Value: Equatable>(_ value: (StreamedCall) -> Value) -> Bool {
            samples.allSatisfy { value($0) == value(example) }
        }
        if example.flags != call.flags, isConstant(\.flags) {
            return "flags \(example.flags.rawValue), \(call.flags.rawValue)"
        }
        let isNamed = example.namesResult && (example.result ?? -1) >= 0 && (call.result ?? -1) >= 0
        let isMaps = example.readsMaps && call.readsMaps
        if example.result != call.result, !isNamed, !isMaps, isConstant(\.result) {
            return "result \(example.result.map(String.init) ?? "?"), \(call.result.map(String.init) ?? "?")"
        }
        for i in example.arguments.indices where example.arguments[i] != call.arguments[i] && !isMaps {
            let (left, right) = (Int64(bitPattern: example.arguments[i]), Int64(bitPattern: call.arguments[i]))
            if left <= 0xffff || right <= 0xffff, isConstant({ $0.arguments[i] }) {
                return "argument \(i) is \(left), \(right)"
            }
        }
        // The memory of the first execve is the recorder's.
        func shapes(_ call: StreamedCall) -> [Shape] { call.index == 0 ? [] : call.chunks.map(Shape.init) }
        guard isConstant(shapes), !isMaps else { return nil }
        guard shapes(example) == shapes(call) else { return "memory \(shapes(example)), \(shapes(call))" }
        guard !measuring.contains(call.name) else { return nil }
        for i in shapes(call).indices {
            let (left, right) = (example.contents(i), call.contents(i))
            // Behind the end of the arrays lies what lay there before.
            if call.name == "execve", left.count % 8 == 0, left.count >= 64 { continue }
            guard let at = difference(left, samples.map { $0.contents(i) }, right) else { continue }
            let parts = [left, right].map { Array($0[max(0, at - 4)..<min($0.count, at + 12)]) }
            return "memory \(i), byte \(at): \(parts[0]), \(parts[1])"
        }
        return nil
    }

    private struct Shape: Equatable, CustomStringConvertible {
        var direction: MemoryRecord.Direction
        var length: Int
        var kept: Int
        init(_ chunk: MemoryRecord) {
            direction = chunk.direction
            length = chunk.length
            kept = chunk.bytes.count
        }
        var description: String { "\(direction == .input ? "in" : "out") \(kept) of \(length)" }
    }

    /// Calls whose memory says how long things took, or what another thread stored meanwhile.
    private static let measuring: Set = ["futex", "getrusage", "times", "sysinfo", "clock_gettime"]

    /// The first byte that is another in `bytes`, and is not near one that differs among the samples: a number that
    /// changes from run to run need not change in all of its bytes.
    private static func difference(_ example: [UInt8], _ samples: [[UInt8]], _ bytes: [UInt8]) -> Int? {
        guard example != bytes else { return nil }
        guard example.count == bytes.count else { return min(example.count, bytes.count) }
        let different = bytes.indices.filter { bytes[$0] != example[$0] }
        return different.first { at in
            if isAddress(example, at) && isAddress(bytes, at) { return false }
            let near = max(0, at - reach)...min(bytes.count - 1, at + reach)
            return samples.allSatisfy { $0.count == example.count && $0[near] == example[near] }
        }
    }
    /// The word around a byte is a pointer, as in an array of strings.
    private static func isAddress(_ bytes: [UInt8], _ at: Int) -> Bool {
        let start = at & ~7
        guard start + 8 <= bytes.count else { return false }
        let word = bytes[start..<(start + 8)].reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        return (1 << 32..<1 << 47).contains(word)
    }

    /// Two words: seconds lie beside nanoseconds.
    private static let reach = 16
}
