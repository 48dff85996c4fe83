// read, write and their vector and positional forms; lseek; sendfile.
import Engine
import LinuxABI

func addFileCalls(_ table: inout LxpSyscallTable) {
    table.partial("open", "no O_TMPFILE, no block devices; procfs and sysfs are small", LxpSyscall_OPEN)
    table.partial("openat", "no O_TMPFILE, no block devices; procfs and sysfs are small", LxpSyscall_OPENAT)
    table.partial("creat", "as open: no block devices", LxpSyscall_CREAT)
    table.supported("read") { c throws(LxFailure) in try LxpRead(c, [LxpBuffer(c[1], c[2])], at: nil) }
    table.partial("write", "files of procfs that are stubs refuse it") { c throws(LxFailure) in
        try LxpWrite(c, [LxpBuffer(c[1], c[2])], at: nil)
    }
    table.supported("pread64") { c throws(LxFailure) in
        try LxpRead(c, [LxpBuffer(c[1], c[2])], at: try LxpOffset(c.long(3)))
    }
    table.supported("pwrite64") { c throws(LxFailure) in
        try LxpWrite(c, [LxpBuffer(c[1], c[2])], at: try LxpOffset(c.long(3)))
    }
    table.supported("readv") { c throws(LxFailure) in try LxpRead(c, try LxpVector(c, c[1], c[2]), at: nil) }
    table.supported("writev") { c throws(LxFailure) in try LxpWrite(c, try LxpVector(c, c[1], c[2]), at: nil) }
    table.supported("preadv") { c throws(LxFailure) in
        try LxpRead(c, try LxpVector(c, c[1], c[2]), at: try LxpOffset(c.long(3)))
    }
    table.supported("pwritev") { c throws(LxFailure) in
        try LxpWrite(c, try LxpVector(c, c[1], c[2]), at: try LxpOffset(c.long(3)))
    }
    table.partial("lseek", "no SEEK_DATA, no SEEK_HOLE", LxpSyscall_LSEEK)
    table.supported("sendfile", LxpSyscall_SENDFILE)
    table.supported("getdents") { c throws(LxFailure) in try LxpReadDirectory(c, wide: false) }
    table.supported("getdents64") { c throws(LxFailure) in try LxpReadDirectory(c, wide: true) }
}

/// One `struct iovec`.
struct LxpBuffer {
    var address: UInt64
    var count: UInt64

    init(_ address: UInt64, _ count: UInt64) {
        self.address = address
        self.count = count
    }
}

/// The most that one call transfers: MAX_RW_COUNT.
let LxpMaximumTransfer = 0x7fff_f000

func LxpOffset(_ offset: Int64) throws(LxFailure) -> Int64 {
    guard offset >= 0 else { throw .errno(.EINVAL) }
    return offset
}

func LxpVector(_ c: LxpCall, _ address: UInt64, _ count: UInt64) throws(LxFailure) -> [LxpBuffer] {
    guard count <= 1024 else { throw .errno(.EINVAL) }
    var buffers: [LxpBuffer] = []
    for index in 0..<count {
        let base = try c.readInteger(address + index * 16, as: UInt64.self)
        let length = try c.readInteger(address + index * 16 + 8, as: UInt64.self)
        guard Int64(bitPattern: length) >= 0 else { throw .errno(.EINVAL) }
        buffers.append(LxpBuffer(base, length))
    }
    return buffers
}

private func LxpTotal(_ buffers: [LxpBuffer]) throws(LxFailure) -> Int {
    var total = 0
    for buffer in buffers {
        guard Int64(bitPattern: buffer.count) >= 0 else { throw .errno(.EINVAL) }
        total = min(total + Int(min(buffer.count, UInt64(LxpMaximumTransfer))), LxpMaximumTransfer)
    }
    return total
}

/// Spreads data over the caller's buffers.
func LxpScatter(_ c: LxpCall, _ data: VfsData, _ buffers: [LxpBuffer]) throws(LxFailure) {
    if buffers.count == 1 { return try c.write(buffers[0].address, data) }
    var done = 0
    for buffer in buffers where done < data.count {
        let part = data.slice(done, done + Int(min(buffer.count, UInt64(data.count))))
        try c.write(buffer.address, part)
        done += part.count
    }
}

