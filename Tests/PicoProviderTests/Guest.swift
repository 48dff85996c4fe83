// A tiny program under test: makes calls on an engine and reads what they wrote.
import Engine
import LinuxABI
import Testing

@testable import PicoProvider

/// One argument of a call.
enum Argument {
    case number(Int64)
    /// A NUL-terminated string in the program's memory.
    case string(String)
    /// Bytes in the program's memory.
    case bytes([UInt8])
    /// Room for output of so many bytes.
    case room(Int)
    /// Bytes that are read and written.
    case inout_([UInt8])
    /// argv or envp.
    case strings([String])

    static func flags(_ names: String...) -> Argument {
        .number(names.reduce(0) { $0 | Int64(bitPattern: ABI.constant($1)) })
    }
}

extension Argument: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
    init(integerLiteral value: Int64) { self = .number(value) }
    init(stringLiteral value: String) { self = .string(value) }
}

/// What a call did.
struct Answer {
    var result: DispatchResult
    var addresses: [UInt64]

    var value: Int64? {
        guard case .returned(let value) = result.outcome else { return nil }
        return value
    }
    var errno: Errno? { value.flatMap(Errno.init(result:)) }
    var isBlocked: Bool { result.outcome == .blocked }
    var hasExited: Bool { result.outcome == .exited }

