// Endpoints: create, bind, listen, connect, accept, close.

extension NTExecutive {
    /// Opens `\Device\Afd\Endpoint`.
    public func AfdCreateEndpoint(
        _ handle: inout Handle,
        kind: AfdEndpoint.Kind,
        family: TransportAddress.Family,
        compartment: UInt32,
        endpoint: inout AfdEndpoint?
    ) -> NTSTATUS {
        guard compartments[compartment] != nil else {
            return trace("NtCreateFile", .name("\\Device\\Afd\\Endpoint"), .STATUS_NOT_FOUND)
        }
        ioStatistics.count(.create)
        let new = AfdEndpoint(kind: kind, family: family, compartment: compartment)
        endpoint = new
        let object = FileObject(
            device: afdDevice,
            endpoint: new,
            grantedAccess: [.fileReadData, .fileWriteData, .synchronize],
            shareAccess: .all
        )
        ObInsertObject(object, access: object.grantedAccess, flags: .kernelHandle, handle: &handle)
        return trace("NtCreateFile", .name("\\Device\\Afd\\Endpoint"), .STATUS_SUCCESS)
    }

    /// `IOCTL_AFD_BIND`.
    ///
    /// - Parameter preferredPort: taken for port 0 if it is free.
    /// - Returns: `STATUS_ADDRESS_ALREADY_EXISTS`, `STATUS_INVALID_ADDRESS_COMPONENT` (not one of the compartment's
    ///   addresses), `STATUS_INVALID_PARAMETER` (bound already, or another family).
    public func AfdBind(
        _ endpoint: AfdEndpoint,
        _ address: TransportAddress,
        preferredPort: UInt16? = nil
    ) -> NTSTATUS {
        deviceControl("IOCTL_AFD_BIND", bind(endpoint, address, preferredPort))
    }

    private func bind(
        _ endpoint: AfdEndpoint,
        _ address: TransportAddress,
        _ preferred: UInt16?
    ) -> NTSTATUS {
        guard endpoint.state == .open, address.family == endpoint.family else { return .STATUS_INVALID_PARAMETER }
        guard let compartment = compartments[endpoint.compartment] else { return .STATUS_NOT_FOUND }
        guard compartment.isLocal(address) else { return .STATUS_INVALID_ADDRESS_COMPONENT }
        var address = address
        if address.port == 0 {
            guard let port = compartment.dynamicPort(endpoint, address, preferred: preferred) else {
                return .STATUS_ADDRESS_ALREADY_EXISTS
            }
            address.port = port
        }
        guard !compartment.conflict(endpoint, address) else { return .STATUS_ADDRESS_ALREADY_EXISTS }
        endpoint.localAddress = address
        endpoint.state = .bound
        compartment.insert(endpoint, address)
        return .STATUS_SUCCESS
    }

    /// `IOCTL_AFD_START_LISTEN`.
    public func AfdStartListen(_ endpoint: AfdEndpoint, backlog: Int, preferredPort: UInt16? = nil) -> NTSTATUS {
        deviceControl("IOCTL_AFD_START_LISTEN", listen(endpoint, backlog, preferredPort))
    }

    private func listen(_ endpoint: AfdEndpoint, _ backlog: Int, _ preferred: UInt16?) -> NTSTATUS {
        guard endpoint.kind == .stream else { return .STATUS_INVALID_DEVICE_REQUEST }
        if endpoint.state == .open {
            let status = bind(endpoint, .any(endpoint.family), preferred)
            guard status.isSuccess else { return status }
        }
        guard endpoint.state == .bound || endpoint.state == .listening else { return .STATUS_INVALID_PARAMETER }
        if let address = endpoint.localAddress, let compartment = compartments[endpoint.compartment] {
            let others = compartment.endpoints(.stream, port: address.port)
            if others.contains(where: { $0 !== endpoint && $0.state == .listening && $0.localAddress == address }) {
                return .STATUS_ADDRESS_ALREADY_EXISTS
            }
        }
        endpoint.state = .listening
        endpoint.backlog = max(backlog, 1)
        return .STATUS_SUCCESS
    }

    /// `IOCTL_AFD_CONNECT`.
    ///
    /// A stream to a local listener is connected at once. An address that is not local leads outside the model: the
    /// endpoint waits and ``AfdCompleteConnect(_:_:)`` decides.
    ///
    /// - Returns: `STATUS_CONNECTION_REFUSED`, `STATUS_CONNECTION_ACTIVE`, `STATUS_NETWORK_UNREACHABLE` (a compartment
    ///   without addresses), `STATUS_PENDING`.
    public func AfdConnect(
        _ endpoint: AfdEndpoint,
        _ address: TransportAddress,
        preferredPort: UInt16? = nil
    ) -> NTSTATUS {
        deviceControl("IOCTL_AFD_CONNECT", connect(endpoint, address, preferredPort))
    }

