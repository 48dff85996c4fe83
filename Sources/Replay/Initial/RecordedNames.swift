// The names that the recording's new things had, offered to engines by call index.
import Engine
import LinuxABI
import Tables
import TraceLog

/// Immutable offers: what a call's own record tells is read there, what later calls told is kept by the making call.
struct RecordedNames: NameSource {
    fileprivate let offers: Offers
    fileprivate let answers: RecordedAnswers

    func offer(_ kind: NameKind, for call: UInt64) -> UInt64? {
        if let later = offers[kind, call] { return later }
        return answers.recorded(call).flatMap { own(kind, $0) }
    }

    /// The name that a call's own result or output tells.
    private func own(_ kind: NameKind, _ call: RecordedCall) -> UInt64? {
        guard let known = call.known, call.succeeded else { return nil }
        let result = UInt64(bitPattern: call.record.result)
        switch (known, kind) {
        case (.clone, .task), (.clone3, .task), (.fork, .task), (.vfork, .task): return result > 0 ? result : nil
        case (.mmap, .address), (.mremap, .address), (.shmat, .address): return result
        case (.brk, .programBreak): return result
        case (.shmget, .sysvID), (.semget, .sysvID), (.msgget, .sysvID): return result
        case (.add_key, .keySerial), (.request_key, .keySerial): return result
        case (.inotify_add_watch, .watch): return result
        case (.timer_create, .timerID): return call.output.integer(call.word(2), count: 4)
        case (.name_to_handle_at, .mountID): return call.output.integer(call.word(3), count: 4)
        case (.ioctl, .terminal) where call.word(1) == Linux.terminalNumber:
            return call.output.integer(call.word(2), count: 4)
        case (.readlink, .namespaceID), (.readlinkat, .namespaceID):
            return Self.bracketed(
                call.output.prefix(call.word(known == .readlink ? 1 : 2), count: Int(clamping: result))
            )
        case (.stat, .inode), (.lstat, .inode), (.fstat, .inode), (.newfstatat, .inode), (.statx, .inode):
            return FileStatus(decoding: call)?.inode
        case (.stat, .device), (.lstat, .device), (.fstat, .device), (.newfstatat, .device), (.statx, .device):
            return FileStatus(decoding: call)?.device
        default: return nil
        }
    }

    /// The number in `mnt:[4026531841]`.
    private static func bracketed(_ bytes: [UInt8]) -> UInt64? {
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.hasSuffix("]"), let open = text.lastIndex(of: "[") else { return nil }
        return UInt64(text[text.index(after: open)...].dropLast())
    }
}

/// Names by kind and making call. There is a file's number and device for each file that was made.
private struct Offers {
    private var inodes = CallTable<UInt64>()
    private var devices = CallTable<UInt16>()
    private var deviceNumbers: [UInt64] = []
    private var others = IntegerTable<UInt64>()

    subscript(kind: NameKind, call: UInt64) -> UInt64? {
        get {
            switch kind {
            case .inode: inodes[call]
            case .device: devices[call].map { deviceNumbers[Int($0)] } ?? others[Self.key(kind, call)]
            default: others[Self.key(kind, call)]
            }
        }
        set {
            switch kind {
            case .inode: inodes[call] = newValue
            case .device:
                if let newValue, let known = ordinal(ofDevice: newValue) { devices[call] = known } else { fallthrough }
            default: others[Self.key(kind, call)] = newValue
            }
        }
    }

    private mutating func ordinal(ofDevice number: UInt64) -> UInt16? {
        if let known = deviceNumbers.firstIndex(of: number) { return UInt16(known) }
        guard deviceNumbers.count < 1 << 8 else { return nil }
        deviceNumbers.append(number)
        return UInt16(deviceNumbers.count - 1)
    }

    private static func key(_ kind: NameKind, _ call: UInt64) -> UInt64 { UInt64(kind.rawValue) << 56 | call }
}

/// Collects the names that only later calls tell, while the recorded world is followed.
struct NameCollector {
    private var offers = Offers()
    /// The call that may have chosen a socket's port, by the socket's description.
    private var portChoosers = IntegerTable<UInt64>()

    func source(_ answers: RecordedAnswers) -> RecordedNames { RecordedNames(offers: offers, answers: answers) }

    mutating func collect(_ call: RecordedCall, in world: RecordedWorld) {
        guard let known = call.known else { return }
        switch known {
        case .connect where call.errno == Int64(Errno.EINPROGRESS.rawValue): choosePort(call, in: world)
        case _ where !call.succeeded: return
        case .ioctl where call.word(1) == Linux.terminalNumber:
            let task = world.task(call.record.task)
            if let number = call.output.integer(call.word(2), count: 4),
                let maker = world.description(call.fd(0), in: task)?.createdBy
            {
                offer(.terminal, maker, number)
            }
        case .bind, .listen, .connect, .sendto: choosePort(call, in: world)
        case .getsockname:
            takePort(call, of: world.description(call.fd(0), in: world.task(call.record.task)))
        case .accept, .accept4:
            let result = Int32(truncatingIfNeeded: call.record.result)
            takePort(call, of: world.description(result, in: world.task(call.record.task))?.peer)
        case .stat, .lstat, .fstat, .newfstatat, .statx: collectInode(known, call, in: world)
        default: break
        }
    }

    private mutating func offer(_ kind: NameKind, _ call: UInt64, _ value: UInt64) {
        if offers[kind, call] == nil { offers[kind, call] = value }
    }

    /// The inode number that a made file, pipe or socket turned out to have.
    private mutating func collectInode(_ known: KnownCall, _ call: RecordedCall, in world: RecordedWorld) {
        let task = world.task(call.record.task)
        let maker: UInt64?
        if known == .fstat {
            let description = world.description(call.fd(0), in: task)
            maker = description?.node.map(\.createdBy) ?? description?.createdBy
        } else {
            maker = world.paths(call, in: task).first?.node?.createdBy
        }
        guard let maker, offers[.inode, maker] == nil, let status = FileStatus(decoding: call) else {
            return
        }
        offer(.inode, maker, status.inode)
        offer(.device, maker, status.device)
    }

    // MARK: - Ports

    private mutating func choosePort(_ call: RecordedCall, in world: RecordedWorld) {
        guard let socket = world.description(call.fd(0), in: world.task(call.record.task)),
            portChoosers[socket.id] == nil
        else { return }
        portChoosers[socket.id] = call.index
    }

    private mutating func takePort(_ call: RecordedCall, of socket: OpenDescription?) {
        let bytes = call.output.prefix(call.word(1), count: 4)
        // sockaddr_in and sockaddr_in6 have the port in network order at 2.
        guard bytes.count == 4, let socket, let maker = portChoosers[socket.id] else { return }
        let family = UInt64(bytes[0]) | UInt64(bytes[1]) << 8
        guard family == ABI.constant("AF_INET") || family == ABI.constant("AF_INET6") else { return }
        offer(.port, maker, UInt64(bytes[2]) << 8 | UInt64(bytes[3]))
    }
}