/// Collects data from the caller's buffers.
func LxpGather(_ c: LxpCall, _ buffers: [LxpBuffer], limit: Int) throws(LxFailure) -> VfsData {
    var data = VfsData()
    for buffer in buffers where data.count < limit {
        let count = min(Int(min(buffer.count, UInt64(LxpMaximumTransfer))), limit - data.count)
        if count > 0 { data.append(try c.readData(buffer.address, count)) }
    }
    return data
}

func LxpRead(_ c: LxpCall, _ buffers: [LxpBuffer], at offset: Int64?) throws(LxFailure) -> Int64 {
    let file = try c.file(0)
    guard file.isReadable else { throw .errno(.EBADF) }
    if offset != nil, !file.isSeekable { throw .errno(.ESPIPE) }
    if file.inode.isDirectory { throw .errno(.EISDIR) }
    let total = try LxpTotal(buffers)
    if total > 0, let first = buffers.first(where: { $0.count > 0 }) { try c.checkWritable(first.address) }
    if total == 0, file.isSeekable { return 0 }
    let data: VfsData
    do throws(LxFailure) {
        data = try file.read(total, at: offset ?? file.position, c)
    } catch {
        if case .wouldBlock = error, let socket = file as? LxSocket, socket.receiveTimeout > 0,
            file.flags & OpenFlag.nonBlocking == 0
        {
            c.interruption = .intr
            try LxpWaitUntilTimeout(c, socket.receiveTimeout)
            throw .errno(.EAGAIN)
        }
        throw LxpNonBlocking(error, file)
    }
    if offset == nil, file.isSeekable { file.position += Int64(data.count) }
    try LxpScatter(c, data, buffers)
    if !data.isEmpty, let entry = file.location?.entry { LxpNotify(c, entry, .access) }
    return Int64(data.count)
}

/// O_NONBLOCK turns a wait into EAGAIN.
func LxpNonBlocking(_ failure: LxFailure, _ file: VfsFile) -> LxFailure {
    if case .wouldBlock = failure, file.flags & OpenFlag.nonBlocking != 0 { return .errno(.EAGAIN) }
    return failure
}

func LxpWrite(_ c: LxpCall, _ buffers: [LxpBuffer], at offset: Int64?) throws(LxFailure) -> Int64 {
    let file = try c.file(0)
    guard file.isWritable else { throw .errno(.EBADF) }
    if offset != nil, !file.isSeekable { throw .errno(.ESPIPE) }
    let total = try LxpTotal(buffers)
    if total == 0, file.isSeekable { return 0 }
    let data = try LxpGather(c, buffers, limit: total)
    return try LxpWriteData(c, file, data, at: offset)
}

/// Writes to an open file, from where the call left off when it had to wait before.
func LxpWriteData(_ c: LxpCall, _ file: VfsFile, _ data: VfsData, at offset: Int64?) throws(LxFailure) -> Int64 {
    guard file.isSeekable else { return try LxpWriteStream(c, file, data) }
    var position = offset ?? file.position
    if file.flags & OpenFlag.append != 0 { position = try file.inode.attributes(c).size }
    let count = try file.write(data, at: position, c)
    if offset == nil { file.position = position + Int64(count) }
    if count > 0, let entry = file.location?.entry { LxpNotify(c, entry, .modify) }
    return Int64(count)
}

/// A blocking write to a stream completes as a whole; a signal or O_NONBLOCK cuts it short.
private func LxpWriteStream(_ c: LxpCall, _ file: VfsFile, _ data: VfsData) throws(LxFailure) -> Int64 {
    var done = c.parked?.progress ?? 0
    while true {
        let count: Int
        do throws(LxFailure) {
            count = try file.write(data.dropFirst(done), at: 0, c)
        } catch {
            if done > 0 {
                if case .wouldBlock = error, file.flags & OpenFlag.nonBlocking == 0, !c.isInterrupted {
                    c.waiting.progress = done
                    throw error
                }
                return Int64(done)
            }
            throw LxpNonBlocking(error, file)
        }
        done += count
        if done >= data.count { return Int64(done) }
        if count == 0 { return Int64(done) }
    }
}

func LxpSyscall_LSEEK(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let file = try c.file(0)
    guard file.isSeekable else { throw .errno(.ESPIPE) }
    let offset = c.long(1)
    let whence = Int(c.int(2))
    if let position = try file.seek(offset, whence: whence, c) {
        file.position = position
        return position
    }
    let target: Int64
    switch whence {
    case 0: target = offset
    case 1: target = file.position &+ offset
    case 2: target = file.inode.isDirectory ? offset : try file.inode.attributes(c).size &+ offset
    case 3, 4:
        throw .unsupported(
            .EINVAL,
            note: "SEEK_DATA and SEEK_HOLE: no source says that lxcore has them",
            source: "inferred"
        )
    default: throw .errno(.EINVAL)
    }
    guard target >= 0 else { throw .errno(.EINVAL) }
    if file.inode.isDirectory, target == 0 { file.listing = nil }
    file.position = target
    return target
}

