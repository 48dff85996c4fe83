// Descriptors: opening, duplicating, closing, passing.
import Engine
import LinuxABI
import TraceLog

extension RecordedWorld {
    /// The description behind a descriptor of the task.
    func description(_ fd: Int32, in task: TaskState) -> OpenDescription? { task.files.entries[fd]?.description }

    func install(
        _ description: OpenDescription,
        _ fd: Int32,
        closeOnExec: Bool,
        in task: TaskState,
        source: Int32? = nil
    ) {
        guard fd >= 0 else { return }
        task.files.entries[fd] = .init(description: description, closeOnExec: closeOnExec)
        effects.append(.opened(fd: fd, source: source))
    }

    func drop(_ fd: Int32, in task: TaskState) {
        guard task.files.entries.removeValue(forKey: fd) != nil else { return }
        onDrop(task.files.id, fd)
    }

    func applyDescriptors(_ known: KnownCall, _ call: RecordedCall, in task: TaskState) {
        let result = Int32(truncatingIfNeeded: call.record.result)
        switch known {
        case .open, .openat, .openat2, .creat: applyOpen(known, call, in: task)
        case .dup: duplicate(call.fd(0), result, closeOnExec: false, in: task)
        case .dup2:
            if call.fd(0) != call.fd(1) { duplicate(call.fd(0), result, closeOnExec: false, in: task) }
        case .dup3:
            duplicate(call.fd(0), result, closeOnExec: call.word(2) & Linux.openCloseOnExec != 0, in: task)
        case .fcntl: applyControl(call, in: task)
        case .close_range: applyCloseRange(call, in: task)
        case .pipe, .pipe2:
            let flags = known == .pipe2 ? call.word(1) : 0
            guard let read = call.output.int32(call.word(0)), let write = call.output.int32(call.word(0) + 4) else {
                return
            }
            let id = identity()
            pair(
                .pipe(id: id, writeEnd: false),
                read,
                .pipe(id: id, writeEnd: true),
                write,
                flags: flags,
                call,
                in: task
            )
        case .socketpair:
            guard let left = call.output.int32(call.word(3)), let right = call.output.int32(call.word(3) + 4) else {
                return
            }
            pair(.socket(id: identity()), left, .socket(id: identity()), right, flags: call.word(1), call, in: task)
        case .socket:
            install(
                OpenDescription(
                    id: identity(),
                    kind: .socket(id: identity()),
                    flags: call.word(1),
                    createdBy: call.index
                ),
                result,
                closeOnExec: call.word(1) & Linux.openCloseOnExec != 0,
                in: task
            )
        case .accept, .accept4: applyAccept(known, call, in: task)
        case .listen: effects.append(.changedDescription(fd: call.fd(0)))
        case .bind:
            effects.append(.changedDescription(fd: call.fd(0)))
            guard let socket = description(call.fd(0), in: task) else { return }
            boundSockets[call.input.prefix(call.word(1), count: Int(min(call.word(2), 128)))] = socket
            if let path = unixPath(call, in: task), path.node == nil {
                _ = files.create(path, kind: .socket, mode: 0o777 & ~task.directories.umask, call: call.index)
                effects.append(.madePath(path.text))
            }
        case .connect:
            effects.append(.changedDescription(fd: call.fd(0)))
            let address = call.input.prefix(call.word(1), count: Int(min(call.word(2), 128)))
            guard let socket = description(call.fd(0), in: task), let listener = boundSockets[address] else { return }
            backlogs[listener.id, default: []].append(socket)
        case .recvmsg: receiveDescriptors(call, in: task)
        case .sendmsg: sendDescriptors(call, in: task)
        default: break
        }
    }

    private func duplicate(_ source: Int32, _ fd: Int32, closeOnExec: Bool, in task: TaskState) {
        guard let description = description(source, in: task) else { return }
        install(description, fd, closeOnExec: closeOnExec, in: task, source: source)
    }

    private func pair(
        _ left: OpenDescription.Kind,
        _ leftFD: Int32,
        _ right: OpenDescription.Kind,
        _ rightFD: Int32,
        flags: UInt64,
        _ call: RecordedCall,
        in task: TaskState
    ) {
        // SOCK_CLOEXEC is O_CLOEXEC by definition (linux/net.h).
        let closeOnExec = flags & Linux.openCloseOnExec != 0
        let status = flags & Linux.openNonBlocking
        let first = OpenDescription(id: identity(), kind: left, flags: status, createdBy: call.index)
        let second = OpenDescription(
            id: identity(),
            kind: right,
            flags: status | Linux.openWriteOnly,
            createdBy: call.index
        )
        first.peer = second
        second.peer = first
        install(first, leftFD, closeOnExec: closeOnExec, in: task)
        install(second, rightFD, closeOnExec: closeOnExec, in: task)
    }

    private func applyControl(_ call: RecordedCall, in task: TaskState) {
        let result = Int32(truncatingIfNeeded: call.record.result)
        switch call.word(1) {
        case Linux.duplicate: duplicate(call.fd(0), result, closeOnExec: false, in: task)
        case Linux.duplicateCloseOnExec: duplicate(call.fd(0), result, closeOnExec: true, in: task)
        case Linux.setDescriptorFlags: task.files.entries[call.fd(0)]?.closeOnExec = call.word(2) & 1 != 0
        case Linux.setStatusFlags:
            guard let description = description(call.fd(0), in: task) else { return }
            description.flags = description.flags & Linux.accessModeMask | call.word(2) & ~Linux.accessModeMask
        default: break
        }
    }

