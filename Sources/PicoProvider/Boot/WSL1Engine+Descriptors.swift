// Descriptors that existed before the first call, or that a graft asks for: their far ends may be outside.
import Engine
import LinuxABI

/// A file that nothing is known of but its name: reads are given, writes are taken.
final class LxOutsideFile: VfsFile {
    private let text: String

    init(inode: VfsInode, text: String) {
        self.text = text
        super.init(inode: inode)
    }

    override var linkText: String { text }
    override var isSeekable: Bool { false }
    override var isPollable: Bool { true }
    override var isFedFromOutside: Bool { true }

    override func read(_ count: Int, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> VfsData {
        try context.dataFromOutside(count, "bytes from \(text)")
    }

    override func write(_ data: VfsData, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> Int {
        data.count
    }

    override func poll(_ context: VfsContext) -> PollEvents { [.writable, .writeNormal] }

    override func ioctl(_ request: UInt32, _ argument: UInt64, _ context: VfsContext) throws(LxFailure) -> Int64 {
        throw .notModelled("ioctl of a descriptor whose kind is not known: \(text)")
    }
}

extension WSL1Engine {
    func openDescriptors(_ thread: LxThread) {
        let process = environment.process
        // A pipe whose other end is a descriptor of ours leads to ourselves, every other one outside.
        var writeEnds: Set<UInt64> = []
        var readEnds: Set<UInt64> = []
        for case .pipe(let identifier, let writeEnd) in process.descriptors.map(\.target) {
            if writeEnd { writeEnds.insert(identifier) } else { readEnds.insert(identifier) }
        }
        for identifier in writeEnds.union(readEnds) {
            let pipe = pipe(identifier, thread.credentials)
            pipe.pipe.hasOutsideReader = !readEnds.contains(identifier)
            pipe.pipe.hasOutsideWriter = !writeEnds.contains(identifier)
        }
        for descriptor in process.descriptors {
            let file = open(descriptor.target, flags: descriptor.flags, thread)
            file.position = descriptor.offset
            let closeOnExec = descriptor.flags & OpenFlag.closeOnExec != 0
            _ = thread.files.put(file, at: Int(descriptor.fd), closeOnExec: closeOnExec)
        }
        if process.hasTerminal, thread.group.session.terminal == nil {
            adopt(console("/dev/tty", thread), thread)
        }
    }

    /// Pipes of the environment, by its id.
    private func pipe(_ identifier: UInt64, _ credentials: LxCredentials) -> (pipe: LxPipe, inode: VfsInode) {
        if let known = outsidePipes[identifier] { return known }
        let made = (
            pipe: LxPipe(),
            inode: LxAnonymousInode(self, mode: VfsKind.fifo.rawValue | 0o600, credentials: credentials) as VfsInode
        )
        made.inode.boundObject = made.pipe
        made.pipe.hasOutsideReader = true
        made.pipe.hasOutsideWriter = true
        outsidePipes[identifier] = made
        return made
    }

    private func console(_ path: String, _ thread: LxThread) -> LxTerminal {
        if let known = terminals.consoles[path] { return known }
        let terminal = LxTerminal(name: path, device: place(path, thread)?.inode.specialDevice ?? 0)
        terminals.consoles[path] = terminal
        return terminal
    }

    private func adopt(_ terminal: LxTerminal, _ thread: LxThread) {
        guard environment.process.hasTerminal, terminal.session == nil, thread.group.session.terminal == nil else {
            return
        }
        LxpAcquireTerminal(terminal, thread.group)
    }

    /// An open file for a target of the environment, made if need be.
    func open(_ target: Environment.Descriptor.Target, flags: UInt32, _ thread: LxThread) -> VfsFile {
        let kept = flags & OpenFlag.kept
        let file: VfsFile
        switch target {
        case .file(let path): file = openPath(path, flags, thread)
        case .terminal(let path):
            let terminal = console(path, thread)
            let inode =
                place(path, thread)?.inode
                ?? LxAnonymousInode(
                    self,
                    mode: VfsKind.characterDevice.rawValue | 0o620,
                    credentials: thread.credentials
                )
            file = LxTerminalFile(inode: inode, terminal: terminal)
            file.location = place(path, thread)
            adopt(terminal, thread)
        case .pipe(let identifier, let writeEnd):
            let ends = pipe(identifier, thread.credentials)
            file = LxPipeFile(pipe: ends.pipe, inode: ends.inode, reads: !writeEnd, writes: writeEnd)
        case .socket:
            let inode = LxAnonymousInode(self, mode: VfsKind.socket.rawValue | 0o777, credentials: thread.credentials)
            let socket = LxUnixSocket(
                inode: inode,
                family: SocketFamily.unix,
                type: SocketType.stream,
                protocolNumber: 0
            )
            socket.connectOutside()
            file = socket
        case .other(let text):
            file = anonymous(text, LxAnonymousInode(self, mode: 0o600, credentials: thread.credentials))
        }
        file.flags = kept
        return file
    }

    /// Kinds that readlink names can be made; the rest is opaque.
    private func anonymous(_ text: String, _ inode: VfsInode) -> VfsFile {
        switch text {
        case "anon_inode:[eventfd]": LxEventFile(inode: inode, initial: 0, isSemaphore: false)
        case "anon_inode:[eventpoll]": LxEpollFile(inode: inode)
        case "anon_inode:[timerfd]": LxTimerFile(inode: inode, clock: LxClock.monotonic)
        case "anon_inode:[signalfd]": LxSignalFile(inode: inode, mask: LxSignalSet())
        case "anon_inode:inotify": LxInotifyFile(inode: inode)
        default: LxOutsideFile(inode: inode, text: text)
        }
    }

    private func openPath(_ path: String, _ flags: UInt32, _ thread: LxThread) -> VfsFile {
        let context = quietContext(thread)
        context.credentials = LxCredentials()
        if place(path, thread) == nil {
            var file = Environment.File(path: path, kind: .regular, mode: 0o644)
            file.uid = thread.credentials.fsuid
            file.gid = thread.credentials.fsgid
            if flags & OpenFlag.directory != 0 { file.kind = .directory }
            if let known = knownFiles[path] { file = environment.files[known] }
            populate(file, context)
        }
        let follow = flags & (OpenFlag.path | OpenFlag.noFollow) == 0
        guard let location = place(path, thread, follow: follow) else {
            return LxOutsideFile(
                inode: LxAnonymousInode(self, mode: 0o600, credentials: thread.credentials),
                text: path
            )
        }
        let call = LxpCall(engine: self)
        call.thread = thread
        let plain = flags & ~(OpenFlag.truncate | OpenFlag.exclusive | OpenFlag.noFollow)
        let file = try? LxpOpenLocation(call, location, flags: plain & ~OpenFlag.create, isNew: true)
        return file ?? LxOutsideFile(inode: location.inode, text: path)
    }
}
