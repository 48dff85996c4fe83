// How bytes travel between an engine and its agent: a pipe, a socket, a serial line, a file pair.
public import Engine
import Glibc

/// A two-way stream of bytes to an agent. One user at a time; ``AgentEngine`` frames what it sends.
///
/// Bytes that an environment prints before its agent speaks (boot messages on a serial line) may come first: the
/// engine skips them up to the agent's greeting.
public protocol AgentTransport: AnyObject {
    /// Sends all bytes.
    func send(_ bytes: [UInt8]) throws(EngineFailure)

    /// The next bytes, at most `limit`; none if nothing came within `milliseconds`. Throws when the stream has ended.
    func receive(atMost limit: Int, milliseconds: Int) throws(EngineFailure) -> [UInt8]

    /// Ends the agent and all that runs in it. Called once, last; must not wait for long.
    func close()
}

/// A transport over two descriptors of this process (the same one for a socket), both owned.
public final class DescriptorTransport: AgentTransport {
    private let input: Int32
    private let output: Int32
    private let onClose: () -> Void
    private var isOpen = true

    /// - Parameters:
    ///   - input: what the agent says is read here.
    ///   - output: what is said to the agent is written here.
    ///   - onClose: runs after both are closed: ends and reaps the environment's process, say.
    public init(input: Int32, output: Int32, onClose: @escaping () -> Void = {}) {
        self.input = input
        self.output = output
        self.onClose = onClose
    }

    deinit { close() }

    public func send(_ bytes: [UInt8]) throws(EngineFailure) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { rest in
                let count = Glibc.send(output, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                return count < 0 && errno == ENOTSOCK ? write(output, rest.baseAddress, rest.count) : count
            }
            if count > 0 {
                sent += count
            } else if errno != EINTR {
                throw EngineFailure("the agent does not take requests any more (\(String(cString: strerror(errno))))")
            }
        }
    }

    public func receive(atMost limit: Int, milliseconds: Int) throws(EngineFailure) -> [UInt8] {
        var poller = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
        let ready = poll(&poller, 1, Int32(clamping: milliseconds))
        if ready == 0 || ready < 0 && errno == EINTR { return [] }
        var count = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, used in
            count = read(input, buffer.baseAddress, limit)
            used = max(0, count)
        }
        if count < 0, errno == EINTR || errno == EAGAIN { return [] }
        guard count > 0 else { throw EngineFailure("the agent has ended") }
        return bytes
    }

    public func close() {
        guard isOpen else { return }
        isOpen = false
        Glibc.close(input)
        if output != input { Glibc.close(output) }
        onClose()
    }
}
