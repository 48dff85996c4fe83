// socket, socketpair, bind, connect, listen, accept, names, shutdown.
import Engine
import LinuxABI
import NTKernel

func addSocketCalls(_ table: inout LxpSyscallTable) {
    table.partial("socket", "AF_UNIX, AF_INET, AF_INET6, AF_NETLINK; of netlink, ROUTE", LxpSyscall_SOCKET)
    table.partial("socketpair", "AF_UNIX only makes pairs", LxpSyscall_SOCKETPAIR)
    table.supported("bind") { c throws(LxFailure) in
        let socket = try LxpSocket(c)
        try socket.bind(try LxpAddress(c, c[1], c.int(2)), c)
        return 0
    }
    table.supported("connect") { c throws(LxFailure) in
        let socket = try LxpSocket(c)
        let address = try LxpAddress(c, c[1], c.int(2))
        try LxpWaiting(socket, c, socket.sendTimeout, .EINPROGRESS) { () throws(LxFailure) in
            try socket.connect(address, c)
        }
        return 0
    }
    table.supported("listen") { c throws(LxFailure) in
        try LxpSocket(c).listen(c.int(1), c)
        return 0
    }
    table.supported("accept") { c throws(LxFailure) in try LxpAccept(c, flags: 0) }
    table.supported("accept4") { c throws(LxFailure) in try LxpAccept(c, flags: c.uint(3)) }
    table.supported("getsockname") { c throws(LxFailure) in
        try LxpReturnAddress(c, try LxpSocket(c).localAddress(c), c[1], c[2])
        return 0
    }
    table.supported("getpeername") { c throws(LxFailure) in
        try LxpReturnAddress(c, try LxpSocket(c).peerAddress(c), c[1], c[2])
        return 0
    }
    table.supported("shutdown") { c throws(LxFailure) in
        let socket = try LxpSocket(c)
        guard (0...2).contains(c.int(1)) else { throw .errno(.EINVAL) }
        try socket.shutdown(c.int(1), c)
        return 0
    }
    addMessageCalls(&table)
    addSocketOptionCalls(&table)
}

func LxpSocket(_ c: LxpCall, _ index: Int = 0) throws(LxFailure) -> LxSocket {
    guard let socket = try c.file(index) as? LxSocket else { throw .errno(.ENOTSOCK) }
    return socket
}

func LxpAddress(_ c: LxpCall, _ address: UInt64, _ length: Int32) throws(LxFailure) -> [UInt8] {
    guard length >= 0, length <= 128 else { throw .errno(.EINVAL) }
    return try c.read(address, Int(length))
}

/// Writes a `struct sockaddr`, cut to the caller's room, and its full length.
func LxpReturnAddress(_ c: LxpCall, _ bytes: [UInt8], _ address: UInt64, _ length: UInt64) throws(LxFailure) {
    let room = try c.readInteger(length, as: Int32.self)
    guard room >= 0 else { throw .errno(.EINVAL) }
    if room > 0, !bytes.isEmpty { try c.write(address, Array(bytes.prefix(Int(room)))) }
    try c.writeInteger(length, Int32(bytes.count))
}

/// A step that may have to wait: O_NONBLOCK answers `busy`, SO_RCVTIMEO and SO_SNDTIMEO end in EAGAIN.
func LxpWaiting<Result>(
    _ socket: LxSocket,
    _ c: LxpCall,
    _ timeout: UInt64,
    _ busy: Errno,
    doNotWait: Bool = false,
    _ body: () throws(LxFailure) -> Result
) throws(LxFailure) -> Result {
    do throws(LxFailure) {
        return try body()
    } catch {
        guard case .wouldBlock = error else { throw error }
        if doNotWait || socket.flags & OpenFlag.nonBlocking != 0 { throw .errno(busy) }
        guard timeout > 0 else { throw error }
        c.interruption = .intr
        try LxpWaitUntilTimeout(c, timeout)
        throw .errno(busy == .EINPROGRESS ? .EINPROGRESS : .EAGAIN)
    }
}

private enum Kind {
    static let typeMask: Int32 = 0xf
    static let oldPacket = abiInt("SOCK_PACKET")
    static let icmp = abiInt("IPPROTO_ICMP")
    static let icmp6 = abiInt("IPPROTO_ICMPV6")
    static let raw = abiInt("IPPROTO_RAW")
    static let tcp = abiInt("IPPROTO_TCP")
    static let udp = abiInt("IPPROTO_UDP")
    static let route = abiInt("NETLINK_ROUTE")
    static let uevent = abiInt("NETLINK_KOBJECT_UEVENT")
}

