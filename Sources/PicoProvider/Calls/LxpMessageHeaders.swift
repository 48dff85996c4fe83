// `struct msghdr` and its control messages: descriptors and credentials.
import Engine
import LinuxABI

private let socketLevel = abiInt("SOL_SOCKET")
private let rightsType = abiInt("SCM_RIGHTS")
private let credentialsType = abiInt("SCM_CREDENTIALS")

private struct MessageHeader {
    var name: UInt64
    var nameLength: UInt32
    var vectors: [LxpBuffer]
    var control: UInt64
    var controlLength: UInt64

    init(_ c: LxpCall, _ address: UInt64) throws(LxFailure) {
        name = try c.readInteger(address, as: UInt64.self)
        nameLength = try c.readInteger(address + 8, as: UInt32.self)
        let vector = try c.readInteger(address + 16, as: UInt64.self)
        let count = try c.readInteger(address + 24, as: UInt64.self)
        guard count <= 1024 else {
            throw .unsupported(.EINVAL, note: "too many vectors answer EINVAL (Linux: EMSGSIZE)", source: "LTP:16251")
        }
        vectors = try LxpVector(c, vector, count)
        control = try c.readInteger(address + 32, as: UInt64.self)
        controlLength = try c.readInteger(address + 40, as: UInt64.self)
    }

    var capacity: Int { vectors.reduce(0) { min($0 + Int(clamping: $1.count), LxpMaximumTransfer) } }
}

func LxpSendMessage(
    _ c: LxpCall,
    _ socket: LxSocket,
    header address: UInt64,
    flags: UInt32
) throws(LxFailure) -> Int64 {
    let header = try MessageHeader(c, address)
    var message = LxMessage(data: try LxpGather(c, header.vectors, limit: LxpMaximumTransfer))
    if header.control != 0, header.controlLength > 0 {
        let control = try c.read(header.control, Int(min(header.controlLength, 20480)))
        try LxpReadControl(c, socket, control, &message)
    }
    let destination =
        header.name == 0 || header.nameLength == 0
        ? [] : try LxpAddress(c, header.name, Int32(clamping: header.nameLength))
    // Descriptors in flight hold their files.
    for file in message.files { file.references += 1 }
    do throws(LxFailure) {
        return try LxpSend(c, socket, message, destination, flags)
    } catch {
        for file in message.files { LxpDropReference(c, file) }
        throw error
    }
}

private func LxpInteger(_ bytes: [UInt8], _ start: Int, _ count: Int) -> UInt64 {
    (0..<count).reduce(0) { $0 | UInt64(bytes[start + $1]) << (8 * UInt64($1)) }
}

private func LxpReadControl(
    _ c: LxpCall,
    _ socket: LxSocket,
    _ control: [UInt8],
    _ message: inout LxMessage
) throws(LxFailure) {
    var position = 0
    while position + 16 <= control.count {
        let length = Int(clamping: LxpInteger(control, position, 8))
        guard length >= 16, position + length <= control.count else { throw .errno(.EINVAL) }
        let level = Int32(truncatingIfNeeded: LxpInteger(control, position + 8, 4))
        let type = Int32(truncatingIfNeeded: LxpInteger(control, position + 12, 4))
        if level == socketLevel, socket.family == SocketFamily.unix {
            switch type {
            case rightsType:
                for index in 0..<((length - 16) / 4) {
                    let fd = Int32(truncatingIfNeeded: LxpInteger(control, position + 16 + index * 4, 4))
                    guard let slot = c.thread.files[Int(fd)] else { throw .errno(.EBADF) }
                    message.files.append(slot.file)
                }
                guard message.files.count <= 253 else { throw .errno(.EINVAL) }
            case credentialsType:
                guard length >= 28 else { throw .errno(.EINVAL) }
                let pid = Int32(truncatingIfNeeded: LxpInteger(control, position + 16, 4))
                let uid = UInt32(truncatingIfNeeded: LxpInteger(control, position + 20, 4))
                let gid = UInt32(truncatingIfNeeded: LxpInteger(control, position + 24, 4))
                try LxpCheckCredentials(c, pid, uid, gid)
                let group = c.group.pidNamespace.groups[pid] ?? c.group
                message.credentials = (group.globalID, uid, gid)
            default: throw .errno(.EINVAL)
            }
        }
        position += (length + 7) & ~7
    }
}

