// Short reads and writes: a prefix is right, and the rest must follow.
import Engine
import LinuxABI

extension RecordedCall {
    /// Whether it may be a ``Transfer``.
    @inline(__always)
    var movesBytes: Bool {
        switch known {
        case .read, .pread64, .recvfrom, .write, .sendto, .pwrite64: true
        default: false
        }
    }
}

/// What kind of transfer a call is, for splitting it where the engine stopped short.
struct Transfer {
    enum Direction { case input, output }

    let direction: Direction
    let buffer: UInt64
    let count: UInt64
    /// Position of the buffer and count among the arguments.
    private let bufferIndex = 1
    private let countIndex = 2
    /// Position of an explicit file offset, for pread and pwrite.
    private let offsetIndex: Int?

    /// nil for calls that are not split: vectors, messages, and peeks.
    init?(_ call: RecordedCall) {
        switch call.known {
        case .read: (direction, offsetIndex) = (.output, nil)
        case .pread64: (direction, offsetIndex) = (.output, 3)
        case .recvfrom where call.word(3) & Linux.messagePeek == 0: (direction, offsetIndex) = (.output, nil)
        case .write, .sendto: (direction, offsetIndex) = (.input, nil)
        case .pwrite64: (direction, offsetIndex) = (.input, 3)
        default: return nil
        }
        buffer = call.word(1)
        count = call.word(2)
    }

    /// The same call for fewer bytes.
    func limited(_ call: GuestCall, to count: UInt64) -> GuestCall {
        var limited = call
        limited.arguments[countIndex] = min(count, call.arguments[countIndex])
        return limited
    }

    /// The same call for the bytes after the first `done`.
    func rest(of call: GuestCall, after done: UInt64) -> GuestCall {
        var rest = call
        rest.arguments[bufferIndex] = buffer &+ done
        rest.arguments[countIndex] = count - min(done, count)
        if let offsetIndex { rest.arguments[offsetIndex] = call.arguments[offsetIndex] &+ done }
        return rest
    }
}
