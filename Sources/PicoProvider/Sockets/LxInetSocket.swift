// AF_INET and AF_INET6 over AFD: the Windows stack, its ports and its loopback (BLOG:networking).
import Engine
import LinuxABI
import NTKernel

final class LxInetSocket: LxSocket {
    private let endpoint: AfdEndpoint
    private let handle: Handle
    private var isConnecting = false

    init(
        inode: VfsInode,
        family: Int32,
        type: Int32,
        protocolNumber: Int32,
        endpoint: AfdEndpoint,
        handle: Handle
    ) {
        self.endpoint = endpoint
        self.handle = handle
        super.init(inode: inode, family: family, type: type, protocolNumber: protocolNumber)
        endpoint.readinessChanged = { [weak self] in
            self?.arrivals += 1
            self?.rooms += 1
        }
    }

    override var availableBytes: Int { endpoint.availableBytes }
    override var isListening: Bool { endpoint.state == .listening }
    override var isFedFromOutside: Bool { endpoint.hasOutsidePeer && endpoint.availableBytes == 0 }

    // MARK: - Addresses

    var transportFamily: TransportAddress.Family { family == SocketFamily.ipv4 ? .ipv4 : .ipv6 }

    override func localAddress(_ c: VfsContext) throws(LxFailure) -> [UInt8] {
        var address: TransportAddress?
        _ = c.engine.kernel.AfdGetAddress(endpoint, &address)
        return encode(address)
    }

    override func peerAddress(_ c: VfsContext) throws(LxFailure) -> [UInt8] {
        var remote: TransportAddress?
        try LxpStatus.check(c.engine.kernel.AfdGetRemoteAddress(endpoint, &remote))
        return encode(remote)
    }

    private func port(_ c: VfsContext) -> UInt16? { c.offer(.port).flatMap { UInt16(exactly: $0) } }

    // MARK: - Connections

    override func bind(_ address: [UInt8], _ c: LxpCall) throws(LxFailure) {
        let wanted = try decode(address)
        if wanted.port > 0, wanted.port < 1024, !c.credentials.has(.netBindService) { throw .errno(.EACCES) }
        let status = c.engine.kernel.AfdBind(
            endpoint,
            wanted,
            preferredPort: wanted.port == 0 ? port(c) : nil
        )
        if status == .STATUS_INVALID_ADDRESS_COMPONENT { throw .errno(.EADDRNOTAVAIL) }
        if status == .STATUS_ADDRESS_ALREADY_EXISTS { throw .errno(.EADDRINUSE) }
        try LxpStatus.check(status)
    }

    override func listen(_ backlog: Int32, _ c: LxpCall) throws(LxFailure) {
        guard type == SocketType.stream else { throw .errno(.EOPNOTSUPP) }
        let status = c.engine.kernel.AfdStartListen(
            endpoint,
            backlog: Int(max(backlog, 1)),
            preferredPort: endpoint.localAddress == nil ? port(c) : nil
        )
        if status == .STATUS_ADDRESS_ALREADY_EXISTS { throw .errno(.EADDRINUSE) }
        try LxpStatus.check(status)
    }

    override func connect(_ address: [UInt8], _ c: LxpCall) throws(LxFailure) {
        if isConnecting, case .connecting = endpoint.state { return try finishOutside(c, isAgain: c.parked == nil) }
        if isConnecting {
            // The answer to the second connect after EINPROGRESS.
            isConnecting = false
            return
        }
        let target = try decode(address)
        let status = c.engine.kernel.AfdConnect(endpoint, target, preferredPort: port(c))
        switch status {
        case .STATUS_SUCCESS:
            rooms += 1
            if type == SocketType.stream, flags & OpenFlag.nonBlocking != 0 {
                isConnecting = true
                throw .errno(.EINPROGRESS)
            }
        case .STATUS_PENDING:
            isConnecting = true
            try finishOutside(c, isAgain: false)
        case .STATUS_CONNECTION_REFUSED: throw .errno(.ECONNREFUSED)
        case .STATUS_CONNECTION_ACTIVE: throw .errno(.EISCONN)
        case .STATUS_NETWORK_UNREACHABLE: throw .errno(.ENETUNREACH)
        default: try LxpStatus.check(status)
        }
    }