    private func connect(
        _ endpoint: AfdEndpoint,
        _ address: TransportAddress,
        _ preferred: UInt16?
    ) -> NTSTATUS {
        guard let compartment = compartments[endpoint.compartment] else { return .STATUS_NOT_FOUND }
        switch endpoint.state {
        case .connected where endpoint.kind == .stream: return .STATUS_CONNECTION_ACTIVE
        case .connecting: return .STATUS_PENDING
        case .listening, .closed: return .STATUS_INVALID_PARAMETER
        default: break
        }
        // The wildcard as a destination means this host.
        let target = address.isAny ? TransportAddress.loopback(address.family, port: address.port) : address
        let isLocal = compartment.isLocal(target)
        guard isLocal || !compartment.addresses.isEmpty else { return .STATUS_NETWORK_UNREACHABLE }
        if endpoint.localAddress == nil {
            let status = bind(endpoint, .any(endpoint.family), preferred)
            guard status.isSuccess else { return status }
        }
        if let bound = endpoint.localAddress, bound.isAny {
            endpoint.localAddress?.bytes = source(target, endpoint, compartment, isLocal)
        }
        if endpoint.kind == .datagram {
            endpoint.remoteAddress = target
            endpoint.hasOutsidePeer = !isLocal
            endpoint.state = .connected
            return .STATUS_SUCCESS
        }
        endpoint.remoteAddress = target
        guard isLocal else {
            endpoint.hasOutsidePeer = true
            endpoint.state = .connecting
            return .STATUS_PENDING
        }
        return connectLocally(endpoint, target, compartment)
    }

    private func source(
        _ target: TransportAddress,
        _ endpoint: AfdEndpoint,
        _ compartment: Compartment,
        _ isLocal: Bool
    ) -> [UInt8] {
        if isLocal { return target.bytes }
        let own = compartment.addresses.first { $0.family == target.canonical.family }
        return own?.seen(by: endpoint.family).bytes ?? TransportAddress.any(endpoint.family).bytes
    }

    private func connectLocally(
        _ endpoint: AfdEndpoint,
        _ target: TransportAddress,
        _ compartment: Compartment
    ) -> NTSTATUS {
        guard let listener = compartment.receiver(.stream, target, from: nil),
            listener.pending.count < listener.backlog, let local = endpoint.localAddress
        else {
            endpoint.remoteAddress = nil
            endpoint.state = .bound
            return .STATUS_CONNECTION_REFUSED
        }
        let server = AfdEndpoint(kind: .stream, family: listener.family, compartment: listener.compartment)
        server.localAddress = target.canonical.seen(by: listener.family)
        server.remoteAddress = local.canonical.seen(by: listener.family)
        server.state = .connected
        server.peer = endpoint
        compartment.insert(server, target.canonical)
        endpoint.peer = server
        endpoint.state = .connected
        listener.pending.append(server)
        listener.readinessChanged?()
        endpoint.readinessChanged?()
        return .STATUS_SUCCESS
    }

    /// Decides a connection that left the model: `STATUS_SUCCESS` or the failure that the outside answered.
    public func AfdCompleteConnect(_ endpoint: AfdEndpoint, _ status: NTSTATUS) {
        guard endpoint.state == .connecting else { return }
        endpoint.state = status.isSuccess ? .connected : .failed(status)
        endpoint.readinessChanged?()
    }

    /// `IOCTL_AFD_WAIT_FOR_LISTEN` and `IOCTL_AFD_ACCEPT`.
    ///
    /// - Returns: `STATUS_PENDING` while nobody connected, `STATUS_INVALID_PARAMETER` when not listening.
    public func AfdAccept(
        _ listener: AfdEndpoint,
        handle: inout Handle,
        endpoint: inout AfdEndpoint?
    ) -> NTSTATUS {
        guard listener.state == .listening else {
            return deviceControl("IOCTL_AFD_ACCEPT", .STATUS_INVALID_PARAMETER)
        }
        guard !listener.pending.isEmpty else { return deviceControl("IOCTL_AFD_WAIT_FOR_LISTEN", .STATUS_PENDING) }
        let server = listener.pending.removeFirst()
        endpoint = server
        let object = FileObject(
            device: afdDevice,
            endpoint: server,
            grantedAccess: [.fileReadData, .fileWriteData, .synchronize],
            shareAccess: .all
        )
        ObInsertObject(object, access: object.grantedAccess, flags: .kernelHandle, handle: &handle)
        return deviceControl("IOCTL_AFD_ACCEPT", .STATUS_SUCCESS)
    }

    /// The last handle of an endpoint is closed: the peer sees the end, or a reset if bytes were left unread.
    func closeEndpoint(_ endpoint: AfdEndpoint) {
        guard endpoint.state != .closed else { return }
        for waiting in endpoint.pending { closeEndpoint(waiting) }
        endpoint.pending = []
        if let peer = endpoint.peer {
            if endpoint.received.count > 0 { peer.state = .failed(.STATUS_CONNECTION_RESET) }
            peer.isReceiveFinished = true
            peer.peer = nil
            peer.readinessChanged?()
        }
        compartments[endpoint.compartment]?.remove(endpoint)
        endpoint.state = .closed
        endpoint.peer = nil
    }

    /// `NtCreateCompartment` of this model: loopback only, and it is up (UT:namespace.c).
    public func NsiCreateCompartment() -> UInt32 {
        let id = nextCompartment
        nextCompartment += 1
        compartments[id] = Compartment(id: id, configuration: configuration)
        trace("NsiCreateCompartment", .value("CompartmentId", UInt64(id)), .STATUS_SUCCESS)
        return id
    }

    /// The compartment of that number.
    public func compartment(_ id: UInt32) -> Compartment? { compartments[id] }

    @discardableResult
    func deviceControl(_ code: StaticString, _ status: NTSTATUS) -> NTSTATUS {
        ioStatistics.count(.deviceControl)
        return trace("NtDeviceIoControlFile", .code(code), status)
    }
}
