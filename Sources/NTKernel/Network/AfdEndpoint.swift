// Endpoints of the ancillary function driver: what NT keeps behind a socket.

/// `AFD_ENDPOINT`.
public final class AfdEndpoint {
    public enum Kind: Sendable, Hashable { case stream, datagram }
    public enum State: Sendable, Hashable {
        case open
        case bound
        case listening
        /// Waits for a peer outside the model; see ``NTExecutive/AfdCompleteConnect(_:_:)``.
        case connecting
        case connected
        /// Refused or reset.
        case failed(NTSTATUS)
        case closed
    }
    /// `AFD_POLL_*`.
    public struct Events: OptionSet, Hashable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        public static let receive = Events(rawValue: 0x0001)
        public static let send = Events(rawValue: 0x0004)
        /// The peer sends no more.
        public static let disconnect = Events(rawValue: 0x0008)
        public static let abort = Events(rawValue: 0x0010)
        public static let localClose = Events(rawValue: 0x0020)
        public static let connect = Events(rawValue: 0x0040)
        public static let accept = Events(rawValue: 0x0080)
        public static let connectFail = Events(rawValue: 0x0100)
    }
    public struct Datagram: Sendable {
        public var source: TransportAddress
        public var bytes: [UInt8]
    }

    public let kind: Kind
    public let family: TransportAddress.Family
    public let compartment: UInt32
    public internal(set) var state = State.open
    public internal(set) var localAddress: TransportAddress?
    public internal(set) var remoteAddress: TransportAddress?
    /// `SO_EXCLUSIVEADDRUSE` off and `SO_REUSEADDR` on.
    public var sharesAddress = false
    /// An IPv6 endpoint takes no IPv4.
    public var isIPv6Only = false
    /// The peer of a local connection.
    public internal(set) weak var peer: AfdEndpoint?
    /// The peer is outside the model: what it sends is not known here.
    public internal(set) var hasOutsidePeer = false
    /// Called after each change of readiness.
    public var readinessChanged: (() -> Void)?

    // Stream
    var received = ByteQueue()
    /// The peer finished sending.
    var isReceiveFinished = false
    var isReceiveShutDown = false
    var isSendShutDown = false
    // Listening
    var backlog = 0
    var pending: [AfdEndpoint] = []
    // Datagram
    var datagrams: [Datagram] = []
    /// Reported once, by the next receive or send.
    var pendingError: NTSTATUS?

    init(kind: Kind, family: TransportAddress.Family, compartment: UInt32) {
        self.kind = kind
        self.family = family
        self.compartment = compartment
    }

    /// Bytes that a receive would return now (the first datagram's length for datagrams).
    public var availableBytes: Int { kind == .stream ? received.count : datagrams.first?.bytes.count ?? 0 }
}

/// Bytes in order of arrival.
struct ByteQueue {
    private var storage: [UInt8] = []
    private var head = 0

    var count: Int { storage.count - head }

    mutating func append(_ bytes: ArraySlice<UInt8>) { storage.append(contentsOf: bytes) }

    mutating func take(_ limit: Int, peek: Bool) -> [UInt8] {
        let length = min(limit, count)
        let result = Array(storage[head..<(head + length)])
        guard !peek else { return result }
        head += length
        // Give room back in large steps only.
        if head > 65536, head * 2 > storage.count {
            storage.removeFirst(head)
            head = 0
        }
        return result
    }
}
