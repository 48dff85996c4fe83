// setsockopt and getsockopt: what is there, what is a stub, what is refused (features.tsv, family net).
import Engine
import LinuxABI

func addSocketOptionCalls(_ table: inout LxpSyscallTable) {
    table.partial("setsockopt", "options that are not there are ENOPROTOOPT", LxpSyscall_SETSOCKOPT)
    table.partial(
        "getsockopt",
        "options that are not there are ENOPROTOOPT; no tables of iptables",
        LxpSyscall_GETSOCKOPT
    )
}

private struct Option: Hashable {
    let level: Int32
    let name: Int32

    init(_ level: Int32, _ name: Int32) {
        self.level = level
        self.name = name
    }

    init(_ level: String, _ name: String) { self.init(abiInt(level), abiInt(name)) }

    var key: UInt64 { UInt64(UInt32(bitPattern: level)) << 32 | UInt64(UInt32(bitPattern: name)) }
}

private enum Options {
    static let error = Option("SOL_SOCKET", "SO_ERROR")
    static let type = Option("SOL_SOCKET", "SO_TYPE")
    static let domain = Option("SOL_SOCKET", "SO_DOMAIN")
    static let protocolNumber = Option("SOL_SOCKET", "SO_PROTOCOL")
    static let acceptsConnections = Option("SOL_SOCKET", "SO_ACCEPTCONN")
    static let peerCredentials = Option("SOL_SOCKET", "SO_PEERCRED")
    static let passCredentials = Option("SOL_SOCKET", "SO_PASSCRED")
    static let receiveTimeout = Option("SOL_SOCKET", "SO_RCVTIMEO")
    static let sendTimeout = Option("SOL_SOCKET", "SO_SNDTIMEO")
    static let receiveBuffer = Option("SOL_SOCKET", "SO_RCVBUF")
    static let sendBuffer = Option("SOL_SOCKET", "SO_SNDBUF")
    static let linger = Option("SOL_SOCKET", "SO_LINGER")
    static let reusePort = Option("SOL_SOCKET", "SO_REUSEPORT")
    static let keepaliveCount = Option("IPPROTO_TCP", "TCP_KEEPCNT")
    static let packetInformation = Option("IPPROTO_IP", "IP_PKTINFO")
    static let pathDiscovery = Option("IPPROTO_IP", "IP_MTU_DISCOVER")
    static let pathMaximum = Option("IPPROTO_IP", "IP_MTU")
    static let pathMaximum6 = Option("IPPROTO_IPV6", "IPV6_MTU")
    static let bindToDevice = Option("SOL_SOCKET", "SO_BINDTODEVICE")

    /// Kept and given back.
    static let kept: Set<Option> = [
        Option("SOL_SOCKET", "SO_REUSEADDR"), Option("SOL_SOCKET", "SO_KEEPALIVE"),
        Option("SOL_SOCKET", "SO_BROADCAST"), Option("SOL_SOCKET", "SO_DONTROUTE"),
        Option("SOL_SOCKET", "SO_OOBINLINE"), reusePort, receiveBuffer, sendBuffer, linger,
        Option("IPPROTO_TCP", "TCP_NODELAY"), Option("IPPROTO_TCP", "TCP_KEEPIDLE"),
        Option("IPPROTO_TCP", "TCP_KEEPINTVL"), Option("IPPROTO_TCP", "TCP_KEEPCNT"),
        Option("IPPROTO_IP", "IP_TOS"), Option("IPPROTO_IP", "IP_TTL"), Option("IPPROTO_IP", "IP_HDRINCL"),
        Option("IPPROTO_IP", "IP_OPTIONS"), Option("IPPROTO_IP", "IP_PKTINFO"), Option("IPPROTO_IP", "IP_RECVTOS"),
        Option("IPPROTO_IP", "IP_RECVTTL"), Option("IPPROTO_IP", "IP_MTU_DISCOVER"),
        Option("IPPROTO_IP", "IP_MULTICAST_IF"), Option("IPPROTO_IP", "IP_MULTICAST_LOOP"),
        Option("IPPROTO_IP", "IP_MULTICAST_TTL"), Option("IPPROTO_IP", "IP_ADD_MEMBERSHIP"),
        Option("IPPROTO_IPV6", "IPV6_V6ONLY"), Option("IPPROTO_IPV6", "IPV6_UNICAST_HOPS"),
        Option("IPPROTO_IPV6", "IPV6_MULTICAST_HOPS"), Option("IPPROTO_IPV6", "IPV6_RECVPKTINFO"),
        Option("IPPROTO_IPV6", "IPV6_RECVTCLASS"), Option("IPPROTO_IPV6", "IPV6_RECVHOPLIMIT"),
        Option("IPPROTO_IPV6", "IPV6_ADD_MEMBERSHIP"), Option("IPPROTO_IPV6", "IPV6_MTU_DISCOVER"),
    ]
}

