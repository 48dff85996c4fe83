// Network interfaces as a compartment shows them: loopback, and in the first one the machine's adapter.
import Engine
import LinuxABI

struct LxInterface {
    let index: Int32
    let name: String
    /// IFF_* bits.
    let flags: UInt32
    let mtu: UInt32
    let address: [UInt8]
    let prefix: UInt8
    let hardware: [UInt8]
    /// ARPHRD_*.
    let type: UInt16

    /// Up at once, also in a fresh network namespace (UT:vnet.c).
    static let loopback = LxInterface(
        index: 1,
        name: "lo",
        flags: 0x49,
        mtu: 1500,
        address: [127, 0, 0, 1],
        prefix: 8,
        hardware: [0, 0, 0, 0, 0, 0],
        type: 772
    )
    /// The address is the executive's own; what a real machine has is asked of the environment first.
    static let adapter = LxInterface(
        index: 2,
        name: "eth0",
        flags: 0x1043,
        mtu: 1500,
        address: [172, 16, 0, 2],
        prefix: 24,
        hardware: [0, 0x15, 0x5d, 0, 0, 2],
        type: 1
    )

    /// `struct sockaddr_in` of the address.
    var socketAddress: [UInt8] { [2, 0, 0, 0] + address + [UInt8](repeating: 0, count: 8) }
    var socketMask: [UInt8] {
        let bits = prefix == 0 ? 0 : UInt32.max << UInt32(32 - prefix)
        return [2, 0, 0, 0] + [24, 16, 8, 0].map { UInt8(bits >> $0 & 0xff) } + [UInt8](repeating: 0, count: 8)
    }
}

extension LxNetNamespace {
    var interfaces: [LxInterface] {
        compartment == LxInterfaceRequest.firstCompartment ? [.loopback, .adapter] : [.loopback]
    }
}

/// SIOC* requests about interfaces.
enum LxInterfaceRequest {
    static let firstCompartment: UInt32 = 1
    private static let list = abi32("SIOCGIFCONF")
    private static let flags = abi32("SIOCGIFFLAGS")
    private static let index = abi32("SIOCGIFINDEX")
    private static let mtu = abi32("SIOCGIFMTU")
    private static let address = abi32("SIOCGIFADDR")
    private static let mask = abi32("SIOCGIFNETMASK")
    private static let hardware = abi32("SIOCGIFHWADDR")
    private static let ethtool = abi32("SIOCETHTOOL")
    private static let wireless = abi32("SIOCGIWNAME")
    private static let changes: Set<UInt32> = Set(
        ["SIOCSIFFLAGS", "SIOCSIFADDR", "SIOCSIFNETMASK", "SIOCSIFMTU", "SIOCBRADDBR", "SIOCBRDELBR"].map(abi32)
    )

    static func serve(_ request: UInt32, _ argument: UInt64, _ c: VfsContext) throws(LxFailure) -> Int64 {
        if changes.contains(request) {
            guard c.credentials.has(.netAdmin) else { throw .errno(.EPERM) }
            throw .notModelled("changes of interfaces are Windows' and need its administrator")
        }
        if request == ethtool {
            throw .unsupported(.EOPNOTSUPP, note: "no source says that ethtool requests exist", source: "inferred")
        }
        if request == wireless {
            throw .unsupported(.EINVAL, note: "there are no wireless extensions", source: "inferred")
        }
        // SIOCGIF… and SIOCSIF…: 0x8910 to 0x8970.
        guard (0x8910...0x8970).contains(request) else { throw .errno(.ENOTTY) }
        if request == list { return try configuration(argument, c) }
        let name = String(decoding: try c.read(argument, 16).prefix { $0 != 0 }, as: UTF8.self)
        guard let interface = c.thread.namespaces.net.interfaces.first(where: { $0.name == name }) else {
            // What the machine's adapters are called only the environment knows.
            guard c.givenNumber(.number(what: "interface \(name)"), "interface \(name)") != nil else {
                throw .errno(.ENODEV)
            }
            c.writeGiven(argument + 16, 16, "interface \(name)")
            return 0
        }
        if interface.index != LxInterface.loopback.index,
            c.givenNumber(.number(what: "interface \(name)"), "interface \(name)") != nil
        {
            c.writeGiven(argument + 16, 16, "interface \(name)")
            return 0
        }
        var out = LxpBytes()
        switch request {
        case flags: out.add(UInt16(truncatingIfNeeded: interface.flags))
        case index: out.add(interface.index)
        case mtu: out.add(interface.mtu)
        case address: out.add(interface.socketAddress)
        case mask: out.add(interface.socketMask)
        case hardware: out.add([UInt8(interface.type & 0xff), UInt8(interface.type >> 8)] + interface.hardware)
        default: throw .notModelled("this request about an interface")
        }
        try c.write(argument + 16, out.bytes)
        return 0
    }

