// Endpoints of the ancillary function driver on loopback.
import Testing

@testable import NTKernel

@Suite struct NetworkTests {
    private let nt = NTExecutive()

    private func endpoint(
        _ kind: AfdEndpoint.Kind = .stream,
        _ family: TransportAddress.Family = .ipv4,
        compartment: UInt32 = Compartment.defaultID
    ) throws -> (endpoint: AfdEndpoint, handle: Handle) {
        var handle = Handle.null
        var endpoint: AfdEndpoint?
        let status = nt.AfdCreateEndpoint(
            &handle,
            kind: kind,
            family: family,
            compartment: compartment,
            endpoint: &endpoint
        )
        try #require(status.isSuccess)
        return (try #require(endpoint), handle)
    }

    private func connected() throws -> (client: AfdEndpoint, clientHandle: Handle, server: AfdEndpoint, Handle) {
        let (listener, _) = try endpoint()
        try #require(nt.AfdBind(listener, .loopback(.ipv4)).isSuccess)
        try #require(nt.AfdStartListen(listener, backlog: 5).isSuccess)
        let (client, clientHandle) = try endpoint()
        let address = try #require(listener.localAddress)
        try #require(nt.AfdConnect(client, address).isSuccess)
        #expect(nt.AfdPoll(listener).contains(.accept))
        var handle = Handle.null
        var server: AfdEndpoint?
        try #require(nt.AfdAccept(listener, handle: &handle, endpoint: &server).isSuccess)
        return (client, clientHandle, try #require(server), handle)
    }

    private func check() { #expect(nt._checkInvariants().isEmpty, "\(nt._checkInvariants())") }

    @Test func bytesCrossInOrderAndTheEndIsSeen() throws {
        let (client, clientHandle, server, _) = try connected()
        var count = 0
        var bytes: [UInt8] = []
        #expect(nt.AfdReceive(server, limit: 10, bytes: &bytes) == .STATUS_PENDING)
        #expect(nt.AfdSend(client, [1, 2, 3], count: &count) == .STATUS_SUCCESS)
        #expect(nt.AfdSend(client, [4], count: &count) == .STATUS_SUCCESS)
        #expect(nt.AfdReceive(server, limit: 2, peek: true, bytes: &bytes) == .STATUS_SUCCESS)
        #expect(nt.AfdReceive(server, limit: 10, bytes: &bytes) == .STATUS_SUCCESS)
        #expect(bytes == [1, 2, 3, 4])
        nt.NtClose(clientHandle)
        #expect(nt.AfdPoll(server).contains(.disconnect))
        #expect(nt.AfdReceive(server, limit: 10, bytes: &bytes) == .STATUS_SUCCESS)
        #expect(bytes.isEmpty)
        #expect(nt.AfdSend(server, [1], count: &count) == .STATUS_CONNECTION_DISCONNECTED)
        check()
    }

    @Test func closingWithUnreadBytesResets() throws {
        let (client, clientHandle, server, _) = try connected()
        var count = 0
        _ = nt.AfdSend(server, [1], count: &count)
        #expect(client.availableBytes == 1)
        nt.NtClose(clientHandle)
        var bytes: [UInt8] = []
        #expect(nt.AfdReceive(server, limit: 1, bytes: &bytes) == .STATUS_CONNECTION_RESET)
        check()
    }

    @Test func aFullBufferTakesPartAndThenNothing() throws {
        let (client, _, server, _) = try connected()
        var count = 0
        let limit = nt.configuration.socketBuffer
        #expect(nt.AfdSend(client, [UInt8](repeating: 0, count: limit + 1), count: &count) == .STATUS_SUCCESS)
        #expect(count == limit)
        #expect(nt.AfdSend(client, [1], count: &count) == .STATUS_PENDING)
        #expect(!nt.AfdPoll(client).contains(.send))
        var bytes: [UInt8] = []
        _ = nt.AfdReceive(server, limit: 1, bytes: &bytes)
        #expect(nt.AfdPoll(client).contains(.send))
    }

    @Test func shutdownEndsOneDirection() throws {
        let (client, _, server, _) = try connected()
        #expect(nt.AfdPartialDisconnect(client, send: true, receive: false) == .STATUS_SUCCESS)
        var count = 0
        var bytes: [UInt8] = [9]
        #expect(nt.AfdSend(client, [1], count: &count) == .STATUS_PIPE_CLOSING)
        #expect(nt.AfdReceive(server, limit: 1, bytes: &bytes) == .STATUS_SUCCESS && bytes.isEmpty)
        #expect(nt.AfdSend(server, [7], count: &count) == .STATUS_SUCCESS)
        #expect(nt.AfdReceive(client, limit: 1, bytes: &bytes) == .STATUS_SUCCESS && bytes == [7])
    }

    @Test func nobodyListeningRefuses() throws {
        let (client, _) = try endpoint()
        #expect(nt.AfdConnect(client, .loopback(.ipv4, port: 9)) == .STATUS_CONNECTION_REFUSED)
        var count = 0
        #expect(nt.AfdSend(client, [1], count: &count) == .STATUS_CONNECTION_INVALID)
        check()
    }

    @Test func portsConflictUnlessShared() throws {
        let (first, _) = try endpoint()
        let (second, _) = try endpoint()
        #expect(nt.AfdBind(first, .any(.ipv4, port: 8080)) == .STATUS_SUCCESS)
        #expect(nt.AfdBind(second, .loopback(.ipv4, port: 8080)) == .STATUS_ADDRESS_ALREADY_EXISTS)
        first.sharesAddress = true
        second.sharesAddress = true
        #expect(nt.AfdBind(second, .loopback(.ipv4, port: 8080)) == .STATUS_SUCCESS)
        let (datagram, _) = try endpoint(.datagram)
        #expect(nt.AfdBind(datagram, .any(.ipv4, port: 8080)) == .STATUS_SUCCESS)
        let (foreign, _) = try endpoint()
        let address = TransportAddress(family: .ipv4, bytes: [8, 8, 8, 8], port: 1)
        #expect(nt.AfdBind(foreign, address) == .STATUS_INVALID_ADDRESS_COMPONENT)
        check()
    }

    @Test func compartmentsDoNotSeeEachOther() throws {
        let other = nt.NsiCreateCompartment()
        let (listener, _) = try endpoint()
        _ = nt.AfdBind(listener, .loopback(.ipv4, port: 80))
        _ = nt.AfdStartListen(listener, backlog: 1)
        let (inside, _) = try endpoint(compartment: other)
        #expect(nt.AfdConnect(inside, .loopback(.ipv4, port: 80)) == .STATUS_CONNECTION_REFUSED)
        let (twin, _) = try endpoint(compartment: other)
        #expect(nt.AfdBind(twin, .loopback(.ipv4, port: 80)) == .STATUS_SUCCESS)
        let outside = TransportAddress(family: .ipv4, bytes: [8, 8, 8, 8], port: 53)
        let (lost, _) = try endpoint(compartment: other)
        #expect(nt.AfdConnect(lost, outside) == .STATUS_NETWORK_UNREACHABLE)
    }

    @Test func datagramsKeepTheirBoundsAndTheirSender() throws {
        let (server, _) = try endpoint(.datagram, .ipv6)
        #expect(nt.AfdBind(server, .any(.ipv6, port: 5000)) == .STATUS_SUCCESS)
        let (client, _) = try endpoint(.datagram)
        var count = 0
        #expect(nt.AfdSendDatagram(client, [1, 2], to: .loopback(.ipv4, port: 5000), count: &count).isSuccess)
        #expect(nt.AfdSendDatagram(client, [3], to: .loopback(.ipv4, port: 5000), count: &count).isSuccess)
        var datagram: AfdEndpoint.Datagram?
        #expect(nt.AfdReceiveDatagram(server, datagram: &datagram) == .STATUS_SUCCESS)
        #expect(datagram?.bytes == [1, 2])
        #expect(datagram?.source.canonical.bytes == [127, 0, 0, 1])
        #expect(nt.AfdReceiveDatagram(server, datagram: &datagram) == .STATUS_SUCCESS)
        #expect(nt.AfdReceiveDatagram(server, datagram: &datagram) == .STATUS_PENDING)
        check()
    }

    @Test func anUnreachablePortIsReportedOnceToAConnectedSender() throws {
        let (client, _) = try endpoint(.datagram)
        #expect(nt.AfdConnect(client, .loopback(.ipv4, port: 5001)) == .STATUS_SUCCESS)
        var count = 0
        #expect(nt.AfdSend(client, [1], count: &count) == .STATUS_SUCCESS)
        var datagram: AfdEndpoint.Datagram?
        #expect(nt.AfdReceiveDatagram(client, datagram: &datagram) == .STATUS_PORT_UNREACHABLE)
        #expect(nt.AfdReceiveDatagram(client, datagram: &datagram) == .STATUS_PENDING)
    }
}
