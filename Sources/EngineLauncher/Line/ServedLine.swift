// The host's end of a served line: greets lacuna-init, copies files, runs one program at a time.
import Glibc

final class ServedLine {
    private let streams: ByteStreams
    private var frames = FrameReader()
    private var arrived: [Frame] = []
    private let window: Int?
    private var sent = 0
    private var taken: UInt32 = 0
    /// What lacuna-init said of files and programs that it could not make or run.
    private(set) var problems: [String] = []
    var isOpen: Bool { streams.readers[0] >= 0 }

    init(reader: Int32, writer: Int32, window: Int?) {
        streams = ByteStreams(readers: [reader], writer: writer)
        self.window = window
    }

    /// Greets until it is answered: a guest that still boots hears nothing.
    ///
    /// - Returns: false when the line ended or nothing came in time.
    func greet(seconds: Double) -> Bool {
        var nonce = (0..<8).map { _ in UInt8.random(in: 0...255) }
        let size = UInt32(window ?? 0)
        nonce += (0..<4).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) }
        let deadline = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < deadline, isOpen {
            if streams.isDrained { streams.queue(Frame(kind: .hello, body: nonce).bytes) }
            let pause = ContinuousClock.now + .milliseconds(250)
            while ContinuousClock.now < pause, isOpen {
                for chunk in streams.step(milliseconds: 50) { frames.append(chunk.bytes) }
                while let frame = frames.next() {
                    guard frame.kind == .hello, frame.body == nonce else { continue }
                    // From here on both ends count.
                    arrived = []
                    sent = 0
                    taken = 0
                    streams.allowance = window ?? .max
                    return true
                }
            }
        }
        return false
    }

    func send(_ frame: Frame) throws(LaunchError) {
        let bytes = frame.bytes
        sent += bytes.count
        streams.queue(bytes)
        while !streams.isDrained {
            receive(milliseconds: 1000)
            guard isOpen, streams.writer >= 0 else { throw LaunchError("the engine has ended") }
        }
    }

    /// The next frame that is not the line's own business; nil if none comes in time.
    func next(milliseconds: Int) throws(LaunchError) -> Frame? {
        let deadline = ContinuousClock.now + .milliseconds(milliseconds)
        while arrived.isEmpty {
            guard isOpen else { throw LaunchError("the engine has ended") }
            let left = (deadline - ContinuousClock.now) / .milliseconds(1)
            guard left > 0 else { return nil }
            receive(milliseconds: Int(left.rounded(.up)))
        }
        return arrived.removeFirst()
    }

    private func receive(milliseconds: Int) {
        for chunk in streams.step(milliseconds: milliseconds) { frames.append(chunk.bytes) }
        while let frame = frames.next() {
            switch frame.kind {
            case .taken where frame.body.count == 4:
                let now = (0..<4).reduce(UInt32(0)) { $0 | UInt32(frame.body[$1]) << (8 * UInt32($1)) }
                if window != nil { streams.allowance += Int(now &- taken) }
                taken = now
            case .problem: problems.append(String(decoding: frame.body, as: UTF8.self))
            case .hello: break
            default: arrived.append(frame)
            }
        }
    }

    /// Makes a file in the engine.
    func put(_ bytes: [UInt8], at path: String, mode: UInt32) throws(LaunchError) {
        let head = Array(String(mode, radix: 8).utf8) + [0] + Array(path.utf8) + [0]
        let room = Frame.limit - head.count
        var rest = bytes[...]
        var isFirst = true
        repeat {
            let piece = rest.prefix(room)
            rest = rest.dropFirst(room)
            try send(Frame(kind: .file, stream: isFirst ? 0 : 1, body: head + piece))
            isFirst = false
        } while !rest.isEmpty
    }

    func makeFolder(_ path: String, mode: UInt32) throws(LaunchError) {
        try send(Frame(kind: .folder, body: Array(String(mode, radix: 8).utf8) + [0] + Array(path.utf8) + [0]))
    }

    func makeLink(_ path: String, to target: String) throws(LaunchError) {
        try send(Frame(kind: .link, body: Array("777".utf8) + [0] + Array(path.utf8) + [0] + Array(target.utf8) + [0]))
    }

    func powerOff() { try? send(Frame(kind: .powerOff)) }
}

/// A program at the other end of a served line.
final class ServedProgram: EngineProgram {
    private let line: ServedLine
    private var isOver = false

    init(_ words: [String], environment: [String], folder: String, on line: ServedLine) throws(LaunchError) {
        self.line = line
        let texts = [folder, "\(words.count)"] + words + environment
        let body: [UInt8] = Array(texts.map { Array($0.utf8) + [0] }.joined())
        guard body.count <= Frame.limit, texts.count < 4000 else {
            throw LaunchError("the command and its environment are too long for this engine: \(body.count) bytes")
        }
        try line.send(Frame(kind: .run, body: body))
    }

    func send(_ bytes: [UInt8]) throws(LaunchError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            try line.send(Frame(kind: .input, body: Array(rest.prefix(Frame.limit))))
            rest = rest.dropFirst(Frame.limit)
        }
    }

    func finishInput() throws(LaunchError) { try line.send(Frame(kind: .inputEnd)) }

    func next(milliseconds: Int) throws(LaunchError) -> ProgramEvent? {
        guard !isOver, let frame = try line.next(milliseconds: milliseconds) else { return nil }
        switch frame.kind {
        case .output: return .output(stream: Int(frame.stream), bytes: frame.body)
        case .exit:
            isOver = true
            return .ended(status: Int32(String(decoding: frame.body, as: UTF8.self)) ?? 0)
        default: return nil
        }
    }

    func stop() {
        guard !isOver else { return }
        isOver = true
        // A greeting ends the program, and what it still said is over when the answer comes.
        _ = line.greet(seconds: 10)
    }
}
