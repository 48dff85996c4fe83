// Sending, receiving, shutting down and polling endpoints.

extension NTExecutive {
    /// `IOCTL_AFD_SEND` on a stream or a connected datagram endpoint.
    ///
    /// - Parameter count: receives the bytes taken; fewer than offered when the peer's buffer fills up.
    /// - Returns: `STATUS_PENDING` when the buffer is full, `STATUS_CONNECTION_INVALID` (not connected),
    ///   `STATUS_CONNECTION_RESET`, `STATUS_CONNECTION_DISCONNECTED` (peer gone), `STATUS_PIPE_CLOSING` (sending is shut
    ///   down).
    public func AfdSend(_ endpoint: AfdEndpoint, _ bytes: [UInt8], count: inout Int) -> NTSTATUS {
        if endpoint.kind == .datagram {
            guard let remote = endpoint.remoteAddress else {
                return deviceControl("IOCTL_AFD_SEND", .STATUS_CONNECTION_INVALID)
            }
            return AfdSendDatagram(endpoint, bytes, to: remote, count: &count)
        }
        return deviceControl("IOCTL_AFD_SEND", send(endpoint, bytes, &count))
    }

    private func send(_ endpoint: AfdEndpoint, _ bytes: [UInt8], _ count: inout Int) -> NTSTATUS {
        if case .failed(let status) = endpoint.state {
            endpoint.state = .connected
            endpoint.isSendShutDown = true
            endpoint.isReceiveFinished = true
            return status
        }
        guard !endpoint.isSendShutDown else { return .STATUS_PIPE_CLOSING }
        guard endpoint.state == .connected else { return .STATUS_CONNECTION_INVALID }
        if endpoint.hasOutsidePeer {
            count = bytes.count
            return .STATUS_SUCCESS
        }
        guard let peer = endpoint.peer else {
            // The first send after the peer's close provokes the reset.
            endpoint.isSendShutDown = true
            return .STATUS_CONNECTION_DISCONNECTED
        }
        guard !peer.isReceiveShutDown else { return .STATUS_CONNECTION_RESET }
        let room = configuration.socketBuffer - peer.received.count
        guard room > 0 || bytes.isEmpty else { return .STATUS_PENDING }
        count = min(room, bytes.count)
        peer.received.append(bytes[..<count])
        if count > 0 { peer.readinessChanged?() }
        return .STATUS_SUCCESS
    }

    /// `IOCTL_AFD_SEND_DATAGRAM`.
    ///
    /// - Returns: `STATUS_INVALID_BUFFER_SIZE` past 65,507 bytes, `STATUS_NETWORK_UNREACHABLE`.
    public func AfdSendDatagram(
        _ endpoint: AfdEndpoint,
        _ bytes: [UInt8],
        to address: TransportAddress,
        preferredPort: UInt16? = nil,
        count: inout Int
    ) -> NTSTATUS {
        deviceControl("IOCTL_AFD_SEND_DATAGRAM", sendDatagram(endpoint, bytes, address, preferredPort, &count))
    }

    private func sendDatagram(
        _ endpoint: AfdEndpoint,
        _ bytes: [UInt8],
        _ address: TransportAddress,
        _ preferred: UInt16?,
        _ count: inout Int
    ) -> NTSTATUS {
        guard endpoint.kind == .datagram, let compartment = compartments[endpoint.compartment] else {
            return .STATUS_INVALID_DEVICE_REQUEST
        }
        if let error = endpoint.pendingError {
            endpoint.pendingError = nil
            return error
        }
        guard bytes.count <= 65507 else { return .STATUS_INVALID_BUFFER_SIZE }
        let target = address.isAny ? TransportAddress.loopback(address.family, port: address.port) : address
        let isLocal = compartment.isLocal(target)
        guard isLocal || !compartment.addresses.isEmpty else { return .STATUS_NETWORK_UNREACHABLE }
        if endpoint.localAddress == nil {
            let status = AfdBind(endpoint, .any(endpoint.family), preferredPort: preferred)
            guard status.isSuccess else { return status }
        }
        count = bytes.count
        guard isLocal, var source = endpoint.localAddress else { return .STATUS_SUCCESS }
        if source.isAny { source.bytes = target.bytes }
        guard let receiver = compartment.receiver(.datagram, target, from: source) else {
            if endpoint.remoteAddress != nil { endpoint.pendingError = .STATUS_PORT_UNREACHABLE }
            return .STATUS_SUCCESS
        }
        // A full queue drops, as UDP does.
        let queued = receiver.datagrams.reduce(0) { $0 + $1.bytes.count }
        guard queued + bytes.count <= configuration.socketBuffer else { return .STATUS_SUCCESS }
        receiver.datagrams.append(
            AfdEndpoint.Datagram(source: source.canonical.seen(by: receiver.family), bytes: bytes)
        )
        receiver.readinessChanged?()
        return .STATUS_SUCCESS
    }