    private func applyCloseRange(_ call: RecordedCall, in task: TaskState) {
        let range =
            UInt32(
                truncatingIfNeeded: call.word(0)
            )...max(
                UInt32(truncatingIfNeeded: call.word(0)),
                UInt32(truncatingIfNeeded: call.word(1))
            )
        if call.word(2) & Linux.closeRangeUnshare != 0 {
            separateTable(of: task)
        }
        for fd in task.files.entries.keys where fd >= 0 && range.contains(UInt32(fd)) {
            if call.word(2) & Linux.closeRangeCloseOnExec != 0 {
                task.files.entries[fd]?.closeOnExec = true
            } else {
                drop(fd, in: task)
                effects.append(.closed(fd: fd))
            }
        }
    }

    private func applyAccept(_ known: KnownCall, _ call: RecordedCall, in task: TaskState) {
        let flags = known == .accept4 ? call.word(3) : 0
        let accepted = OpenDescription(
            id: identity(),
            kind: .socket(id: identity()),
            flags: flags,
            createdBy: call.index
        )
        if let listener = description(call.fd(0), in: task), let peer = backlogs[listener.id]?.first {
            backlogs[listener.id]?.removeFirst()
            accepted.peer = peer
            peer.peer = accepted
        }
        install(
            accepted,
            Int32(truncatingIfNeeded: call.record.result),
            closeOnExec: flags & Linux.openCloseOnExec != 0,
            in: task
        )
    }

    /// The path of a unix socket address argument, resolved.
    func unixPath(_ call: RecordedCall, in task: TaskState) -> PathName? {
        let bytes = call.input.prefix(call.word(1), count: Int(min(call.word(2), 110)))
        // sun_family is AF_UNIX and the name is not abstract.
        guard bytes.count > 2, UInt64(bytes[0]) | UInt64(bytes[1]) << 8 == ABI.constant("AF_UNIX"), bytes[2] != 0 else {
            return nil
        }
        return resolve(bytes[2...].prefix { $0 != 0 }, at: Linux.atWorkingDirectory, in: task, follow: true)
    }

    /// Whether some call with this number makes a thing with a name.
    private static func mayMake(_ number: UInt32, _ architecture: Architecture) -> Bool {
        architecture != .x86_64 || number >= makingCalls.count || makingCalls[Int(number)]
    }

    /// By number on x86-64.
    private static let makingCalls: [Bool] = (0..<512).map { number in
        guard let call = ABI.call(number, .x86_64) else { return false }
        return (call.variants + [call.plain]).contains { $0.result.creates && $0.result.nameSpace != nil }
    }

    /// Calls that make descriptors and have no rule of their own here: the description says what they make.
    func applyDescribed(_ call: RecordedCall, in task: TaskState) {
        guard Self.mayMake(call.record.number, call.record.architecture),
            let description = ABI.call(Int(call.record.number), call.record.architecture)
        else { return }
        let variant = description.variant(for: call.record.arguments)
        guard variant.result.creates, let space = variant.result.nameSpace else { return }
        guard space == .fd else {
            makers[.init(space), default: [:]][UInt64(bitPattern: call.record.result)] = call.index
            return
        }
        let opened = OpenDescription(
            id: identity(),
            kind: .other(description.name),
            flags: 0,
            createdBy: call.index
        )
        install(
            opened,
            Int32(truncatingIfNeeded: call.record.result),
            closeOnExec: variant.setsCloseOnExec(call.record.arguments),
            in: task
        )
    }

    // MARK: - SCM_RIGHTS

    private func sendDescriptors(_ call: RecordedCall, in task: TaskState) {
        guard let peer = description(call.fd(0), in: task)?.peer else { return }
        for (fd, _) in passedDescriptors(call.input, call) {
            guard let description = description(fd, in: task) else { continue }
            passed[peer.id, default: []].append(description)
        }
    }

    private func receiveDescriptors(_ call: RecordedCall, in task: TaskState) {
        guard let socket = description(call.fd(0), in: task) else { return }
        let closeOnExec = call.word(2) & Linux.messageCloseOnExec != 0
        for (fd, _) in passedDescriptors(call.output, call) {
            let description: OpenDescription
            if let first = passed[socket.id]?.first {
                passed[socket.id]?.removeFirst()
                description = first
            } else {
                description = OpenDescription(
                    id: identity(),
                    kind: .other("passed by a peer that was not recorded"),
                    flags: 0,
                    createdBy: call.index
                )
            }
            install(description, fd, closeOnExec: closeOnExec, in: task)
        }
    }

    /// The descriptors in a msghdr's control data, with their addresses.
    func passedDescriptors(_ memory: MemoryChunks, _ call: RecordedCall) -> [(fd: Int32, address: UInt64)] {
        // struct msghdr and cmsghdr: msg_control at 32, msg_controllen at 40; cmsg_len, cmsg_level, cmsg_type.
        let header = call.word(1)
        let control = call.input.integer(header + 32, count: 8) ?? memory.integer(header + 32, count: 8) ?? 0
        let length = memory.integer(header + 40, count: 8) ?? call.input.integer(header + 40, count: 8) ?? 0
        var found: [(fd: Int32, address: UInt64)] = []
        var offset: UInt64 = 0
        while control != 0, offset + 16 <= length {
            guard let size = memory.integer(control + offset, count: 8), size >= 16,
                let level = memory.integer(control + offset + 8, count: 4),
                let type = memory.integer(control + offset + 12, count: 4)
            else { break }
            if level == Linux.socketLevel, type == Linux.passDescriptors {
                for position in stride(from: offset + 16, to: min(offset + size, length), by: 4) {
                    if let fd = memory.int32(control + position) { found.append((fd, control + position)) }
                }
            }
            offset += (size + 7) & ~7
        }
        return found
    }
}
