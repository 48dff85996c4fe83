// What a recorded call did, as far as later calls can tell.
import Engine
import LinuxABI
import TraceLog

enum Effect {
    /// `fd` is new; `source` when it shares that descriptor's description.
    case opened(fd: Int32, source: Int32?)
    case closed(fd: Int32)
    case madePath(String)
    case removedPath(String)
    case renamed(String, String)
    /// Attributes or length changed.
    case changedPath(String)
    case movedOffset(fd: Int32)
    /// The open file description has another state: an address, a peer, an option, a watched descriptor.
    case changedDescription(fd: Int32)
    case wroteFile(path: String, offset: Int64, bytes: [UInt8])
    case wroteStream(fd: Int32, bytes: [UInt8])
    case readStream(fd: Int32, count: Int)
    case child(TaskID, flags: UInt64)
    case reaped(pid: Int32)
    case mapped(address: UInt64, length: UInt64)
    case unmapped(address: UInt64, length: UInt64)
    case programBreak(UInt64)
    case workingDirectory
    case credentials
    case umask
    case signalMask
    case namespaces(UInt64)
    case mounted(Environment.Mount)
    case unmounted(point: String)
    case executed(path: String)
}

extension Effect {
    /// Whether names of descriptors, processes or addresses come or go by it.
    var changesNames: Bool {
        switch self {
        case .opened, .reaped, .mapped, .unmapped: true
        default: false
        }
    }
}

/// A call as the recorded world looks at it.
final class RecordedCall {
    private(set) var record: CallHead
    private(set) var known: KnownCall?
    var input = MemoryChunks()
    var output = MemoryChunks()
    /// Output that was cut, to be compared by its hash.
    var cut: [MemoryRecord] = []

    /// A call whose memory is to come.
    init(_ record: CallHead) {
        self.record = record
        known = KnownCall.of(record.number, record.architecture)
    }

    /// Becomes another call, without its memory: what nobody has any more is used again.
    @inline(__always)
    func begin(_ record: CallHead) {
        self.record = record
        known = KnownCall.of(record.number, record.architecture)
        while !input.chunks.isEmpty { input.chunks.removeLast() }
        while !output.chunks.isEmpty { output.chunks.removeLast() }
        if !cut.isEmpty { cut = [] }
    }

    /// The record with all of its memory.
    var wholeRecord: CallRecord {
        let input = input.chunks.map {
            MemoryRecord(.input, address: $0.address, bytes: $0.bytes, length: $0.length)
        }
        let output = output.chunks.map { chunk in
            let hash = cut.first { $0.address == chunk.address && $0.length == chunk.length }?.hash
            return MemoryRecord(
                .output,
                address: chunk.address,
                bytes: chunk.bytes,
                length: chunk.length,
                hash: hash ?? .zero
            )
        }
        return CallRecord(record, chunks: input + output)
    }

    var index: UInt64 { record.index }
    var succeeded: Bool {
        record.result >= 0 && record.flags.isDisjoint(with: [.unfinished, .resultLost, .interrupted, .denied])
    }
    /// A futex wait that the kernel refused for a word that the capture saw as expected, or that it began with a word that
    /// the capture did not: another thread changed it in between.
    var hasStaleFutexWord: Bool {
        guard known == .futex, record.flags.isDisjoint(with: .withoutResult) else { return false }
        let command = word(1) & ~(Linux.futexPrivate | Linux.futexRealtime)
        guard command == Linux.futexWait || command == Linux.futexWaitBitset else { return false }
        guard let captured = input.integer(word(0), count: 4) else { return false }
        let isExpected = captured == word(2) & 0xffff_ffff
        let waited =
            record.result == 0 || InterruptedClass(record.result) != nil
            || errno == Int64(Errno.ETIMEDOUT.rawValue)
        return isExpected ? errno == Int64(Errno.EAGAIN.rawValue) : waited
    }
    var makesTask: Bool {
        switch known {
        case .clone, .clone3, .fork, .vfork: true
        default: false
        }
    }
    /// Whether equal results may hide that overlapping calls have parts of each other's answers: counters and events.
    var mayShareAnswers: Bool {
        switch known {
        case .read: record.result == 8
        case .epoll_wait, .epoll_pwait, .epoll_pwait2: true
        default: false
        }
    }
    var armsTimer: Bool {
        switch known {
        case .setitimer, .alarm, .timer_settime: true
        default: false
        }
    }
    /// Positive errno, or nil.
    var errno: Int64? {
        !record.flags.contains(.unfinished) && (-4095..<0).contains(record.result) ? -record.result : nil
    }

    func word(_ index: Int) -> UInt64 { record.arguments[index] }
    func fd(_ index: Int) -> Int32 { Int32(truncatingIfNeeded: record.arguments[index]) }
}
