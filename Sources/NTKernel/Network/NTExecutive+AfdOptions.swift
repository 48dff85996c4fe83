// Addresses and options of endpoints.

extension NTExecutive {
    /// `IOCTL_AFD_GET_ADDRESS`; nil before it is bound.
    public func AfdGetAddress(_ endpoint: AfdEndpoint, _ address: inout TransportAddress?) -> NTSTATUS {
        address = endpoint.localAddress
        return deviceControl("IOCTL_AFD_GET_ADDRESS", .STATUS_SUCCESS)
    }

    /// `IOCTL_AFD_GET_REMOTE_ADDRESS`.
    ///
    /// - Returns: `STATUS_CONNECTION_INVALID`.
    public func AfdGetRemoteAddress(_ endpoint: AfdEndpoint, _ address: inout TransportAddress?) -> NTSTATUS {
        let isConnected = endpoint.state == .connected && endpoint.remoteAddress != nil
        if isConnected { address = endpoint.remoteAddress }
        return deviceControl("IOCTL_AFD_GET_REMOTE_ADDRESS", isConnected ? .STATUS_SUCCESS : .STATUS_CONNECTION_INVALID)
    }

    /// `IOCTL_TCP_SET_INFORMATION_EX`: an option of the transport; the model keeps those that change what it does.
    public func AfdSetOption(_ endpoint: AfdEndpoint) -> NTSTATUS {
        deviceControl("IOCTL_TCP_SET_INFORMATION_EX", endpoint.state == .closed ? .STATUS_FILE_CLOSED : .STATUS_SUCCESS)
    }

    /// `IOCTL_TCP_QUERY_INFORMATION_EX`.
    public func AfdQueryOption(_ endpoint: AfdEndpoint) -> NTSTATUS {
        deviceControl(
            "IOCTL_TCP_QUERY_INFORMATION_EX",
            endpoint.state == .closed ? .STATUS_FILE_CLOSED : .STATUS_SUCCESS
        )
    }
}
