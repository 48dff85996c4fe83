// The names that the recording's new things had, offered to engines by call index.
import Engine
import LinuxABI
import TraceLog

/// Immutable offers, taken before the replay.
struct RecordedNames: NameSource {
    fileprivate struct Key: Hashable {
        var kind: NameKind
        var call: UInt64
    }
    fileprivate let offers: [Key: UInt64]

    func offer(_ kind: NameKind, for call: UInt64) -> UInt64? { offers[Key(kind: kind, call: call)] }
}

/// Collects names while the recorded world is followed.
struct NameCollector {
    private var offers: [RecordedNames.Key: UInt64] = [:]
    /// The call that may have chosen a socket's port, by the socket's description.
    private var portChoosers: [UInt64: UInt64] = [:]

    func source() -> RecordedNames { RecordedNames(offers: offers) }

    mutating func collect(_ call: RecordedCall, in world: RecordedWorld) {
        guard let known = call.known else { return }
        let task = world.task(call.record.task)
        let result = UInt64(bitPattern: call.record.result)
        switch known {
        case .connect where call.errno == Int64(Errno.EINPROGRESS.rawValue): choosePort(call, in: world, task)
        case _ where !call.succeeded: return
        case .clone, .clone3, .fork, .vfork: if result > 0 { offer(.task, call.index, result) }
        case .mmap, .mremap, .shmat: offer(.address, call.index, result)
        case .brk: offer(.programBreak, call.index, result)
        case .shmget, .semget, .msgget: offer(.sysvID, call.index, result)
        case .add_key, .request_key: offer(.keySerial, call.index, result)
        case .inotify_add_watch: offer(.watch, call.index, result)
        case .timer_create:
            if let id = call.output.integer(call.word(2), count: 4) { offer(.timerID, call.index, id) }
        case .name_to_handle_at:
            if let id = call.output.integer(call.word(3), count: 4) { offer(.mountID, call.index, id) }
        case .ioctl where call.word(1) == ABI.constantIfKnown("TIOCGPTN"):
            if let number = call.output.integer(call.word(2), count: 4) {
                offer(.terminal, call.index, number)
                if let maker = world.description(call.fd(0), in: task)?.createdBy { offer(.terminal, maker, number) }
            }
        case .readlink, .readlinkat:
            let bytes = call.output.prefix(call.word(known == .readlink ? 1 : 2), count: Int(clamping: result))
            if let id = Self.bracketed(bytes) { offer(.namespaceID, call.index, id) }
        case .bind, .listen, .connect, .sendto: choosePort(call, in: world, task)
        case .getsockname: takePort(call, of: world.description(call.fd(0), in: task))
        case .accept, .accept4: takePort(call, of: world.description(Int32(truncatingIfNeeded: result), in: task)?.peer)
        case .stat, .lstat, .fstat, .newfstatat, .statx: collectInode(known, call, in: world, task)
        default: break
        }
    }

    private mutating func offer(_ kind: NameKind, _ call: UInt64, _ value: UInt64) {
        let key = RecordedNames.Key(kind: kind, call: call)
        if offers[key] == nil { offers[key] = value }
    }

    /// The inode number that a made file, pipe or socket turned out to have.
    private mutating func collectInode(
        _ known: KnownCall,
        _ call: RecordedCall,
        in world: RecordedWorld,
        _ task: TaskState
    ) {
        guard let status = FileStatus(decoding: call) else { return }
        offer(.inode, call.index, status.inode)
        offer(.device, call.index, status.device)
        let maker: UInt64?
        if known == .fstat {
            let description = world.description(call.fd(0), in: task)
            maker = description?.node.map(\.createdBy) ?? description?.createdBy
        } else {
            maker = world.paths(call, in: task).first.flatMap { world.files.node($0)?.createdBy }
        }
        guard let maker else { return }
        offer(.inode, maker, status.inode)
        offer(.device, maker, status.device)
    }

    // MARK: - Ports

    private mutating func choosePort(_ call: RecordedCall, in world: RecordedWorld, _ task: TaskState) {
        guard let socket = world.description(call.fd(0), in: task), portChoosers[socket.id] == nil else { return }
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

    /// The number in `mnt:[4026531841]`.
    private static func bracketed(_ bytes: [UInt8]) -> UInt64? {
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.hasSuffix("]"), let open = text.lastIndex(of: "[") else { return nil }
        return UInt64(text[text.index(after: open)...].dropLast())
    }
}