    /// SIOCGIFCONF: interfaces with IPv4 only (RN:14901).
    private static func configuration(_ argument: UInt64, _ c: VfsContext) throws(LxFailure) -> Int64 {
        let room = try c.readInteger(argument, as: Int32.self)
        let buffer = try c.readInteger(argument + 8, as: UInt64.self)
        if c.isCall,
            c.environment.given.bytes(.bytes(address: argument, count: 4, what: "interfaces"), for: c.index) != nil,
            c.environment.given.number(.number(what: "interfaces"), for: c.index) != nil
        {
            c.writeGiven(argument, 4, "interfaces of the machine")
            c.writeGiven(buffer, Int(max(room, 0)), "interfaces of the machine")
            return 0
        }
        var out = LxpBytes()
        for interface in c.thread.namespaces.net.interfaces {
            let start = out.bytes.count
            out.add(Array(interface.name.utf8))
            out.pad(to: start + 16)
            out.add(interface.socketAddress)
            out.pad(to: start + 40)
        }
        if buffer != 0 {
            let whole = min(Int(max(room, 0)) / 40 * 40, out.bytes.count)
            try c.write(buffer, Array(out.bytes.prefix(whole)))
            try c.writeInteger(argument, Int32(whole))
        } else {
            try c.writeInteger(argument, Int32(out.bytes.count))
        }
        return 0
    }
}

/// Replies to NETLINK_ROUTE requests (man 7 rtnetlink).
struct LxRouteReply {
    let interfaces: [LxInterface]
    let port: UInt32

    private static let newLink: UInt16 = 16
    private static let getLink: UInt16 = 18
    private static let newAddress: UInt16 = 20
    private static let getAddress: UInt16 = 22
    private static let newRoute: UInt16 = 24
    private static let getRoute: UInt16 = 26
    private static let newNamespaceID: UInt16 = 88
    static let getNamespaceID: UInt16 = 90

    /// The datagram that answers `request`.
    func answer(_ request: [UInt8]) -> [UInt8] {
        guard request.count >= 16 else { return [] }
        let word: (Int) -> UInt32 = { at in (0..<4).reduce(0) { $0 | UInt32(request[at + $1]) << (8 * UInt32($1)) } }
        let type = UInt16(request[4]) | UInt16(request[5]) << 8
        let sequence = word(8)
        var out: [UInt8] = []
        switch type {
        case Self.getLink:
            for interface in interfaces { out += message(Self.newLink, 2, sequence, link(interface)) }
        case Self.getAddress:
            for interface in interfaces { out += message(Self.newAddress, 2, sequence, address(interface)) }
        case Self.getRoute:
            for interface in interfaces { out += message(Self.newRoute, 2, sequence, route(interface)) }
        case Self.getNamespaceID:
            // NETNSA_NSID: no id (UT:namespace.c).
            return message(Self.newNamespaceID, 0, sequence, [0, 0, 0, 0] + attribute(1, [0xff, 0xff, 0xff, 0xff]))
        default: return message(2, 0, sequence, error(type, request))
        }
        return out + message(3, 2, sequence, [0, 0, 0, 0])
    }

    /// Changes are passed to Windows, which refuses them to whoever is not its administrator (UT:vnet.c).
    private func error(_ type: UInt16, _ request: [UInt8]) -> [UInt8] {
        let isChange = [16, 17, 20, 21, 24, 25].contains(type)
        let errno: Errno = isChange ? .EPERM : .EOPNOTSUPP
        var out = LxpBytes()
        out.add(-errno.rawValue)
        return out.bytes + request.prefix(16)
    }

    private func message(_ type: UInt16, _ flags: UInt16, _ sequence: UInt32, _ body: [UInt8]) -> [UInt8] {
        var out = LxpBytes()
        out.add(UInt32(16 + body.count))
        out.add(type)
        out.add(flags)
        out.add(sequence)
        out.add(port)
        out.add(body)
        out.pad(to: (16 + body.count + 3) & ~3)
        return out.bytes
    }

    private func attribute(_ type: UInt16, _ value: [UInt8]) -> [UInt8] {
        var out = LxpBytes()
        out.add(UInt16(4 + value.count))
        out.add(type)
        out.add(value)
        out.pad(to: (4 + value.count + 3) & ~3)
        return out.bytes
    }

    private func word(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }

    private func link(_ interface: LxInterface) -> [UInt8] {
        var out = LxpBytes()
        out.add(UInt16(0))
        out.add(interface.type)
        out.add(interface.index)
        out.add(interface.flags)
        out.add(UInt32.max)
        out.add(attribute(3, Array(interface.name.utf8) + [0]))
        out.add(attribute(4, word(interface.mtu)))
        out.add(attribute(1, interface.hardware))
        return out.bytes
    }

    private func address(_ interface: LxInterface) -> [UInt8] {
        let scope: UInt8 = interface.index == 1 ? 254 : 0
        return [2, interface.prefix, 0x80, scope] + word(UInt32(interface.index)) + attribute(1, interface.address)
            + attribute(2, interface.address) + attribute(3, Array(interface.name.utf8) + [0])
    }

    private func route(_ interface: LxInterface) -> [UInt8] {
        [2, interface.prefix, 0, 0, 254, 2, 253, 1] + word(0) + attribute(1, interface.address)
            + attribute(4, word(UInt32(interface.index)))
    }
}