func LxpSyscall_SENDFILE(_ c: LxpCall) throws(LxFailure) -> Int64 {
    let output = try c.file(0)
    let input = try c.file(1)
    guard input.isReadable, output.isWritable else { throw .errno(.EBADF) }
    guard input.inode.kind == .regular || input.isSeekable, !input.inode.isDirectory else { throw .errno(.EINVAL) }
    if output.flags & OpenFlag.append != 0 { throw .errno(.EINVAL) }
    let count = Int(min(c[3], UInt64(LxpMaximumTransfer)))
    let start = c[2] == 0 ? input.position : try c.readInteger(c[2], as: Int64.self)
    guard start >= 0 else { throw .errno(.EINVAL) }
    var done = c.parked?.progress ?? 0
    while done < count {
        let data = try input.read(min(count - done, 65536), at: start + Int64(done), c)
        if data.isEmpty { break }
        do throws(LxFailure) {
            let written = try output.write(data, at: output.position, c)
            if output.isSeekable { output.position += Int64(written) }
            done += written
            if written < data.count { break }
        } catch {
            if case .wouldBlock = error, output.flags & OpenFlag.nonBlocking == 0, !c.isInterrupted {
                c.waiting.progress = done
                throw error
            }
            if done == 0 { throw LxpNonBlocking(error, output) }
            break
        }
    }
    if c[2] == 0 { input.position = start + Int64(done) } else { try c.writeInteger(c[2], start + Int64(done)) }
    return Int64(done)
}

/// getdents and getdents64 over the set of names taken at position 0.
private func LxpReadDirectory(_ c: LxpCall, wide: Bool) throws(LxFailure) -> Int64 {
    let file = try c.file(0)
    guard file.inode.isDirectory else { throw .errno(.ENOTDIR) }
    if file.location?.entry.isDeleted == true { throw .errno(.ENOENT) }
    try c.checkWritable(c[1])
    let names: [VfsDirectoryEntry]
    if let listing = file.listing {
        names = listing
    } else {
        let own = try file.inode.attributes(c).inode
        let up = try file.location?.entry.parent?.inode.attributes(c).inode ?? own
        names =
            [
                VfsDirectoryEntry(name: ".", inode: own, kind: .directory),
                VfsDirectoryEntry(name: "..", inode: up, kind: .directory),
            ] + (try file.readDirectory(c))
        file.listing = names
    }
    let capacity = Int(c.uint(2))
    let first = Int(clamping: file.position)
    var index = first
    var size = 0
    while index < names.count {
        let length = LxpRecordLength(names[index], wide: wide)
        guard size + length <= capacity else { break }
        size += length
        index += 1
    }
    if size == 0, index < names.count { throw .errno(.EINVAL) }
    file.position = Int64(index)
    let output = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
        let raw = UnsafeMutableRawBufferPointer(buffer)
        for index in first..<max(first, index) {
            let entry = names[index]
            let length = LxpRecordLength(entry, wide: wide)
            let record = UnsafeMutableRawBufferPointer(rebasing: raw[count..<(count + length)])
            record.initializeMemory(as: UInt8.self, repeating: 0)
            record.storeBytes(of: entry.inode, toByteOffset: 0, as: UInt64.self)
            record.storeBytes(of: UInt64(index + 1), toByteOffset: 8, as: UInt64.self)
            record.storeBytes(of: UInt16(length), toByteOffset: 16, as: UInt16.self)
            record[wide ? 18 : length - 1] = entry.kind.directoryType
            var name = entry.name
            name.withUTF8 { UnsafeMutableRawBufferPointer(rebasing: record[(wide ? 19 : 18)...]).copyBytes(from: $0) }
            count += length
        }
    }
    try c.write(c[1], output)
    return Int64(output.count)
}

/// Of `struct linux_dirent64` if `wide`, else of `struct linux_dirent`, whose type stands in its last byte.
private func LxpRecordLength(_ entry: VfsDirectoryEntry, wide: Bool) -> Int {
    (wide ? 19 + entry.name.utf8.count + 1 + 7 : 18 + entry.name.utf8.count + 2 + 7) & ~7
}