func LxpSyscall_SETSOCKOPT(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let socket = try LxpSocket(c)
    let option = Option(c.int(1), c.int(2))
    guard c.int(4) >= 0 else { throw .errno(.EINVAL) }
    let value = try c.read(c[3], Int(min(c.int(4), 4096)))
    if option == Options.bindToDevice {
        let errno: Errno = socket.family == SocketFamily.ipv6 ? .ENOPROTOOPT : .EINVAL
        throw .unsupported(errno, note: "SO_BINDTODEVICE is refused", source: "GH:3440")
    }
    if option == Options.linger, socket.family == SocketFamily.unix {
        throw .unsupported(.EINVAL, note: "SO_LINGER on AF_UNIX is refused", source: "GH:3992")
    }
    switch option {
    case Options.passCredentials:
        guard value.count >= 4 else { throw .errno(.EINVAL) }
        socket.passesCredentials = value.contains { $0 != 0 }
        return 0
    case Options.receiveTimeout, Options.sendTimeout:
        guard value.count >= 16 else { throw .errno(.EINVAL) }
        let nanoseconds = try c.readTimeval(c[3])
        if option == Options.receiveTimeout {
            socket.receiveTimeout = nanoseconds
        } else {
            socket.sendTimeout = nanoseconds
        }
        return 0
    case Options.type, Options.domain, Options.protocolNumber, Options.error, Options.acceptsConnections:
        throw .errno(.ENOPROTOOPT)
    default: break
    }
    guard Options.kept.contains(option) || socket.family == SocketFamily.netlink else {
        throw LxpMissingOption(option)
    }
    if option.level != Option("SOL_SOCKET", "SO_TYPE").level, socket.family == SocketFamily.unix {
        throw .errno(.EOPNOTSUPP)
    }
    try LxpCheckOptionBuild(c, option)
    // Integers are read as such; membership requests and link-layer buffers have lengths of their own.
    if option.level == Options.type.level, value.count < 4 { throw .errno(.EINVAL) }
    if option == Options.reusePort { c.stub("SO_REUSEPORT is kept without effect", "RN:16273") }
    _ = try socket.setOption(option.level, option.name, value, c)
    if option == Options.receiveBuffer || option == Options.sendBuffer, value.count >= 4 {
        // The kernel doubles what is asked for and keeps it in bounds.
        let asked = value.prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        let bounded = min(max(asked, 1024), 212_992) * 2
        socket.options[option.key] = withUnsafeBytes(of: bounded.littleEndian) { Array($0) }
    } else {
        socket.options[option.key] = value
    }
    return 0
}

/// Options that came after the first release.
private func LxpCheckOptionBuild(_ c: LxpCall, _ option: Option) throws(LxFailure) {
    switch option {
    case Options.reusePort:
        try c.since(16273, .ENOPROTOOPT, "SO_REUSEPORT before 16273", "RN:16273;GH:1419")
    case Options.keepaliveCount: try c.since(15002, .EINVAL, "TCP_KEEPCNT before 15002", "RN:15002;GH:843")
    case Options.packetInformation: try c.since(15007, .EINVAL, "IP_PKTINFO before 15007", "RN:15007;GH:987")
    case Options.pathDiscovery: try c.since(15002, .EINVAL, "IP_MTU_DISCOVER before 15002", "RN:15002;GH:170")
    default: break
    }
}