/// Who may claim to be whom (unix(7)).
private func LxpCheckCredentials(_ c: LxpCall, _ pid: Int32, _ uid: UInt32, _ gid: UInt32) throws(LxFailure) {
    let own = c.thread.credentials
    let isOwnPid = pid == c.group.id(in: c.group.pidNamespace) || own.has(.sysAdmin)
    let isOwnUid = [own.uid, own.euid, own.suid].contains(uid) || own.has(.setuid)
    let isOwnGid = [own.gid, own.egid, own.sgid].contains(gid) || own.has(.setgid)
    guard isOwnPid, isOwnUid, isOwnGid else { throw .errno(.EPERM) }
}

func LxpReceiveMessage(
    _ c: LxpCall,
    _ socket: LxSocket,
    header address: UInt64,
    flags: UInt32
) throws(LxFailure) -> Int64 {
    let header = try MessageHeader(c, address)
    let message = try LxpReceive(c, socket, header.capacity, flags)
    let shown = message.data.prefix(header.capacity)
    try LxpScatter(c, shown, header.vectors)
    var outFlags = flags & SocketFlag.closeOnExec
    if message.isTruncated { outFlags |= SocketFlag.truncate }
    if socket.type == SocketType.packet, !message.isTruncated { outFlags |= SocketFlag.endOfRecord & 0 }
    let control = try LxpWriteControl(c, socket, message, header, flags, &outFlags)
    let source = LxpSource(message, socket)
    var nameLength = header.nameLength
    if header.name != 0 {
        if !source.isEmpty { try c.write(header.name, Array(source.prefix(Int(header.nameLength)))) }
        nameLength = UInt32(source.count)
    }
    // The header as recvmsg leaves it.
    var bytes = try c.read(address, 56)
    func put(_ value: UInt64, _ start: Int, _ count: Int) {
        for index in 0..<count { bytes[start + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
    }
    put(UInt64(nameLength), 8, 4)
    put(UInt64(control), 40, 8)
    put(UInt64(outFlags), 48, 4)
    try c.write(address, bytes)
    return Int64(flags & SocketFlag.truncate != 0 ? message.data.count : shown.count)
}

/// Control messages that fit; descriptors that do not are closed and MSG_CTRUNC says so.
private func LxpWriteControl(
    _ c: LxpCall,
    _ socket: LxSocket,
    _ message: LxMessage,
    _ header: MessageHeader,
    _ flags: UInt32,
    _ outFlags: inout UInt32
) throws(LxFailure) -> Int {
    var out = LxpBytes()
    let room = Int(clamping: header.controlLength)
    if socket.passesCredentials, let sender = message.credentials {
        if room >= 28 {
            out.add(UInt64(28))
            out.add(socketLevel)
            out.add(credentialsType)
            out.add(LxpVisibleID(sender.pid, c.group.pidNamespace, c.engine))
            out.add(sender.uid)
            out.add(sender.gid)
            out.pad(to: min(32, room))
        } else {
            outFlags |= SocketFlag.controlTruncated
        }
    }
    if !message.files.isEmpty {
        let fits = max(0, (room - out.bytes.count - 16) / 4)
        var numbers: [Int32] = []
        for (index, file) in message.files.enumerated() {
            let fd = index < fits ? try? c.install(file, closeOnExec: flags & SocketFlag.closeOnExec != 0) : nil
            // A peek leaves the descriptors in the queue, with references of their own.
            if flags & SocketFlag.peek == 0 { LxpDropReference(c, file) }
            if let fd { numbers.append(Int32(truncatingIfNeeded: fd)) } else { outFlags |= SocketFlag.controlTruncated }
        }
        if !numbers.isEmpty {
            let start = out.bytes.count
            out.add(UInt64(16 + numbers.count * 4))
            out.add(socketLevel)
            out.add(rightsType)
            for number in numbers { out.add(number) }
            out.pad(to: min(start + (16 + numbers.count * 4 + 7) & ~7, max(room, out.bytes.count)))
        }
    }
    if !out.bytes.isEmpty { try c.write(header.control, out.bytes) }
    return out.bytes.count
}
