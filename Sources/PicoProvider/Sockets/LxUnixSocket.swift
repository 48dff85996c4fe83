// AF_UNIX in the provider: streams, datagrams, packets, descriptors and credentials in flight (RN:14926, RN:15042).
import Engine
import LinuxABI

final class LxUnixSocket: LxSocket {
    private enum State { case unconnected, listening, connected, disconnected }

    private var state = State.unconnected
    private var queue: [LxMessage] = []
    private var queuedBytes = 0
    private weak var peer: LxUnixSocket?
    /// Keeps the client's half alive until it is accepted.
    private var backlog: [LxUnixSocket] = []
    private var backlogLimit = 0
    /// `sun_path` bytes as bound; a leading NUL is an abstract name.
    private(set) var name: [UInt8] = []
    private var boundInode: VfsInode?
    private var boundNamespace: LxNetNamespace?
    private var boundIdentity: (pid: Int32, uid: UInt32, gid: UInt32)?
    private var peerOwner: (pid: Int32, uid: UInt32, gid: UInt32)?
    private var isReadShut = false
    private var isWriteShut = false
    /// The far end belongs to a program that was not recorded.
    var hasOutsidePeer = false

    private static let capacity = 212_992
    private static let maximumDatagrams = 10

    override var availableBytes: Int { isConnectionOriented ? queuedBytes : queue.first?.data.count ?? 0 }
    override var isListening: Bool { state == .listening }
    override var peerCredentials: (pid: Int32, uid: UInt32, gid: UInt32)? { peerOwner }
    override var isFedFromOutside: Bool { hasOutsidePeer && queue.isEmpty }

    private static func identity(_ c: VfsContext) -> (pid: Int32, uid: UInt32, gid: UInt32)? {
        guard let thread = c.thread else { return nil }
        return (thread.group.globalID, thread.credentials.euid, thread.credentials.egid)
    }

    static func pair(_ first: LxUnixSocket, _ second: LxUnixSocket, _ c: VfsContext) {
        for (one, other) in [(first, second), (second, first)] {
            one.peer = other
            one.state = .connected
            one.boundIdentity = identity(c)
            one.peerOwner = identity(c)
        }
    }

    /// A connection whose far end was not recorded.
    func connectOutside() {
        state = .connected
        hasOutsidePeer = true
    }

    // MARK: - Names

    override func bind(_ address: [UInt8], _ c: LxpCall) throws(LxFailure) {
        guard name.isEmpty else { throw .errno(.EINVAL) }
        let path = Array(address.dropFirst(2))
        if path.isEmpty {
            // Autobind: a free abstract name of five digits.
            bindAbstract(Array("\0".utf8) + Array(String(c.engine.nextCookie(), radix: 16).utf8), c)
            return
        }
        if path[0] == 0 {
            let key = String(decoding: path, as: UTF8.self)
            guard c.thread.namespaces.net.abstractNames[key] == nil else { throw .errno(.EADDRINUSE) }
            bindAbstract(path, c)
            return
        }
        let text = String(decoding: path.prefix { $0 != 0 }, as: UTF8.self)
        let place = try c.walkParent(c.paths.path(text), from: c.cwd)
        if (try? VfsWalk.child(place.directory.entry, place.name, c)) != nil { throw .errno(.EADDRINUSE) }
        try LxpCheckCreate(c, place.directory)
        let inode = try place.directory.inode.makeNode(
            place.name.text,
            mode: VfsKind.socket.rawValue | 0o777 & ~c.thread.fs.umask,
            device: 0,
            c
        )
        _ = place.directory.entry.adopt(place.name, inode)
        LxpNotify(c, place.directory.entry, place.name.text, inode, .create)
        inode.boundObject = self
        boundInode = inode
        name = Array(text.utf8) + [0]
    }

    private func bindAbstract(_ path: [UInt8], _ c: LxpCall) {
        name = path
        boundNamespace = c.thread.namespaces.net
        boundNamespace?.abstractNames[String(decoding: path, as: UTF8.self)] = self
    }

    private func find(_ address: [UInt8], _ c: VfsContext) throws(LxFailure) -> LxUnixSocket {
        let path = Array(address.dropFirst(2))
        guard let first = path.first else { throw .errno(.EINVAL) }
        if first == 0 {
            guard let target = c.thread.namespaces.net.abstractNames[String(decoding: path, as: UTF8.self)] else {
                throw .errno(.ECONNREFUSED)
            }
            return target
        }
        let text = String(decoding: path.prefix { $0 != 0 }, as: UTF8.self)
        var walk = VfsWalk(c)
        let inode = try walk.resolve(c.paths.path(text), from: c.thread.fs.workingDirectory, follow: true).inode
        guard inode.kind == .socket else { throw .errno(.ECONNREFUSED) }
        try inode.permission(VfsPermission.write, c)
        guard let target = inode.boundObject as? LxUnixSocket else { throw .errno(.ECONNREFUSED) }
        return target
    }

