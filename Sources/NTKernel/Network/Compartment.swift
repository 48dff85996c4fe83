// Network compartments: an address list and port tables of their own.

/// `NET_IF_COMPARTMENT`: what a network namespace would map to.
public final class Compartment {
    /// The compartment that Windows programs use.
    public static let defaultID: UInt32 = 1

    public let id: UInt32
    /// Addresses besides loopback.
    public internal(set) var addresses: [TransportAddress]
    private var ports: [PortKey: [AfdEndpoint]] = [:]
    private var nextDynamic: UInt16
    private let dynamic: ClosedRange<UInt16>

    private struct PortKey: Hashable {
        let kind: AfdEndpoint.Kind
        let port: UInt16
    }

    init(id: UInt32, configuration: ExecutiveConfiguration) {
        self.id = id
        addresses = id == Self.defaultID ? configuration.hostAddresses : []
        dynamic = configuration.dynamicPorts
        nextDynamic = configuration.dynamicPorts.lowerBound
    }

    func isLocal(_ address: TransportAddress) -> Bool {
        let address = address.canonical
        return address.isLoopback || address.isAny
            || addresses.contains { $0.family == address.family && $0.bytes == address.bytes }
    }

    /// Endpoints bound to a port.
    func endpoints(_ kind: AfdEndpoint.Kind, port: UInt16) -> [AfdEndpoint] {
        ports[PortKey(kind: kind, port: port)] ?? []
    }

    var allEndpoints: [AfdEndpoint] { ports.values.flatMap { $0 } }

    /// Whether the address can be bound; `STATUS_ADDRESS_ALREADY_EXISTS` otherwise.
    func conflict(_ endpoint: AfdEndpoint, _ address: TransportAddress) -> Bool {
        endpoints(endpoint.kind, port: address.port).contains { other in
            guard other !== endpoint, let bound = other.localAddress else { return false }
            // Endpoints that came out of a listener share its port.
            if other.state == .connected, other.remoteAddress != nil, other.kind == .stream { return false }
            guard overlaps(bound, other, address, endpoint) else { return false }
            let isListening = other.state == .listening
            return !(other.sharesAddress && endpoint.sharesAddress && !isListening)
        }
    }

    private func overlaps(
        _ left: TransportAddress,
        _ leftOwner: AfdEndpoint,
        _ right: TransportAddress,
        _ rightOwner: AfdEndpoint
    ) -> Bool {
        let left = left.canonical
        let right = right.canonical
        if left.family == right.family { return left.isAny || right.isAny || left.bytes == right.bytes }
        // The IPv6 wildcard covers IPv4 unless it is restricted.
        let (wide, owner) = left.family == .ipv6 ? (left, leftOwner) : (right, rightOwner)
        return wide.isAny && !owner.isIPv6Only
    }

    func insert(_ endpoint: AfdEndpoint, _ address: TransportAddress) {
        ports[PortKey(kind: endpoint.kind, port: address.port), default: []].append(endpoint)
    }

    func remove(_ endpoint: AfdEndpoint) {
        guard let address = endpoint.localAddress else { return }
        let key = PortKey(kind: endpoint.kind, port: address.port)
        ports[key]?.removeAll { $0 === endpoint }
        if ports[key]?.isEmpty == true { ports[key] = nil }
    }

    /// A free dynamic port; the preferred one if it is free.
    func dynamicPort(_ endpoint: AfdEndpoint, _ address: TransportAddress, preferred: UInt16?) -> UInt16? {
        var candidate = address
        if let preferred, preferred != 0 {
            candidate.port = preferred
            if endpoints(endpoint.kind, port: preferred).isEmpty { return preferred }
        }
        for _ in dynamic {
            candidate.port = nextDynamic
            nextDynamic = nextDynamic == dynamic.upperBound ? dynamic.lowerBound : nextDynamic + 1
            if endpoints(endpoint.kind, port: candidate.port).isEmpty { return candidate.port }
        }
        return nil
    }

    /// Who takes a connection or datagram for an address: an exact binding before a wildcard.
    func receiver(_ kind: AfdEndpoint.Kind, _ address: TransportAddress, from source: TransportAddress?) -> AfdEndpoint?
    {
        let target = address.canonical
        let candidates = endpoints(kind, port: target.port).filter { endpoint in
            guard let bound = endpoint.localAddress else { return false }
            if kind == .stream, endpoint.state != .listening { return false }
            // A connected datagram endpoint hears only its peer.
            if kind == .datagram, let remote = endpoint.remoteAddress, let source,
                remote.canonical != source.canonical
            {
                return false
            }
            let place = bound.canonical
            if place.isAny { return place.family == target.family || place.family == .ipv6 && !endpoint.isIPv6Only }
            return place.family == target.family && place.bytes == target.bytes
        }
        return candidates.last { $0.remoteAddress != nil } ?? candidates.last { $0.localAddress?.isAny == false }
            ?? candidates.last
    }
}