    /// A peer outside: whether it answers is the environment's to say.
    private func finishOutside(_ c: LxpCall, isAgain: Bool) throws(LxFailure) {
        if let status = c.engine.kernel.AfdOutsideAnswer(endpoint) {
            isConnecting = false
            return try LxpStatus.check(c.engine.kernel.AfdFinishConnect(endpoint, status))
        }
        let what = "outcome of a connection that leaves the machine"
        guard let outcome = c.givenNumber(.number(what: what), what) else {
            throw flags & OpenFlag.nonBlocking != 0 ? .errno(isAgain ? .EALREADY : .EINPROGRESS) : .wouldBlock
        }
        if let errno = Errno(result: outcome) {
            if errno == .EINPROGRESS { c.engine.kernel.AfdCompleteConnect(endpoint, .STATUS_SUCCESS) }
            throw .errno(errno)
        }
        c.engine.kernel.AfdCompleteConnect(endpoint, .STATUS_SUCCESS)
        isConnecting = false
    }

    override func accept(_ c: LxpCall) throws(LxFailure) -> LxSocket {
        guard type == SocketType.stream else { throw .errno(.EOPNOTSUPP) }
        var handle = Handle.null
        var server: AfdEndpoint?
        let status = c.engine.kernel.AfdAccept(endpoint, handle: &handle, endpoint: &server)
        if status == .STATUS_PENDING { throw .wouldBlock }
        guard status.isSuccess, let server else { throw .errno(.EINVAL) }
        let inode = LxAnonymousInode(c.engine, mode: VfsKind.socket.rawValue | 0o777, credentials: c.credentials)
        return LxInetSocket(
            inode: inode,
            family: family,
            type: type,
            protocolNumber: protocolNumber,
            endpoint: server,
            handle: handle
        )
    }

    override func shutdown(_ how: Int32, _ c: LxpCall) throws(LxFailure) {
        let status = c.engine.kernel.AfdPartialDisconnect(endpoint, send: how != 0, receive: how != 1)
        guard status.isSuccess else { throw .errno(.ENOTCONN) }
        c.engine.events += 1
    }

    // MARK: - Data

    override func send(_ message: LxMessage, to destination: [UInt8], _ c: VfsContext) throws(LxFailure) -> Int {
        if endpoint.hasOutsidePeer { return message.data.count }
        // AFD moves bytes; what of them is not known travels beside.
        var bytes: [UInt8] = []
        for segment in message.data.segments {
            switch segment {
            case .bytes(let known): bytes += known
            case .unknown(let count, _): bytes += [UInt8](repeating: 0, count: count)
            }
        }
        var count = 0
        if destination.isEmpty {
            let status = c.engine.kernel.AfdSend(endpoint, bytes, count: &count)
            switch status {
            case .STATUS_PENDING: throw .wouldBlock
            case .STATUS_CONNECTION_INVALID:
                throw type == SocketType.stream ? .errno(.EPIPE) : .errno(.EDESTADDRREQ)
            case .STATUS_CONNECTION_DISCONNECTED, .STATUS_PIPE_CLOSING: throw .errno(.EPIPE)
            case .STATUS_CONNECTION_RESET: throw .errno(.ECONNRESET)
            default: try LxpStatus.check(status)
            }
        } else {
            if type == SocketType.stream { throw endpoint.state == .connected ? .errno(.EISCONN) : .errno(.EPIPE) }
            let target = try decode(destination)
            let status = c.engine.kernel.AfdSendDatagram(
                endpoint,
                bytes,
                to: target,
                preferredPort: port(c),
                count: &count
            )
            if status == .STATUS_INVALID_BUFFER_SIZE { throw .errno(.EMSGSIZE) }
            if status == .STATUS_PENDING { return bytes.count }
            try LxpStatus.check(status)
        }
        if type == SocketType.stream, let peer = endpoint.peer {
            c.engine.network.inbound[ObjectIdentifier(peer), default: VfsData()].append(message.data.prefix(count))
        }
        return count
    }