    private func address(_ name: [UInt8]) -> [UInt8] {
        [UInt8(truncatingIfNeeded: SocketFamily.unix), 0] + name
    }

    override func localAddress(_ c: VfsContext) throws(LxFailure) -> [UInt8] { address(name) }

    override func peerAddress(_ c: VfsContext) throws(LxFailure) -> [UInt8] {
        guard state == .connected || state == .disconnected else { throw .errno(.ENOTCONN) }
        return address(peer?.name ?? [])
    }

    // MARK: - Connections

    override func listen(_ backlog: Int32, _ c: LxpCall) throws(LxFailure) {
        guard isConnectionOriented else { throw .errno(.EOPNOTSUPP) }
        guard !name.isEmpty, state == .unconnected || state == .listening else { throw .errno(.EINVAL) }
        state = .listening
        backlogLimit = Int(max(backlog, 0))
        boundIdentity = Self.identity(c)
    }

    override func connect(_ address: [UInt8], _ c: LxpCall) throws(LxFailure) {
        // AF_UNSPEC dissolves a datagram association.
        if !isConnectionOriented, address.count >= 2, address[0] == 0, address[1] == 0 {
            peer = nil
            state = .unconnected
            return
        }
        if isConnectionOriented {
            if state == .connected { throw .errno(.EISCONN) }
            if state == .listening { throw .errno(.EINVAL) }
        }
        let target = try find(address, c)
        guard target.type == type else { throw .errno(.EPROTOTYPE) }
        guard isConnectionOriented else {
            peer = target
            state = .connected
            return
        }
        guard target.state == .listening else { throw .errno(.ECONNREFUSED) }
        guard target.backlog.count <= target.backlogLimit else { throw .wouldBlock }
        let inode = LxAnonymousInode(c.engine, mode: VfsKind.socket.rawValue | 0o777, credentials: c.credentials)
        let server = LxUnixSocket(inode: inode, family: family, type: type, protocolNumber: protocolNumber)
        server.name = target.name
        server.peer = self
        server.state = .connected
        server.peerOwner = Self.identity(c)
        server.boundIdentity = target.boundIdentity
        peer = server
        peerOwner = target.boundIdentity
        state = .connected
        target.backlog.append(server)
        target.arrivals += 1
        rooms += 1
    }

    override func accept(_ c: LxpCall) throws(LxFailure) -> LxSocket {
        guard isConnectionOriented else { throw .errno(.EOPNOTSUPP) }
        guard state == .listening else { throw .errno(.EINVAL) }
        guard !backlog.isEmpty else { throw .wouldBlock }
        return backlog.removeFirst()
    }

    override func shutdown(_ how: Int32, _ c: LxpCall) throws(LxFailure) {
        guard state == .connected || !isConnectionOriented else { throw .errno(.ENOTCONN) }
        if how != 1 { isReadShut = true }
        if how != 0 { isWriteShut = true }
        guard isConnectionOriented, let peer else { return }
        if how != 1 { peer.isWriteShut = true }
        if how != 0 { peer.isReadShut = true }
        peer.arrivals += 1
        arrivals += 1
    }

    // MARK: - Data

    override func send(_ message: LxMessage, to destination: [UInt8], _ c: VfsContext) throws(LxFailure) -> Int {
        if let error = pendingError {
            pendingError = nil
            throw .errno(error)
        }
        if isWriteShut { throw .errno(.EPIPE) }
        if hasOutsidePeer { return message.data.count }
        if isConnectionOriented {
            if !destination.isEmpty { throw state == .connected ? .errno(.EISCONN) : .errno(.EOPNOTSUPP) }
            guard state == .connected || state == .disconnected else { throw .errno(.ENOTCONN) }
            guard let peer else { throw .errno(.EPIPE) }
            if message.data.isEmpty, type == SocketType.stream { return 0 }
            return try deliver(message, to: peer, c)
        }
        let target: LxUnixSocket
        if destination.isEmpty {
            guard state == .connected else { throw .errno(.ENOTCONN) }
            guard let peer else { throw .errno(.ECONNREFUSED) }
            target = peer
        } else {
            target = try find(destination, c)
            guard target.type == type else { throw .errno(.EPROTOTYPE) }
        }
        if target.isReadShut { throw .errno(.EPIPE) }
        return try deliver(message, to: target, c)
    }

