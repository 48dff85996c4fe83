// Several descriptors at once: what is written never waits behind what is read, so that no two ends can block each other.
import Glibc

final class ByteStreams {
    struct Chunk {
        /// Position of the descriptor in `readers`.
        var reader: Int
        /// Empty: the end.
        var bytes: [UInt8]
    }

    /// -1 where one has ended.
    private(set) var readers: [Int32]
    private(set) var writer: Int32
    private var outbox: [UInt8] = []
    private var written = 0
    /// Bytes that may still be written before the other end has taken some.
    var allowance = Int.max
    private var buffer = [UInt8](repeating: 0, count: 1 << 16)

    /// Sets the descriptors to not blocking; does not own them.
    init(readers: [Int32], writer: Int32) {
        self.readers = readers
        self.writer = writer
        for descriptor in readers + [writer] where descriptor >= 0 {
            _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        }
    }

    /// All that was queued has been written, or can never be.
    var isDrained: Bool { written == outbox.count || writer < 0 }

    func queue(_ bytes: [UInt8]) {
        if isDrained {
            outbox = bytes
            written = 0
        } else {
            outbox += bytes
        }
    }

    /// Reads and writes what is possible now, or waits for it; nothing within `milliseconds` gives nothing.
    func step(milliseconds: Int) -> [Chunk] {
        let wantsWriting = !isDrained && allowance > 0
        var polled = readers.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        polled.append(pollfd(fd: wantsWriting ? writer : -1, events: Int16(POLLOUT), revents: 0))
        guard poll(&polled, nfds_t(polled.count), Int32(clamping: milliseconds)) > 0 else { return [] }
        if polled[readers.count].revents != 0 { write() }
        var chunks: [Chunk] = []
        for index in readers.indices where polled[index].revents != 0 {
            let count = read(readers[index], &buffer, buffer.count)
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            if count <= 0 { readers[index] = -1 }
            chunks.append(Chunk(reader: index, bytes: Array(buffer[..<max(0, count)])))
        }
        return chunks
    }

    private func write() {
        let count = min(outbox.count - written, allowance)
        let done = outbox[written..<written + count].withUnsafeBytes { Glibc.write(writer, $0.baseAddress, count) }
        if done > 0 {
            written += done
            if allowance != .max { allowance -= done }
        } else if errno != EAGAIN, errno != EINTR {
            // Nobody reads any more; what was said last by the other end is still to be read.
            writer = -1
        }
    }
}
