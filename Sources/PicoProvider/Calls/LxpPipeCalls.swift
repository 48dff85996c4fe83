// pipe, pipe2, splice, tee.
import Engine
import LinuxABI

func addPipeCalls(_ table: inout LxpSyscallTable) {
    table.supported("pipe") { c throws(LxFailure) in try LxpMakePipe(c, flags: 0) }
    table.supported("pipe2") { c throws(LxFailure) in try LxpMakePipe(c, flags: c.uint(1)) }
    table.supported("splice", LxpSyscall_SPLICE)
    table.supported("tee", LxpSyscall_TEE)
}

private func LxpMakePipe(_ c: LxpCall, flags: UInt32) throws(LxFailure) -> Int64 {
    guard flags & ~(OpenFlag.closeOnExec | OpenFlag.nonBlocking | OpenFlag.direct) == 0 else { throw .errno(.EINVAL) }
    try c.checkWritable(c[0])
    let readNumber = try c.thread.files.lowest(from: 0, limit: c.openLimit)
    let writeNumber = try c.thread.files.lowest(from: readNumber + 1, limit: c.openLimit)
    let pipe = LxPipe()
    let inode = LxAnonymousInode(c.engine, mode: VfsKind.fifo.rawValue | 0o600, credentials: c.credentials)
    let reader = LxPipeFile(pipe: pipe, inode: inode, reads: true, writes: false)
    let writer = LxPipeFile(pipe: pipe, inode: inode, reads: false, writes: true)
    let status = flags & (OpenFlag.nonBlocking | OpenFlag.direct)
    reader.flags = status
    writer.flags = status | OpenFlag.writeOnly
    let closeOnExec = flags & OpenFlag.closeOnExec != 0
    _ = c.thread.files.put(reader, at: readNumber, closeOnExec: closeOnExec)
    _ = c.thread.files.put(writer, at: writeNumber, closeOnExec: closeOnExec)
    var out = LxpBytes()
    out.add(Int32(readNumber))
    out.add(Int32(writeNumber))
    try c.write(c[0], out.bytes)
    return 0
}

private let spliceNonBlocking = abi32("SPLICE_F_NONBLOCK")

func LxpSyscall_SPLICE(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let input = try c.file(0)
    let output = try c.file(2)
    guard input.isReadable, output.isWritable else { throw .errno(.EBADF) }
    guard c.uint(5) & ~0xf == 0 else { throw .errno(.EINVAL) }
    let inPipe = input as? LxPipeFile
    let outPipe = output as? LxPipeFile
    guard inPipe != nil || outPipe != nil else { throw .errno(.EINVAL) }
    if (inPipe != nil && c[1] != 0) || (outPipe != nil && c[3] != 0) { throw .errno(.ESPIPE) }
    if let inPipe, let outPipe, inPipe.pipe === outPipe.pipe { throw .errno(.EINVAL) }
    if output.flags & OpenFlag.append != 0, outPipe == nil { throw .errno(.EINVAL) }
    let count = Int(min(c[4], UInt64(LxpMaximumTransfer)))
    if count == 0 { return 0 }
    let nonBlocking = c.uint(5) & spliceNonBlocking != 0
    let limit = outPipe.map { $0.pipe.hasOutsideReader ? count : min(count, $0.pipe.room) } ?? count
    if limit == 0 { throw nonBlocking ? .errno(.EAGAIN) : .wouldBlock }
    let data: VfsData
    let inOffset = c[1] == 0 ? input.position : try c.readInteger(c[1], as: Int64.self)
    do throws(LxFailure) {
        data = try input.read(limit, at: inOffset, c)
    } catch {
        if case .wouldBlock = error, nonBlocking { throw .errno(.EAGAIN) }
        throw LxpNonBlocking(error, input)
    }
    if data.isEmpty { return 0 }
    let outOffset = c[3] == 0 ? output.position : try c.readInteger(c[3], as: Int64.self)
    var written = 0
    while written < data.count {
        let done = try output.write(data.dropFirst(written), at: outOffset + Int64(written), c)
        if done == 0 { break }
        written += done
    }
    if input.isSeekable {
        if c[1] == 0 { input.position += Int64(written) } else { try c.writeInteger(c[1], inOffset + Int64(written)) }
    }
    if output.isSeekable {
        if c[3] == 0 { output.position += Int64(written) } else { try c.writeInteger(c[3], outOffset + Int64(written)) }
    }
    return Int64(written)
}

func LxpSyscall_TEE(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let first = try c.file(0)
    let second = try c.file(1)
    guard first.isReadable, second.isWritable else { throw .errno(.EBADF) }
    guard let input = (first as? LxPipeFile)?.pipe, let output = (second as? LxPipeFile)?.pipe, input !== output
    else { throw .errno(.EINVAL) }
    let nonBlocking = c.uint(3) & spliceNonBlocking != 0
    let data = input.peek(min(Int(min(c[2], UInt64(LxpMaximumTransfer))), output.room))
    if data.isEmpty {
        if input.count == 0, input.writers == 0, !input.hasOutsideWriter { return 0 }
        throw nonBlocking ? .errno(.EAGAIN) : .wouldBlock
    }
    return Int64(try output.write(data, asPacket: false))
}
