// Hosts outside the model, and what happens to connections that lead to them.

extension NTExecutive {
    /// How a host outside the model answers connections from here on.
    public func AfdSetOutsideHost(_ address: [UInt8], answers status: NTSTATUS) { outsideHosts[address] = status }

    /// What the host at the end of a pending connection answers; nil: nobody said.
    public func AfdOutsideAnswer(_ endpoint: AfdEndpoint) -> NTSTATUS? {
        endpoint.remoteAddress.flatMap { outsideHosts[$0.canonical.bytes] }
    }

    /// The adapter is turned off: its addresses go, and with them every connection that leaves the machine.
    public func NsiRemoveAddresses() {
        guard let compartment = compartments[Compartment.defaultID] else { return }
        compartment.addresses = []
        for endpoint in compartment.allEndpoints where endpoint.hasOutsidePeer && endpoint.kind == .stream {
            endpoint.hasOutsidePeer = false
            endpoint.state = .failed(.STATUS_CONNECTION_ABORTED)
            endpoint.readinessChanged?()
        }
    }

    /// `NtCancelIoFileEx`: the request that waits completes without having done anything.
    ///
    /// - Returns: `STATUS_CANCELLED`, what the request ended with.
    @discardableResult
    public func AfdCancel(_ endpoint: AfdEndpoint) -> NTSTATUS {
        trace("NtCancelIoFileEx", .none, .STATUS_CANCELLED)
    }

    /// The request of a connection that left the model completes.
    public func AfdFinishConnect(_ endpoint: AfdEndpoint, _ status: NTSTATUS) -> NTSTATUS {
        if status.isSuccess {
            AfdCompleteConnect(endpoint, status)
        } else if endpoint.state == .connecting {
            // The program is told now, and may try again.
            endpoint.state = .bound
            endpoint.hasOutsidePeer = false
            endpoint.remoteAddress = nil
        }
        return deviceControl("IOCTL_AFD_CONNECT", status)
    }
}