    /// Bytes written through argument `index`.
    func bytes(_ index: Int, _ count: Int) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: count)
        for write in result.writes {
            for (offset, byte) in write.bytes.enumerated() {
                let position = Int(write.address) + offset - Int(addresses[index])
                if position >= 0, position < count { out[position] = byte }
            }
        }
        return out
    }

    func text(_ index: Int, _ count: Int) -> String { String(decoding: bytes(index, count), as: UTF8.self) }

    func int32(_ index: Int, at offset: Int = 0) -> Int32 {
        Int32(truncatingIfNeeded: integer(index, at: offset, size: 4))
    }

    func uint64(_ index: Int, at offset: Int = 0) -> UInt64 { integer(index, at: offset, size: 8) }

    private func integer(_ index: Int, at offset: Int, size: Int) -> UInt64 {
        bytes(index, offset + size).suffix(size).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// Drives one engine.
final class Guest {
    let engine = WSL1Engine()
    private var index: UInt64 = 0
    private var nextTask: UInt32 = 1
    private var nextAddress: UInt64 = 0x10_0000_0000
    private var parked: [TaskID: [UInt64]] = [:]
    let root = TaskID(rawValue: 0)

    init(_ change: (inout Environment) -> Void = { _ in }) throws {
        var environment = Environment()
        environment.process.pid = 100
        environment.process.parent = 99
        environment.process.processGroup = 100
        environment.process.session = 99
        environment.process.executable = "/bin/test"
        environment.process.capabilities = [0, .max, .max, .max, 0]
        environment.hostname = "host"
        environment.startRealtime = 1_700_000_000_000_000_000
        environment.startMonotonic = 5_000_000_000
        environment.files = [
            Self.directory("/bin"), Self.program("/bin/test"), Self.directory("/etc"),
            Self.file("/etc/hosts", "127.0.0.1 localhost\n"), Self.directory("/tmp", mode: 0o1777),
        ]
        environment.engineServed = ["/dev"]
        change(&environment)
        environment.files.sort { $0.path < $1.path }
        try engine.boot(environment)
    }

    static func directory(_ path: String, mode: UInt32 = 0o755) -> Environment.File {
        Environment.File(path: path, kind: .directory, mode: mode)
    }

    static func file(_ path: String, _ text: String, mode: UInt32 = 0o644) -> Environment.File {
        var file = Environment.File(path: path, kind: .regular, mode: mode)
        file.content = [Environment.Extent(offset: 0, bytes: Array(text.utf8))]
        file.size = Int64(text.utf8.count)
        return file
    }

    /// An ELF64 program for x86-64.
    static func program(_ path: String) -> Environment.File {
        var file = Environment.File(path: path, kind: .regular, mode: 0o755)
        var head: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9)
        head += [2, 0, 62, 0]
        file.content = [Environment.Extent(offset: 0, bytes: head + [UInt8](repeating: 0, count: 236))]
        file.size = 256
        return file
    }

    /// Makes a call; `task` defaults to the first one.
    @discardableResult
    func call(_ name: String, _ arguments: Argument..., task: TaskID? = nil) throws -> Answer {
        try call(name, arguments, task: task ?? root)
    }

    func call(_ name: String, _ arguments: [Argument], task: TaskID) throws -> Answer {
        let number = try #require(LxpSyscallFact.all.first { $0.name == name }?.number, "no call \(name)")
        return try call(number: number, arguments, task: task)
    }

    func call(number: Int, _ arguments: [Argument], task: TaskID) throws -> Answer {
        var chunks: [MemoryChunks.Chunk] = []
        var addresses: [UInt64] = []
        var words = SyscallArguments()
        for (position, argument) in arguments.enumerated() {
            let word: UInt64
            switch argument {
            case .number(let value): word = UInt64(bitPattern: value)
            case .string(let text): word = place(Array(text.utf8) + [0], &chunks)
            case .bytes(let bytes), .inout_(let bytes): word = place(bytes, &chunks)
            case .room: word = reserve(65536)
            case .strings(let texts):
                var table = LxpBytes()
                for text in texts { table.add(place(Array(text.utf8) + [0], &chunks)) }
                table.add(UInt64(0))
                word = place(table.bytes, &chunks)
            }
            words[position] = word
            addresses.append(word)
        }
        index += 1
        let call = GuestCall(
            index: index,
            number: number,
            architecture: .x86_64,
            arguments: words,
            memory: MemoryChunks(chunks),
            childTask: TaskID(rawValue: nextTask)
        )
        let result = try engine.dispatch(call, on: task)
        if result.outcome == .blocked { parked[task] = addresses }
        if engine.thread(TaskID(rawValue: nextTask)) != nil { nextTask += 1 }
        // Of the provider and of the executive, after every dispatch.
        let broken = engine.checkInvariants()
        #expect(broken == [], "after call \(number)")
        return Answer(result: result, addresses: addresses)
    }

    private func reserve(_ count: Int) -> UInt64 {
        defer { nextAddress += UInt64(count + 4095) & ~4095 }
        return nextAddress
    }

    /// Memory that a later structure points at.
    func place(_ bytes: [UInt8], _ chunks: inout [MemoryChunks.Chunk]) -> UInt64 {
        let address = reserve(max(bytes.count, 1))
        chunks.append(MemoryChunks.Chunk(address: address, bytes: bytes))
        return address
    }

    func retry(_ task: TaskID? = nil) throws -> Answer {
        let task = task ?? root
        return Answer(result: try engine.retry(task), addresses: parked[task] ?? [])
    }

    /// fork: the child's task.
    func fork(task: TaskID? = nil) throws -> TaskID {
        let child = TaskID(rawValue: nextTask)
        let answer = try call("fork", task: task)
        try #require(answer.errno == nil, "fork answered \(String(describing: answer.errno))")
        return child
    }

    /// clone of a thread as pthread_create makes it.
    func makeThread(task: TaskID? = nil) throws -> TaskID {
        let child = TaskID(rawValue: nextTask)
        let flags = Argument.flags("CLONE_VM", "CLONE_FS", "CLONE_FILES", "CLONE_SIGHAND", "CLONE_THREAD")
        let answer = try call("clone", flags, 0, 0, 0, 0, task: task)
        try #require(answer.errno == nil, "clone answered \(String(describing: answer.errno))")
        return child
    }

    func open(_ path: String, _ flags: Argument = 0, mode: Int64 = 0o644, task: TaskID? = nil) throws -> Int64 {
        let answer = try call("open", .string(path), flags, .number(mode), task: task)
        let value = try #require(answer.value)
        try #require(value >= 0, "open of \(path) answered \(value)")
        return value
    }

    func pipe(_ flags: Argument = 0, task: TaskID? = nil) throws -> (read: Int64, write: Int64) {
        let answer = try call("pipe2", .room(8), flags, task: task)
        return (Int64(answer.int32(0)), Int64(answer.int32(0, at: 4)))
    }

    func write(_ fd: Int64, _ text: String, task: TaskID? = nil) throws -> Answer {
        try call("write", .number(fd), .bytes(Array(text.utf8)), .number(Int64(text.utf8.count)), task: task)
    }

    func read(_ fd: Int64, _ count: Int64 = 4096, task: TaskID? = nil) throws -> Answer {
        try call("read", .number(fd), .room(Int(count)), .number(count), task: task)
    }
}