    private func deliver(_ message: LxMessage, to target: LxUnixSocket, _ c: VfsContext) throws(LxFailure) -> Int {
        var message = message
        if type == SocketType.stream {
            let room = Self.capacity - target.queuedBytes
            guard room > 0 else { throw .wouldBlock }
            message.data = message.data.prefix(room)
        } else {
            guard message.data.count <= Self.capacity - 32 else { throw .errno(.EMSGSIZE) }
            guard target.queue.count <= Self.maximumDatagrams || type == SocketType.packet,
                target.queuedBytes + message.data.count <= Self.capacity
            else { throw .wouldBlock }
        }
        message.credentials = message.credentials ?? Self.identity(c)
        message.source = name.isEmpty ? [] : address(name)
        target.queue.append(message)
        target.queuedBytes += message.data.count
        target.arrivals += 1
        return message.data.count
    }

    override func receive(_ count: Int, flags: UInt32, _ c: VfsContext) throws(LxFailure) -> LxMessage {
        if isConnectionOriented, state == .unconnected || state == .listening {
            throw state == .listening || type == SocketType.stream ? .errno(.EINVAL) : .errno(.ENOTCONN)
        }
        guard let first = queue.first else {
            if let error = pendingError {
                pendingError = nil
                throw .errno(error)
            }
            if isReadShut || (isConnectionOriented && peer == nil && !hasOutsidePeer) {
                return LxMessage(data: VfsData())
            }
            if hasOutsidePeer {
                return LxMessage(data: try c.dataFromOutside(count, "bytes from a socket that was not recorded"))
            }
            throw .wouldBlock
        }
        let peeks = flags & SocketFlag.peek != 0
        guard type == SocketType.stream else {
            var message = first
            message.isTruncated = message.data.count > count
            if !peeks {
                queue.removeFirst()
                queuedBytes -= first.data.count
                peer?.rooms += 1
            }
            if flags & SocketFlag.truncate == 0 { message.data = message.data.prefix(count) }
            return message
        }
        return receiveStream(count, peeks: peeks)
    }

    /// Bytes of several sends are one read, but descriptors and credentials end it.
    private func receiveStream(_ count: Int, peeks: Bool) -> LxMessage {
        var result = LxMessage(data: VfsData())
        var index = 0
        while index < queue.count, result.data.count < count {
            let part = queue[index]
            if index > 0, !part.files.isEmpty || !result.files.isEmpty { break }
            if passesCredentials, index > 0, part.credentials?.pid != result.credentials?.pid { break }
            let wanted = part.data.prefix(count - result.data.count)
            result.data.append(wanted)
            result.credentials = part.credentials
            result.files += part.files
            if peeks {
                index += 1
                continue
            }
            queue[index].files = []
            _ = queue[index].data.removeFirst(wanted.count)
            guard queue[index].data.isEmpty else { break }
            queue.remove(at: index)
            if !result.files.isEmpty { break }
        }
        if !peeks {
            queuedBytes -= result.data.count
            peer?.rooms += 1
        }
        return result
    }

    override func poll(_ context: VfsContext) -> PollEvents {
        var events: PollEvents = []
        if state == .listening { return backlog.isEmpty ? [] : [.readable, .readNormal] }
        if !queue.isEmpty || isReadShut { events.formUnion([.readable, .readNormal]) }
        if isReadShut { events.insert(.readHangUp) }
        if isConnectionOriented {
            let isGone = state == .disconnected || (state == .connected && peer == nil && !hasOutsidePeer)
            if isGone || (isReadShut && isWriteShut) {
                events.formUnion([.readable, .readNormal, .hangUp, .readHangUp])
            }
            if state == .unconnected { events.insert(.hangUp) }
            if state == .connected, (peer?.queuedBytes ?? 0) * 4 <= Self.capacity {
                events.formUnion([.writable, .writeNormal])
            }
            if isGone || state == .unconnected { events.formUnion([.writable, .writeNormal]) }
        } else if (peer?.queue.count ?? 0) <= Self.maximumDatagrams {
            events.formUnion([.writable, .writeNormal])
        }
        if pendingError != nil { events.insert(.error) }
        return events
    }

    override func release(_ context: VfsContext) {
        if let peer, isConnectionOriented {
            // Unread bytes reset the peer.
            if !queue.isEmpty { peer.pendingError = .ECONNRESET }
            peer.state = .disconnected
            peer.isReadShut = true
            peer.isWriteShut = true
            peer.arrivals += 1
        }
        for message in queue { for file in message.files { LxpDropReference(context, file) } }
        queue = []
        for waiting in backlog { waiting.release(context) }
        backlog = []
        if let boundNamespace { boundNamespace.abstractNames[String(decoding: name, as: UTF8.self)] = nil }
        if boundInode?.boundObject === self { boundInode?.boundObject = nil }
    }
}