    override func receive(_ count: Int, flags: UInt32, _ c: VfsContext) throws(LxFailure) -> LxMessage {
        let peeks = flags & SocketFlag.peek != 0
        if type != SocketType.stream { return try receiveDatagram(count, flags: flags, peeks: peeks, c) }
        if isListening || endpoint.state == .open || endpoint.state == .bound { throw .errno(.ENOTCONN) }
        var bytes: [UInt8] = []
        let status = c.engine.kernel.AfdReceive(endpoint, limit: count, peek: peeks, bytes: &bytes)
        switch status {
        case .STATUS_PENDING:
            return try fromOutside(count, c)
        case .STATUS_CONNECTION_RESET, .STATUS_CONNECTION_ABORTED: throw .errno(LxpStatus.translate(status))
        case .STATUS_CONNECTION_INVALID: throw .errno(.ENOTCONN)
        default: break
        }
        let key = ObjectIdentifier(endpoint)
        guard var inbound = c.engine.network.inbound[key] else { return LxMessage(data: VfsData(bytes)) }
        if peeks { return LxMessage(data: inbound.prefix(bytes.count)) }
        let data = inbound.removeFirst(bytes.count)
        c.engine.network.inbound[key] = inbound.isEmpty ? nil : inbound
        return LxMessage(data: data)
    }

    /// A request that waits, unless somebody outside sent something; a signal has it cancelled.
    private func fromOutside(_ count: Int, _ c: VfsContext) throws(LxFailure) -> LxMessage {
        do throws(LxFailure) {
            guard endpoint.hasOutsidePeer else { throw .wouldBlock }
            return LxMessage(data: try c.dataFromOutside(count, "bytes from a socket that was not recorded"))
        } catch {
            if let call = c as? LxpCall, call.parked != nil, call.isInterrupted { c.engine.kernel.AfdCancel(endpoint) }
            throw error
        }
    }

    private func receiveDatagram(
        _ count: Int,
        flags: UInt32,
        peeks: Bool,
        _ c: VfsContext
    ) throws(LxFailure) -> LxMessage {
        var datagram: AfdEndpoint.Datagram?
        let status = c.engine.kernel.AfdReceiveDatagram(endpoint, peek: peeks, datagram: &datagram)
        if let datagram {
            var message = LxMessage(data: VfsData(datagram.bytes))
            message.isTruncated = datagram.bytes.count > count
            if flags & SocketFlag.truncate == 0 { message.data = message.data.prefix(count) }
            message.source = encode(datagram.source)
            return message
        }
        if status == .STATUS_PENDING {
            return try fromOutside(count, c)
        }
        if status == .STATUS_PORT_UNREACHABLE { throw .errno(.ECONNREFUSED) }
        try LxpStatus.check(status)
        throw .wouldBlock
    }

    override func poll(_ context: VfsContext) -> PollEvents {
        let ready = context.engine.kernel.AfdPoll(endpoint)
        var events: PollEvents = []
        if !ready.isDisjoint(with: [.receive, .accept]) { events.formUnion([.readable, .readNormal]) }
        if ready.contains(.send) { events.formUnion([.writable, .writeNormal]) }
        if ready.contains(.disconnect) { events.formUnion([.readable, .readNormal, .readHangUp]) }
        if !ready.isDisjoint(with: [.abort, .connectFail]) {
            events.formUnion([.error, .hangUp, .readable, .readNormal])
        }
        if type == SocketType.stream, endpoint.state == .open || endpoint.state == .bound {
            events.formUnion([.hangUp, .writable, .writeNormal])
        }
        return events
    }

    override func setOption(
        _ level: Int32,
        _ name: Int32,
        _ value: [UInt8],
        _ c: LxpCall
    ) throws(LxFailure) -> Bool {
        if level == Self.socketLevel, name == Self.reuseAddress { endpoint.sharesAddress = value.first != 0 }
        if level == Self.ipv6Level, name == Self.ipv6Only { endpoint.isIPv6Only = value.first != 0 }
        _ = c.engine.kernel.AfdSetOption(endpoint)
        return false
    }

    override func queryOption(_ c: LxpCall) {
        _ = c.engine.kernel.AfdQueryOption(endpoint)
    }

    private static let socketLevel = abiInt("SOL_SOCKET")
    private static let reuseAddress = abiInt("SO_REUSEADDR")
    private static let ipv6Level = abiInt("IPPROTO_IPV6")
    private static let ipv6Only = abiInt("IPV6_V6ONLY")

    override func release(_ context: VfsContext) {
        context.engine.network.inbound[ObjectIdentifier(endpoint)] = nil
        endpoint.readinessChanged = nil
        _ = context.engine.kernel.NtClose(handle)
    }
}
