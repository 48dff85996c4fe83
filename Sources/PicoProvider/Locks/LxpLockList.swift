// flock and record locks of one inode; kept in the provider, NT knows nothing of them (nt-mapping.tsv).
import Engine
import LinuxABI

final class LxpLockList {
    struct Record {
        var owner: ObjectIdentifier
        /// Process that holds it, by global id.
        var process: Int32
        var isExclusive: Bool
        /// Half-open range in bytes.
        var start: Int64
        var end: Int64
    }
    struct Flock {
        weak var file: VfsFile?
        var isExclusive: Bool
    }

    /// Builds that grant every lock keep none; F_GETLK knows only whether there was one.
    var hasStubLock = false
    private(set) var records: [Record] = []
    private var flocks: [Flock] = []

    // MARK: - flock

    func setFlock(of file: VfsFile, exclusive: Bool) -> Bool {
        let others = flocks.filter { $0.file != nil && $0.file !== file }
        // A conversion drops the old lock first, as on Linux.
        if exclusive ? !others.isEmpty : others.contains(where: \.isExclusive) {
            flocks = others
            return false
        }
        flocks = others + [Flock(file: file, isExclusive: exclusive)]
        return true
    }

    func removeFlock(of file: VfsFile) { flocks.removeAll { $0.file == nil || $0.file === file } }

    // MARK: - Record locks

    func conflict(_ wanted: Record) -> Record? {
        records.first {
            $0.owner != wanted.owner && $0.start < wanted.end && wanted.start < $0.end
                && ($0.isExclusive || wanted.isExclusive)
        }
    }

    /// Cuts the range out of the owner's locks, and puts `wanted` there if given.
    func set(_ owner: ObjectIdentifier, from start: Int64, to end: Int64, wanted: Record?) {
        var result: [Record] = []
        for record in records {
            guard record.owner == owner, record.start < end, start < record.end else {
                result.append(record)
                continue
            }
            if record.start < start {
                var left = record
                left.end = start
                result.append(left)
            }
            if record.end > end {
                var right = record
                right.start = end
                result.append(right)
            }
        }
        if let wanted { result.append(wanted) }
        records = result.sorted { $0.start < $1.start }
    }

    func removeRecords(of owner: ObjectIdentifier) { records.removeAll { $0.owner == owner } }
}

extension VfsInode {
    var lockList: LxpLockList {
        if let locks { return locks }
        let made = LxpLockList()
        locks = made
        return made
    }
}

private let readLock = Int16(truncatingIfNeeded: ABI.constant("F_RDLCK"))
private let writeLock = Int16(truncatingIfNeeded: ABI.constant("F_WRLCK"))
private let unlock = Int16(truncatingIfNeeded: ABI.constant("F_UNLCK"))

private func LxpReadLock(_ c: LxpCall, _ file: VfsFile) throws(LxFailure) -> (type: Int16, record: LxpLockList.Record) {
    let type = try c.readInteger(c[2], as: Int16.self)
    let whence = try c.readInteger(c[2] + 2, as: Int16.self)
    var start = try c.readInteger(c[2] + 8, as: Int64.self)
    let length = try c.readInteger(c[2] + 16, as: Int64.self)
    switch whence {
    case 0: break
    case 1: start &+= file.position
    case 2: start &+= try file.inode.attributes(c).size
    default: throw .errno(.EINVAL)
    }
    var end = length == 0 ? Int64.max : start &+ length
    if length < 0 { (start, end) = (end, start) }
    guard start >= 0, end > start else { throw .errno(.EINVAL) }
    guard [readLock, writeLock, unlock].contains(type) else { throw .errno(.EINVAL) }
    let record = LxpLockList.Record(
        owner: ObjectIdentifier(c.thread.files),
        process: c.group.globalID,
        isExclusive: type == writeLock,
        start: start,
        end: end
    )
    return (type, record)
}

func LxpSetRecordLock(_ c: LxpCall, _ file: VfsFile, waits: Bool) throws(LxFailure) -> Int64 {
    let (type, wanted) = try LxpReadLock(c, file)
    let locks = file.inode.lockList
    if type == unlock {
        locks.set(wanted.owner, from: wanted.start, to: wanted.end, wanted: nil)
        return 0
    }
    guard type == writeLock ? file.isWritable : file.isReadable else { throw .errno(.EBADF) }
    if c.engine.build <= WSL1Build.lastWithoutRecordLocks {
        c.stub("record locks are granted to everybody through 16273", "LTP:16251;GH:1927;GH:2395")
        file.inode.lockList.hasStubLock = true
        return 0
    }
    if locks.conflict(wanted) != nil {
        if waits { throw .wouldBlock }
        throw .errno(.EAGAIN)
    }
    locks.set(wanted.owner, from: wanted.start, to: wanted.end, wanted: wanted)
    return 0
}

func LxpGetRecordLock(_ c: LxpCall, _ file: VfsFile) throws(LxFailure) -> Int64 {
    let (type, wanted) = try LxpReadLock(c, file)
    guard type != unlock else { throw .errno(.EINVAL) }
    if c.engine.build <= WSL1Build.lastWithoutRecordLocks, file.inode.lockList.hasStubLock {
        // The same answer whatever the range (LTP:15031).
        c.stub("F_GETLK describes no real lock through 16273", "LTP:15031 (fcntl11);GH:3094")
        var out = LxpBytes()
        out.add(writeLock)
        out.pad(to: 24)
        out.add(Int32(1))
        out.pad(to: 32)
        try c.write(c[2], out.bytes)
        return 0
    }
    guard let other = file.inode.lockList.conflict(wanted) else {
        var bytes = try c.read(c[2], 32)
        bytes[0] = UInt8(truncatingIfNeeded: unlock)
        bytes[1] = 0
        try c.write(c[2], bytes)
        return 0
    }
    var out = LxpBytes()
    out.add(other.isExclusive ? writeLock : readLock)
    out.add(Int16(0))
    out.pad(to: 8)
    out.add(other.start)
    out.add(other.end == .max ? 0 : other.end - other.start)
    out.add(c.engine.group(globalID: other.process)?.id(in: c.thread.namespaces.pid) ?? 0)
    out.pad(to: 32)
    try c.write(c[2], out.bytes)
    return 0
}
