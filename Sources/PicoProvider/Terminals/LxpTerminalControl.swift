// ioctl on terminals.
import Engine
import LinuxABI

private enum Control {
    static let getModes = abi32("TCGETS")
    static let setModes: Set<UInt32> = [abi32("TCSETS"), abi32("TCSETSW"), abi32("TCSETSF")]
    static let getWindow = abi32("TIOCGWINSZ")
    static let setWindow = abi32("TIOCSWINSZ")
    static let getGroup = abi32("TIOCGPGRP")
    static let setGroup = abi32("TIOCSPGRP")
    static let getSession = abi32("TIOCGSID")
    static let setControlling = abi32("TIOCSCTTY")
    static let dropControlling = abi32("TIOCNOTTY")
    static let readable = abi32("FIONREAD")
    static let outgoing = abi32("TIOCOUTQ")
    static let number = abi32("TIOCGPTN")
    static let lock = abi32("TIOCSPTLCK")
    static let packet = abi32("TIOCPKT")
    static let type = abi32("TIOCSTI")
    static let keyboardType = abi32("KDGKBTYPE")
    static let keyboardMode = abi32("KDGKBMODE")
    static let setKeyboardMode = abi32("KDSKBMODE")
    static let accepted: Set<UInt32> = [
        abi32("TCSBRK"), abi32("TCXONC"), abi32("TCFLSH"), abi32("TIOCEXCL"), abi32("TIOCNXCL"), abi32("TCSBRKP"),
    ]
}

func LxpTerminalControl(
    _ terminal: LxTerminal,
    _ request: UInt32,
    _ argument: UInt64,
    _ c: VfsContext,
    isMaster: Bool
) throws(LxFailure) -> Int64 {
    switch request {
    case Control.getModes:
        try c.checkWritable(argument)
        if let modes = terminal.modes {
            try c.write(argument, modes.bytes)
        } else {
            c.writeGiven(argument, LxTerminalModes.size, "modes of a terminal")
        }
    case _ where Control.setModes.contains(request):
        if !isMaster { try LxpJobControl(c, terminal, LxSignal.terminalOutput) }
        terminal.modes = LxTerminalModes(try c.read(argument, LxTerminalModes.size))
    case Control.getWindow:
        try c.checkWritable(argument)
        if let size = terminal.windowSize {
            try c.write(argument, size)
        } else {
            c.writeGiven(argument, 8, "size of a terminal")
        }
    case Control.setWindow:
        let size = try c.read(argument, 8)
        if terminal.windowSize != size, let foreground = terminal.foreground {
            for member in foreground.members.values.sorted(by: { $0.globalID < $1.globalID }) {
                c.engine.post(LxSignalInfo(signal: LxSignal.windowChange, code: 0x80), to: member)
            }
        }
        terminal.windowSize = size
    case Control.getGroup:
        guard isMaster || c.thread.group.session.terminal === terminal else { throw .errno(.ENOTTY) }
        let identifier = terminal.foreground?.identifier ?? 0
        try c.writeInteger(argument, LxpVisibleID(identifier, c.thread.group.pidNamespace, c.engine))
    case Control.setGroup: try LxpSetForeground(terminal, argument, c, isMaster: isMaster)
    case Control.getSession:
        guard let session = terminal.session, isMaster || c.thread.group.session === session else {
            throw .errno(.ENOTTY)
        }
        try c.writeInteger(argument, LxpVisibleID(session.identifier, c.thread.group.pidNamespace, c.engine))
    case Control.setControlling: try LxpSetControlling(terminal, argument, c)
    case Control.dropControlling:
        guard c.thread.group.session.terminal === terminal else { throw .errno(.ENOTTY) }
        c.thread.group.session.terminal = nil
        if c.thread.group.session === terminal.session {
            terminal.session = nil
            terminal.foreground = nil
        }
    case Control.readable:
        guard let pty = terminal.pty else {
            c.writeGiven(argument, 4, "bytes waiting in a terminal")
            return 0
        }
        try c.writeInteger(argument, Int32(isMaster ? pty.output.count : pty.isReadable ? pty.input.count : 0))
    case Control.outgoing: try c.writeInteger(argument, Int32(0))
    case Control.keyboardType: try c.write(argument, [2])
    case Control.keyboardMode: try c.writeInteger(argument, Int32(1))
    case Control.setKeyboardMode: break
    case _ where Control.accepted.contains(request): break
    default: return try LxpMasterControl(terminal, request, argument, c, isMaster: isMaster)
    }
    return 0
}

private func LxpMasterControl(
    _ terminal: LxTerminal,
    _ request: UInt32,
    _ argument: UInt64,
    _ c: VfsContext,
    isMaster: Bool
) throws(LxFailure) -> Int64 {
    guard let pty = terminal.pty else { throw .errno(.ENOTTY) }
    switch request {
    case Control.number where isMaster: try c.writeInteger(argument, pty.number)
    case Control.lock where isMaster: pty.isLocked = try c.readInteger(argument, as: Int32.self) != 0
    case Control.packet where isMaster: pty.isPacketMode = try c.readInteger(argument, as: Int32.self) != 0
    case Control.type where !isMaster: pty.type(VfsData(try c.read(argument, 1)), c.engine)
    default: throw .errno(.ENOTTY)
    }
    return 0
}

private func LxpSetForeground(
    _ terminal: LxTerminal,
    _ argument: UInt64,
    _ c: VfsContext,
    isMaster: Bool
) throws(LxFailure) {
    let identifier = try c.readInteger(argument, as: Int32.self)
    let session: LxSession = c.thread.group.session
    guard session.terminal === terminal, terminal.session === session else { throw .errno(.ENOTTY) }
    if !isMaster { try LxpJobControl(c, terminal, LxSignal.terminalOutput) }
    guard identifier >= 0 else { throw .errno(.EINVAL) }
    guard let group = c.engine.processGroup(identifier, in: c.thread.group.pidNamespace) else { throw .errno(.ESRCH) }
    guard group.session === session else { throw .errno(.EPERM) }
    terminal.foreground = group
}

private func LxpSetControlling(_ terminal: LxTerminal, _ argument: UInt64, _ c: VfsContext) throws(LxFailure) {
    let session = c.thread.group.session
    let isLeader = session.identifier == c.thread.group.globalID
    if isLeader, terminal.session === session { return }
    guard isLeader, session.terminal == nil else { throw .errno(.EPERM) }
    if let other = terminal.session, other !== session {
        // Stealing needs argument 1 and CAP_SYS_ADMIN (RN:18305).
        guard argument == 1, c.credentials.has(.sysAdmin) else { throw .errno(.EPERM) }
        other.terminal = nil
    }
    LxpAcquireTerminal(terminal, c.thread.group)
}

/// The terminal becomes the session's.
func LxpAcquireTerminal(_ terminal: LxTerminal, _ group: LxThreadGroup) {
    terminal.session = group.session
    terminal.foreground = group.processGroup
    group.session.terminal = terminal
}