    /// `IOCTL_AFD_RECEIVE` on a stream.
    ///
    /// - Parameter bytes: empty with success: the peer finished.
    /// - Returns: `STATUS_PENDING`, `STATUS_CONNECTION_INVALID`, `STATUS_CONNECTION_RESET`.
    public func AfdReceive(
        _ endpoint: AfdEndpoint,
        limit: Int,
        peek: Bool = false,
        bytes: inout [UInt8]
    ) -> NTSTATUS {
        deviceControl("IOCTL_AFD_RECEIVE", receive(endpoint, limit, peek, &bytes))
    }

    private func receive(_ endpoint: AfdEndpoint, _ limit: Int, _ peek: Bool, _ bytes: inout [UInt8]) -> NTSTATUS {
        if case .failed(let status) = endpoint.state {
            endpoint.state = .connected
            endpoint.isReceiveFinished = true
            endpoint.isSendShutDown = true
            return status
        }
        guard endpoint.kind == .stream, endpoint.state == .connected else { return .STATUS_CONNECTION_INVALID }
        if endpoint.received.count > 0 {
            bytes = endpoint.received.take(limit, peek: peek)
            if !peek { endpoint.peer?.readinessChanged?() }
            return .STATUS_SUCCESS
        }
        if endpoint.isReceiveFinished || endpoint.isReceiveShutDown || limit == 0 {
            bytes = []
            return .STATUS_SUCCESS
        }
        return .STATUS_PENDING
    }

    /// `IOCTL_AFD_RECEIVE_DATAGRAM`: the whole datagram; the caller cuts it.
    ///
    /// - Returns: `STATUS_PENDING`, or a pending error such as `STATUS_PORT_UNREACHABLE`.
    public func AfdReceiveDatagram(
        _ endpoint: AfdEndpoint,
        peek: Bool = false,
        datagram: inout AfdEndpoint.Datagram?
    ) -> NTSTATUS {
        if let error = endpoint.pendingError {
            endpoint.pendingError = nil
            return deviceControl("IOCTL_AFD_RECEIVE_DATAGRAM", error)
        }
        guard let first = endpoint.datagrams.first else {
            return deviceControl("IOCTL_AFD_RECEIVE_DATAGRAM", .STATUS_PENDING)
        }
        if !peek { endpoint.datagrams.removeFirst() }
        datagram = first
        return deviceControl("IOCTL_AFD_RECEIVE_DATAGRAM", .STATUS_SUCCESS)
    }

    /// `IOCTL_AFD_PARTIAL_DISCONNECT`.
    ///
    /// - Returns: `STATUS_CONNECTION_INVALID` when not connected.
    public func AfdPartialDisconnect(_ endpoint: AfdEndpoint, send: Bool, receive: Bool) -> NTSTATUS {
        guard endpoint.state == .connected else {
            return deviceControl("IOCTL_AFD_PARTIAL_DISCONNECT", .STATUS_CONNECTION_INVALID)
        }
        if send {
            endpoint.isSendShutDown = true
            endpoint.peer?.isReceiveFinished = true
        }
        if receive { endpoint.isReceiveShutDown = true }
        endpoint.peer?.readinessChanged?()
        endpoint.readinessChanged?()
        return deviceControl("IOCTL_AFD_PARTIAL_DISCONNECT", .STATUS_SUCCESS)
    }

    /// `IOCTL_AFD_POLL` with a zero timeout: what is ready now.
    public func AfdPoll(_ endpoint: AfdEndpoint) -> AfdEndpoint.Events {
        var events: AfdEndpoint.Events = []
        if endpoint.kind == .datagram {
            if !endpoint.datagrams.isEmpty || endpoint.pendingError != nil { events.formUnion(.receive) }
            return events.union(.send)
        }
        switch endpoint.state {
        case .listening:
            if !endpoint.pending.isEmpty { events.formUnion(.accept) }
        case .failed(let status):
            events.formUnion(status == .STATUS_CONNECTION_RESET ? [.abort, .disconnect] : .connectFail)
        case .connected:
            events.formUnion(.connect)
            if endpoint.received.count > 0 { events.formUnion(.receive) }
            if endpoint.isReceiveFinished || endpoint.isReceiveShutDown { events.formUnion(.disconnect) }
            let room = endpoint.peer.map { $0.received.count < configuration.socketBuffer } ?? true
            if room { events.formUnion(.send) }
        default: break
        }
        return events
    }
}
