// Transport addresses.

/// `TRANSPORT_ADDRESS`: an IPv4 or IPv6 address with a port.
public struct TransportAddress: Hashable, Sendable {
    public enum Family: Sendable, Hashable { case ipv4, ipv6 }

    public var family: Family
    /// 4 or 16 bytes, network order.
    public var bytes: [UInt8]
    /// Host order.
    public var port: UInt16

    public init(family: Family, bytes: [UInt8], port: UInt16) {
        self.family = family
        self.bytes = bytes
        self.port = port
    }

    public static func any(_ family: Family, port: UInt16 = 0) -> TransportAddress {
        TransportAddress(family: family, bytes: [UInt8](repeating: 0, count: family == .ipv4 ? 4 : 16), port: port)
    }

    public static func loopback(_ family: Family, port: UInt16 = 0) -> TransportAddress {
        let bytes: [UInt8] = family == .ipv4 ? [127, 0, 0, 1] : [UInt8](repeating: 0, count: 15) + [1]
        return TransportAddress(family: family, bytes: bytes, port: port)
    }

    public var isAny: Bool { bytes.allSatisfy { $0 == 0 } }

    public var isLoopback: Bool {
        family == .ipv4 ? bytes.first == 127 : bytes == TransportAddress.loopback(.ipv6).bytes || isMappedLoopback
    }

    private var isMappedLoopback: Bool { mappedIPv4?.first == 127 }

    /// `::ffff:a.b.c.d`.
    var mappedIPv4: [UInt8]? {
        guard family == .ipv6, bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF else {
            return nil
        }
        return Array(bytes[12...])
    }

    /// The same place in IPv4 terms when it is a mapped address.
    var canonical: TransportAddress {
        mappedIPv4.map { TransportAddress(family: .ipv4, bytes: $0, port: port) } ?? self
    }

    /// The address as an endpoint of `family` sees it: an IPv4 peer of an IPv6 endpoint appears mapped.
    func seen(by family: Family) -> TransportAddress {
        guard family == .ipv6, self.family == .ipv4 else { return self }
        let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF] + bytes
        return TransportAddress(family: .ipv6, bytes: mapped, port: port)
    }
}
