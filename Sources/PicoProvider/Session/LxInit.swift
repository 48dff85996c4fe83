// /init: pid 1 of an instance. Everything it does, it does by calls of its own, as the file in the distribution did.
import Engine
import LinuxABI

/// Makes calls on an engine in the name of one of init's own processes.
final class LxInit {
    unowned let engine: WSL1Engine
    let task: TaskID
    private var encoder: CallEncoder
    private var log: [LxssStep] = []

    init(_ engine: WSL1Engine, task: TaskID) {
        self.engine = engine
        self.task = task
        encoder = CallEncoder(base: 0x7e00_0000_0000 + UInt64(task.rawValue) << 32)
    }

    /// Steps since the last time.
    func takeLog() -> [LxssStep] {
        defer { log = [] }
        return log
    }

    /// Makes a call that is written as strace prints it.
    ///
    /// - Returns: the raw result.
    @discardableResult
    func call(_ line: String, child: TaskID? = nil, source: String = "INIT") throws(EngineFailure) -> Int64 {
        let encoded: EncodedCall
        do throws(LiteralError) {
            var parser = LiteralParser(line)
            let name = parser.word()
            try parser.expect("(")
            encoded = try encoder.encode(name, try parser.list(until: ")").values, names: [:])
        } catch {
            throw EngineFailure("/init: \(line): \(error.description)")
        }
        let guest = GuestCall(
            index: 0,
            number: encoded.description.numbers.x86_64 ?? -1,
            architecture: .x86_64,
            arguments: encoded.words,
            memory: encoded.memory,
            childTask: child ?? TaskID(rawValue: 7)
        )
        let answer = try engine.dispatch(guest, on: task)
        guard case .returned(let value) = answer.outcome else {
            throw EngineFailure("/init: \(line) does not return")
        }
        let text = Errno(result: value)?.name ?? "\(value)"
        log.append(LxssStep(.initProcess, line, result: text, source: source, steps: answer.evidence.steps))
        return value
    }

    func succeeds(_ line: String) throws(EngineFailure) -> Bool { try call(line) >= 0 }

    /// A string as a literal.
    static func quote(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n") + "\""
    }

    func write(_ text: String, to path: String, mode: String = "0644", source: String = "INIT") throws(EngineFailure) {
        let path = Self.quote(path)
        let fd = try call("open(\(path), O_WRONLY|O_CREAT|O_TRUNC, \(mode))", source: source)
        guard fd >= 0 else { return }
        try call("write(\(fd), \(Self.quote(text)), \(text.utf8.count))", source: source)
        try call("close(\(fd))", source: source)
    }

    /// What a small file holds, as far as it is known.
    func read(_ path: String) -> String? {
        guard let thread = engine.thread(task), let location = engine.place(path, thread, follow: true),
            location.inode.kind == .regular, let file = try? location.inode.open(0, engine.quietContext(thread))
        else { return nil }
        let context = engine.quietContext(thread)
        defer { file.release(context) }
        var bytes: [UInt8] = []
        for case .bytes(let known) in (try? file.read(65536, at: 0, context))?.segments ?? [] { bytes += known }
        return String(decoding: bytes, as: UTF8.self)
    }
}