private func LxpMakeSocket(
    _ c: LxpCall,
    family: Int32,
    type: Int32,
    protocolNumber: Int32
) throws(LxFailure) -> LxSocket {
    func inode() -> VfsInode {
        LxAnonymousInode(c.engine, mode: VfsKind.socket.rawValue | 0o777, credentials: c.credentials)
    }
    switch family {
    case SocketFamily.unix:
        guard protocolNumber == 0 || protocolNumber == family else { throw .errno(.EPROTONOSUPPORT) }
        guard [SocketType.stream, SocketType.datagram, SocketType.packet, SocketType.raw].contains(type) else {
            throw .errno(.ESOCKTNOSUPPORT)
        }
        let real = type == SocketType.raw ? SocketType.datagram : type
        return LxUnixSocket(inode: inode(), family: family, type: real, protocolNumber: protocolNumber)
    case SocketFamily.ipv4, SocketFamily.ipv6:
        try LxpCheckInternet(c, type, protocolNumber)
        var handle = Handle.null
        var endpoint: AfdEndpoint?
        let status = c.engine.kernel.AfdCreateEndpoint(
            &handle,
            kind: type == SocketType.stream ? .stream : .datagram,
            family: family == SocketFamily.ipv4 ? .ipv4 : .ipv6,
            compartment: c.thread.namespaces.net.compartment,
            endpoint: &endpoint
        )
        try LxpStatus.check(status)
        guard let endpoint else { throw .errno(.ENOBUFS) }
        return LxInetSocket(
            inode: inode(),
            family: family,
            type: type,
            protocolNumber: protocolNumber,
            endpoint: endpoint,
            handle: handle
        )
    case SocketFamily.netlink:
        guard type == SocketType.raw || type == SocketType.datagram else { throw .errno(.ESOCKTNOSUPPORT) }
        guard protocolNumber == Kind.route || protocolNumber == Kind.uevent else {
            throw .unsupported(
                .EPROTONOSUPPORT,
                note: "only NETLINK_ROUTE and NETLINK_KOBJECT_UEVENT",
                source: "GH:2249;UT:netlink.c"
            )
        }
        if protocolNumber == Kind.uevent {
            try c.since(16273, .EPROTONOSUPPORT, "NETLINK_KOBJECT_UEVENT before 16273", "RN:16273")
        }
        if protocolNumber == Kind.uevent { c.partial("no events arrive on NETLINK_KOBJECT_UEVENT", "RN:16273") }
        return LxNetlinkSocket(inode: inode(), family: family, type: type, protocolNumber: protocolNumber)
    default:
        throw .unsupported(
            .EAFNOSUPPORT,
            note: "only AF_UNIX, AF_INET, AF_INET6 and AF_NETLINK",
            source: "GH:1515;GH:3975"
        )
    }
}

private func LxpCheckInternet(_ c: LxpCall, _ type: Int32, _ protocolNumber: Int32) throws(LxFailure) {
    if type == Kind.oldPacket {
        throw .unsupported(.EINVAL, note: "SOCK_PACKET", source: "GH:1515")
    }
    if type == SocketType.raw {
        guard c.credentials.has(.netRaw) else { throw .errno(.EPERM) }
        // Legacy iptables gets its raw socket and fails at the option (GH:767, GH:3634).
        guard [Kind.icmp, Kind.icmp6, Kind.raw].contains(protocolNumber) else {
            throw .unsupported(.EPROTONOSUPPORT, note: "raw sockets for ICMP only", source: "GH:1383;AI:BlueHat")
        }
        return
    }
    switch type {
    case SocketType.stream:
        guard protocolNumber == 0 || protocolNumber == Kind.tcp else { throw .errno(.EPROTONOSUPPORT) }
    case SocketType.datagram:
        guard [0, Kind.udp, Kind.icmp, Kind.icmp6].contains(protocolNumber) else { throw .errno(.EPROTONOSUPPORT) }
    default: throw .errno(.ESOCKTNOSUPPORT)
    }
}

private func LxpInstallSocket(_ c: LxpCall, _ socket: LxSocket, flags: UInt32) throws(LxFailure) -> Int64 {
    if flags & SocketFlag.typeNonBlocking != 0 { socket.flags |= OpenFlag.nonBlocking }
    return try c.install(socket, closeOnExec: flags & SocketFlag.typeCloseOnExec != 0)
}

func LxpSyscall_SOCKET(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let flags = c.uint(1) & ~UInt32(Kind.typeMask)
    guard flags & ~(SocketFlag.typeNonBlocking | SocketFlag.typeCloseOnExec) == 0 else { throw .errno(.EINVAL) }
    let socket = try LxpMakeSocket(c, family: c.int(0), type: c.int(1) & Kind.typeMask, protocolNumber: c.int(2))
    return try LxpInstallSocket(c, socket, flags: flags)
}

func LxpSyscall_SOCKETPAIR(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let flags = c.uint(1) & ~UInt32(Kind.typeMask)
    guard flags & ~(SocketFlag.typeNonBlocking | SocketFlag.typeCloseOnExec) == 0 else { throw .errno(.EINVAL) }
    let type = c.int(1) & Kind.typeMask
    try c.checkWritable(c[3])
    let first = try LxpMakeSocket(c, family: c.int(0), type: type, protocolNumber: c.int(2))
    guard let one = first as? LxUnixSocket,
        let other = try LxpMakeSocket(c, family: c.int(0), type: type, protocolNumber: c.int(2)) as? LxUnixSocket
    else { throw .errno(.EOPNOTSUPP) }
    LxUnixSocket.pair(one, other, c)
    let low = try c.thread.files.lowest(from: 0, limit: c.openLimit)
    _ = try c.thread.files.lowest(from: low + 1, limit: c.openLimit)
    var out = LxpBytes()
    out.add(Int32(truncatingIfNeeded: try LxpInstallSocket(c, one, flags: flags)))
    out.add(Int32(truncatingIfNeeded: try LxpInstallSocket(c, other, flags: flags)))
    try c.write(c[3], out.bytes)
    return 0
}

private func LxpAccept(_ c: LxpCall, flags: UInt32) throws(LxFailure) -> Int64 {
    guard flags & ~(SocketFlag.typeNonBlocking | SocketFlag.typeCloseOnExec) == 0 else { throw .errno(.EINVAL) }
    let listener = try LxpSocket(c)
    _ = try c.thread.files.lowest(from: 0, limit: c.openLimit)
    let accepted = try LxpWaiting(listener, c, listener.receiveTimeout, .EAGAIN) { () throws(LxFailure) in
        try listener.accept(c)
    }
    if c[1] != 0 {
        let peer = (try? accepted.peerAddress(c)) ?? [UInt8(truncatingIfNeeded: accepted.family), 0]
        try LxpReturnAddress(c, peer, c[1], c[2])
    }
    return try LxpInstallSocket(c, accepted, flags: flags)
}
