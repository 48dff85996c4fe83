// Terminals: sessions, foreground groups, termios and window size; ptys with their line discipline.
import Engine
import LinuxABI

/// What a terminal keeps. The far side is a master of ours, or a console that was not recorded.
final class LxTerminal {
    let name: String
    let device: UInt64
    /// nil for a console outside: what comes from it is the environment's.
    var pty: LxPty?
    var session: LxSession?
    var foreground: LxProcessGroup?
    /// `struct termios` of the kernel; nil: an outside terminal whose modes were never set here.
    var modes: LxTerminalModes?
    /// rows, columns, pixels; nil: never set here.
    var windowSize: [UInt8]?

    init(name: String, device: UInt64, pty: LxPty? = nil) {
        self.name = name
        self.device = device
        self.pty = pty
        if pty != nil {
            modes = LxTerminalModes.initial
            windowSize = [UInt8](repeating: 0, count: 8)
        }
    }
}

/// `struct termios`: four flag words, the line and 19 control characters.
struct LxTerminalModes {
    var input: UInt32
    var output: UInt32
    var control: UInt32
    var local: UInt32
    var line: UInt8 = 0
    var characters: [UInt8]

    static let size = 36
    /// Linux's tty_std_termios.
    static let initial = LxTerminalModes(
        input: abi32("ICRNL") | abi32("IXON"),
        output: abi32("OPOST") | abi32("ONLCR"),
        control: 0xbf,
        local: abi32("ISIG") | abi32("ICANON") | abi32("ECHO") | abi32("ECHOE") | abi32("ECHOK") | abi32("ECHOCTL")
            | abi32("ECHOKE") | abi32("IEXTEN"),
        characters: [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0]
    )

    init(input: UInt32, output: UInt32, control: UInt32, local: UInt32, characters: [UInt8]) {
        self.input = input
        self.output = output
        self.control = control
        self.local = local
        self.characters = characters
    }

    init(_ bytes: [UInt8]) {
        func word(_ index: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(bytes[index * 4 + $1]) << (8 * UInt32($1)) }
        }
        self.init(input: word(0), output: word(1), control: word(2), local: word(3), characters: Array(bytes[17..<36]))
        line = bytes[16]
    }

    var bytes: [UInt8] {
        var out = LxpBytes()
        for word in [input, output, control, local] { out.add(word) }
        out.add(line)
        out.add(characters)
        out.pad(to: Self.size)
        return out.bytes
    }
}

/// The two sides of a pty and what is between them.
final class LxPty {
    let number: UInt32
    var isLocked = true
    /// From the master to the slave: what a reader of the slave gets.
    private(set) var input = VfsData()
    /// A line that is being typed.
    private var line: [UInt8] = []
    /// From the slave to the master.
    private(set) var output = VfsData()
    /// Complete lines in `input`, by length (canonical mode).
    private var lines: [Int] = []
    var masters = 0
    var slaves = 0
    var hadSlave = false
    private(set) var inputArrivals: UInt64 = 0
    private(set) var outputArrivals: UInt64 = 0
    var isPacketMode = false
    weak var owner: LxTerminal?
    var terminal: LxTerminal { owner ?? LxTerminal(name: "", device: 0) }

    private static let signals = abi32("ISIG")
    private static let canonical = abi32("ICANON")
    private static let echo = abi32("ECHO")
    private static let mapReturn = abi32("ICRNL")
    private static let process = abi32("OPOST")
    private static let mapNewline = abi32("ONLCR")

    init(number: UInt32) { self.number = number }

    var isCanonical: Bool { (terminal.modes?.local ?? 0) & Self.canonical != 0 }
    var isReadable: Bool { isCanonical ? !lines.isEmpty : !input.isEmpty }

    /// A write to the master: typing.
    func type(_ data: VfsData, _ engine: WSL1Engine) {
        guard let modes = terminal.modes, let bytes = data.bytes else {
            // What was not recorded goes through as it is, one line.
            input.append(data)
            lines.append(data.count)
            inputArrivals += 1
            return
        }
        for typed in bytes {
            let byte = typed == 13 && modes.input & Self.mapReturn != 0 ? 10 : typed
            if modes.local & Self.signals != 0, let signal = signal(byte, modes) {
                if modes.local & Self.echo != 0 { show([UInt8(ascii: "^"), byte ^ 64], modes) }
                interrupt(signal, engine)
                continue
            }
            if modes.local & Self.canonical == 0 {
                input.append(VfsData([byte]))
                if modes.local & Self.echo != 0 { show([byte], modes) }
                continue
            }
            edit(byte, modes)
        }
        inputArrivals += 1
    }

    private func signal(_ byte: UInt8, _ modes: LxTerminalModes) -> Int32? {
        guard byte != 0 else { return nil }
        if byte == modes.characters[0] { return LxSignal.interrupt }
        if byte == modes.characters[1] { return LxSignal.quit }
        return byte == modes.characters[10] ? LxSignal.terminalStop : nil
    }

    private func interrupt(_ signal: Int32, _ engine: WSL1Engine) {
        for member in terminal.foreground?.members.values.sorted(by: { $0.globalID < $1.globalID }) ?? [] {
            engine.post(LxSignalInfo(signal: signal, code: 0x80), to: member)
        }
    }

    /// Canonical mode: erase, kill, end of file, end of line.
    private func edit(_ byte: UInt8, _ modes: LxTerminalModes) {
        let echoes = modes.local & Self.echo != 0
        switch byte {
        case modes.characters[2] where byte != 0:
            if line.popLast() != nil, echoes { show([8, 32, 8], modes) }
        case modes.characters[3] where byte != 0:
            if echoes { for _ in line { show([8, 32, 8], modes) } }
            line = []
        case modes.characters[4] where byte != 0: finishLine()
        default:
            line.append(byte)
            if echoes { show([byte], modes) }
            if byte == 10 { finishLine() }
        }
    }

    private func finishLine() {
        input.append(VfsData(line))
        lines.append(line.count)
        line = []
    }

    func read(_ count: Int) -> VfsData? {
        guard isCanonical else { return input.isEmpty ? nil : input.removeFirst(count) }
        guard let length = lines.first else { return nil }
        let data = input.removeFirst(min(length, count))
        lines[0] -= data.count
        if lines[0] <= 0 { lines.removeFirst() }
        return data
    }

    /// A write to the slave, through output processing.
    func show(_ data: VfsData) {
        guard let modes = terminal.modes, let bytes = data.bytes else {
            output.append(data)
            outputArrivals += 1
            return
        }
        show(bytes, modes)
    }

    private func show(_ bytes: [UInt8], _ modes: LxTerminalModes) {
        outputArrivals += 1
        guard modes.output & Self.process != 0, modes.output & Self.mapNewline != 0, bytes.contains(10) else {
            output.append(VfsData(bytes))
            return
        }
        var processed: [UInt8] = []
        for byte in bytes { processed += byte == 10 ? [13, 10] : [byte] }
        output.append(VfsData(processed))
    }

    func readOutput(_ count: Int) -> VfsData? { output.isEmpty ? nil : output.removeFirst(count) }
}

struct LxTerminalTable {
    /// By pts number.
    var ptys: [UInt32: LxTerminal] = [:]
    /// Terminals that existed before, by path.
    var consoles: [String: LxTerminal] = [:]

    func lowestFree() -> UInt32 {
        var number: UInt32 = 0
        while ptys[number] != nil { number += 1 }
        return number
    }
}
