// Pipes and FIFOs: a ring of the provider, deliberately not an NT named pipe (BLOG:syscalls).
import Engine
import LinuxABI

final class LxPipe {
    private(set) var capacity = 65536
    private var buffer = VfsData()
    /// Packets of O_DIRECT pipes, in order; bytes of other writes stay in one stream.
    private var packets: [VfsData] = []
    var readers = 0
    var writers = 0
    /// Opens so far: a FIFO's open waits for the other side to come, even if it left again.
    var readerArrivals = 0
    var writerArrivals = 0
    /// An end that belongs to a program that was not recorded.
    var hasOutsideReader = false
    var hasOutsideWriter = false
    private(set) var dataArrivals: UInt64 = 0
    private(set) var roomArrivals: UInt64 = 0

    static let atomicSize = 4096

    var count: Int { packets.isEmpty ? buffer.count : packets.reduce(buffer.count) { $0 + $1.count } }
    var room: Int { max(0, capacity - count) }

    /// F_SETPIPE_SZ: whole pages, a power of two; more than 1 MiB needs CAP_SYS_RESOURCE (RN:15025, UT:pipe.c).
    func resize(_ size: UInt64, isPrivileged: Bool) throws(LxFailure) {
        guard size <= 1 << 31 else { throw .errno(.EINVAL) }
        var rounded = Self.atomicSize
        while rounded < Int(size) { rounded *= 2 }
        guard rounded <= 1 << 20 || isPrivileged else { throw .errno(.EPERM) }
        guard rounded >= count else { throw .errno(.EBUSY) }
        capacity = rounded
    }

    func write(_ data: VfsData, asPacket: Bool) throws(LxFailure) -> Int {
        let room = self.room
        if asPacket {
            let part = data.prefix(Self.atomicSize)
            guard part.count <= room else { throw .wouldBlock }
            packets.append(part)
            dataArrivals += 1
            return part.count
        }
        guard room > 0, data.count > Self.atomicSize || data.count <= room else { throw .wouldBlock }
        let part = data.prefix(room)
        if packets.isEmpty { buffer.append(part) } else { packets.append(part) }
        dataArrivals += 1
        return part.count
    }

    /// nil: empty.
    func read(_ count: Int) -> VfsData? {
        guard self.count > 0 else { return nil }
        roomArrivals += 1
        if buffer.isEmpty {
            let packet = packets.removeFirst()
            return packet.prefix(count)
        }
        return buffer.removeFirst(count)
    }

    /// tee: the same without taking it out.
    func peek(_ count: Int) -> VfsData {
        buffer.isEmpty ? packets.first?.prefix(count) ?? VfsData() : buffer.prefix(count)
    }
}

final class LxPipeFile: VfsFile {
    let pipe: LxPipe
    private let reads: Bool
    private let writes: Bool

    init(pipe: LxPipe, inode: VfsInode, reads: Bool, writes: Bool) {
        self.pipe = pipe
        self.reads = reads
        self.writes = writes
        super.init(inode: inode)
        // /proc/<pid>/fd leads to the inode; an open of it is one more end of this pipe.
        if inode.boundObject == nil { inode.boundObject = pipe }
        if reads {
            pipe.readers += 1
            pipe.readerArrivals += 1
        }
        if writes {
            pipe.writers += 1
            pipe.writerArrivals += 1
        }
    }

    override var isSeekable: Bool { false }
    override var isPollable: Bool { true }
    override var linkText: String {
        "pipe:[\((inode as? LxAnonymousInode)?.number ?? 0)]"
    }
    // Both ends share one readiness state (UT:pipe.c).
    override var inputArrivals: UInt64 { pipe.dataArrivals &+ pipe.roomArrivals }
    override var outputArrivals: UInt64 { inputArrivals }
    override var isFedFromOutside: Bool { reads && pipe.hasOutsideWriter && pipe.count == 0 }

    override func read(_ count: Int, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> VfsData {
        if count == 0 { return VfsData() }
        if let data = pipe.read(count) { return data }
        if pipe.hasOutsideWriter {
            return try context.dataFromOutside(count, "bytes from a pipe that was not recorded")
        }
        if pipe.writers == 0 { return VfsData() }
        throw .wouldBlock
    }

    override func write(_ data: VfsData, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> Int {
        if pipe.readers == 0, !pipe.hasOutsideReader {
            context.engine.raiseOwnSignal(LxSignal.pipe, context)
            throw .errno(.EPIPE)
        }
        if pipe.hasOutsideReader, pipe.readers == 0 { return data.count }
        if data.isEmpty { return 0 }
        return try pipe.write(data, asPacket: flags & OpenFlag.direct != 0)
    }

    override func poll(_ context: VfsContext) -> PollEvents {
        var events: PollEvents = []
        if reads {
            if pipe.count > 0 { events.formUnion([.readable, .readNormal]) }
            if pipe.writers == 0, !pipe.hasOutsideWriter { events.insert(.hangUp) }
        }
        if writes {
            if pipe.room >= LxPipe.atomicSize || pipe.hasOutsideReader { events.formUnion([.writable, .writeNormal]) }
            if pipe.readers == 0, !pipe.hasOutsideReader { events.insert(.error) }
        }
        return events
    }

    override func ioctl(_ request: UInt32, _ argument: UInt64, _ context: VfsContext) throws(LxFailure) -> Int64 {
        guard request == LxPipeFile.fionread else { throw .errno(.ENOTTY) }
        try context.writeInteger(argument, Int32(pipe.count))
        return 0
    }

    private static let fionread = abi32("FIONREAD")

    override func release(_ context: VfsContext) {
        if reads { pipe.readers -= 1 }
        if writes { pipe.writers -= 1 }
    }
}

/// open of a FIFO: waits for the other side unless O_NONBLOCK or O_RDWR.
func LxpOpenFifo(_ c: LxpCall, _ inode: VfsInode, _ flags: UInt32) throws(LxFailure) -> VfsFile {
    let pipe: LxPipe
    if let bound = inode.boundObject as? LxPipe {
        pipe = bound
    } else {
        pipe = LxPipe()
        inode.boundObject = pipe
    }
    let access = flags & OpenFlag.accessMode
    let nonBlocking = flags & OpenFlag.nonBlocking != 0
    // Through /proc/<pid>/fd: a pipe without a name waits for nobody.
    let isAnonymous = inode is LxAnonymousInode
    if let file = c.parked?.object as? LxPipeFile {
        // The second attempt: has the other side come since?
        let arrivals = access == 0 ? pipe.writerArrivals : pipe.readerArrivals
        if arrivals > Int(c.waiting.value) { return file }
        throw .wouldBlock
    }
    switch access {
    case 0:
        let file = LxPipeFile(pipe: pipe, inode: inode, reads: true, writes: false)
        if pipe.writers > 0 || pipe.hasOutsideWriter || nonBlocking || isAnonymous { return file }
        c.waiting.object = file
        c.waiting.value = Int64(pipe.writerArrivals)
        throw .wouldBlock
    case OpenFlag.writeOnly:
        if pipe.readers == 0, nonBlocking, !isAnonymous { throw .errno(.ENXIO) }
        let file = LxPipeFile(pipe: pipe, inode: inode, reads: false, writes: true)
        if pipe.readers > 0 || isAnonymous { return file }
        c.waiting.object = file
        c.waiting.value = Int64(pipe.readerArrivals)
        throw .wouldBlock
    default: return LxPipeFile(pipe: pipe, inode: inode, reads: true, writes: true)
    }
}
