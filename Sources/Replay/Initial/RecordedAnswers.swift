// What an engine may be given: the answers of the recording that the replay was prepared from.
import Engine
import LinuxABI
import TraceLog

/// Answers for things an engine cannot know. Every use is listed by the engine and not scored.
struct RecordedAnswers: GivenSource {
    private let book: AnswerBook
    private let startRealtime: UInt64
    private let startMonotonic: UInt64

    init(_ trace: Trace, _ book: AnswerBook) {
        self.book = book
        startRealtime = trace.header.startRealtime
        startMonotonic = trace.header.startMonotonic
    }

    func bytes(_ name: GivenName, for call: UInt64) -> [UInt8]? {
        guard case .bytes(let address, let count, _) = name, let call = recorded(call) else { return nil }
        let bytes = call.output.prefix(address, count: count)
        return bytes.isEmpty ? nil : bytes
    }

    func number(_ name: GivenName, for call: UInt64) -> Int64? {
        guard let call = recorded(call), call.record.flags.isDisjoint(with: .withoutResult) else { return nil }
        let record = call.record
        switch name {
        case .available:
            // Nothing came: it would have blocked, or blocked until a signal came.
            let waits = record.result == -Int64(Errno.EAGAIN.rawValue) || InterruptedClass(record.result) != nil
            return waits ? nil : record.result
        case .clock(let id): return clock(id, call)
        case .number: return record.result >= 0 ? record.result : nil
        case .bytes: return nil
        }
    }

    /// The reading the call itself returned, or the time at which it returned.
    private func clock(_ id: Int32, _ call: RecordedCall) -> Int64? {
        let (memory, record) = (call.output, call.record)
        switch call.known {
        case .clock_gettime:
            if let time = pair(memory, record.arguments[1], unit: 1) { return time }
        case .gettimeofday:
            if let time = pair(memory, record.arguments[0], unit: 1000) { return time }
        case .time where record.result > 0: return record.result * 1_000_000_000
        default: break
        }
        // CLOCK_REALTIME, CLOCK_REALTIME_COARSE and CLOCK_TAI count from the epoch, others from boot.
        let isRealtime = [0, 5, 11].contains(id)
        return Int64(clamping: (isRealtime ? startRealtime : startMonotonic) + record.exitTime)
    }

    /// Seconds and a fraction in `unit` nanoseconds.
    private func pair(_ memory: MemoryChunks, _ address: UInt64, unit: Int64) -> Int64? {
        guard let seconds = memory.int64(address), let fraction = memory.int64(address + 8) else { return nil }
        return seconds * 1_000_000_000 + fraction * unit
    }

    func recorded(_ call: UInt64) -> RecordedCall? { book.call(call) }
}
