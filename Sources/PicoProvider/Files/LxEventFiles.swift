// eventfd, timerfd and signalfd.
import Engine
import LinuxABI

final class LxEventFile: VfsFile {
    private var counter: UInt64
    private let isSemaphore: Bool
    private var arrivals: UInt64 = 0
    private var rooms: UInt64 = 0

    init(inode: VfsInode, initial: UInt64, isSemaphore: Bool) {
        counter = initial
        self.isSemaphore = isSemaphore
        super.init(inode: inode)
    }

    override var isSeekable: Bool { false }
    override var isPollable: Bool { true }
    override var linkText: String { "anon_inode:[eventfd]" }
    override var inputArrivals: UInt64 { arrivals }
    override var outputArrivals: UInt64 { rooms }

    override func read(_ count: Int, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> VfsData {
        guard count >= 8 else { throw .errno(.EINVAL) }
        guard counter > 0 else { throw .wouldBlock }
        let value = isSemaphore ? 1 : counter
        counter -= value
        rooms += 1
        var out = LxpBytes()
        out.add(value)
        return VfsData(out.bytes)
    }

    override func write(_ data: VfsData, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> Int {
        guard data.count >= 8, let bytes = data.prefix(8).bytes else { throw .errno(.EINVAL) }
        let value = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard value != .max else { throw .errno(.EINVAL) }
        guard value < UInt64.max - counter else { throw .wouldBlock }
        counter += value
        arrivals += 1
        return 8
    }

    override func poll(_ context: VfsContext) -> PollEvents {
        var events: PollEvents = []
        if counter > 0 { events.insert(.readable) }
        if counter < UInt64.max - 1 { events.insert(.writable) }
        return events
    }
}

final class LxTimerFile: VfsFile {
    let clock: Int32
    var timer = LxTimer()
    private var expirations: UInt64 = 0
    private var arrivals: UInt64 = 0

    init(inode: VfsInode, clock: Int32) {
        self.clock = clock
        super.init(inode: inode)
    }

    override var isSeekable: Bool { false }
    override var isPollable: Bool { true }
    override var linkText: String { "anon_inode:[timerfd]" }
    override var inputArrivals: UInt64 { arrivals }

    func arm(at deadline: UInt64?, interval: UInt64) {
        timer.arm(at: deadline, interval: interval)
        expirations = 0
    }

    func update(_ now: UInt64) {
        let count = timer.take(now)
        if count > 0 { arrivals += 1 }
        expirations += count
    }

    override func read(_ count: Int, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> VfsData {
        guard count >= 8 else { throw .errno(.EINVAL) }
        update(context.engine.time)
        guard expirations > 0 else { throw .wouldBlock }
        var out = LxpBytes()
        out.add(expirations)
        expirations = 0
        return VfsData(out.bytes)
    }

    override func poll(_ context: VfsContext) -> PollEvents {
        update(context.engine.time)
        return expirations > 0 ? [.readable] : []
    }
}

/// signalfd: what a reader of the file gets are signals pending for the reading thread (RN:17101).
final class LxSignalFile: VfsFile {
    var mask: LxSignalSet

    init(inode: VfsInode, mask: LxSignalSet) {
        self.mask = mask
        super.init(inode: inode)
    }

    override var isSeekable: Bool { false }
    override var isPollable: Bool { true }
    override var linkText: String { "anon_inode:[signalfd]" }

    override func read(_ count: Int, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> VfsData {
        guard count >= 128 else { throw .errno(.EINVAL) }
        var data = VfsData()
        while data.count + 128 <= count, let info = context.thread.takePending(mask) {
            data.append(VfsData(Self.bytes(info)))
        }
        guard !data.isEmpty else { throw .wouldBlock }
        return data
    }

    override func poll(_ context: VfsContext) -> PollEvents {
        context.thread.pendingSet.bits & mask.bits != 0 ? [.readable] : []
    }

    /// `struct signalfd_siginfo`.
    private static func bytes(_ info: LxSignalInfo) -> [UInt8] {
        var out = LxpBytes()
        out.add(info.signal)
        out.add(Int32(0))
        out.add(info.code)
        out.add(info.pid)
        out.add(info.uid)
        out.pad(to: 40)
        out.add(Int32(truncatingIfNeeded: info.value))
        out.pad(to: 128)
        return out.bytes
    }
}
