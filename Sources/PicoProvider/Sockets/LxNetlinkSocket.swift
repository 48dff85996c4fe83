// AF_NETLINK: NETLINK_ROUTE answers with the machine's interfaces, which only the environment knows; KOBJECT_UEVENT is silent.
import Engine
import LinuxABI

final class LxNetlinkSocket: LxSocket {
    private var port: UInt32 = 0
    private var groups: UInt32 = 0
    /// Answers to requests, for when the environment has none.
    private var replies: [[UInt8]] = []

    override func bind(_ address: [UInt8], _ c: LxpCall) throws(LxFailure) {
        guard address.count >= 12 else { throw .errno(.EINVAL) }
        let word: (Int) -> UInt32 = { start in
            (0..<4).reduce(0) { $0 | UInt32(address[start + $1]) << (8 * UInt32($1)) }
        }
        port = word(4) == 0 ? UInt32(bitPattern: c.group.id(in: c.group.pidNamespace)) : word(4)
        groups = word(8)
    }

    override func connect(_ address: [UInt8], _ c: LxpCall) throws(LxFailure) {}

    private func encode(_ port: UInt32, _ groups: UInt32) -> [UInt8] {
        var out = LxpBytes()
        out.add(UInt16(truncatingIfNeeded: SocketFamily.netlink))
        out.add(UInt16(0))
        out.add(port)
        out.add(groups)
        return out.bytes
    }

    override func localAddress(_ c: VfsContext) throws(LxFailure) -> [UInt8] { encode(port, groups) }
    override func peerAddress(_ c: VfsContext) throws(LxFailure) -> [UInt8] { encode(0, 0) }

    override func shutdown(_ how: Int32, _ c: LxpCall) throws(LxFailure) { throw .errno(.EOPNOTSUPP) }

    override func send(_ message: LxMessage, to address: [UInt8], _ c: VfsContext) throws(LxFailure) -> Int {
        if port == 0, let thread = c.thread {
            port = UInt32(bitPattern: thread.group.id(in: thread.group.pidNamespace))
        }
        guard let thread = c.thread, let bytes = message.data.bytes else { throw .errno(.EINVAL) }
        let reply = LxRouteReply(interfaces: thread.namespaces.net.interfaces, port: port).answer(bytes)
        if !reply.isEmpty { replies.append(reply) }
        arrivals += 1
        return message.data.count
    }

    override func receive(_ count: Int, flags: UInt32, _ c: VfsContext) throws(LxFailure) -> LxMessage {
        guard let reply = replies.first else { throw .wouldBlock }
        let isPeek = flags & SocketFlag.peek != 0
        var message: LxMessage
        // Interfaces and routes are the machine's; whether a namespace has an id is not.
        let isOwn = reply.count >= 6 && reply[4] == 88
        do throws(LxFailure) {
            guard !isOwn else { throw .wouldBlock }
            message = LxMessage(data: try c.dataFromOutside(count, "interfaces and routes of the machine"))
            // The recording may take its answer in more reads than ours.
            message.source = encode(0, 0)
            return message
        } catch {
            guard case .wouldBlock = error else { throw error }
            message = LxMessage(data: VfsData(reply).prefix(count))
        }
        message.isTruncated = reply.count > count
        if !isPeek { replies.removeFirst() }
        message.source = encode(0, 0)
        return message
    }

    override func poll(_ context: VfsContext) -> PollEvents {
        !replies.isEmpty ? [.readable, .readNormal, .writable, .writeNormal] : [.writable, .writeNormal]
    }
}
