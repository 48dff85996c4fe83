// epoll: interest lists, level and edge triggering, one-shot, nesting (RN:17063).
import Engine
import LinuxABI

final class LxEpollInterest {
    weak var epoll: LxEpollFile?
    let fd: Int32
    unowned let file: VfsFile
    var events: UInt32
    var data: UInt64
    /// EPOLLONESHOT fired: silent until EPOLL_CTL_MOD.
    var isDisabled = false
    /// Arrivals as of the last report; nil: never reported.
    var seenInput: UInt64?
    var seenOutput: UInt64?

    init(epoll: LxEpollFile, fd: Int32, file: VfsFile, events: UInt32, data: UInt64) {
        self.epoll = epoll
        self.fd = fd
        self.file = file
        self.events = events
        self.data = data
    }
}

final class LxEpollFile: VfsFile {
    private(set) var watched: [LxEpollInterest] = []

    static let edge = abi32("EPOLLET")
    static let oneShot = abi32("EPOLLONESHOT")
    static let exclusive = abi32("EPOLLEXCLUSIVE")
    private static let wakeUp = abi32("EPOLLWAKEUP")
    private static let inputMask = PollEvents.readable.union([.readHangUp, .priority, .readNormal]).rawValue

    override var isSeekable: Bool { false }
    override var isPollable: Bool { true }
    override var linkText: String { "anon_inode:[eventpoll]" }

    func interest(fd: Int32, file: VfsFile) -> LxEpollInterest? {
        watched.first { $0.fd == fd && $0.file === file }
    }

    func add(_ interest: LxEpollInterest) {
        watched.append(interest)
        interest.file.interests.append(interest)
    }

    func forget(_ interest: LxEpollInterest) { watched.removeAll { $0 === interest } }

    func remove(_ interest: LxEpollInterest) {
        forget(interest)
        interest.file.interests.removeAll { $0 === interest }
    }

    /// The ready part of one interest.
    private func ready(_ interest: LxEpollInterest, _ context: VfsContext) -> UInt32 {
        guard !interest.isDisabled else { return 0 }
        // A set within a set reported nothing (RN:17063).
        if context.engine.build < WSL1Build(17063), interest.file is LxEpollFile { return 0 }
        let always = PollEvents.error.union(.hangUp).rawValue
        let events = interest.file.poll(context).rawValue & (interest.events | always)
        guard events != 0, interest.events & Self.edge != 0 else { return events }
        let input = interest.file.inputArrivals
        let output = interest.file.outputArrivals
        let isNew =
            interest.seenInput == nil || (input != interest.seenInput && interest.events & Self.inputMask != 0)
            || (output != interest.seenOutput && interest.events & PollEvents.writable.rawValue != 0)
        return isNew ? events : 0
    }

    override func poll(_ context: VfsContext) -> PollEvents {
        watched.contains { ready($0, context) != 0 } ? [.readable, .readNormal] : []
    }

    override var isFedFromOutside: Bool { watched.contains { $0.file.isFedFromOutside && !$0.isDisabled } }

    /// At most `limit` events, marking them as reported; those reported go to the end of the line.
    func take(_ limit: Int, _ context: VfsContext) -> [(events: UInt32, data: UInt64)] {
        var result: [(events: UInt32, data: UInt64)] = []
        var reported: [LxEpollInterest] = []
        for interest in watched where result.count < limit {
            let events = ready(interest, context)
            guard events != 0 else { continue }
            result.append((events, interest.data))
            interest.seenInput = interest.file.inputArrivals
            interest.seenOutput = interest.file.outputArrivals
            if interest.events & Self.oneShot != 0 { interest.isDisabled = true }
            reported.append(interest)
        }
        if result.count == limit, reported.count < watched.count {
            watched.removeAll { candidate in reported.contains { $0 === candidate } }
            watched += reported
        }
        return result
    }

    override func release(_ context: VfsContext) {
        for interest in watched { interest.file.interests.removeAll { $0 === interest } }
        watched = []
    }

    /// Whether `other` is reachable through nested sets (ELOOP).
    func reaches(_ other: LxEpollFile, depth: Int = 0) -> Bool {
        if self === other || depth > 4 { return true }
        return watched.contains { ($0.file as? LxEpollFile)?.reaches(other, depth: depth + 1) ?? false }
    }
}
