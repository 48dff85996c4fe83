// sendto, recvfrom, sendmsg, recvmsg, sendmmsg, recvmmsg.
import Engine
import LinuxABI

private let waitForOne = abi32("MSG_WAITFORONE")

func addMessageCalls(_ table: inout LxpSyscallTable) {
    table.supported("sendto") { c throws(LxFailure) in
        let socket = try LxpSocket(c)
        let address = c[4] == 0 ? [] : try LxpAddress(c, c[4], c.int(5))
        let count = Int(min(c[2], UInt64(LxpMaximumTransfer)))
        return try LxpSend(c, socket, LxMessage(data: try c.readData(c[1], count)), address, c.uint(3))
    }
    table.partial("recvfrom", "MSG_ERRQUEUE is refused") { c throws(LxFailure) in
        let socket = try LxpSocket(c)
        let count = Int(min(c[2], UInt64(LxpMaximumTransfer)))
        let message = try LxpReceive(c, socket, count, c.uint(3))
        for file in message.files { LxpDropReference(c, file) }
        try c.write(c[1], message.data.prefix(count))
        if c[4] != 0 {
            if try c.readInteger(c[5], as: Int32.self) < 0 {
                c.partial("a negative address length is not refused (Linux: EINVAL)", "LTP:16251")
            } else {
                try LxpReturnAddress(c, LxpSource(message, socket), c[4], c[5])
            }
        }
        return Int64(message.data.count)
    }
    table.supported("sendmsg") { c throws(LxFailure) in
        try LxpSendMessage(c, try LxpSocket(c), header: c[1], flags: c.uint(2))
    }
    table.partial("recvmsg", "MSG_ERRQUEUE is refused; a bad count of iovecs is EINVAL") { c throws(LxFailure) in
        try LxpReceiveMessage(c, try LxpSocket(c), header: c[1], flags: c.uint(2))
    }
    table.supported("sendmmsg") { c throws(LxFailure) in
        let socket = try LxpSocket(c)
        return try LxpForEachMessage(c) { (header) throws(LxFailure) in
            try LxpSendMessage(c, socket, header: header, flags: c.uint(3))
        }
    }
    table.partial("recvmmsg", "the timeout is ignored") { c throws(LxFailure) in
        let socket = try LxpSocket(c)
        if c[4] != 0 { c.partial("the timeout is ignored", "RN:15025;UT:netlink.c") }
        return try LxpReceiveMessages(c, socket)
    }
}

/// What recvmmsg has got so far while it waits for the rest.
private final class LxpMessageProgress {
    var done: UInt64 = 0
    var writes: [MemoryChunks.Chunk] = []
    var given: [GivenUse] = []
}

/// recvmmsg: waits until the vector is full, unless MSG_WAITFORONE.
private func LxpReceiveMessages(_ c: LxpCall, _ socket: LxSocket) throws(LxFailure) -> Int64 {
    let progress = c.parked?.object as? LxpMessageProgress ?? LxpMessageProgress()
    c.writes += progress.writes
    c.given += progress.given
    let count = UInt64(min(c.uint(2), 1024))
    while progress.done < count {
        let header = c[1] + progress.done * 64
        let waits = progress.done == 0 || c.uint(3) & waitForOne == 0
        let flags = c.uint(3) & ~waitForOne | (waits ? 0 : SocketFlag.doNotWait)
        do throws(LxFailure) {
            let length = try LxpReceiveMessage(c, socket, header: header, flags: flags)
            try c.writeInteger(header + 56, UInt32(truncatingIfNeeded: length))
        } catch {
            guard progress.done > 0 else { throw error }
            if case .wouldBlock = error, waits, !c.isInterrupted {
                progress.writes = c.writes
                progress.given = c.given
                c.waiting.object = progress
                throw error
            }
            return Int64(progress.done)
        }
        progress.done += 1
    }
    return Int64(progress.done)
}

/// The messages of a vector until one fails; the failure counts only for the first.
private func LxpForEachMessage(
    _ c: LxpCall,
    _ body: (UInt64) throws(LxFailure) -> Int64
) throws(LxFailure) -> Int64 {
    var done: Int64 = 0
    for index in 0..<UInt64(min(c.uint(2), 1024)) {
        let header = c[1] + index * 64
        do throws(LxFailure) {
            let count = try body(header)
            try c.writeInteger(header + 56, UInt32(truncatingIfNeeded: count))
        } catch {
            if done == 0 { throw error }
            return done
        }
        done += 1
    }
    return done
}

func LxpSource(_ message: LxMessage, _ socket: LxSocket) -> [UInt8] {
    socket.isConnectionOriented ? [] : message.source
}

func LxpSend(
    _ c: LxpCall,
    _ socket: LxSocket,
    _ message: LxMessage,
    _ address: [UInt8],
    _ flags: UInt32
) throws(LxFailure) -> Int64 {
    if flags & SocketFlag.outOfBand != 0, socket.family == SocketFamily.unix { throw .errno(.EOPNOTSUPP) }
    var message = message
    let done = c.parked?.progress ?? 0
    if done > 0 {
        message.data = message.data.dropFirst(done)
        message.files = []
    }
    do throws(LxFailure) {
        return try LxpWaiting(
            socket,
            c,
            socket.sendTimeout,
            .EAGAIN,
            doNotWait: flags & SocketFlag.doNotWait != 0
        ) { () throws(LxFailure) in
            var total = done
            while true {
                let count: Int
                do throws(LxFailure) {
                    count = try socket.send(message, to: address, c)
                } catch {
                    // A stream that filled up: wait for room for the rest.
                    if total > 0 {
                        if case .wouldBlock = error, flags & SocketFlag.doNotWait == 0,
                            socket.flags & OpenFlag.nonBlocking == 0, !c.isInterrupted
                        {
                            c.waiting.progress = total
                            throw error
                        }
                        return Int64(total)
                    }
                    throw error
                }
                total += count
                if count >= message.data.count || socket.type != SocketType.stream { return Int64(total) }
                message.data = message.data.dropFirst(count)
                message.files = []
            }
        }
    } catch {
        if case .errno(.EPIPE) = error, flags & SocketFlag.noSignal == 0, socket.type == SocketType.stream {
            c.engine.raiseOwnSignal(LxSignal.pipe, c)
        }
        throw error
    }
}

func LxpReceive(
    _ c: LxpCall,
    _ socket: LxSocket,
    _ count: Int,
    _ flags: UInt32
) throws(LxFailure) -> LxMessage {
    if flags & SocketFlag.errorQueue != 0 {
        throw .unsupported(.EINVAL, note: "MSG_ERRQUEUE is refused (Linux: EAGAIN)", source: "LTP:16251")
    }
    if flags & SocketFlag.outOfBand != 0 {
        throw socket.family == SocketFamily.unix ? .errno(.EOPNOTSUPP) : .errno(.EINVAL)
    }
    return try LxpWaiting(
        socket,
        c,
        socket.receiveTimeout,
        .EAGAIN,
        doNotWait: flags & SocketFlag.doNotWait != 0
    ) { () throws(LxFailure) in
        if flags & SocketFlag.waitAll != 0, socket.type == SocketType.stream, flags & SocketFlag.peek == 0,
            socket.availableBytes < count, !socket.poll(c).contains(.readHangUp), !socket.isFedFromOutside,
            !c.isInterrupted, flags & SocketFlag.doNotWait == 0, socket.flags & OpenFlag.nonBlocking == 0
        {
            throw .wouldBlock
        }
        return try socket.receive(count, flags: flags, c)
    }
}
