// Character devices: what init makes in /dev on WSL 1 (null, zero, random, urandom, tty, tty0, ptmx, kmsg) and ptys.
import Engine
import LinuxABI
import NTKernel

/// dev_t in its two halves.
struct LxDeviceNumber {
    var major: UInt32
    var minor: UInt32

    init(_ device: UInt64) {
        major = UInt32(truncatingIfNeeded: device >> 8) & 0xfff | UInt32(truncatingIfNeeded: device >> 32) & ~0xfff
        minor = UInt32(truncatingIfNeeded: device) & 0xff | UInt32(truncatingIfNeeded: device >> 12) & ~0xff
    }

    static func make(_ major: UInt64, _ minor: UInt64) -> UInt64 {
        (minor & 0xff) | (major & 0xfff) << 8 | (minor & ~0xff) << 12 | (major & ~0xfff) << 32
    }
}

func LxpOpenDevice(_ c: LxpCall, _ inode: VfsInode, _ flags: UInt32) throws(LxFailure) -> VfsFile {
    let device = LxDeviceNumber(inode.specialDevice)
    switch (device.major, device.minor) {
    case (1, 3): return LxMemoryDevice(inode: inode, .null)
    case (1, 5): return LxMemoryDevice(inode: inode, .zero)
    case (1, 8), (1, 9): return LxMemoryDevice(inode: inode, .random)
    case (1, 11): return LxMemoryDevice(inode: inode, .log)
    case (5, 0):
        guard let terminal = c.group.session.terminal else { throw .errno(.ENXIO) }
        return LxTerminalFile(inode: inode, terminal: terminal)
    case (5, 2): return LxpOpenMaster(c, inode)
    case (4, 0): throw .unsupported(.EIO, note: "/dev/tty0 exists and is unusable", source: "UT:tty.c")
    case (136...143, _):
        guard let terminal = c.engine.terminals.ptys[(device.major - 136) << 8 | device.minor] else {
            return try LxpOpenConsole(c, inode)
        }
        guard terminal.pty?.isLocked != true else { throw .errno(.EIO) }
        let file = LxTerminalFile(inode: inode, terminal: terminal)
        LxpAdoptTerminal(c, terminal, flags)
        return file
    case (10, _): throw .unsupported(.ENODEV, note: "a misc device that nobody registered", source: "UT:fscommon.c")
    default:
        if let terminal = c.engine.terminals.consoles.values.first(where: { $0.device == inode.specialDevice }) {
            return LxTerminalFile(inode: inode, terminal: terminal)
        }
        throw .unsupported(.ENXIO, note: "no driver for this device number", source: "UT:fscommon.c")
    }
}

/// A terminal that existed before the recording.
private func LxpOpenConsole(_ c: LxpCall, _ inode: VfsInode) throws(LxFailure) -> VfsFile {
    guard let terminal = c.engine.terminals.consoles.values.first(where: { $0.device == inode.specialDevice }) else {
        throw .errno(.EIO)
    }
    return LxTerminalFile(inode: inode, terminal: terminal)
}

private func LxpAdoptTerminal(_ c: LxpCall, _ terminal: LxTerminal, _ flags: UInt32) {
    let session = c.group.session
    guard flags & OpenFlag.noTerminal == 0, session.terminal == nil, terminal.session == nil,
        session.identifier == c.group.globalID
    else { return }
    LxpAcquireTerminal(terminal, c.group)
}

private func LxpOpenMaster(_ c: LxpCall, _ inode: VfsInode) -> VfsFile {
    let free = c.engine.terminals.lowestFree()
    let offered = c.offer(.terminal).flatMap { UInt32(exactly: $0) }
    let number = offered.flatMap { c.engine.terminals.ptys[$0] == nil ? $0 : nil } ?? free
    let pty = LxPty(number: number)
    let terminal = LxTerminal(
        name: "/dev/pts/\(number)",
        device: LxDeviceNumber.make(136 + UInt64(number >> 8), UInt64(number & 0xff)),
        pty: pty
    )
    pty.owner = terminal
    c.engine.terminals.ptys[number] = terminal
    return LxMasterFile(inode: inode, terminal: terminal, pty: pty)
}

/// /dev/null and its kin.
final class LxMemoryDevice: VfsFile {
    enum Kind { case null, zero, random, log }

    private let kind: Kind

    init(inode: VfsInode, _ kind: Kind) {
        self.kind = kind
        super.init(inode: inode)
    }

    override var isPollable: Bool { kind == .random || kind == .log }

    override func read(_ count: Int, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> VfsData {
        switch kind {
        case .null: return VfsData()
        case .zero: return VfsData([UInt8](repeating: 0, count: count))
        case .random: return VfsData(unknown: count, what: "random bytes")
        case .log: return try context.dataFromOutside(count, "kernel log")
        }
    }

    override func write(_ data: VfsData, at offset: Int64, _ context: VfsContext) throws(LxFailure) -> Int {
        data.count
    }

    override func seek(_ offset: Int64, whence: Int, _ context: VfsContext) throws(LxFailure) -> Int64? {
        kind == .null || kind == .zero ? 0 : nil
    }

    override func ioctl(_ request: UInt32, _ argument: UInt64, _ context: VfsContext) throws(LxFailure) -> Int64 {
        // Of the memory devices only random and urandom have requests, and refuse unknown ones in their own way (random(4)).
        throw .errno(kind == .random ? .EINVAL : .ENOTTY)
    }

    override func map(_ request: VfsMapRequest, _ context: VfsContext) throws(LxFailure) -> VfsMapping {
        guard kind == .zero else { throw .errno(.ENODEV) }
        return VfsMapping(section: .null)
    }
}