func LxpSyscall_GETSOCKOPT(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let socket = try LxpSocket(c)
    let option = Option(c.int(1), c.int(2))
    let room = try c.readInteger(c[4], as: Int32.self)
    guard room >= 0 else { throw .errno(.EINVAL) }
    func answer(_ bytes: [UInt8]) throws(LxFailure) -> Int64 {
        let shown = Array(bytes.prefix(Int(room)))
        try c.write(c[3], shown)
        try c.writeInteger(c[4], Int32(shown.count))
        return 0
    }
    func integer(_ value: Int32) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    switch option {
    case Options.error:
        let error = socket.pendingError?.rawValue ?? 0
        socket.pendingError = nil
        return try answer(integer(error))
    case Options.type: return try answer(integer(socket.type))
    case Options.domain: return try answer(integer(socket.family))
    case Options.protocolNumber: return try answer(integer(LxpProtocol(socket)))
    case Options.acceptsConnections: return try answer(integer(socket.isListening ? 1 : 0))
    case Options.passCredentials: return try answer(integer(socket.passesCredentials ? 1 : 0))
    case Options.peerCredentials:
        var out = LxpBytes()
        let peer = socket.peerCredentials
        out.add(peer.map { LxpVisibleID($0.pid, c.group.pidNamespace, c.engine) } ?? 0)
        out.add(peer?.uid ?? .max)
        out.add(peer?.gid ?? .max)
        return try answer(out.bytes)
    case Options.pathMaximum, Options.pathMaximum6:
        // Known to a connected socket only (man 7 ip); the loopback of Windows has no limit of 1500 (inferred).
        guard (try? socket.peerAddress(c)) != nil else { throw .errno(.ENOTCONN) }
        c.writeGiven(c[3], 4, "path MTU")
        try c.writeInteger(c[4], Int32(4))
        return 0
    case Options.receiveTimeout: return try answer(c.timeval(socket.receiveTimeout))
    case Options.sendTimeout: return try answer(c.timeval(socket.sendTimeout))
    default: break
    }
    let kept = socket.options[option.key]
    guard kept != nil || Options.kept.contains(option) else { throw LxpMissingOption(option) }
    socket.queryOption(c)
    if let kept { return try answer(kept) }
    if option == Options.receiveBuffer || option == Options.sendBuffer {
        if socket.family == SocketFamily.ipv4 || socket.family == SocketFamily.ipv6 {
            c.writeGiven(c[3], 4, "default buffer size of the network stack")
            try c.writeInteger(c[4], Int32(4))
            return 0
        }
        return try answer(integer(212_992))
    }
    if option == Options.linger { return try answer(integer(0) + integer(0)) }
    return try answer(integer(0))
}

private func LxpMissingOption(_ option: Option) -> LxFailure {
    // IPT_SO_GET_INFO to IPT_SO_GET_REVISION_TARGET; IPT_SO_SET_REPLACE has the first number too.
    if option.level == 0 || option.level == 41, 64...67 ~= option.name {
        return .unsupported(
            .ENOPROTOOPT,
            note: "there are no tables for iptables: packets pass Windows' own firewall",
            source: "GH:767;GH:3634"
        )
    }
    return .unsupported(.ENOPROTOOPT, note: "this socket option is not there", source: "SYS:15014;inferred")
}

private func LxpProtocol(_ socket: LxSocket) -> Int32 {
    guard socket.protocolNumber == 0, socket.family == SocketFamily.ipv4 || socket.family == SocketFamily.ipv6 else {
        return socket.protocolNumber
    }
    return socket.type == SocketType.stream ? abiInt("IPPROTO_TCP") : abiInt("IPPROTO_UDP")
}
