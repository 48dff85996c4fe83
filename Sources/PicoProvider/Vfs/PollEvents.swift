// Readiness of a file: EPOLL* and POLL* are the same bits.
import LinuxABI

struct PollEvents: OptionSet, Sendable, Hashable {
    var rawValue: UInt32

    init(rawValue: UInt32) { self.rawValue = rawValue }

    private init(_ name: String) { rawValue = UInt32(truncatingIfNeeded: ABI.constant(name)) }

    static let readable = PollEvents("EPOLLIN")
    static let priority = PollEvents("EPOLLPRI")
    static let writable = PollEvents("EPOLLOUT")
    static let error = PollEvents("EPOLLERR")
    static let hangUp = PollEvents("EPOLLHUP")
    static let readHangUp = PollEvents("EPOLLRDHUP")
    static let readNormal = PollEvents("EPOLLRDNORM")
    static let writeNormal = PollEvents("EPOLLWRNORM")
    static let invalid = PollEvents("POLLNVAL")
}
