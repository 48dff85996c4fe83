// Open terminals: slaves, consoles outside, and pty masters.
import Engine
import LinuxABI

/// A slave or a console.
final class LxTerminalFile: VfsFile {
    let terminal: LxTerminal

    init(inode: VfsInode, terminal: LxTerminal) {
        self.terminal = terminal
        super.init(inode: inode)
        terminal.pty?.slaves += 1
        terminal.pty?.hadSlave = true
    }

    override var isSeekable: Bool { false }
    override var isPollable: Bool { true }
    override var linkText: String { terminal.name }
    override var inputArrivals: UInt64 { terminal.pty?.inputArrivals ?? 0 }
    override var isFedFromOutside: Bool { terminal.pty == nil }

    override func read(_ count: Int, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> VfsData {
        try LxpJobControl(context, terminal, LxSignal.terminalInput)
        guard let pty = terminal.pty else { return try context.dataFromOutside(count, "input of a terminal") }
        if let data = pty.read(count) { return data }
        if pty.masters == 0 { return VfsData() }
        throw .wouldBlock
    }

    private static let backgroundStop = abi32("TOSTOP")

    override func write(_ data: VfsData, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> Int {
        if let modes = terminal.modes, modes.local & Self.backgroundStop != 0 {
            try LxpJobControl(context, terminal, LxSignal.terminalOutput)
        }
        guard let pty = terminal.pty else { return data.count }
        if pty.masters == 0 { throw .errno(.EIO) }
        pty.show(data)
        return data.count
    }

    override func poll(_ context: VfsContext) -> PollEvents {
        guard let pty = terminal.pty else { return [.writable, .writeNormal] }
        var events: PollEvents = [.writable, .writeNormal]
        if pty.isReadable { events.formUnion([.readable, .readNormal]) }
        // Only EPOLLHUP at hang-up (UT:epoll.c).
        if pty.masters == 0 { events.insert(.hangUp) }
        return events
    }

    override func ioctl(_ request: UInt32, _ argument: UInt64, _ context: VfsContext) throws(LxFailure) -> Int64 {
        try LxpTerminalControl(terminal, request, argument, context, isMaster: false)
    }

    override func release(_ context: VfsContext) { terminal.pty?.slaves -= 1 }
}

final class LxMasterFile: VfsFile {
    let terminal: LxTerminal
    private let pty: LxPty

    init(inode: VfsInode, terminal: LxTerminal, pty: LxPty) {
        self.terminal = terminal
        self.pty = pty
        super.init(inode: inode)
        pty.masters += 1
    }

    override var isSeekable: Bool { false }
    override var isPollable: Bool { true }
    override var linkText: String { "/dev/ptmx" }
    override var inputArrivals: UInt64 { pty.outputArrivals }

    override func read(_ count: Int, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> VfsData {
        if pty.isPacketMode, count > 0, !pty.output.isEmpty {
            var packet = VfsData([0])
            if let data = pty.readOutput(count - 1) { packet.append(data) }
            return packet
        }
        if let data = pty.readOutput(count) { return data }
        if pty.hadSlave, pty.slaves == 0 { throw .errno(.EIO) }
        throw .wouldBlock
    }

    override func write(_ data: VfsData, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> Int {
        pty.type(data, context.engine)
        return data.count
    }

    override func poll(_ context: VfsContext) -> PollEvents {
        var events: PollEvents = [.writable, .writeNormal]
        if !pty.output.isEmpty { events.formUnion([.readable, .readNormal]) }
        if pty.hadSlave, pty.slaves == 0 { events.insert(.hangUp) }
        return events
    }

    override func ioctl(_ request: UInt32, _ argument: UInt64, _ context: VfsContext) throws(LxFailure) -> Int64 {
        try LxpTerminalControl(terminal, request, argument, context, isMaster: true)
    }

    /// The master is gone: the session's leader and the foreground group hear SIGHUP.
    override func release(_ context: VfsContext) {
        pty.masters -= 1
        guard pty.masters == 0 else { return }
        let engine = context.engine
        engine.terminals.ptys[pty.number] = nil
        if let session = terminal.session, let leader = engine.group(globalID: session.identifier) {
            engine.post(LxSignalInfo(signal: LxSignal.hangUp, code: 0x80), to: leader)
            engine.post(LxSignalInfo(signal: LxSignal.proceed, code: 0x80), to: leader)
        }
        for member in terminal.foreground?.members.values.sorted(by: { $0.globalID < $1.globalID }) ?? []
        where member.globalID != terminal.session?.identifier {
            engine.post(LxSignalInfo(signal: LxSignal.hangUp, code: 0x80), to: member)
        }
    }
}

/// A background process that reads or changes its terminal is stopped (or gets EIO if that cannot help).
func LxpJobControl(_ c: VfsContext, _ terminal: LxTerminal, _ signal: Int32) throws(LxFailure) {
    guard let thread = c.thread, let foreground = terminal.foreground, let session = terminal.session,
        thread.group.session === session, thread.group.processGroup !== foreground
    else { return }
    let isIgnored = thread.group.handlers[signal].isIgnored || thread.signals.mask.contains(signal)
    if signal != LxSignal.terminalInput, isIgnored { return }
    if isIgnored || c.engine.isOrphaned(thread.group.processGroup) { throw .errno(.EIO) }
    for member in thread.group.processGroup.members.values.sorted(by: { $0.globalID < $1.globalID }) {
        c.engine.post(LxSignalInfo(signal: signal, code: 0x80), to: member)
    }
    throw .wouldBlock
}
