// What every socket has: family, type, options, and the operations that families implement.
import Engine
import LinuxABI
import NTKernel

/// What one send carries.
struct LxMessage {
    var data: VfsData
    /// SCM_RIGHTS; each holds a reference.
    var files: [VfsFile] = []
    /// SCM_CREDENTIALS: the sender's global pid, uid and gid.
    var credentials: (pid: Int32, uid: UInt32, gid: UInt32)?
    /// `struct sockaddr` of the sender.
    var source: [UInt8] = []
    /// A datagram or packet was longer than the buffer.
    var isTruncated = false
}

struct SocketFlag {
    static let doNotWait = abi32("MSG_DONTWAIT")
    static let peek = abi32("MSG_PEEK")
    static let truncate = abi32("MSG_TRUNC")
    static let waitAll = abi32("MSG_WAITALL")
    static let noSignal = abi32("MSG_NOSIGNAL")
    static let errorQueue = abi32("MSG_ERRQUEUE")
    static let outOfBand = abi32("MSG_OOB")
    static let controlTruncated = abi32("MSG_CTRUNC")
    static let closeOnExec = abi32("MSG_CMSG_CLOEXEC")
    static let endOfRecord = abi32("MSG_EOR")
    static let typeNonBlocking = abi32("SOCK_NONBLOCK")
    static let typeCloseOnExec = abi32("SOCK_CLOEXEC")
}

enum SocketFamily {
    static let unix = abiInt("AF_UNIX")
    static let ipv4 = abiInt("AF_INET")
    static let ipv6 = abiInt("AF_INET6")
    static let netlink = abiInt("AF_NETLINK")
}

enum SocketType {
    static let stream = abiInt("SOCK_STREAM")
    static let datagram = abiInt("SOCK_DGRAM")
    static let raw = abiInt("SOCK_RAW")
    static let packet = abiInt("SOCK_SEQPACKET")
}

class LxSocket: VfsFile {
    final let family: Int32
    final let type: Int32
    final let protocolNumber: Int32
    /// Options that are kept and given back, by level and name.
    final var options: [UInt64: [UInt8]] = [:]
    final var passesCredentials = false
    final var pendingError: Errno?
    /// Nanoseconds; 0: none.
    final var receiveTimeout: UInt64 = 0
    final var sendTimeout: UInt64 = 0
    final var arrivals: UInt64 = 0
    final var rooms: UInt64 = 0

    init(inode: VfsInode, family: Int32, type: Int32, protocolNumber: Int32) {
        self.family = family
        self.type = type
        self.protocolNumber = protocolNumber
        super.init(inode: inode)
        flags = OpenFlag.readWrite
    }

    final override var isSeekable: Bool { false }
    final override var isPollable: Bool { true }
    final override var linkText: String { "socket:[\((inode as? LxAnonymousInode)?.number ?? 0)]" }
    final override var inputArrivals: UInt64 { arrivals }
    final override var outputArrivals: UInt64 { rooms }
    final var isConnectionOriented: Bool { type == SocketType.stream || type == SocketType.packet }

    func bind(_ address: [UInt8], _ c: LxpCall) throws(LxFailure) { throw .errno(.EOPNOTSUPP) }
    func connect(_ address: [UInt8], _ c: LxpCall) throws(LxFailure) { throw .errno(.EOPNOTSUPP) }
    func listen(_ backlog: Int32, _ c: LxpCall) throws(LxFailure) { throw .errno(.EOPNOTSUPP) }
    func accept(_ c: LxpCall) throws(LxFailure) -> LxSocket { throw .errno(.EOPNOTSUPP) }
    func localAddress(_ c: VfsContext) throws(LxFailure) -> [UInt8] { throw .errno(.EOPNOTSUPP) }
    func peerAddress(_ c: VfsContext) throws(LxFailure) -> [UInt8] { throw .errno(.ENOTCONN) }
    /// 0 read, 1 write, 2 both.
    func shutdown(_ how: Int32, _ c: LxpCall) throws(LxFailure) { throw .errno(.EOPNOTSUPP) }
    /// Sends to `address` (empty: the peer); returns the bytes taken.
    func send(_ message: LxMessage, to address: [UInt8], _ c: VfsContext) throws(LxFailure) -> Int {
        throw .errno(.EOPNOTSUPP)
    }
    func receive(_ count: Int, flags: UInt32, _ c: VfsContext) throws(LxFailure) -> LxMessage {
        throw .errno(.EOPNOTSUPP)
    }
    var availableBytes: Int { 0 }
    var isListening: Bool { false }
    /// SO_PEERCRED.
    var peerCredentials: (pid: Int32, uid: UInt32, gid: UInt32)? { nil }
    /// Options of the family that change behaviour; true: taken.
    func setOption(_ level: Int32, _ name: Int32, _ value: [UInt8], _ c: LxpCall) throws(LxFailure) -> Bool { false }
    /// An option that is kept is asked for.
    func queryOption(_ c: LxpCall) {}

    final override func read(_ count: Int, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> VfsData {
        let message = try receive(count, flags: 0, context)
        for file in message.files { LxpDropReference(context, file) }
        return message.data
    }

    final override func write(_ data: VfsData, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> Int {
        do throws(LxFailure) {
            return try send(LxMessage(data: data), to: [], context)
        } catch {
            if case .errno(.EPIPE) = error, isConnectionOriented {
                context.engine.raiseOwnSignal(LxSignal.pipe, context)
            }
            throw error
        }
    }

    private static let readable = abi32("FIONREAD")
    private static let atMark = abi32("SIOCATMARK")

    override func ioctl(_ request: UInt32, _ argument: UInt64, _ context: VfsContext) throws(LxFailure) -> Int64 {
        if request == Self.readable {
            try context.writeInteger(argument, Int32(clamping: availableBytes))
            return 0
        }
        if request == Self.atMark {
            throw .unsupported(.EINVAL, note: "SIOCATMARK answers EINVAL", source: "LTP:16251")
        }
        return try LxInterfaceRequest.serve(request, argument, context)
    }
}

struct LxNetworkState {
    /// Data on its way through AFD, with what of it is not known; by receiving endpoint.
    var inbound: [ObjectIdentifier: VfsData] = [:]
}
