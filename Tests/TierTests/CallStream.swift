// What one task did, as it is compared between recordings of the same program.
import LinuxABI
import TraceLog

/// One call without its names for things: time, task, and order among other tasks' calls.
struct StreamedCall {
    var number: UInt32
    var architecture: Architecture
    var arguments: [UInt64]
    /// nil for a call that did not end, or that a signal ended: the tiers see such ends at different places.
    var result: Int64?
    var flags: CallFlags
    var chunks: [MemoryRecord]
    var index: UInt64

    var name: String { ABI.name(Int(number), architecture) }

    init(_ record: CallRecord) {
        number = record.number
        architecture = record.architecture
        arguments = (0..<6).map { record.arguments[$0] }
        let isInterrupted = Self.restarts.contains(record.result) || record.result == -4
        result = record.flags.isDisjoint(with: .withoutResult) && !isInterrupted ? record.result : nil
        flags = record.flags.subtracting([.unfinished, .interrupted])
        chunks = record.chunks
        index = record.index
    }

    /// The result is a process id, an address or the like, or says how long something took.
    var namesResult: Bool {
        guard let variant = ABI.call(Int(number), architecture)?.plain else { return false }
        switch variant.result.rule {
        case .exact, .renamed(.fd), .atMost, .set: return false
        default: return true
        }
    }

    /// Reads /proc/…/maps: what the recorder maps is seen there, so this and the reads that follow give other lengths.
    private(set) var readsMaps = false

    mutating func noteMaps(after last: StreamedCall?) {
        let output = chunks.filter { $0.direction == .output && !$0.bytes.isEmpty }
        let isMaps = output.contains { chunk in
            [" r-xp ", " rw-p "].contains { chunk.bytes.contains(Array($0.utf8)) }
        }
        readsMaps = name == "read" && (isMaps || last?.readsMaps == true && last?.arguments[0] == arguments[0])
    }

    /// A chunk's bytes, without what means nothing.
    func contents(_ chunk: Int) -> [UInt8] {
        let bytes = chunks[chunk].bytes
        // struct flock without its padding and, as nobody sets it, its pid.
        if name == "fcntl", bytes.count == 32 { return Array(bytes[..<4] + bytes[8..<24]) }
        // Behind the name of a unix socket lies what was on the stack.
        guard name == "connect" || name == "bind", bytes.first == 1, bytes.count > 3 else { return bytes }
        let end = bytes[3...].firstIndex(of: 0) ?? bytes.count
        return Array(bytes[..<end])
    }

    /// -ERESTARTSYS to -ERESTART_RESTARTBLOCK.
    static let restarts: ClosedRange<Int64> = -516 ... -512
}

/// A task by its place in the family: `[0, 2]` is the third child of the root's first child.
typealias Place = [Int]

extension Trace {
    /// Every task's calls in program order.
    func streams() -> [Place: [StreamedCall]] {
        var places: [TaskID: Place] = [:]
        var children: [TaskID: Int] = [:]
        for record in tasks {
            guard case .created(_, _, let parent, _) = record.kind else { continue }
            guard let parent else {
                places[record.task] = []
                continue
            }
            places[record.task] = (places[parent] ?? []) + [children[parent, default: 0]]
            children[parent, default: 0] += 1
        }
        var records: [TaskID: [CallRecord]] = [:]
        for call in calls { records[call.task, default: []].append(call) }
        var streams: [Place: [StreamedCall]] = [:]
        for (task, calls) in records { streams[places[task] ?? [-1, Int(task.rawValue)]] = withoutRestarts(calls) }
        return streams
    }

    /// Lock-step records a call that a signal interrupted and the kernel began anew twice, the fast tier once: where
    /// the second stands. Leaves out the first.
    private func withoutRestarts(_ calls: [CallRecord]) -> [StreamedCall] {
        var kept = calls.map(StreamedCall.init)
        var dropped: Set<Int> = []
        for i in calls.indices where StreamedCall.restarts.contains(calls[i].result) {
            // Past the handlers: each ends with rt_sigreturn.
            var next = i + 1
            if let end = calls[next...].firstIndex(where: { $0.number == Self.signalReturn }) {
                let again = calls[next...end].contains { $0.number == calls[i].number }
                if !again, end + 1 < calls.count, isAgain(calls[end + 1], calls[i]) { next = end + 1 }
            }
            guard next < calls.count, isAgain(calls[next], calls[i]) else { continue }
            dropped.insert(i)
            kept[next].number = calls[i].number
            kept[next].arguments = StreamedCall(calls[i]).arguments
        }
        // When a signal comes is chance: the end of its handler is no part of the sequence.
        var stream = kept.indices.filter { !dropped.contains($0) && kept[$0].number != Self.signalReturn }.map {
            kept[$0]
        }
        for i in stream.indices { stream[i].noteMaps(after: i > 0 ? stream[i - 1] : nil) }
        return stream
    }

    private func isAgain(_ call: CallRecord, _ first: CallRecord) -> Bool {
        call.number == Self.restart || call.number == first.number && call.arguments == first.arguments
    }

    private static let signalReturn = UInt32(ABI.call(named: "rt_sigreturn")?.numbers.x86_64 ?? 0)
    private static let restart = UInt32(ABI.call(named: "restart_syscall")?.numbers.x86_64 ?? 0)
}
